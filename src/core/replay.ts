/**
 * Durable state out of a log: what `BrokerState.apply` makes of its Ops, and of its checkpoints.
 *
 * A log begins anywhere: what came before its first Op is said again by checkpoints further on.
 * Until then a Session may be unknown, or known in part; an Op that names one is then of no use,
 * since the checkpoint to come has its effect. For the same reason nothing is taken off the shelf
 * before the end.
 */
import { parseFilter } from "../protocol/topic.ts";
import type { AssignOp, GroupOp, MoveOp, Op, PublishOp, SessionOp } from "./ops.ts";
import type { Session } from "./session.ts";
import type { ShareGroup } from "./share-group.ts";
import type { BrokerState } from "./state.ts";

/** A message that the log refers to and does not have. */
export interface MissingMessage {
  readonly position: number;
  /** Whose queue it is missing from. */
  readonly clientIds: readonly string[];
}

export class Replay {
  readonly #state: BrokerState;
  /** Where each message on the shelf was first seen, by its number: in ascending order. */
  #seenAt = new Float64Array(1024);
  #seen = 0;
  /** Those seen elsewhere as well: moved, or referred to before they were moved. */
  readonly #elsewhere = new Map<number, number>();
  /** Referred to and not seen yet: positions by number. */
  readonly #unseen = new Map<number, number>();

  constructor(state: BrokerState) {
    this.#state = state;
    state.shelf.isReplaying = true;
  }

  /** See `BrokerState.apply`. The bytes of a message may be written over afterwards. */
  apply(op: Op, position: number, size: number): void {
    const state = this.#state;
    switch (op.type) {
      case "slot":
        state.slots.begin(op.slot, position);
        return;
      case "session":
        this.#restore(op, position, size);
        return;
      case "group":
        this.#group(op, position);
        return;
      case "move":
        this.#move(op, position, size);
        return;
      case "publish":
        this.#publish(op, position, size);
        return;
      case "assign":
        this.#assign(op, position);
        return;
      default:
        state.apply(op, position, size);
    }
  }

  #publish(op: PublishOp, position: number, size: number): void {
    const state = this.#state;
    for (const key of op.shareKeys) this.#knownGroup(key, position);
    if (op.storedAt > 0) {
      state.enqueue(this.#find(op.storedAt, op.charge), op, position);
      return;
    }
    state.apply(op, position, size);
    if (state.shelf.top > this.#seen) this.#noteSeen(position);
  }

  /** By name: what was at the head may be what a checkpoint to come will say of the queue. */
  #assign({ shareKey, storedAt, charge, session, grant }: AssignOp, position: number): void {
    const state = this.#state;
    const id = this.#find(storedAt, charge);
    const to = grant === undefined ? undefined : state.recorded.get(session);
    if (to !== undefined && grant !== undefined) {
      to.window.enqueueStored(id, state.shelf.chargeOf(id), grant, false, position);
    }
    const group = state.groups.get(shareKey);
    if (group?.queue.peek() === id) state.unwait(group);
  }

