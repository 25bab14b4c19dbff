import type { ProtocolVersion, UnsubackPacket, UnsubscribePacket } from "../protocol/packets.ts";
import { ReasonCode } from "../protocol/reason-code.ts";
import { type BodyReader, protocolError } from "./body-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { type Detail, type Properties, writeReply, writeUserProperties } from "./properties.ts";
import { isAllowed, reasonCodes } from "./reason-codes.ts";

const R = ReasonCode;

/** Unsubscribe Reason Codes (§3.11.3). */
const UNSUBACK_CODES = reasonCodes(
  [R.success, R.noSubscriptionExisted, R.unspecifiedError, R.implementationSpecificError],
  [R.notAuthorized, R.topicFilterInvalid, R.packetIdentifierInUse],
);

export function decodeUnsubscribe(reader: BodyReader, properties: Properties): UnsubscribePacket {
  const { version } = reader;
  const packetId = reader.packetId("MQTT-2.2.1-3");
  if (version === 5) properties.read(reader, "unsubscribe");
  else properties.clear();
  const { userProperties } = properties;
  if (reader.bytesLeft === 0) throw protocolError("MQTT-3.10.3-2", "UNSUBSCRIBE: no Topic Filter");
  const topicFilters: string[] = [];
  while (reader.bytesLeft > 0) topicFilters.push(reader.utf8("Topic Filter")); // [MQTT-3.10.3-1]
  return { type: "unsubscribe", packetId, topicFilters, userProperties };
}

export function encodeUnsubscribe(
  writer: ByteWriter,
  packet: UnsubscribePacket,
  version: ProtocolVersion,
): void {
  const start = writer.beginPacket();
  writer.u16(packet.packetId);
  if (version === 5) {
    const lengthAt = writer.beginProperties();
    writeUserProperties(writer, packet.userProperties);
    writer.endProperties(lengthAt);
  }
  for (const topicFilter of packet.topicFilters) writer.utf8(topicFilter);
  writer.endPacket(start, 0xa2, 0);
}

export function decodeUnsuback(reader: BodyReader, properties: Properties): UnsubackPacket {
  const { version } = reader;
  const packetId = reader.packetId("MQTT-2.2.1-6");
  const codes: number[] = [];
  if (version !== 5) {
    return { type: "unsuback", packetId, reasonCodes: codes, properties: undefined };
  }
  properties.read(reader, "unsuback");
  while (reader.bytesLeft > 0) {
    const code = reader.u8("Reason Code");
    if (!isAllowed(UNSUBACK_CODES, code)) {
      throw protocolError("MQTT-3.11.3-2", `UNSUBACK: Reason Code ${code}`);
    }
    codes.push(code);
  }
  if (codes.length === 0) throw protocolError("MQTT-3.11.3-2", "UNSUBACK: no Reason Code");
  return { type: "unsuback", packetId, reasonCodes: codes, properties: properties.reply() };
}

export function encodeUnsuback(
  writer: ByteWriter,
  packet: UnsubackPacket,
  version: ProtocolVersion,
  detail: Detail,
): void {
  const start = writer.beginPacket();
  writer.u16(packet.packetId);
  if (version === 5) {
    const lengthAt = writer.beginProperties();
    writeReply(writer, packet.properties, detail); // [MQTT-3.11.2-1] [MQTT-3.11.2-2]
    writer.endProperties(lengthAt);
    // In the order of the Topic Filters [MQTT-3.11.3-1]. 3.x has no payload (3.1.1 §3.11.3).
    for (const code of packet.reasonCodes) writer.u8(code);
  }
  writer.endPacket(start, 0xb0, 0);
}
