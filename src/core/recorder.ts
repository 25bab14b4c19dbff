/**
 * The one writer of session state: every change goes through here, and what is recorded becomes
 * an Op in the journal before it is applied. Methods return the position that an acknowledgement
 * must wait for; 0 when nothing has to be durable.
 */
import type { Grant } from "../delivery/outbound-window.ts";
import type { Message } from "../protocol/message.ts";
import type { SubscriptionOptions, Will } from "../protocol/packets.ts";
import type { Op, Recipient } from "./ops.ts";
import type { Journal, Principal } from "./ports.ts";
import type { Session } from "./session.ts";
import type { ShareGroup } from "./share-group.ts";
import { type BrokerState, type CheckpointOp, clearWill, isOthers } from "./state.ts";

export class Recorder {
  readonly #journal: Journal;
  readonly #state: BrokerState;

  constructor(journal: Journal, state: BrokerState) {
    this.#journal = journal;
    this.#state = state;
  }

  #record(op: Exclude<Op, CheckpointOp>): number {
    const position = this.#journal.append(op);
    this.#state.apply(op, position, this.#journal.appendedSize);
    return position;
  }

  /** Creates the Session of `clientId`, or takes up the one that is there. */
  open(
    clientId: string,
    principal: Principal,
    expiryIntervalSec: number,
    will: Will | undefined,
  ): number {
    const old = this.#state.sessions.get(clientId);
    const recorded = expiryIntervalSec > 0 || will !== undefined || old?.isRecorded === true;
    if (recorded) {
      const session = old?.isRecorded ? old.number : this.#state.nextNumber;
      return this.#record({ type: "open", session, clientId, principal, expiryIntervalSec, will });
    }
    const session = old ?? this.#state.create(clientId, principal, expiryIntervalSec);
    session.principal = principal;
    session.expiryIntervalSec = expiryIntervalSec;
    return 0;
  }

  leave(
    session: Session,
    expiryIntervalSec: number,
    expiresAtMs: number,
    willAtMs: number,
  ): number {
    if (!session.isRecorded) return 0;
    return this.#record({
      type: "leave",
      session: session.number,
      expiryIntervalSec,
      expiresAtMs,
      willAtMs,
      sentTo: session.windowIfAny?.nextSeq ?? 0,
    });
  }

  end(session: Session): number {
    if (session.isRecorded) {
      for (const key of session.shared?.keys() ?? []) this.#leaveGroup(session, key);
      return this.#record({ type: "end", session: session.number });
    }
    this.#state.end(session);
    return 0;
  }

  clearWill(session: Session): number {
    if (session.will === undefined) return 0;
    if (session.isRecorded) return this.#record({ type: "will-clear", session: session.number });
    clearWill(session);
    return 0;
  }

  subscribe(
    session: Session,
    topicFilter: string,
    options: SubscriptionOptions,
    subscriptionIdentifier: number,
  ): number {
    if (session.isRecorded) {
      const waiting = this.#takeUnrecorded(topicFilter);
      let position = this.#record({
        type: "subscribe",
        session: session.number,
        topicFilter,
        options,
        subscriptionIdentifier,
      });
      for (const message of waiting) position = this.#wait(message, topicFilter);
      return position;
    }
    this.#state.subscribe(session, topicFilter, options, subscriptionIdentifier, 0);
    return 0;
  }

  /** What waits in a shared group that has only had transient members so far. */
  #takeUnrecorded(key: string): Message[] {
    const group = this.#state.groups.get(key);
    if (group === undefined || group.isRecorded) return [];
    const messages = this.#messagesIn(group);
    while (group.queue.length > 0) this.#state.unwait(group);
    return messages;
  }

  #wait(message: Message, shareKey: string): number {
    return this.publish(message, { shareKeys: [shareKey] });
  }

  unsubscribe(session: Session, topicFilter: string): number {
    if (session.isRecorded) {
      this.#leaveGroup(session, topicFilter);
      return this.#record({ type: "unsubscribe", session: session.number, topicFilter });
    }
    this.#state.unsubscribe(session, topicFilter);
    return 0;
  }

  /** A message with its recorded recipients, its retained topic, its publisher's identifier. */
  publish(message: Message, to: Receivers): number {
    const { recipients = NOBODY, shareKeys = NO_KEYS, retain = false } = to;
    const { heldBy = 0, heldPacketId = 0 } = to;
    const { shelf } = this.#state;
    // A retained message is said in full each time: nothing else keeps its record in the log.
    const isStored = message.shelfId >= 0 && !retain;
    const storedAt = isStored ? shelf.position(message.shelfId) : 0;
    const charge = isStored ? shelf.chargeAndQos(message.shelfId) : 0;
    return this.#record({
      type: "publish",
      message,
      storedAt,
      charge,
      recipients,
      shareKeys,
      retain,
      heldBy,
      heldPacketId,
    });
  }

  /** The broker's own retained messages: it says them anew after a start. */
  retain(message: Message): number {
    if (isOthers(message.topicName)) return this.publish(message, { retain: true });
    this.#state.retain(message, 0, 0);
    return 0;
  }

  /** Queues a message for one Session; the caller has made room. */
  enqueue(session: Session, message: Message, grant: Grant, retained: boolean): number {
    if (!session.isRecorded) {
      session.window.enqueue(message, grant, retained);
      return 0;
    }
    return this.publish(message, {
      recipients: [{ session: session.number, grant, retained, to: session }],
    });
  }

  /** Moves the head of a group's queue to a member; without one, drops it. */
  assign(group: ShareGroup, session: Session | undefined, grant: Grant | undefined): number {
    const recorded = session?.isRecorded ? session : undefined;
    const head = this.#state.headOf(group);
    let position = 0;
    if (group.isRecorded) {
      position = this.#record({
        type: "assign",
        shareKey: group.key,
        ...this.#whichOf(group),
        session: recorded?.number ?? 0,
        grant: recorded === undefined ? undefined : grant,
      });
      if (recorded !== undefined) return position;
    } else this.#state.unwait(group);
    if (session !== undefined && head !== undefined && grant !== undefined) {
      session.window.enqueue(head, grant, false);
    }
    return position;
  }

  /**
   * `session` leaves a shared group. If it is the last of those that are recorded, what waits there
   * is on record no more; members that are left have it still.
   */
  #leaveGroup(session: Session, key: string): void {
    const group = this.#state.groups.get(key);
    if (group === undefined || group.queue.length === 0 || !group.isLastRecorded(session)) return;
    const messages = this.#messagesIn(group);
    this.#record({ type: "group", shareKey: key, waiting: [] });
    if (group.size > 1) for (const message of messages) this.#state.wait(group, message);
  }

  /** Those that are on the shelf are pinned there. */
  #messagesIn(group: ShareGroup): Message[] {
    const { shelf } = this.#state;
    return group.queue
      .items()
      .flatMap(
        (waiting) => (typeof waiting === "number" ? shelf.messageAt(waiting) : waiting) ?? [],
      );
  }

  #whichOf(group: ShareGroup): { storedAt: number; charge: number } {
    const { shelf } = this.#state;
    const head = group.queue.peek();
    if (typeof head !== "number") return { storedAt: 0, charge: 0 };
    return { storedAt: shelf.position(head), charge: shelf.chargeAndQos(head) };
  }

  /** The subscriber's PUBREC. */
  release(session: Session, seq: number): number {
    if (session.isRecorded) {
      return this.#record({ type: "release", session: session.number, seq });
    }
    session.window.release(seq);
    return 0;
  }

  /** The delivery is over: acknowledged, expired, dropped or given to another. */
  finish(session: Session, seq: number): number {
    if (session.isRecorded) {
      return this.#record({ type: "finish", session: session.number, seq });
    }
    session.window.finish(seq);
    return 0;
  }

  /** The publisher's PUBREL. */
  unhold(session: Session, packetId: number): number {
    if (session.isRecorded) {
      return this.#record({ type: "unhold", session: session.number, packetId });
    }
    session.inbound.release(packetId);
    return 0;
  }

  retainedExpired(topicName: string): number {
    return this.#record({ type: "retained-expired", topicName });
  }
}

/** Where a message goes, as far as that is recorded. */
export interface Receivers {
  readonly recipients?: readonly Recipient[];
  readonly shareKeys?: readonly string[];
  readonly retain?: boolean;
  /** Number of the publisher's Session, and its QoS 2 identifier. */
  readonly heldBy?: number;
  readonly heldPacketId?: number;
}

const NOBODY: readonly Recipient[] = [];
const NO_KEYS: readonly string[] = [];
