import type { ConnackPacket, ConnackProperties, ProtocolVersion } from "../protocol/packets.ts";
import { PropertyId as P } from "../protocol/property.ts";
import { ReasonCode } from "../protocol/reason-code.ts";
import { type BodyReader, malformed, protocolError } from "./body-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import {
  type Detail,
  type Properties,
  writeBinary,
  writeFlag,
  writeNumber,
  writeReply,
  writeText,
} from "./properties.ts";
import { isAllowed, reasonCodes } from "./reason-codes.ts";

const R = ReasonCode;

/** Connect Reason Codes (§3.2.2.2). */
const CONNACK_CODES = reasonCodes(
  [R.success, R.unspecifiedError, R.malformedPacket, R.protocolError],
  [R.implementationSpecificError, R.unsupportedProtocolVersion, R.clientIdentifierNotValid],
  [R.badUserNameOrPassword, R.notAuthorized, R.serverUnavailable, R.serverBusy, R.banned],
  [R.badAuthenticationMethod, R.topicNameInvalid, R.packetTooLarge, R.quotaExceeded],
  [R.payloadFormatInvalid, R.retainNotSupported, R.qosNotSupported, R.useAnotherServer],
  [R.serverMoved, R.connectionRateExceeded],
);

/** What each Connect Return code of 3.x means (3.1.1 §3.2.2.3). */
const REASON_CODES: readonly number[] = [
  R.success,
  R.unsupportedProtocolVersion,
  R.clientIdentifierNotValid,
  R.serverUnavailable,
  R.badUserNameOrPassword,
  R.notAuthorized,
];

/** The Connect Return code of 3.x for each Reason Code that has one. */
const RETURN_CODES: ReadonlyMap<number, number> = new Map([
  ...REASON_CODES.map((reasonCode, returnCode) => [reasonCode, returnCode] as const),
  [R.unspecifiedError, 3],
  [R.implementationSpecificError, 3],
  [R.serverBusy, 3],
  [R.serverShuttingDown, 3],
  [R.quotaExceeded, 3],
  [R.useAnotherServer, 3],
  [R.serverMoved, 3],
  [R.connectionRateExceeded, 3],
  [R.badAuthenticationMethod, 4],
  [R.banned, 5],
]);

export function decodeConnack(reader: BodyReader, properties: Properties): ConnackPacket {
  const { version } = reader;
  const flags = reader.u8("Connect Acknowledge Flags");
  if (flags > 1) throw malformed("MQTT-3.2.2-1", "Connect Acknowledge Flags: reserved bits set");
  const sessionPresent = flags === 1;
  const code = reader.u8("Connect Reason Code");
  const reasonCode = version === 5 ? code : REASON_CODES[code];
  if (reasonCode === undefined || !isAllowed(CONNACK_CODES, reasonCode)) {
    throw protocolError("MQTT-3.2.2-8", `CONNACK: Reason Code ${code}`);
  }
  if (sessionPresent && reasonCode !== R.success) {
    throw protocolError("MQTT-3.2.2-6", "CONNACK: refused, with Session Present");
  }
  if (version !== 5) return { type: "connack", sessionPresent, reasonCode, properties: undefined };
  const lengthAt = reader.at;
  properties.read(reader, "connack");
  const none = reader.at === lengthAt + 1;
  return {
    type: "connack",
    sessionPresent,
    reasonCode,
    properties: none ? undefined : connackProperties(properties),
  };
}

function connackProperties(properties: Properties): ConnackProperties {
  const { userProperties } = properties;
  return {
    sessionExpiryIntervalSec: properties.number(P.sessionExpiryInterval),
    receiveMaximum: properties.number(P.receiveMaximum),
    maximumQos: properties.number(P.maximumQos) as 0 | 1 | undefined,
    retainAvailable: properties.flag(P.retainAvailable),
    maximumPacketSize: properties.number(P.maximumPacketSize),
    assignedClientIdentifier: properties.text(P.assignedClientIdentifier),
    topicAliasMaximum: properties.number(P.topicAliasMaximum),
    reasonString: properties.text(P.reasonString),
    userProperties: userProperties.length > 0 ? userProperties : undefined,
    wildcardSubscriptionAvailable: properties.flag(P.wildcardSubscriptionAvailable),
    subscriptionIdentifiersAvailable: properties.flag(P.subscriptionIdentifierAvailable),
    sharedSubscriptionAvailable: properties.flag(P.sharedSubscriptionAvailable),
    serverKeepAliveSec: properties.number(P.serverKeepAlive),
    responseInformation: properties.text(P.responseInformation),
    serverReference: properties.text(P.serverReference),
    authenticationMethod: properties.text(P.authenticationMethod),
    authenticationData: properties.binary(P.authenticationData),
  };
}

export function encodeConnack(
  writer: ByteWriter,
  packet: ConnackPacket,
  version: ProtocolVersion,
  detail: Detail,
): void {
  // [3.1.1 MQTT-3.2.2-6] Where no return code applies, closing without a CONNACK is the answer.
  const code = version === 5 ? packet.reasonCode : RETURN_CODES.get(packet.reasonCode);
  if (code === undefined) return;
  const start = writer.beginPacket();
  // 3.1 knows no Session Present: there the byte is reserved.
  writer.u8(packet.sessionPresent && version !== 3 ? 1 : 0);
  writer.u8(code);
  if (version === 5) {
    const lengthAt = writer.beginProperties();
    if (packet.properties !== undefined) writeProperties(writer, packet.properties, detail);
    writer.endProperties(lengthAt);
  }
  writer.endPacket(start, 0x20, 0);
}

function writeProperties(writer: ByteWriter, properties: ConnackProperties, detail: Detail): void {
  writeNumber(writer, P.sessionExpiryInterval, properties.sessionExpiryIntervalSec);
  writeNumber(writer, P.receiveMaximum, properties.receiveMaximum);
  writeNumber(writer, P.maximumQos, properties.maximumQos);
  writeFlag(writer, P.retainAvailable, properties.retainAvailable);
  writeNumber(writer, P.maximumPacketSize, properties.maximumPacketSize);
  writeText(writer, P.assignedClientIdentifier, properties.assignedClientIdentifier);
  writeNumber(writer, P.topicAliasMaximum, properties.topicAliasMaximum);
  writeReply(writer, properties, detail); // [MQTT-3.2.2-19] [MQTT-3.2.2-20]
  writeFlag(writer, P.wildcardSubscriptionAvailable, properties.wildcardSubscriptionAvailable);
  writeFlag(writer, P.subscriptionIdentifierAvailable, properties.subscriptionIdentifiersAvailable);
  writeFlag(writer, P.sharedSubscriptionAvailable, properties.sharedSubscriptionAvailable);
  writeNumber(writer, P.serverKeepAlive, properties.serverKeepAliveSec);
  writeText(writer, P.responseInformation, properties.responseInformation);
  writeText(writer, P.serverReference, properties.serverReference);
  writeText(writer, P.authenticationMethod, properties.authenticationMethod);
  writeBinary(writer, P.authenticationData, properties.authenticationData);
}
