/** From one Message to everybody who gets it: sessions, shared groups, the retained store. */
import { chargeOf, type Grant, sizeOf } from "../delivery/outbound-window.ts";
import type { Message } from "../protocol/message.ts";
import { ReasonCode } from "../protocol/reason-code.ts";
import { topicLevels } from "../protocol/topic.ts";
import type { Context } from "./context.ts";
import type { Recipient } from "./ops.ts";
import { RetainedExpiry } from "./retained-expiry.ts";
import type { Route, Target } from "./routes.ts";
import type { Session } from "./session.ts";
import type { MayReceive, ShareGroup } from "./share-group.ts";
import { isOthers } from "./state.ts";
import type { Subscription } from "./subscription.ts";

const NOBODY: readonly Recipient[] = [];
const NO_KEYS: readonly string[] = [];

export class Dispatcher {
  readonly #context: Context;
  readonly #retainedExpiry: RetainedExpiry;
  readonly #mayReceive: MayReceive;
  /** Of the latest `dispatch`: how many subscriptions, or groups, matched. */
  matched = 0;
  /** Of the latest `dispatch`: why it was refused whole, a queue or the store being full; or 0. */
  refusal: ReasonCode = ReasonCode.success;
  #recipients: Recipient[] | undefined = undefined;
  #shareKeys: string[] | undefined = undefined;

  constructor(context: Context) {
    this.#context = context;
    this.#retainedExpiry = new RetainedExpiry(context);
    const { authorizer } = context;
    if (authorizer !== undefined) {
      this.#mayReceive = ({ principal, clientId }, topicName) =>
        authorizer.authorize(principal, clientId, "receive", topicName);
    }
  }

  /**
   * Hands `message` to all who get it. Which those are is decided here and now.
   *
   * @param from Its publisher's Session; undefined for the broker's own messages and wills.
   * @param heldPacketId The publisher's QoS 2 identifier, recorded together with it; or 0.
   * @returns The position that its acknowledgement must wait for.
   */
  dispatch(
    message: Message,
    from: Session | undefined,
    heldPacketId: number,
    nowMs: number,
  ): number {
    const { routes, limits, ledger, recorder } = this.#context;
    const route = routes.of(message.topicName, limits.routesMax);
    this.matched = route.targets.length + route.groups.length;
    this.refusal = ReasonCode.success;
    if (message.retain && !this.#mayRetain(message, nowMs)) return 0;
    // A will, or the broker itself, cannot be refused: those queues just do not get it.
    const canBeTold = message.qos > 0 && from?.peer !== undefined;
    if (canBeTold && this.#anyRejects(route.targets, message, from, nowMs)) return 0;
    if (canBeTold && this.#cannotKeep(route, message, from, heldPacketId, nowMs)) return 0;

    this.#recipients = undefined;
    this.#shareKeys = undefined;
    for (const target of route.targets) {
      // [MQTT-4.5.0-1] [3.1.1 MQTT-3.1.2-5] Connected or not.
      const grant = grantOf(target, from);
      if (grant !== undefined) this.#toSession(target.session, message, grant, nowMs);
    }
    for (const group of route.groups) this.#toGroup(group, message, undefined, 0, nowMs);
    for (const { clientId } of route.denied) {
      ledger.record("not-authorized", message, clientId, nowMs);
    }
    const isUnwanted = this.matched === 0 && route.denied.length === 0;
    if (isUnwanted && !message.retain) ledger.record("no-subscriber", message, "", nowMs);

    const retain = message.retain && this.#isRetainable(message, nowMs);
    if (retain) this.#retainedExpiry.stored(message);
    const heldRecorded = heldPacketId > 0 && from?.isRecorded === true;
    if (heldPacketId > 0 && !heldRecorded) from?.inbound.hold(heldPacketId);
    const isQueued = this.#recipients !== undefined || this.#shareKeys !== undefined;
    if (!isQueued && !heldRecorded) return retain ? recorder.retain(message) : 0;
    return recorder.publish(message, {
      recipients: this.#recipients ?? NOBODY,
      shareKeys: this.#shareKeys ?? NO_KEYS,
      retain, // Without the flag the store is left alone [MQTT-3.3.1-8].
      heldBy: heldRecorded ? from.number : 0,
      heldPacketId: heldRecorded ? heldPacketId : 0,
    });
  }

  /** A retained message that a recovery has brought back is watched for its expiry. */
  expectExpiry(message: Message): void {
    this.#retainedExpiry.stored(message);
  }

  /** One that nobody can be told of goes to its subscribers, but not into a full store. */
  #isRetainable(message: Message, nowMs: number): boolean {
    if (this.#context.journal.trouble === "none" || !isOthers(message.topicName)) return true;
    this.#context.ledger.record("store-unavailable", message, "", nowMs);
    return false;
  }

  #mayRetain(message: Message, nowMs: number): boolean {
    const { retained } = this.#context.state;
    const { retainedMessagesMax, retainedBytesMax, retainedLevelsMax } = this.#context.limits;
    if (message.payloadSize === 0) return true;
    const old = retained.get(message.topicName);
    const count = retained.count + (old === undefined ? 1 : 0);
    const bytes = retained.bytes + sizeOf(message) - (old === undefined ? 0 : sizeOf(old));
    const levels = retained.levels + (old === undefined ? topicLevels(message.topicName) : 0);
    const fits = bytes <= retainedBytesMax && levels <= retainedLevelsMax;
    if (fits && count <= retainedMessagesMax) return true;
    this.refusal = ReasonCode.quotaExceeded;
    this.#context.ledger.record("retained-full", message, "", nowMs);
    return false;
  }

  /** The store takes nothing more, and it would have to take this. */
  #cannotKeep(
    { targets, groups }: Route,
    message: Message,
    from: Session,
    heldPacketId: number,
    nowMs: number,
  ): boolean {
    const { trouble } = this.#context.journal;
    if (trouble === "none") return false;
    const isKept =
      message.retain ||
      (heldPacketId > 0 && from.isRecorded) ||
      groups.some(({ isRecorded }) => isRecorded) ||
      targets.some((target) => target.session.isRecorded && (grantOf(target, from)?.qos ?? 0) > 0);
    if (!isKept) return false;
    this.#context.ledger.record("store-unavailable", message, "", nowMs);
    this.refusal =
      trouble === "full" ? ReasonCode.quotaExceeded : ReasonCode.implementationSpecificError;
    return true;
  }

  /** With the policy "reject" a full queue refuses the message for all: it is never half sent. */
  #anyRejects(targets: readonly Target[], message: Message, from: Session, nowMs: number): boolean {
    const { limits, ledger } = this.#context;
    for (const target of targets) {
      const { session } = target;
      const grant = grantOf(target, from);
      if (session.queueFullPolicy !== "reject" || grant === undefined || grant.qos === 0) continue;
      if (session.windowIfAny?.isFull(message, limits) !== true) continue;
      ledger.record("queue-full", message, session.clientId, nowMs);
      this.refusal = ReasonCode.quotaExceeded;
      return true;
    }
    return false;
  }

