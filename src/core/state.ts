/**
 * Durable state: sessions, subscriptions, queues, retained messages, shared groups.
 *
 * `apply` is the only way in for what is recorded, live and at replay alike, so that
 * replay(journal) == live state (invariant 3). Transient sessions are changed by the same
 * methods, without an Op.
 */
import { chargeOf } from "../delivery/outbound-window.ts";
import { Shelf } from "../delivery/shelf.ts";
import type { Message } from "../protocol/message.ts";
import { type SubscriptionOptions, UINT16_MAX } from "../protocol/packets.ts";
import { parseFilter } from "../protocol/topic.ts";
import type { AssignOp, LeaveOp, MoveOp, Op, OpenOp, PublishOp, SessionOp, SlotOp } from "./ops.ts";
import { RetainedStore } from "./retained.ts";
import { Session } from "./session.ts";
import { ShareGroup, type Waiting } from "./share-group.ts";
import { Slots, slotOf } from "./slots.ts";
import { Subscription } from "./subscription.ts";
import { Subscriptions } from "./subscriptions.ts";
import { TopicTrie } from "./topic-trie.ts";

/** Ops that say again what is so; see `Replay`. */
export type CheckpointOp = SlotOp | SessionOp | MoveOp;

export class BrokerState {
  readonly sessions: Map<string, Session> = new Map();
  /** The recorded ones by number. */
  readonly recorded: Map<number, Session> = new Map();
  readonly groups: Map<string, ShareGroup> = new Map();
  readonly retained: RetainedStore = new RetainedStore();
  readonly filters: TopicTrie<Subscription | ShareGroup> = new TopicTrie();
  readonly shelf: Shelf;
  readonly slots: Slots = new Slots();
  /** Changes whenever the answer to "who gets this topic" may have changed. */
  epoch = 1;
  subscriptionsTotal = 0;
  /** Of the next Session that is recorded; none is used twice. */
  nextNumber = 1;
  readonly packetIdMax: number;

  /**
   * @param packetIdMax Highest Packet Identifier towards clients; 65,535 but in simulations.
   * @param keepsAll Messages stay in memory: there is no log that they could be read back from.
   */
  constructor(packetIdMax: number = UINT16_MAX, keepsAll = true) {
    this.packetIdMax = packetIdMax;
    this.shelf = new Shelf(keepsAll);
  }

  /**
   * @param position Where the Op's record ends in the log.
   * @param size Bytes of that record.
   */
  apply(op: Exclude<Op, CheckpointOp>, position: number, size: number): void {
    switch (op.type) {
      case "open":
        this.#open(op, position, size);
        break;
      case "leave":
        this.#leave(op);
        break;
      case "end":
        this.end(this.#session(op.session));
        break;
      case "will-clear":
        clearWill(this.#session(op.session));
        break;
      case "subscribe": {
        const { topicFilter, options, subscriptionIdentifier } = op;
        const session = this.#session(op.session);
        this.subscribe(session, topicFilter, options, subscriptionIdentifier, position);
        if (session) this.slots.charge(slotOf("session", session.clientId), size);
        break;
      }
      case "unsubscribe":
        this.unsubscribe(this.#session(op.session), op.topicFilter);
        break;
      case "publish":
        this.#publish(op, position, size);
        break;
      case "assign":
        this.#assign(op, position);
        break;
      case "release":
        this.#session(op.session)?.windowIfAny?.release(op.seq);
        break;
      case "finish":
        this.#session(op.session)?.windowIfAny?.finish(op.seq);
        break;
      case "unhold":
        this.#session(op.session)?.inbound.release(op.packetId);
        break;
      case "retained-expired":
        this.#forgetRetained(op.topicName);
        break;
      case "group":
        this.#emptyGroup(this.groups.get(op.shareKey));
        break;
    }
  }

  #session(number: number): Session | undefined {
    return this.recorded.get(number);
  }

  /** A Session with nothing in it yet. */
  create(clientId: string, principal: Session["principal"], expiryIntervalSec: number): Session {
    const { packetIdMax, shelf } = this;
    const session = new Session(clientId, principal, expiryIntervalSec, packetIdMax, shelf);
    this.sessions.set(clientId, session);
    return session;
  }

  /** From now on changes of `session` are recorded, under a number of its own. */
  record(session: Session, number: number, position: number, size: number): void {
    session.number = number;
    this.recorded.set(number, session);
    this.nextNumber = Math.max(this.nextNumber, number + 1);
    const slot = slotOf("session", session.clientId);
    this.slots.add(slot, session, position);
    this.slots.charge(slot, size);
  }

  #open(op: OpenOp, position: number, size: number): void {
    const { clientId, principal, expiryIntervalSec } = op;
    const session =
      this.sessions.get(clientId) ?? this.create(clientId, principal, expiryIntervalSec);
    if (!session.isRecorded) this.record(session, op.session, position, size);
    session.isOpen = true;
    session.principal = principal;
    session.expiryIntervalSec = expiryIntervalSec;
    session.expiresAtMs = Number.POSITIVE_INFINITY;
    session.will = op.will; // [MQTT-3.1.2-7]
    session.willAtMs = Number.POSITIVE_INFINITY;
  }

  #leave(op: LeaveOp): void {
    const session = this.#session(op.session);
    if (session === undefined) return;
    session.isOpen = false;
    session.expiryIntervalSec = op.expiryIntervalSec;
    session.expiresAtMs = op.expiresAtMs;
    session.willAtMs = op.willAtMs;
    session.windowIfAny?.markSent(op.sentTo);
  }