  #noteSeen(position: number): void {
    if (this.#seen === this.#seenAt.length) {
      const grown = new Float64Array(this.#seen * 2);
      grown.set(this.#seenAt);
      this.#seenAt = grown;
    }
    this.#seenAt[this.#seen] = position;
    this.#seen += 1;
  }

  /** The number of the message whose record ends, or once ended, at `position`. */
  #find(position: number, chargeAndQos: number): number {
    const { shelf } = this.#state;
    const known = this.#elsewhere.get(position);
    if (known !== undefined) {
      if (this.#unseen.has(known)) shelf.expect(known, chargeAndQos);
      return known;
    }
    let [low, high] = [0, this.#seen];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#seenAt[middle] as number) < position) low = middle + 1;
      else high = middle;
    }
    if (low < this.#seen && this.#seenAt[low] === position) return low;
    const id = shelf.addUnseen(chargeAndQos, position);
    // In order; of those that are equal the first is found, which was seen there.
    this.#noteSeen(this.#seen === 0 ? 0 : (this.#seenAt[this.#seen - 1] as number));
    this.#elsewhere.set(position, id);
    this.#unseen.set(id, position);
    return id;
  }

  #move({ from, message }: MoveOp, position: number, size: number): void {
    const { shelf } = this.#state;
    const id = this.#find(from, 0);
    this.#elsewhere.set(position, id);
    this.#unseen.delete(id);
    shelf.describe(id, message);
    shelf.moved(id, position, size);
  }

  #restore(op: SessionOp, position: number, size: number): void {
    const state = this.#state;
    const { clientId, principal, expiryIntervalSec } = op;
    const session =
      state.sessions.get(clientId) ?? state.create(clientId, principal, expiryIntervalSec);
    if (!session.isRecorded) state.record(session, op.session, position, size);
    session.isOpen = op.isOpen;
    session.principal = principal;
    session.expiryIntervalSec = expiryIntervalSec;
    session.expiresAtMs = op.expiresAtMs;
    session.will = op.will;
    session.willAtMs = op.willAtMs;
    this.#resubscribe(session, op, position);
    const entries = op.entries.map((entry) => {
      const { stage, held, size, qos } = entry;
      return stage === "released"
        ? entry
        : { ...entry, held: this.#find(Number(held), size + qos) };
    });
    session.windowIfAny?.clear();
    if (op.tail > 0) session.window.restore(entries, op.tail);
    for (const packetId of session.inboundIfAny?.packetIds() ?? []) {
      session.inbound.release(packetId);
    }
    for (const packetId of op.heldPacketIds) session.inbound.hold(packetId);
  }

  /** What is new first: a group whose only member this is must not dissolve in between. */
  #resubscribe(session: Session, { subscriptions }: SessionOp, position: number): void {
    const state = this.#state;
    for (const { topicFilter, options, subscriptionIdentifier } of subscriptions) {
      state.subscribe(session, topicFilter, options, subscriptionIdentifier, position);
    }
    const wanted = new Set(subscriptions.map(({ topicFilter }) => topicFilter));
    for (const topicFilter of session.subscriptions?.keys() ?? []) {
      if (!wanted.has(topicFilter)) state.unsubscribe(session, topicFilter);
    }
    // In the order in which they were made.
    const made = session.subscriptions;
    for (const topicFilter of wanted) {
      const subscription = made?.get(topicFilter);
      made?.delete(topicFilter);
      if (subscription !== undefined) made?.set(subscription);
    }
  }

  /** What waits in a group may come before any of its members is known. */
  #knownGroup(key: string, position: number): ShareGroup {
    const topicFilter = parseFilter(key)?.topicFilter ?? key;
    return this.#state.groupOf(key, topicFilter, position);
  }

  #group(op: GroupOp, position: number): void {
    const state = this.#state;
    state.apply(op, position, 0);
    if (op.waiting.length === 0) return;
    const group = this.#knownGroup(op.shareKey, position);
    for (const { storedAt, charge } of op.waiting) {
      state.wait(group, this.#find(storedAt, charge));
    }
  }

  /**
   * The log has ended: what remains is the state.
   *
   * @returns Messages that are not there, of which every reference has been removed; none if the
   *   log is whole.
   */
  end(): MissingMessage[] {
    const state = this.#state;
    state.shelf.isReplaying = false;
    // Whoever leaves last has said what became of the queue.
    for (const group of [...state.groups.values()]) if (group.size === 0) state.dissolve(group);
    const missing = this.#unseen.size === 0 ? [] : this.#removeMissing();
    state.shelf.sweep();
    return missing;
  }

  #removeMissing(): MissingMessage[] {
    const { shelf, recorded, groups } = this.#state;
    const clientIds = new Map<number, string[]>();
    const isMissing = (id: number) => this.#unseen.has(id) && shelf.refs(id) > 0;
    const miss = (id: number, name: string) => clientIds.get(id)?.push(name);
    for (const id of this.#unseen.keys()) if (isMissing(id)) clientIds.set(id, []);
    for (const { windowIfAny: window, clientId } of recorded.values()) {
      for (const { held, seq } of window?.entries() ?? []) {
        if (typeof held !== "number" || !isMissing(held)) continue;
        miss(held, clientId);
        window?.finish(seq);
      }
    }
    for (const group of groups.values()) {
      for (const waiting of group.queue.items()) {
        if (typeof waiting === "number" && isMissing(waiting)) miss(waiting, group.key);
        else this.#state.wait(group, waiting); // At the end, before it is let go at the head.
        this.#state.unwait(group);
      }
    }
    return [...clientIds].map(([id, names]) => ({
      position: this.#unseen.get(id) as number,
      clientIds: names,
    }));
  }
}
