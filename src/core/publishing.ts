/** PUBLISH and PUBREL from a client: checks, then dispatch, then the answer (§3.3, §4.3). */
import { InboundAliases } from "../delivery/topic-aliases.ts";
import type { AckPacket, AckType, PublishPacket } from "../protocol/packets.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { ReasonCode } from "../protocol/reason-code.ts";
import { isTopicAllowed } from "./connect.ts";
import type { Context } from "./context.ts";
import type { LossReason } from "./ledger.ts";
import { setExpiry } from "./lifecycle.ts";
import type { Peer } from "./peer.ts";
import type { Session } from "./session.ts";

/** The answer to a PUBLISH, by its QoS [MQTT-3.3.4-1]. */
const ANSWER: readonly AckType[] = ["puback", "puback", "pubrec"];

export function publishReceived(
  peer: Peer,
  session: Session,
  packet: PublishPacket,
  context: Context,
  nowMs: number,
): void {
  const { message, packetId } = packet;
  const { stats, dispatcher } = context;
  stats.publishReceived += 1;
  stats.publishBytesReceived += message.payloadSize;
  if (packet.topicAlias !== 0) resolveAlias(peer, packet);
  if (message.qos > 0 && isRepeated(peer, session, packet, context)) return;
  checkFeatures(peer, packet);

  message.publisherId = session.clientId;
  const loss = lossOf(peer, session, packet, context);
  if (loss !== undefined) {
    context.ledger.record(loss.reason, message, "", nowMs);
    refuse(peer, packet, loss.reasonCode);
    return;
  }
  if (message.properties !== undefined) setExpiry(message, nowMs);
  const position = dispatcher.dispatch(message, session, message.qos === 2 ? packetId : 0, nowMs);
  if (message.qos === 0) return;
  if (dispatcher.refusal !== ReasonCode.success) {
    refuse(peer, packet, dispatcher.refusal);
    return;
  }
  const reasonCode =
    dispatcher.matched === 0 ? ReasonCode.noMatchingSubscribers : ReasonCode.success;
  // [MQTT-4.3.2-4] [MQTT-4.3.3-8] Ownership is taken: the answer waits for what was recorded.
  peer.replies.acknowledge(ANSWER[message.qos] as AckType, packetId, reasonCode, position);
}

/**
 * A QoS 2 identifier that is held already: answered again, passed on never [MQTT-4.3.3-10]. One of
 * QoS 1 always brings a new message [MQTT-4.3.2-5].
 */
function isRepeated(
  peer: Peer,
  session: Session,
  { message, packetId }: PublishPacket,
  { journal }: Context,
): boolean {
  const inbound = session.inboundIfAny;
  if (message.qos === 2 && inbound?.has(packetId) === true) {
    inbound.hold(packetId);
    peer.replies.acknowledge("pubrec", packetId, ReasonCode.success, journal.appended);
    return true;
  }
  // [MQTT-3.3.4-7] Only 5.0 has told the client how many it may send.
  const { receiveMaximum } = peer.limits;
  if (peer.version === 5 && (inbound?.counted ?? 0) + peer.replies.pubacks >= receiveMaximum) {
    throw new ProtocolError(
      ReasonCode.receiveMaximumExceeded,
      "MQTT-3.3.4-7",
      `Receive Maximum: over ${receiveMaximum} unacknowledged PUBLISH packets`,
    );
  }
  return false;
}

/** Topic Alias: names the topic, or stands for its name (§3.3.2.3.4) [MQTT-3.3.2-12]. */
function resolveAlias(peer: Peer, packet: PublishPacket): void {
  const { message, topicAlias } = packet;
  const { topicAliasMax } = peer.limits;
  if (topicAlias > topicAliasMax) {
    throw new ProtocolError(
      ReasonCode.topicAliasInvalid,
      "MQTT-3.3.2-9",
      `Topic Alias: ${topicAlias} is over the maximum, ${topicAliasMax}`,
    );
  }
  if (message.topicName !== "") {
    peer.inboundAliases ??= new InboundAliases();
    peer.inboundAliases.set(topicAlias, message.topicName);
    return;
  }
  const topicName = peer.inboundAliases?.get(topicAlias); // [MQTT-3.3.2-7]
  if (topicName === undefined) {
    throw new ProtocolError(
      ReasonCode.protocolError,
      "§3.3.2.3.4",
      `Topic Alias: ${topicAlias} was not set on this connection`,
    );
  }
  message.topicName = topicName;
}