  /**
   * Discards a Session with its subscriptions; what it had queued is the caller's to report. What
   * it had retained stays [3.1.1 MQTT-3.1.2-7].
   */
  end(session: Session | undefined): void {
    if (session === undefined || this.sessions.get(session.clientId) !== session) return;
    for (const topicFilter of session.subscriptions?.keys() ?? []) {
      this.unsubscribe(session, topicFilter);
    }
    session.windowIfAny?.clear();
    this.sessions.delete(session.clientId);
    if (!session.isRecorded) return;
    this.recorded.delete(session.number);
    this.slots.delete(slotOf("session", session.clientId), session);
  }

  /** Adds a Subscription or replaces the one with the same filter [MQTT-3.8.4-3]. */
  subscribe(
    session: Session | undefined,
    topicFilter: string,
    options: SubscriptionOptions,
    subscriptionIdentifier: number,
    position: number,
  ): void {
    const parsed = parseFilter(topicFilter);
    if (session === undefined || parsed === undefined) return;
    this.epoch += 1;
    session.subscriptions ??= new Subscriptions();
    const old = session.subscriptions.get(topicFilter);
    const isShared = parsed.shareName !== "";
    const added = new Subscription(session, topicFilter, isShared, options, subscriptionIdentifier);
    session.subscriptions.set(added);
    if (old === undefined) this.subscriptionsTotal += 1;
    if (isShared) {
      session.shared ??= new Map();
      session.shared.set(topicFilter, added);
      this.groupOf(topicFilter, parsed.topicFilter, position).set(added);
      return;
    }
    if (old !== undefined) this.filters.delete(topicFilter, old);
    this.filters.add(topicFilter, added);
  }

  /** The shared group of that name, made if there is none. */
  groupOf(key: string, topicFilter: string, position: number): ShareGroup {
    let group = this.groups.get(key);
    if (group === undefined) {
      group = new ShareGroup(key, topicFilter);
      this.groups.set(key, group);
      this.filters.add(topicFilter, group);
      this.slots.add(slotOf("group", key), group, position);
    }
    return group;
  }

  /** Without such a Subscription, nothing: filters are compared as they are [MQTT-3.10.4-1]. */
  unsubscribe(session: Session | undefined, topicFilter: string): void {
    const old = session?.subscriptions?.get(topicFilter);
    if (session === undefined || old === undefined) return;
    this.epoch += 1;
    this.subscriptionsTotal -= 1;
    session.subscriptions?.delete(topicFilter);
    if (!old.isShared) {
      this.filters.delete(topicFilter, old);
      return;
    }
    session.shared?.delete(topicFilter);
    if (session.shared?.size === 0) session.shared = undefined;
    const group = this.groups.get(topicFilter);
    group?.delete(session);
    // At replay it may have members that only a checkpoint to come will name.
    if (group?.size === 0 && !this.shelf.isReplaying) this.dissolve(group);
  }

  /** A group that has no member is no group. */
  dissolve(group: ShareGroup): void {
    this.#emptyGroup(group);
    this.groups.delete(group.key);
    this.filters.delete(group.topicFilter, group);
    this.slots.delete(slotOf("group", group.key), group);
  }

