/** Runs vectors and bytes through a decoder, for the tests. */
import { Buffer } from "node:buffer";
import {
  Delivery,
  type OutgoingPacket,
  type Packet,
  type ProtocolVersion,
  type PublishPacket,
} from "../protocol/packets.ts";
import { type VectorRole, wire } from "./notation.suite.ts";
import { PacketDecoder } from "./packet-decoder.ts";

export const PACKET_SIZE_MAX = 100_000;
export const USER_PROPERTIES_MAX = 3;

const CONNECTS: Readonly<Record<ProtocolVersion, Buffer>> = {
  3: wire('10 .. "MQIsdp" 03 02 003c "a"'),
  4: wire('10 .. "MQTT" 04 02 003c "a"'),
  5: wire('10 .. "MQTT" 05 02 003c () "a"'),
};

/** A decoder as it stands in a connection of that role and version. */
export function decoderFor(role: VectorRole, version: ProtocolVersion): PacketDecoder {
  const decoder = new PacketDecoder({
    role: role === "client" ? "client" : "server",
    packetSizeMax: PACKET_SIZE_MAX,
    userPropertiesMax: USER_PROPERTIES_MAX,
  });
  if (role === "client") decoder.protocolVersion = version;
  if (role === "server") drain(decoder, CONNECTS[version]);
  return decoder;
}

/** Pushes a chunk. @returns All packets that it completes, to keep. */
export function drain(decoder: PacketDecoder, chunk: Buffer): Packet[] {
  decoder.push(chunk);
  const packets: Packet[] = [];
  for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) {
    packets.push(kept(packet));
  }
  return packets;
}

/** Decodes what comes in these chunks. */
export function decodeChunks(decoder: PacketDecoder, chunks: ReadonlyArray<Buffer>): Packet[] {
  return chunks.flatMap((chunk) => drain(decoder, chunk));
}

/** A packet that the next call of `next` does not change. */
function kept(packet: Packet): Packet {
  return { ...packet };
}

/** What a packet says, apart from how it lay in a chunk: for deepEqual. */
export function meaning(packet: Packet): unknown {
  if (packet.type !== "publish") return packet;
  const { message, ...rest } = packet;
  const { topicName, qos, retain, properties } = message;
  return { ...rest, topicName, qos, retain, properties, payload: Buffer.from(message.payload) };
}

/** What an encoder takes to send a decoded packet once more. */
export function outgoing(packet: Packet): OutgoingPacket {
  return packet.type === "publish" ? deliveryOf(packet) : packet;
}

function deliveryOf(packet: PublishPacket): Delivery {
  const { message } = packet;
  const delivery = new Delivery(message);
  delivery.qos = message.qos;
  delivery.dup = packet.dup;
  delivery.retain = message.retain;
  delivery.packetId = packet.packetId;
  delivery.topicAlias = packet.topicAlias;
  delivery.topicOmitted = message.topicName === "";
  delivery.subscriptionIdentifiers = packet.subscriptionIdentifiers;
  delivery.messageExpiryIntervalSec = message.properties?.messageExpiryIntervalSec;
  return delivery;
}
