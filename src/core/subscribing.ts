/** SUBSCRIBE and UNSUBSCRIBE (§3.8, §3.10): each filter on its own, one answer for all. */
import type {
  SubackPacket,
  SubscribePacket,
  SubscriptionRequest,
  UnsubackPacket,
  UnsubscribePacket,
} from "../protocol/packets.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { ReasonCode } from "../protocol/reason-code.ts";
import { parseFilter } from "../protocol/topic.ts";
import { isWithin } from "./connect.ts";
import type { Context } from "./context.ts";
import type { ListenerPolicy } from "./ports.ts";
import type { Session } from "./session.ts";

/** An answer and the position that it must wait for. */
export interface Answer<Packet> {
  readonly packet: Packet;
  readonly position: number;
}

/** Adds the Subscriptions, as if each had come alone [MQTT-3.8.4-5]. */
export function subscribe(
  session: Session,
  packet: SubscribePacket,
  policy: ListenerPolicy,
  context: Context,
): Answer<SubackPacket> {
  const { packetId, subscriptionIdentifier } = packet;
  if (subscriptionIdentifier !== 0 && !policy.subscriptionIdentifiersAvailable) {
    throw new ProtocolError(
      ReasonCode.subscriptionIdentifiersNotSupported,
      "§3.2.2.3.12",
      "Subscription Identifier: not available here",
    );
  }
  const reasonCodes: number[] = []; // [MQTT-3.8.4-6] [MQTT-3.9.3-1]
  let position = 0;
  for (const request of packet.subscriptions) {
    // More than it may have at once: not even looked at, or one packet could be long work.
    const isTooMuch = reasonCodes.length >= context.limits.subscriptionsPerSessionMax;
    const refused = isTooMuch
      ? ReasonCode.quotaExceeded
      : refusalOf(session, request, policy, context);
    if (refused !== undefined) {
      reasonCodes.push(refused); // [MQTT-3.8.4-7] [MQTT-3.9.3-2]
      continue;
    }
    const { qos, noLocal, retainAsPublished, retainHandling, topicFilter } = request;
    const existed = session.subscriptions?.has(topicFilter) === true;
    const options = { qos, noLocal, retainAsPublished, retainHandling };
    position = context.recorder.subscribe(session, topicFilter, options, subscriptionIdentifier);
    reasonCodes.push(qos); // As asked, whatever QoS may be published here [MQTT-3.2.2-10].
    // [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11] [3.1.1 MQTT-3.3.1-6]
    if (retainHandling === 0 || (retainHandling === 1 && !existed)) {
      replayRetained(session, topicFilter, context);
    } else if (existed) goOn(session, topicFilter);
    context.observer.subscribed?.({ clientId: session.clientId, topicFilter, qos });
  }
  // [MQTT-3.8.4-1] [MQTT-3.8.4-2]
  return { packet: { type: "suback", packetId, reasonCodes, properties: undefined }, position };
}

/** Why one filter is refused, as SUBACK's Reason Code for it (§3.9.3). */
function refusalOf(
  session: Session,
  { topicFilter }: SubscriptionRequest,
  policy: ListenerPolicy,
  { limits, authorizer, journal }: Context,
): ReasonCode | undefined {
  if (session.isRecorded && journal.trouble !== "none") {
    const isFull = journal.trouble === "full";
    return isFull ? ReasonCode.quotaExceeded : ReasonCode.implementationSpecificError;
  }
  const parsed = parseFilter(topicFilter);
  if (parsed === undefined || !isWithin(topicFilter, limits)) return ReasonCode.topicFilterInvalid;
  const isShared = parsed.shareName !== "";
  if (isShared && !policy.sharedSubscriptionAvailable) {
    return ReasonCode.sharedSubscriptionsNotSupported;
  }
  const hasWildcard = parsed.topicFilter.includes("+") || parsed.topicFilter.includes("#");
  if (hasWildcard && !policy.wildcardSubscriptionAvailable) {
    return ReasonCode.wildcardSubscriptionsNotSupported; // [3.1.1 MQTT-3.8.3-2]
  }
  const { principal, clientId, subscriptions } = session;
  if (authorizer?.authorize(principal, clientId, "subscribe", parsed.topicFilter) === false) {
    return ReasonCode.notAuthorized;
  }
  const isNew = subscriptions?.has(topicFilter) !== true;
  const total = subscriptions?.size ?? 0;
  return isNew && total >= limits.subscriptionsPerSessionMax ? ReasonCode.quotaExceeded : undefined;
}

/** Not for shared Subscriptions (§4.8.2): no retained message goes to those. */
function replayRetained(session: Session, topicFilter: string, { state }: Context): void {
  const subscription = session.subscriptions?.get(topicFilter);
  if (subscription === undefined || subscription.isShared) return;
  const messages = state.retained.match(topicFilter);
  session.replays ??= new Map();
  session.replays.delete(topicFilter); // To the end of the line.
  session.replays.set(topicFilter, { subscription, messages });
}

/** A replay that is under way is not lost by replacing its Subscription [MQTT-3.8.4-4]. */
function goOn({ subscriptions, replays }: Session, topicFilter: string): void {
  const subscription = subscriptions?.get(topicFilter);
  const messages = replays?.get(topicFilter)?.messages;
  if (subscription !== undefined && messages !== undefined) {
    replays?.set(topicFilter, { subscription, messages });
  }
}

/** Removes Subscriptions; what they had started to deliver goes on [MQTT-3.10.4-3]. */
export function unsubscribe(
  session: Session,
  packet: UnsubscribePacket,
  context: Context,
  nowMs: number,
): Answer<UnsubackPacket> {
  const { packetId } = packet;
  const { recorder, lifecycle, observer } = context;
  let position = 0;
  const reasonCodes = packet.topicFilters.map((topicFilter) => {
    const subscription = session.subscriptions?.get(topicFilter); // [MQTT-3.10.4-1]
    if (subscription === undefined) return ReasonCode.noSubscriptionExisted; // [MQTT-3.10.4-5]
    if (subscription.isShared) lifecycle.leaveGroup(topicFilter, nowMs);
    position = recorder.unsubscribe(session, topicFilter); // [MQTT-3.10.4-2]
    session.replays?.delete(topicFilter);
    observer.unsubscribed?.({ clientId: session.clientId, topicFilter });
    return ReasonCode.success;
  });
  // [MQTT-3.10.4-4] [MQTT-3.10.4-6] [MQTT-3.11.3-1]
  return { packet: { type: "unsuback", packetId, reasonCodes, properties: undefined }, position };
}
