/**
 * A segment: one file of the log. Its first bytes say which part of the log it holds.
 *
 *      0 magic "NIGHTJAR"  8
 *      8 format            4   the version of all that follows
 *     12 checksum          4   CRC-32 of the format and of what follows, up to the end
 *     16 number            8   as in the file's name: another's header is no header
 *     24 base              8   position of the log's byte that stands behind the header
 *     32 log start         8   position that the log began at when the segment was begun
 *     40 before            4   checksum of the frame before its first
 *     44 salt              4   random: nobody can write a payload that reads as a frame
 *     48 clock lead        8   the core's clock minus the machine's time since its start, ms
 *     56 boot             36   which start of the machine that was
 *     92
 *
 * A file made ready for later has zeros there.
 */
import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";

/** A sector: it is written whole or not at all. */
export const SEGMENT_HEADER_SIZE = 512;
export const FORMAT = 1;
const MAGIC = Buffer.from("NIGHTJAR");
const FIELDS_END = 92;
const FORMAT_AT = 8;
const CHECKSUM_AT = 12;
const CHECKED_FROM = 16;

export interface SegmentHeader {
  readonly number: number;
  readonly base: number;
  readonly logStart: number;
  readonly before: number;
  readonly salt: number;
  readonly clockLeadMs: number;
  readonly boot: string;
}

/** `other-format` is a header of a version that this one cannot read. */
export type HeaderState =
  | { readonly is: "begun"; readonly header: SegmentHeader }
  | { readonly is: "unused" }
  | { readonly is: "damaged" }
  | { readonly is: "other-format"; readonly format: number };

export function segmentName(number: number): string {
  return `segment-${String(number).padStart(12, "0")}.log`;
}

/** The number in a segment's name, or 0: it is not one. */
export function segmentNumber(name: string): number {
  return Number(/^segment-(\d{12})\.log$/.exec(name)?.[1] ?? 0);
}

/** What the checksums of a segment's frames begin with. */
export function seedOf({ number, salt }: SegmentHeader): number {
  return (salt ^ number) >>> 0;
}

/** @returns SEGMENT_HEADER_SIZE bytes. */
export function segmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_SIZE);
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(FORMAT, FORMAT_AT);
  bytes.writeDoubleLE(header.number, 16);
  bytes.writeDoubleLE(header.base, 24);
  bytes.writeDoubleLE(header.logStart, 32);
  bytes.writeUInt32LE(header.before, 40);
  bytes.writeUInt32LE(header.salt, 44);
  bytes.writeDoubleLE(header.clockLeadMs, 48);
  bytes.write(header.boot.slice(0, FIELDS_END - 56), 56, "latin1");
  bytes.writeUInt32LE(checksumOf(bytes), CHECKSUM_AT);
  return bytes;
}

function checksumOf(bytes: Buffer): number {
  const format = crc32(bytes.subarray(FORMAT_AT, CHECKSUM_AT));
  return crc32(bytes.subarray(CHECKED_FROM, FIELDS_END), format);
}

/** What the first bytes of the file of segment `number` say. */
export function readSegmentHeader(bytes: Buffer, number: number): HeaderState {
  if (bytes.length < FIELDS_END) return { is: isZero(bytes) ? "unused" : "damaged" };
  if (isZero(bytes.subarray(0, FIELDS_END))) return { is: "unused" };
  if (!bytes.subarray(0, 8).equals(MAGIC)) return { is: "damaged" };
  const format = bytes.readUInt32LE(FORMAT_AT);
  if (checksumOf(bytes) !== bytes.readUInt32LE(CHECKSUM_AT)) return { is: "damaged" };
  if (format !== FORMAT) return { is: "other-format", format };
  const header = {
    number: bytes.readDoubleLE(16),
    base: bytes.readDoubleLE(24),
    logStart: bytes.readDoubleLE(32),
    before: bytes.readUInt32LE(40),
    salt: bytes.readUInt32LE(44),
    clockLeadMs: bytes.readDoubleLE(48),
    boot: bytes.toString("latin1", 56, FIELDS_END).replace(/\0+$/, ""),
  };
  // Of its earlier life: it was made ready to be used again.
  return header.number === number ? { is: "begun", header } : { is: "unused" };
}

export function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}
