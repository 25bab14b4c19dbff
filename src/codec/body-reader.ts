import { Buffer, isUtf8 } from "node:buffer";
import type { ProtocolVersion } from "../protocol/packets.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { ReasonCode } from "../protocol/reason-code.ts";

const NO_BYTES = Buffer.alloc(0);

/**
 * Reads the fields of ONE packet body, front to back, and never past its end.
 *
 * The body is the range `at` .. `end` of the chunk it came in: no view is made per packet, and one
 * reader serves all packets of all connections, since decoding runs to completion.
 *
 * Each read names its field, so a cut-short packet says where it was cut:
 * `"Packet Identifier: 2 bytes wanted, 1 left [MQTT-4.13.1-1]"`.
 */
export class BodyReader {
  bytes: Buffer = NO_BYTES;
  /** Where the fixed header starts. */
  frameAt = 0;
  at = 0;
  end = 0;

  /** What the connection is: set along with the range. */
  version: ProtocolVersion = 5;
  fromClient = true;
  userPropertiesMax = 0;

  reset(bytes: Buffer, frameAt: number, bodyAt: number, end: number): void {
    this.bytes = bytes;
    this.frameAt = frameAt;
    this.at = bodyAt;
    this.end = end;
  }

  get bytesLeft(): number {
    return this.end - this.at;
  }

  u8(field: string): number {
    return this.bytes[this.#take(1, field)] as number;
  }

  u16(field: string): number {
    return u16At(this.bytes, this.#take(2, field));
  }

  u32(field: string): number {
    return this.bytes.readUInt32BE(this.#take(4, field));
  }

  /** Variable Byte Integer (§1.5.5). */
  varint(field: string): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.u8(field);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) throw notMinimal(field); // [MQTT-1.5.5-1]
        return value;
      }
      if (shift === 21) throw malformed("§1.5.5", `${field}: over 4 bytes`);
    }
  }

  /** UTF-8 Encoded String (§1.5.4). */
  utf8(field: string): string {
    const size = this.u16(field);
    const at = this.#take(size, field);
    return textAt(this.bytes, at, at + size, field);
  }

  /** Binary Data (§1.5.6), COPIED: whoever gets it keeps it longer than the chunk. */
  binary(field: string): Uint8Array {
    const size = this.u16(field);
    const at = this.#take(size, field);
    return Uint8Array.prototype.slice.call(this.bytes, at, at + size);
  }

  /** A Packet Identifier, which is never 0. */
  packetId(spec: string): number {
    const packetId = this.u16("Packet Identifier");
    if (packetId === 0) throw malformed(spec, "Packet Identifier: 0");
    return packetId;
  }

  /** The packet must be read to its last byte. */
  finish(): void {
    if (this.at === this.end) return;
    throw malformed("MQTT-4.13.1-1", `${this.bytesLeft} bytes after the last field`);
  }

  /** Moves past `size` bytes and returns where they start. */
  #take(size: number, field: string): number {
    const at = this.at;
    if (size > this.end - at) throw cutShort(field, size, this.end - at);
    this.at = at + size;
    return at;
  }
}

/** Reads a Two Byte Integer (§1.5.2) whose place was checked. */
export function u16At(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

/** Node's own methods behind `toString`, which its types leave out. */
interface Sliceable {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
}

/**
 * The characters of a UTF-8 Encoded String. A leading U+FEFF is data and is kept [MQTT-1.5.4-3].
 *
 * Nearly all are ASCII, where Latin-1 gives the same characters for less.
 */
export function textAt(bytes: Buffer, at: number, end: number, field: string): string {
  let union = 0;
  for (let index = at; index < end; index += 1) {
    const byte = bytes[index] as number;
    union |= byte;
    // In well-formed UTF-8 a zero byte stands for nothing else. Topics too [MQTT-4.7.3-2].
    if (byte === 0) throw malformed("MQTT-1.5.4-2", `${field}: contains U+0000`);
  }
  const slices = bytes as Buffer & Sliceable;
  if (union < 0x80) return slices.latin1Slice(at, end);
  if (!isUtf8(bytes.subarray(at, end))) throw malformed("MQTT-1.5.4-1", `${field}: not UTF-8`);
  return slices.utf8Slice(at, end);
}

/** Whether the range is `text`, if that is of ASCII characters only: compared, not decoded. */
export function isAsciiAt(bytes: Buffer, at: number, end: number, text: string): boolean {
  if (end - at !== text.length) return false;
  let same = at;
  while (same < end && bytes[same] === text.charCodeAt(same - at)) same += 1;
  return same === end;
}

/** A name of the peer's in an error: short, and with nothing that could forge a line of a log. */
export function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 64));
}

export function malformed(spec: string, detail: string): ProtocolError {
  return new ProtocolError(ReasonCode.malformedPacket, spec, detail);
}

export function protocolError(spec: string, detail: string): ProtocolError {
  return new ProtocolError(ReasonCode.protocolError, spec, detail);
}

export function cutShort(field: string, wanted: number, left: number): ProtocolError {
  return malformed("MQTT-4.13.1-1", `${field}: ${wanted} bytes wanted, ${left} left`);
}

export function notMinimal(field: string): ProtocolError {
  return malformed("MQTT-1.5.5-1", `${field}: more bytes than the value needs`);
}
