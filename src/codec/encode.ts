import { Buffer } from "node:buffer";
import type { OutgoingPacket, ProtocolVersion } from "../protocol/packets.ts";
import { type ByteSink, PacketWriter } from "./packet-writer.ts";

/**
 * The bytes of one packet. For tests and tools: a broker gathers many with `PacketWriter`.
 *
 * @example encode({ type: "pingreq" }, 5); // <Buffer c0 00>
 */
export function encode(packet: OutgoingPacket, version: ProtocolVersion): Buffer {
  const written: Uint8Array[] = [];
  const sink: ByteSink = {
    write: (bytes) => written.push(bytes),
    cork: () => undefined,
    uncork: () => undefined,
    writableLength: 0,
  };
  const writer = new PacketWriter();
  writer.add(packet, version, Number.POSITIVE_INFINITY);
  writer.flushTo(sink);
  return Buffer.concat(written);
}