  #publish(op: PublishOp, position: number, size: number): void {
    const { message, recipients, shareKeys, storedAt } = op;
    if (message === undefined) return; // Replay has put it there.
    if (recipients.length > 0 || shareKeys.length > 0) {
      const known = message.shelfId >= 0;
      const id = known ? message.shelfId : this.shelf.add(message, position, size);
      const isAwaited = this.enqueue(id, op, storedAt > 0 ? position : 0);
      if (!isAwaited) this.#cool(id);
    }
    if (op.retain) this.retain(message, position, size);
    if (op.heldPacketId > 0) this.#session(op.heldBy)?.inbound.hold(op.heldPacketId);
  }

  /**
   * Puts a stored message into every queue that `op` says.
   *
   * @returns Whether any of those it is for is connected.
   */
  enqueue(id: number, { recipients, shareKeys }: PublishOp, placedAt: number): boolean {
    const charge = this.shelf.chargeOf(id);
    let isAwaited = false;
    for (const { session: number, grant, retained, to } of recipients) {
      const session = to ?? this.#session(number);
      if (session === undefined) continue;
      session.window.enqueueStored(id, charge, grant, retained, placedAt);
      if (session.peer !== undefined) isAwaited = true;
    }
    for (const key of shareKeys) this.wait(this.groups.get(key), id);
    return isAwaited;
  }

  /** What nobody is there for now is not kept in memory. */
  #cool(id: number): void {
    const { shelf } = this;
    if (shelf.keepsAll) return;
    if (!shelf.isPinned(id)) shelf.cool(id);
    else if (shelf.isReplaying) shelf.messageAt(id)?.own();
  }

  /** Puts a message into a shared group's own queue. */
  wait(group: ShareGroup | undefined, waiting: Waiting): void {
    if (group === undefined) return;
    group.queue.push(waiting);
    if (typeof waiting === "number") {
      this.shelf.ref(waiting);
      this.shelf.pin(waiting);
      this.shelf.messageAt(waiting)?.own();
      group.queueBytes += this.shelf.chargeOf(waiting);
    } else {
      waiting.own();
      group.queueBytes += chargeOf(waiting);
    }
  }

  /** The Message at the head of a shared group's queue. */
  headOf(group: ShareGroup): Message | undefined {
    const head = group.queue.peek();
    return typeof head === "number" ? this.shelf.messageAt(head) : head;
  }

  /** Takes the head of a shared group's queue, for `take` to keep before it is let go. */
  unwait(group: ShareGroup, take?: (waiting: Waiting) => void): void {
    const waiting = group.queue.shift();
    if (waiting === undefined) return;
    take?.(waiting);
    if (typeof waiting === "number") {
      group.queueBytes -= this.shelf.chargeOf(waiting);
      this.shelf.unref(waiting);
    } else group.queueBytes -= chargeOf(waiting);
  }

  #emptyGroup(group: ShareGroup | undefined): void {
    while (group !== undefined && group.queue.length > 0) this.unwait(group);
  }

  #assign({ shareKey, session, grant }: AssignOp, position: number): void {
    const group = this.groups.get(shareKey);
    if (group === undefined) return;
    this.unwait(group, (waiting) => {
      if (grant === undefined || typeof waiting !== "number") return;
      const size = this.shelf.chargeOf(waiting);
      this.#session(session)?.window.enqueueStored(waiting, size, grant, false, position);
    });
  }

  /** Stores the retained message of its topic, or removes it [MQTT-3.3.1-5] [MQTT-3.3.1-6]. */
  retain(message: Message, position: number, size: number): void {
    if (message.payloadSize === 0) {
      this.#forgetRetained(message.topicName); // [MQTT-3.3.1-7]
      return;
    }
    message.own();
    const { topicName } = message;
    const isNew = this.retained.set(message);
    if (!isNew || !isOthers(topicName)) return;
    const slot = slotOf("retained", topicName);
    this.slots.add(slot, topicName, position);
    this.slots.charge(slot, size);
  }

  #forgetRetained(topicName: string): void {
    if (!this.retained.delete(topicName) || !isOthers(topicName)) return;
    this.slots.delete(slotOf("retained", topicName), topicName);
  }
}

/** Not the broker's own, which it says anew after a start: those are not recorded. */
export function isOthers(topicName: string): boolean {
  return !topicName.startsWith("$SYS/");
}

/** The Will Message is no longer part of the Session [MQTT-3.1.2-10]. */
export function clearWill(session: Session | undefined): void {
  if (session === undefined) return;
  session.will = undefined;
  session.willAtMs = Number.POSITIVE_INFINITY;
}
