import type {
  ProtocolVersion,
  Qos,
  SubackPacket,
  SubscribePacket,
  SubscriptionRequest,
} from "../protocol/packets.ts";
import { PropertyId as P } from "../protocol/property.ts";
import { REASON_CODE_FAILURE, ReasonCode } from "../protocol/reason-code.ts";
import { type BodyReader, malformed, protocolError } from "./body-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import {
  type Detail,
  type Properties,
  writeNumber,
  writeReply,
  writeUserProperties,
} from "./properties.ts";
import { isAllowed, reasonCodes } from "./reason-codes.ts";

const R = ReasonCode;

/** Subscribe Reason Codes (§3.9.3). */
const SUBACK_CODES = reasonCodes(
  [R.success, R.grantedQos1, R.grantedQos2, R.unspecifiedError, R.implementationSpecificError],
  [R.notAuthorized, R.topicFilterInvalid, R.packetIdentifierInUse, R.quotaExceeded],
  [R.sharedSubscriptionsNotSupported, R.subscriptionIdentifiersNotSupported],
  [R.wildcardSubscriptionsNotSupported],
);

/** Bits of the Subscription Options (§3.8.3.1). */
const NO_LOCAL = 0x04;
const RETAIN_AS_PUBLISHED = 0x08;
const RESERVED = 0xc0;
/** In 3.x all but the QoS are reserved. */
const RESERVED_3 = 0xfc;

export function decodeSubscribe(reader: BodyReader, properties: Properties): SubscribePacket {
  const { version } = reader;
  const packetId = reader.packetId("MQTT-2.2.1-3");
  if (version === 5) properties.read(reader, "subscribe");
  else properties.clear();
  const subscriptionIdentifier = properties.number(P.subscriptionIdentifier) ?? 0;
  const { userProperties } = properties;
  if (reader.bytesLeft === 0) throw protocolError("MQTT-3.8.3-2", "SUBSCRIBE: no Topic Filter");
  const subscriptions: SubscriptionRequest[] = [];
  while (reader.bytesLeft > 0) subscriptions.push(readSubscription(reader, version));
  return { type: "subscribe", packetId, subscriptions, subscriptionIdentifier, userProperties };
}

function readSubscription(reader: BodyReader, version: ProtocolVersion): SubscriptionRequest {
  const topicFilter = reader.utf8("Topic Filter"); // [MQTT-3.8.3-1]
  const options = reader.u8("Subscription Options");
  if (version !== 5 && (options & RESERVED_3) !== 0) {
    throw malformed("3.1.1 MQTT-3.8.3-4", "Requested QoS: reserved bits set");
  }
  if ((options & RESERVED) !== 0) {
    throw malformed("MQTT-3.8.3-5", "Subscription Options: reserved bits set");
  }
  const qos = options & 0b11;
  if (qos === 3) {
    if (version !== 5) throw malformed("3.1.1 MQTT-3.8.3-4", "Requested QoS: 3");
    throw protocolError("§3.8.3.1", "Subscription Options: Maximum QoS 3");
  }
  const retainHandling = (options >> 4) & 0b11;
  if (retainHandling === 3) {
    throw protocolError("§3.8.3.1", "Subscription Options: Retain Handling 3");
  }
  const noLocal = (options & NO_LOCAL) !== 0;
  if (noLocal && topicFilter.startsWith("$share/")) {
    throw protocolError("MQTT-3.8.3-4", "Subscription Options: No Local on a Shared Subscription");
  }
  return {
    topicFilter,
    qos: qos as Qos,
    noLocal,
    retainAsPublished: (options & RETAIN_AS_PUBLISHED) !== 0,
    retainHandling: retainHandling as 0 | 1 | 2,
  };
}

export function encodeSubscribe(
  writer: ByteWriter,
  packet: SubscribePacket,
  version: ProtocolVersion,
): void {
  const start = writer.beginPacket();
  writer.u16(packet.packetId);
  if (version === 5) {
    const lengthAt = writer.beginProperties();
    const { subscriptionIdentifier } = packet;
    if (subscriptionIdentifier > 0) {
      writeNumber(writer, P.subscriptionIdentifier, subscriptionIdentifier);
    }
    writeUserProperties(writer, packet.userProperties);
    writer.endProperties(lengthAt);
  }
  for (const {
    topicFilter,
    qos,
    noLocal,
    retainAsPublished,
    retainHandling,
  } of packet.subscriptions) {
    writer.utf8(topicFilter);
    const flags = (noLocal ? NO_LOCAL : 0) | (retainAsPublished ? RETAIN_AS_PUBLISHED : 0);
    writer.u8(version === 5 ? qos | flags | (retainHandling << 4) : qos);
  }
  writer.endPacket(start, 0x82, 0);
}

export function decodeSuback(reader: BodyReader, properties: Properties): SubackPacket {
  const { version } = reader;
  const packetId = reader.packetId("MQTT-2.2.1-6");
  if (version === 5) properties.read(reader, "suback");
  else properties.clear();
  const codes: number[] = [];
  while (reader.bytesLeft > 0) {
    const code = reader.u8("Reason Code");
    // 3.x has 0, 1, 2 and 0x80 [3.1.1 MQTT-3.9.3-2].
    const known = version === 5 ? isAllowed(SUBACK_CODES, code) : code < 3 || code === 0x80;
    if (!known) throw protocolError("MQTT-3.9.3-2", `SUBACK: Reason Code ${code}`);
    codes.push(code);
  }
  if (codes.length === 0) throw protocolError("MQTT-3.8.4-6", "SUBACK: no Reason Code");
  return { type: "suback", packetId, reasonCodes: codes, properties: properties.reply() };
}

export function encodeSuback(
  writer: ByteWriter,
  packet: SubackPacket,
  version: ProtocolVersion,
  detail: Detail,
): void {
  const start = writer.beginPacket();
  writer.u16(packet.packetId);
  if (version === 5) {
    const lengthAt = writer.beginProperties();
    writeReply(writer, packet.properties, detail); // [MQTT-3.9.2-1] [MQTT-3.9.2-2]
    writer.endProperties(lengthAt);
  }
  // In the order of the Topic Filters [MQTT-3.9.3-1].
  for (const code of packet.reasonCodes) {
    // [3.1.1 MQTT-3.9.3-2] 3.x has one code for failure.
    writer.u8(version !== 5 && code >= REASON_CODE_FAILURE ? R.unspecifiedError : code);
  }
  writer.endPacket(start, 0x90, 0);
}
