/**
 * A frame: some records of the log under one checksum. One write of the log is one or more.
 *
 *      0 magic          4
 *      4 body size      4   bytes that follow the header
 *      8 checksum       4   CRC-32 of all that follows it, seeded with its segment's seed
 *     12 before         4   the checksum of the frame before this one
 *     16 position       8   where the frame starts in the log
 *     24 time           8   the core's clock when it was written, ms
 *     32 time of day    8   the same by the machine's calendar, ms since 1970
 *     40 log start      8   position that the log begins at, as far as its writer knew
 *     48 write offset   4   how far behind the start of its write it stands
 *     52 records        4
 *     56 body
 *
 * Position and seed make the bytes of a segment's earlier life invalid; `before` makes a frame
 * that is missing show. Frames of one write are not durable in order: `write offset` tells a torn
 * write, which nobody was told of, from damage.
 */
import type { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";

export const FRAME_HEADER_SIZE = 56;
const MAGIC = 0x4d52_464e; // "NFRM"
const CHECKED_FROM = 12;

/** What a frame says of itself. */
export interface FrameFacts {
  readonly before: number;
  readonly position: number;
  readonly atMs: number;
  readonly wallMs: number;
  readonly logStart: number;
  readonly writeOffset: number;
  readonly records: number;
}

export interface Frame extends FrameFacts {
  readonly bodySize: number;
  readonly checksum: number;
}

/**
 * Writes the header of the frame `from` .. `end` of `bytes`, whose body is there.
 *
 * @returns Its checksum.
 */
export function sealFrame(
  bytes: Buffer,
  from: number,
  end: number,
  seed: number,
  facts: FrameFacts,
): number {
  bytes.writeUInt32LE(MAGIC, from);
  bytes.writeUInt32LE(end - from - FRAME_HEADER_SIZE, from + 4);
  bytes.writeUInt32LE(facts.before, from + 12);
  bytes.writeDoubleLE(facts.position, from + 16);
  bytes.writeDoubleLE(facts.atMs, from + 24);
  bytes.writeDoubleLE(facts.wallMs, from + 32);
  bytes.writeDoubleLE(facts.logStart, from + 40);
  bytes.writeUInt32LE(facts.writeOffset, from + 48);
  bytes.writeUInt32LE(facts.records, from + 52);
  const checksum = crc32(bytes.subarray(from + CHECKED_FROM, end), seed);
  bytes.writeUInt32LE(checksum, from + 8);
  return checksum;
}

/** The frame at `from`, or undefined: what stands there is none, or not as it was written. */
export function readFrame(bytes: Buffer, from: number, seed: number): Frame | undefined {
  if (from + FRAME_HEADER_SIZE > bytes.length) return undefined;
  if (bytes.readUInt32LE(from) !== MAGIC) return undefined;
  const bodySize = bytes.readUInt32LE(from + 4);
  const end = from + FRAME_HEADER_SIZE + bodySize;
  if (end > bytes.length) return undefined;
  const checksum = bytes.readUInt32LE(from + 8);
  if (crc32(bytes.subarray(from + CHECKED_FROM, end), seed) !== checksum) return undefined;
  return {
    bodySize,
    checksum,
    before: bytes.readUInt32LE(from + 12),
    position: bytes.readDoubleLE(from + 16),
    atMs: bytes.readDoubleLE(from + 24),
    wallMs: bytes.readDoubleLE(from + 32),
    logStart: bytes.readDoubleLE(from + 40),
    writeOffset: bytes.readUInt32LE(from + 48),
    records: bytes.readUInt32LE(from + 52),
  };
}

/** What the header of a frame says where it stands, checked or not; undefined: there is none. */
export function positionIn(header: Buffer): number | undefined {
  return header.readUInt32LE(0) === MAGIC ? header.readDoubleLE(16) : undefined;
}

/** Where the next thing stands that looks like a frame, from `from` on; -1: nowhere. */
export function findFrame(bytes: Buffer, from: number): number {
  const magic = [0x4e, 0x46, 0x52, 0x4d];
  for (let at = bytes.indexOf(magic[0] as number, from); at >= 0; ) {
    if (bytes[at + 1] === magic[1] && bytes[at + 2] === magic[2] && bytes[at + 3] === magic[3]) {
      return at;
    }
    at = bytes.indexOf(magic[0] as number, at + 1);
  }
  return -1;
}
