import type { DisconnectPacket, ProtocolVersion } from "../protocol/packets.ts";
import { PropertyId as P } from "../protocol/property.ts";
import { ReasonCode } from "../protocol/reason-code.ts";
import { type BodyReader, protocolError } from "./body-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import {
  type Detail,
  hasReply,
  type Properties,
  writeNumber,
  writeReply,
  writeText,
} from "./properties.ts";
import { isAllowed, reasonCodes } from "./reason-codes.ts";

const R = ReasonCode;

/** Disconnect Reason Codes by who may send them (§3.14.2.1). */
const FROM_BOTH = [
  [R.success, R.unspecifiedError, R.malformedPacket, R.protocolError],
  [R.implementationSpecificError, R.topicNameInvalid, R.receiveMaximumExceeded],
  [R.topicAliasInvalid, R.packetTooLarge, R.messageRateTooHigh, R.quotaExceeded],
  [R.administrativeAction, R.payloadFormatInvalid],
];
const FROM_CLIENT = reasonCodes(...FROM_BOTH, [R.disconnectWithWill]);
const FROM_SERVER = reasonCodes(
  ...FROM_BOTH,
  [R.notAuthorized, R.serverBusy, R.serverShuttingDown, R.keepAliveTimeout, R.sessionTakenOver],
  [R.topicFilterInvalid, R.retainNotSupported, R.qosNotSupported, R.useAnotherServer],
  [R.serverMoved, R.sharedSubscriptionsNotSupported, R.connectionRateExceeded],
  [R.maximumConnectTime, R.subscriptionIdentifiersNotSupported],
  [R.wildcardSubscriptionsNotSupported],
);

export function decodeDisconnect(reader: BodyReader, properties: Properties): DisconnectPacket {
  const { version, fromClient } = reader;
  let reasonCode: number = R.success;
  properties.clear();
  // Both may be left out, last first (§3.14.2.1, §3.14.2.2.1).
  if (version === 5 && reader.bytesLeft > 0) {
    reasonCode = reader.u8("Disconnect Reason Code");
    if (!isAllowed(fromClient ? FROM_CLIENT : FROM_SERVER, reasonCode)) {
      throw protocolError("MQTT-3.14.2-1", `DISCONNECT: Reason Code ${reasonCode}`);
    }
    if (reader.bytesLeft > 0) properties.read(reader, "disconnect");
  }
  const sessionExpiryIntervalSec = properties.number(P.sessionExpiryInterval);
  if (sessionExpiryIntervalSec !== undefined && !fromClient) {
    throw protocolError("MQTT-3.14.2-2", "Session Expiry Interval: sent by the Server");
  }
  const serverReference = properties.text(P.serverReference);
  if (serverReference !== undefined && fromClient) {
    throw protocolError("§3.14.2.2.5", "Server Reference: sent by the Client");
  }
  return {
    type: "disconnect",
    reasonCode,
    sessionExpiryIntervalSec,
    serverReference,
    properties: properties.reply(),
  };
}

export function encodeDisconnect(
  writer: ByteWriter,
  packet: DisconnectPacket,
  version: ProtocolVersion,
  detail: Detail,
): void {
  const { reasonCode, sessionExpiryIntervalSec, serverReference, properties } = packet;
  if (version !== 5 && reasonCode !== R.success) {
    throw new Error(`3.x has no DISCONNECT with a Reason Code (${reasonCode}): close instead`);
  }
  const withProperties =
    sessionExpiryIntervalSec !== undefined ||
    serverReference !== undefined ||
    hasReply(properties, detail); // [MQTT-3.14.2-3] [MQTT-3.14.2-4]
  const start = writer.beginPacket();
  if (version === 5 && (withProperties || reasonCode !== R.success)) writer.u8(reasonCode);
  if (version === 5 && withProperties) {
    const lengthAt = writer.beginProperties();
    writeNumber(writer, P.sessionExpiryInterval, sessionExpiryIntervalSec);
    writeText(writer, P.serverReference, serverReference);
    writeReply(writer, properties, detail);
    writer.endProperties(lengthAt);
  }
  writer.endPacket(start, 0xe0, 0);
}
