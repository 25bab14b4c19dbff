/**
 * Durable state: sessions, subscriptions, queues, retained messages, shared groups.
 *
 * `apply` is the only way in for what is recorded, live and at replay alike, so that
 * replay(journal) == live state (invariant 3). Transient sessions are changed by the same
 * methods, without an Op.
 */
import { sizeOf } from "../delivery/outbound-window.ts";
import type { Message } from "../protocol/message.ts";
import { type SubscriptionOptions, UINT16_MAX } from "../protocol/packets.ts";
import { parseFilter } from "../protocol/topic.ts";
import type { AssignOp, LeaveOp, Op, OpenOp, PublishOp, SessionSnapshot } from "./ops.ts";
import { RetainedStore } from "./retained.ts";
import { Session } from "./session.ts";
import { ShareGroup } from "./share-group.ts";
import { newSubscription, type Subscription } from "./subscription.ts";
import { TopicTrie } from "./topic-trie.ts";

export class BrokerState {
  readonly sessions: Map<string, Session> = new Map();
  readonly groups: Map<string, ShareGroup> = new Map();
  readonly retained: RetainedStore = new RetainedStore();
  readonly filters: TopicTrie<Subscription | ShareGroup> = new TopicTrie();
  /** Changes whenever the answer to "who gets this topic" may have changed. */
  epoch = 1;
  subscriptionsTotal = 0;
  readonly #packetIdMax: number;

  /** @param packetIdMax Highest Packet Identifier towards clients; 65,535 but in simulations. */
  constructor(packetIdMax: number = UINT16_MAX) {
    this.#packetIdMax = packetIdMax;
  }

  apply(op: Op): void {
    switch (op.type) {
      case "open":
        this.#open(op);
        break;
      case "leave":
        this.#leave(op);
        break;
      case "end":
        this.end(this.#session(op.clientId));
        break;
      case "will-clear":
        clearWill(this.#session(op.clientId));
        break;
      case "subscribe": {
        const { topicFilter, options, subscriptionIdentifier } = op;
        const session = this.#session(op.clientId);
        this.subscribe(session, topicFilter, options, subscriptionIdentifier);
        break;
      }
      case "unsubscribe":
        this.unsubscribe(this.#session(op.clientId), op.topicFilter);
        break;
      case "publish":
        this.#publish(op);
        break;
      case "assign":
        this.#assign(op);
        break;
      case "release":
        this.#session(op.clientId)?.window.release(op.seq);
        break;
      case "finish":
        this.#session(op.clientId)?.window.finish(op.seq);
        break;
      case "unhold":
        this.#session(op.clientId)?.inbound.release(op.packetId);
        break;
      case "retained-expired":
        this.retained.delete(op.topicName);
        break;
    }
  }

  #session(clientId: string): Session | undefined {
    return this.sessions.get(clientId);
  }

  /** A Session with nothing in it yet. */
  create(clientId: string, principal: Session["principal"], expiryIntervalSec: number): Session {
    const session = new Session(clientId, principal, expiryIntervalSec, this.#packetIdMax);
    this.sessions.set(clientId, session);
    return session;
  }

  #open(op: OpenOp): void {
    const session =
      this.#session(op.clientId) ?? this.create(op.clientId, op.principal, op.expiryIntervalSec);
    session.isRecorded = true;
    session.principal = op.principal;
    session.expiryIntervalSec = op.expiryIntervalSec;
    session.expiresAtMs = Number.POSITIVE_INFINITY;
    session.will = op.will; // [MQTT-3.1.2-7]
    session.willAtMs = Number.POSITIVE_INFINITY;
  }

  #leave(op: LeaveOp): void {
    const session = this.#session(op.clientId);
    if (session === undefined) return;
    session.expiryIntervalSec = op.expiryIntervalSec;
    session.expiresAtMs = op.expiresAtMs;
    session.willAtMs = op.willAtMs;
  }

  /**
   * Discards a Session with its subscriptions; what it had queued is the caller's to report. What
   * it had retained stays [3.1.1 MQTT-3.1.2-7].
   */
  end(session: Session | undefined): void {
    if (session === undefined || this.sessions.get(session.clientId) !== session) return;
    for (const topicFilter of [...(session.subscriptions?.keys() ?? [])]) {
      this.unsubscribe(session, topicFilter);
    }
    this.sessions.delete(session.clientId);
  }

  /** Adds a Subscription or replaces the one with the same filter [MQTT-3.8.4-3]. */
  subscribe(
    session: Session | undefined,
    topicFilter: string,
    options: SubscriptionOptions,
    subscriptionIdentifier: number,
  ): void {
    const parsed = parseFilter(topicFilter);
    if (session === undefined || parsed === undefined) return;
    this.epoch += 1;
    session.subscriptions ??= new Map();
    const old = session.subscriptions.get(topicFilter);
    const added = newSubscription(session, topicFilter, parsed, options, subscriptionIdentifier);
    session.subscriptions.set(topicFilter, added);
    if (old === undefined) this.subscriptionsTotal += 1;
    if (parsed.shareName !== "") {
      session.shared ??= new Map();
      session.shared.set(topicFilter, added);
      this.#groupOf(topicFilter, parsed.topicFilter).set(added);
      return;
    }
    if (old !== undefined) this.filters.delete(parsed.topicFilter, old);
    this.filters.add(parsed.topicFilter, added);
  }

  #groupOf(key: string, topicFilter: string): ShareGroup {
    let group = this.groups.get(key);
    if (group === undefined) {
      group = new ShareGroup(key, topicFilter);
      this.groups.set(key, group);
      this.filters.add(topicFilter, group);
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
    if (old.parsed.shareName === "") {
      this.filters.delete(old.parsed.topicFilter, old);
      return;
    }
    session.shared?.delete(topicFilter);
    if (session.shared?.size === 0) session.shared = undefined;
    const group = this.groups.get(topicFilter);
    group?.delete(session);
    if (group === undefined || group.size > 0) return;
    this.groups.delete(topicFilter);
    this.filters.delete(group.topicFilter, group);
  }

  #publish(op: PublishOp): void {
    for (const { clientId, grant, retained } of op.recipients) {
      this.#session(clientId)?.window.enqueue(op.message, grant, retained);
    }
    for (const key of op.shareKeys) this.wait(this.groups.get(key), op.message);
    if (op.retain) this.retain(op.message);
    if (op.heldPacketId > 0) this.#session(op.heldBy)?.inbound.hold(op.heldPacketId);
  }

