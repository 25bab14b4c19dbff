/**
 * The one writer of session state: every change goes through here, and what is recorded becomes
 * an Op in the journal before it is applied. Methods return the position that an acknowledgement
 * must wait for; 0 when nothing has to be durable.
 */
import type { Grant } from "../delivery/outbound-window.ts";
import type { Message } from "../protocol/message.ts";
import type { SubscriptionOptions, Will } from "../protocol/packets.ts";
import type { Op, PublishOp } from "./ops.ts";
import type { Journal, Principal } from "./ports.ts";
import type { Session } from "./session.ts";
import type { ShareGroup } from "./share-group.ts";
import { type BrokerState, clearWill } from "./state.ts";

export class Recorder {
  readonly #journal: Journal;
  readonly #state: BrokerState;

  constructor(journal: Journal, state: BrokerState) {
    this.#journal = journal;
    this.#state = state;
  }

  #record(op: Op): number {
    const position = this.#journal.append(op);
    this.#state.apply(op);
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
      return this.#record({ type: "open", clientId, principal, expiryIntervalSec, will });
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
    const { clientId } = session;
    if (!session.isRecorded) return 0;
    return this.#record({ type: "leave", clientId, expiryIntervalSec, expiresAtMs, willAtMs });
  }

  end(session: Session): number {
    if (session.isRecorded) return this.#record({ type: "end", clientId: session.clientId });
    this.#state.end(session);
    return 0;
  }

  clearWill(session: Session): number {
    if (session.will === undefined) return 0;
    if (session.isRecorded) return this.#record({ type: "will-clear", clientId: session.clientId });
    clearWill(session);
    return 0;
  }

  subscribe(
    session: Session,
    topicFilter: string,
    options: SubscriptionOptions,
    subscriptionIdentifier: number,
  ): number {
    const { clientId } = session;
    if (session.isRecorded) {
      const type = "subscribe";
      const waiting = this.#takeUnrecorded(topicFilter);
      let position = this.#record({ type, clientId, topicFilter, options, subscriptionIdentifier });
      for (const message of waiting) position = this.#wait(message, topicFilter);
      return position;
    }
    this.#state.subscribe(session, topicFilter, options, subscriptionIdentifier);
    return 0;
  }

  /** What waits in a shared group that has only had transient members so far. */
  #takeUnrecorded(key: string): Message[] {
    const group = this.#state.groups.get(key);
    if (group === undefined || group.isRecorded) return [];
    const messages = group.queue.items();
    for (const _ of messages) this.#state.unwait(group);
    return messages;
  }

  #wait(message: Message, shareKey: string): number {
    return this.publish({
      ...{ type: "publish", message, recipients: [], shareKeys: [shareKey] },
      ...{ retain: false, heldBy: "", heldPacketId: 0 },
    });
  }

  unsubscribe(session: Session, topicFilter: string): number {
    const { clientId } = session;
    if (session.isRecorded) return this.#record({ type: "unsubscribe", clientId, topicFilter });
    this.#state.unsubscribe(session, topicFilter);
    return 0;
  }

  /** A message with its recorded recipients, its retained topic, its publisher's identifier. */
  publish(op: PublishOp): number {
    return this.#record(op);
  }

  /** Queues a message for one Session; the caller has made room. */
  enqueue(session: Session, message: Message, grant: Grant, retained: boolean): number {
    if (!session.isRecorded) {
      session.window.enqueue(message, grant, retained);
      return 0;
    }
    return this.#record({
      type: "publish",
      message,
      recipients: [{ clientId: session.clientId, grant, retained }],
      shareKeys: [],
      retain: false,
      heldBy: "",
      heldPacketId: 0,
    });
  }

  /** Moves the head of a group's queue to a member; without one, drops it. */
  assign(group: ShareGroup, session: Session | undefined, grant: Grant | undefined): number {
    const recorded = session?.isRecorded ? session : undefined;
    const head = group.queue.peek();
    let position = 0;
    if (group.isRecorded) {
      position = this.#record({
        type: "assign",
        shareKey: group.key,
        clientId: recorded?.clientId ?? "",
        grant: recorded === undefined ? undefined : grant,
      });
      if (recorded !== undefined) return position;
    } else this.#state.unwait(group);
    if (session !== undefined && head !== undefined && grant !== undefined) {
      session.window.enqueue(head, grant, false);
    }
    return position;
  }

  /** The subscriber's PUBREC. */
  release(session: Session, seq: number): number {
    if (session.isRecorded) {
      return this.#record({ type: "release", clientId: session.clientId, seq });
    }
    session.window.release(seq);
    return 0;
  }

  /** The delivery is over: acknowledged, expired, dropped or given to another. */
  finish(session: Session, seq: number): number {
    if (session.isRecorded) {
      return this.#record({ type: "finish", clientId: session.clientId, seq });
    }
    session.window.finish(seq);
    return 0;
  }

  /** The publisher's PUBREL. */
  unhold(session: Session, packetId: number): number {
    if (session.isRecorded) {
      return this.#record({ type: "unhold", clientId: session.clientId, packetId });
    }
    session.inbound.release(packetId);
    return 0;
  }

  retainedExpired(topicName: string): number {
    return this.#record({ type: "retained-expired", topicName });
  }
}
