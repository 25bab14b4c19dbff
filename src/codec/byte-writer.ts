import { Buffer } from "node:buffer";

/** What a writer starts with, and goes back to after it held more than `CAPACITY_KEPT_MAX`. */
const CAPACITY_START = 64 * 1024;
const CAPACITY_KEPT_MAX = 1024 * 1024;
/** With less room than this behind what a socket holds, a new buffer is begun. */
const ROOM_MIN = 16 * 1024;
/** Up to here a loop in JavaScript beats the call of `set`. */
const COPY_LOOP_MAX = 48;

/**
 * A growing scratch buffer that packets are written into.
 *
 *     bytes:  | a socket still holds this | being gathered |      room      |
 *             0                         from               at          bytes.length
 *
 * Offsets stay valid when it grows. Strings and sizes are ours, hence right: a RangeError here
 * is a bug of the caller.
 */
export class ByteWriter {
  bytes: Buffer = Buffer.allocUnsafeSlow(CAPACITY_START);
  from = 0;
  at = 0;

  /** Makes room for `size` more bytes. */
  ensure(size: number): void {
    if (this.at + size > this.bytes.length) this.#grow(size);
  }

  u8(value: number): void {
    this.ensure(1);
    this.bytes[this.at] = value;
    this.at += 1;
  }

  u16(value: number): void {
    this.ensure(2);
    this.bytes[this.at] = value >>> 8;
    this.bytes[this.at + 1] = value;
    this.at += 2;
  }

  u32(value: number): void {
    this.ensure(4);
    this.at = this.bytes.writeUInt32BE(value, this.at);
  }

  /** Variable Byte Integer in its shortest form [MQTT-1.5.5-1]. */
  varint(value: number): void {
    this.ensure(4);
    this.at = putVarint(this.bytes, this.at, value);
  }

  /** UTF-8 Encoded String (§1.5.4). */
  utf8(text: string): void {
    const length = text.length;
    this.ensure(2 + 3 * length);
    const at = this.at + 2;
    let size = 0;
    while (size < length && size < COPY_LOOP_MAX) {
      const code = text.charCodeAt(size);
      if (code >= 0x80) break;
      this.bytes[at + size] = code;
      size += 1;
    }
    if (size < length) size = this.bytes.write(text, at, "utf8");
    if (size > 0xffff) throw new RangeError(`UTF-8 Encoded String of ${size} bytes (§1.5.4)`);
    this.u16(size);
    this.at = at + size;
  }

  /** Binary Data (§1.5.6). */
  binary(data: Uint8Array): void {
    if (data.length > 0xffff) throw new RangeError(`Binary Data of ${data.length} bytes (§1.5.6)`);
    this.u16(data.length);
    this.copy(data, 0, data.length);
  }

  /** Appends the range `from` .. `to` of `source`. */
  copy(source: Uint8Array, from: number, to: number): void {
    this.ensure(to - from);
    const { bytes, at } = this;
    if (to - from > COPY_LOOP_MAX) {
      bytes.set(source.subarray(from, to), at);
    } else {
      for (let index = from; index < to; index += 1) {
        bytes[at + index - from] = source[index] as number;
      }
    }
    this.at = at + to - from;
  }

  /** Leaves room for a fixed header. @returns Where the packet starts, for `endPacket`. */
  beginPacket(): number {
    this.ensure(2);
    const start = this.at;
    this.at = start + 2;
    return start;
  }

  /** @param sizeToFollow Bytes of the packet that are not in the writer yet. */
  endPacket(start: number, firstByte: number, sizeToFollow: number): void {
    this.bytes[start] = firstByte;
    this.#endLength(start + 1, sizeToFollow);
  }

  /** Leaves room for a length of one byte. @returns Where it stands, for `endProperties`. */
  beginProperties(): number {
    this.ensure(1);
    this.at += 1;
    return this.at - 1;
  }

  endProperties(lengthAt: number): void {
    this.#endLength(lengthAt, 0);
  }

  /** Puts a length before what was written since; most fit the one byte left for it. */
  #endLength(lengthAt: number, sizeToFollow: number): void {
    const bodyAt = lengthAt + 1;
    const length = this.at - bodyAt + sizeToFollow;
    const moved = varintSize(length) - 1;
    if (moved > 0) {
      this.ensure(moved);
      this.bytes.copyWithin(bodyAt + moved, bodyAt, this.at);
      this.at += moved;
    }
    putVarint(this.bytes, lengthAt, length);
  }

  /** Everything gathered is written and nobody holds it. */
  reuse(): void {
    this.at = this.from;
    if (this.bytes.length > CAPACITY_KEPT_MAX) this.#renew();
  }

  /** A socket holds what was gathered: go on behind it. */
  giveAway(): void {
    this.from = this.at;
    if (this.bytes.length - this.at < ROOM_MIN || this.bytes.length > CAPACITY_KEPT_MAX) {
      this.#renew();
    }
  }

  #renew(): void {
    this.bytes = Buffer.allocUnsafeSlow(CAPACITY_START);
    this.from = 0;
    this.at = 0;
  }

  #grow(size: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(2 * this.bytes.length, this.at + size));
    this.bytes.copy(grown, this.from, this.from, this.at);
    this.bytes = grown;
  }
}

/** Bytes of a Variable Byte Integer (§1.5.5). */
export function varintSize(value: number): 1 | 2 | 3 | 4 {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  throw new RangeError(`${value} fits no Variable Byte Integer (§1.5.5)`);
}

/** @returns The offset behind it. */
function putVarint(bytes: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest >= 0x80) {
    bytes[at] = rest | 0x80;
    rest >>>= 7;
    at += 1;
  }
  bytes[at] = rest;
  return at + 1;
}