  /** Puts a message into a shared group's own queue. */
  wait(group: ShareGroup | undefined, message: Message): void {
    if (group === undefined) return;
    message.own();
    group.queue.push(message);
    group.queueBytes += sizeOf(message);
  }

  /** Takes the head of a shared group's queue. */
  unwait(group: ShareGroup | undefined): Message | undefined {
    const message = group?.queue.shift();
    if (group !== undefined && message !== undefined) group.queueBytes -= sizeOf(message);
    return message;
  }

  #assign(op: AssignOp): void {
    const message = this.unwait(this.groups.get(op.shareKey));
    if (message === undefined || op.grant === undefined) return;
    this.#session(op.clientId)?.window.enqueue(message, op.grant, false);
  }

  /** Stores the retained message of its topic, or removes it [MQTT-3.3.1-5] [MQTT-3.3.1-6]. */
  retain(message: Message): void {
    if (message.payloadSize === 0) {
      this.retained.delete(message.topicName); // [MQTT-3.3.1-7]
      return;
    }
    message.own();
    this.retained.set(message);
  }

  /** Makes the Session that `snapshot` was taken of: a checkpoint's way back in. */
  restore(from: SessionSnapshot): void {
    const session = this.create(from.clientId, from.principal, from.expiryIntervalSec);
    session.isRecorded = true;
    session.expiresAtMs = from.expiresAtMs;
    session.will = from.will;
    session.willAtMs = from.willAtMs;
    for (const { topicFilter, options, subscriptionIdentifier } of from.subscriptions) {
      this.subscribe(session, topicFilter, options, subscriptionIdentifier);
    }
    session.window.restore(from.entries, from.tail);
    for (const packetId of from.heldPacketIds) session.inbound.hold(packetId);
  }
}

/** The Will Message is no longer part of the Session [MQTT-3.1.2-10]. */
export function clearWill(session: Session | undefined): void {
  if (session === undefined) return;
  session.will = undefined;
  session.willAtMs = Number.POSITIVE_INFINITY;
}