  #toSession(session: Session, message: Message, grant: Grant, nowMs: number): void {
    if (message.qos === 0 || grant.qos === 0) {
      this.#toLane(session, message, grant, nowMs);
      return;
    }
    if (!this.makeRoom(session, message, nowMs)) return;
    session.peer?.markReady();
    if (session.isRecorded) {
      this.#recipients ??= [];
      this.#recipients.push({ session: session.number, grant, retained: false, to: session });
    } else session.window.enqueue(message, grant, false);
  }

  #toLane(session: Session, message: Message, grant: Grant, nowMs: number): void {
    const { peer } = session;
    if (peer === undefined) {
      this.#context.ledger.record("qos0-offline", message, session.clientId, nowMs);
    } else if (!peer.offerQos0(message, grant)) {
      this.#context.ledger.record("qos0-slow-consumer", message, session.clientId, nowMs);
    }
  }

  /** Whether a Session's queue takes one more, perhaps in place of its oldest. */
  makeRoom(session: Session, message: Message, nowMs: number): boolean {
    const { limits, ledger, recorder } = this.#context;
    const window = session.windowIfAny;
    if (window === undefined) return true;
    // For one that would not fit all the same nothing else is given up.
    const dropsOldest = session.queueFullPolicy === "drop-oldest" && window.canFit(message, limits);
    while (window.isFull(message, limits)) {
      const oldest = dropsOldest ? window.oldestQueued() : -1;
      const dropped = oldest < 0 ? message : window.stubAt(oldest);
      ledger.record("queue-full", dropped ?? message, session.clientId, nowMs);
      if (oldest < 0) return false;
      recorder.finish(session, oldest);
    }
    return true;
  }

  /**
   * Gives a message to one member of a group, or to its queue while none has room. Within
   * `dispatch` the recorded ones are gathered for its one Op.
   */
  #toGroup(
    group: ShareGroup,
    message: Message,
    passOver: Session | undefined,
    packetSizeOver: number,
    nowMs: number,
  ): void {
    // What waits already goes first, if whoever has room can take it.
    const mustWait = message.qos > 0 && group.queue.length > 0 && packetSizeOver === 0;
    const member = mustWait ? undefined : this.pick(group, message, passOver, packetSizeOver);
    if (member !== undefined) {
      this.#toSession(member.session, message, member.grant, nowMs); // [MQTT-4.8.2-3]
      return;
    }
    if (!group.anyMay(this.#mayReceive, message.topicName)) {
      this.#context.ledger.record("not-authorized", message, group.key, nowMs);
      return;
    }
    if (message.qos === 0) {
      const reason = group.hasOnline ? "qos0-slow-consumer" : "qos0-offline";
      this.#context.ledger.record(reason, message, group.key, nowMs);
      return;
    }
    if (!this.#makeGroupRoom(group, message, nowMs)) return;
    if (group.isRecorded) {
      this.#shareKeys ??= [];
      this.#shareKeys.push(group.key);
    } else this.#context.state.wait(group, message);
  }

  /** See `ShareGroup.pick`. */
  pick(
    group: ShareGroup,
    message: Message,
    passOver: Session | undefined,
    packetSizeOver: number,
  ): Subscription | undefined {
    return group.pick(message, this.#mayReceive, passOver, packetSizeOver);
  }

  #makeGroupRoom(group: ShareGroup, message: Message, nowMs: number): boolean {
    const { limits, ledger, recorder } = this.#context;
    while (
      group.queue.length >= limits.queueMessagesMax ||
      group.queueBytes + chargeOf(message) > limits.queueBytesMax
    ) {
      const fits = chargeOf(message) <= limits.queueBytesMax;
      const oldest = fits ? this.#context.state.headOf(group) : undefined;
      ledger.record("queue-full", oldest ?? message, group.key, nowMs);
      if (oldest === undefined) return false;
      recorder.assign(group, undefined, undefined);
      this.#wakeFor(group);
    }
    return true;
  }

  /** Gives a message of a leaving member to the rest of its group, as a record of its own. */
  redispatch(
    group: ShareGroup,
    message: Message,
    passOver: Session,
    packetSizeOver: number,
    nowMs: number,
  ): void {
    this.#recipients = undefined;
    this.#shareKeys = undefined;
    this.#toGroup(group, message, passOver, packetSizeOver, nowMs);
    if (this.#recipients === undefined && this.#shareKeys === undefined) return;
    this.#context.recorder.publish(message, {
      recipients: this.#recipients ?? NOBODY,
      shareKeys: this.#shareKeys ?? NO_KEYS,
    });
  }

  /**
   * Lets a connected Session that has room take what waits in the queues of its shared groups.
   *
   * @returns Whether it got something.
   */
  pull(session: Session, nowMs: number): boolean {
    let pulled = false;
    for (const subscription of session.shared?.values() ?? []) {
      const group = this.#context.state.groups.get(subscription.topicFilter);
      while (group !== undefined && group.queue.length > 0) {
        if (!this.#pullFrom(group, subscription, nowMs)) break;
        pulled = true;
      }
      if (pulled && group !== undefined) this.#wakeFor(group);
    }
    return pulled;
  }

  /** The head that is now may be for a member with room that might not receive the last one. */
  #wakeFor(group: ShareGroup): void {
    const head = this.#mayReceive === undefined ? undefined : this.#context.state.headOf(group);
    if (head !== undefined) this.pick(group, head, undefined, 0)?.session.peer?.markReady();
  }

  /** Deals with the head of a group's queue, or returns false: not for this member, or not now. */
  #pullFrom(group: ShareGroup, { session, grant }: Subscription, nowMs: number): boolean {
    const { ledger, recorder, state } = this.#context;
    const head = state.headOf(group) as Message; // Pinned: what waits in a group is never cold.
    if (head.expiresAtMs <= nowMs) {
      ledger.record("expired", head, group.key, nowMs);
      recorder.assign(group, undefined, undefined);
      return true;
    }
    if (this.#mayReceive?.(session, head.topicName) === false) {
      if (group.anyMay(this.#mayReceive, head.topicName)) return false; // It waits for those.
      ledger.record("not-authorized", head, group.key, nowMs);
      recorder.assign(group, undefined, undefined);
      return true;
    }
    if (grant.qos === 0) {
      if (session.peer?.takesQos0 !== true) return false;
      recorder.assign(group, undefined, undefined);
      this.#toLane(session, head, grant, nowMs);
      return true;
    }
    if (!session.hasRoom) return false;
    recorder.assign(group, session, grant);
    session.peer?.markReady();
    return true;
  }
}

/** Undefined: the publisher, whose matching Subscriptions are No Local all of them. */
function grantOf(target: Target, from: Session | undefined): Grant | undefined {
  return target.session === from ? target.ownGrant : target.grant;
}