function checkFeatures({ link }: Peer, { message }: PublishPacket): void {
  const { maximumQos, retainAvailable } = link.policy;
  if (message.qos > maximumQos) {
    throw new ProtocolError(
      ReasonCode.qosNotSupported,
      "MQTT-3.2.2-11",
      `QoS ${message.qos}: over the maximum here, ${maximumQos}`,
    );
  }
  if (message.retain && !retainAvailable) {
    throw new ProtocolError(
      ReasonCode.retainNotSupported,
      "MQTT-3.2.2-14",
      "RETAIN: retained messages are not available here",
    );
  }
}

interface Loss {
  readonly reason: LossReason;
  readonly reasonCode: ReasonCode;
}

/** Why this client may not publish this message, or undefined. */
function lossOf(
  peer: Peer,
  { principal, clientId }: Session,
  { message }: PublishPacket,
  { limits, authorizer, isUtf8 }: Context,
): Loss | undefined {
  const { topicName } = message;
  if (topicName !== peer.topicAllowed) {
    if (!isTopicAllowed(topicName, limits)) {
      const isReserved = topicName.startsWith("$"); // The Server's own (§4.7.2).
      const reasonCode = isReserved ? ReasonCode.notAuthorized : ReasonCode.topicNameInvalid;
      return { reason: "topic-not-allowed", reasonCode };
    }
    peer.topicAllowed = topicName;
  }
  if (authorizer?.authorize(principal, clientId, "publish", topicName) === false) {
    return { reason: "not-authorized", reasonCode: ReasonCode.notAuthorized };
  }
  const isText = message.properties?.payloadFormatIndicator === 1;
  if (isText && peer.link.policy.validatePayloadFormat && !isUtf8(message.payload)) {
    const reasonCode = ReasonCode.payloadFormatInvalid;
    return { reason: "payload-format-invalid", reasonCode };
  }
  return undefined;
}

/**
 * The message is not taken. 5.0 says why; 3.x has no word for it: what may never be published is
 * acknowledged as if it had been [3.1.1 MQTT-3.3.5-2], what found no room ends the connection.
 */
function refuse(peer: Peer, { message, packetId }: PublishPacket, reasonCode: ReasonCode): void {
  if (message.qos === 0) return;
  const isNoRoom =
    reasonCode === ReasonCode.quotaExceeded ||
    reasonCode === ReasonCode.implementationSpecificError;
  if (peer.version < 5 && isNoRoom) {
    // [3.1.1 MQTT-4.8.0-2]
    throw new ProtocolError(reasonCode, "3.1.1 MQTT-4.3.2-2", "no room for the message");
  }
  // [MQTT-3.4.2-1] [MQTT-3.5.2-1]; a refused QoS 2 identifier is not held [MQTT-4.3.3-9].
  const answer = ANSWER[message.qos] as AckType;
  peer.replies.acknowledge(answer, packetId, reasonCode, 0);
}

/**
 * PUBREL ends the exchange [MQTT-4.3.3-11]; then its identifier is new again [MQTT-4.3.3-12].
 * What has become of the message meanwhile does not matter [MQTT-4.3.3-13].
 */
export function pubrelReceived(
  peer: Peer,
  session: Session,
  { packetId }: AckPacket,
  { recorder }: Context,
): void {
  const isHeld = session.inboundIfAny?.has(packetId) === true;
  const position = isHeld ? recorder.unhold(session, packetId) : 0;
  const reasonCode = isHeld ? ReasonCode.success : ReasonCode.packetIdentifierNotFound;
  peer.replies.acknowledge("pubcomp", packetId, reasonCode, position); // [MQTT-3.7.2-1]
}
