import type { AckPacket, AckType, ProtocolVersion } from "../protocol/packets.ts";
import { ReasonCode } from "../protocol/reason-code.ts";
import { type BodyReader, protocolError } from "./body-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { type Detail, hasReply, type Properties, writeReply } from "./properties.ts";
import { isAllowed, type ReasonCodeSet, reasonCodes } from "./reason-codes.ts";

const R = ReasonCode;

const PUBLISH_CODES = reasonCodes(
  [R.success, R.noMatchingSubscribers, R.unspecifiedError, R.implementationSpecificError],
  [R.notAuthorized, R.topicNameInvalid, R.packetIdentifierInUse, R.quotaExceeded],
  [R.payloadFormatInvalid],
);
const RELEASE_CODES = reasonCodes([R.success, R.packetIdentifierNotFound]);

interface AckKind {
  readonly type: AckType;
  readonly firstByte: number;
  readonly codes: ReasonCodeSet;
  /** The statement that lists the codes. */
  readonly spec: string;
}

const PUBACK: AckKind = {
  type: "puback",
  firstByte: 0x40,
  codes: PUBLISH_CODES,
  spec: "MQTT-3.4.2-1",
};
const PUBREC: AckKind = {
  type: "pubrec",
  firstByte: 0x50,
  codes: PUBLISH_CODES,
  spec: "MQTT-3.5.2-1",
};
const PUBREL: AckKind = {
  type: "pubrel",
  firstByte: 0x62,
  codes: RELEASE_CODES,
  spec: "MQTT-3.6.2-1",
};
const PUBCOMP: AckKind = {
  type: "pubcomp",
  firstByte: 0x70,
  codes: RELEASE_CODES,
  spec: "MQTT-3.7.2-1",
};

const BY_TYPE: Readonly<Record<AckType, AckKind>> = {
  puback: PUBACK,
  pubrec: PUBREC,
  pubrel: PUBREL,
  pubcomp: PUBCOMP,
};
const BY_NUMBER: readonly AckKind[] = [PUBACK, PUBREC, PUBREL, PUBCOMP];

/** An AckPacket that is filled anew for each ack; see `PacketDecoder.next`. */
export type ReusedAck = { -readonly [Field in keyof AckPacket]: AckPacket[Field] };

export function newAck(): ReusedAck {
  return { type: "puback", packetId: 0, reasonCode: 0, properties: undefined };
}

/** PUBACK, PUBREC, PUBREL or PUBCOMP (§3.4 .. §3.7). @param typeNumber 4 .. 7. */
export function decodeAck(
  reader: BodyReader,
  typeNumber: number,
  properties: Properties,
  into: ReusedAck,
): AckPacket {
  const kind = BY_NUMBER[typeNumber - 4] as AckKind;
  into.type = kind.type;
  into.packetId = reader.packetId("MQTT-2.2.1-5");
  into.reasonCode = R.success;
  into.properties = undefined;
  // Reason Code and Property Length are left out when there is nothing to say (§3.4.2.1).
  if (reader.bytesLeft === 0 || reader.version !== 5) return into;
  const code = reader.u8("Reason Code");
  if (!isAllowed(kind.codes, code)) {
    throw protocolError(kind.spec, `${kind.type.toUpperCase()}: Reason Code ${code}`);
  }
  into.reasonCode = code;
  if (reader.bytesLeft > 0) {
    properties.read(reader, kind.type);
    into.properties = properties.reply();
  }
  return into;
}

export function encodeAck(
  writer: ByteWriter,
  packet: AckPacket,
  version: ProtocolVersion,
  detail: Detail,
): void {
  const { firstByte } = BY_TYPE[packet.type];
  const { packetId, reasonCode, properties } = packet;
  // [MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3]
  // [MQTT-3.7.2-2] [MQTT-3.7.2-3]
  const reply = version === 5 && hasReply(properties, detail);
  const withCode = reply || (version === 5 && reasonCode !== R.success);
  const start = writer.beginPacket();
  writer.u16(packetId);
  if (withCode) writer.u8(reasonCode);
  if (reply) {
    const lengthAt = writer.beginProperties();
    writeReply(writer, properties, detail);
    writer.endProperties(lengthAt);
  }
  writer.endPacket(start, firstByte, 0);
}
