/**
 * Compares a packet with the one expected: byte by byte, where the specification says which bytes.
 *
 * It leaves some freedom in 5.0, so both sides are first brought to one form: properties of PUBLISH
 * in the order of their identifiers (User Properties among themselves as they came); Reason Code
 * and Property Length of acknowledgements written out; Reason String and User Properties of
 * acknowledgements left away.
 */
import type { ProtocolVersion } from "../protocol/packets.ts";
import { Difference } from "./difference.ts";
import { formatHex, type Pattern, variableByteInteger } from "./hex.ts";
import { describePacket, PacketType, type Property, viewPacket } from "./packet-view.ts";

const REASON_STRING = 0x1f;
const USER_PROPERTY = 0x26;
/** First fields of the packets that have diagnostics. */
const HEADS: ReadonlySet<string> = new Set(["Packet Identifier", "Reason Code"]);
/** Bytes shown before and after a difference. */
const SHOWN_AROUND = 24;

/** @returns undefined when they agree, else lines that show the first difference. */
export function firstDifference(
  expected: Pattern,
  received: Uint8Array,
  version: ProtocolVersion,
): string | undefined {
  const want = commonForm(expected, version);
  const got = commonForm({ bytes: received, mask: opaque(received.length) }, version);
  const at = indexOfDifference(want, got.bytes);
  if (at < 0) return undefined;
  const byte = (bytes: Uint8Array, mask?: Uint8Array): string =>
    at < bytes.length
      ? formatHex(bytes.subarray(at, at + 1), mask?.subarray(at, at + 1))
      : "the end of the packet";
  return [
    `expected ${describePacket(expected.bytes, version)}`,
    `got      ${describePacket(received, version)}`,
    `byte ${at} (${fieldAt(at, got.bytes, version)}): expected ${byte(want.bytes, want.mask)}, ` +
      `got ${byte(got.bytes)}`,
    `expected ${around(at, want.bytes, want.mask)}`,
    `got      ${around(at, got.bytes)}`,
  ].join("\n");
}

function indexOfDifference(want: Pattern, got: Uint8Array): number {
  const size = Math.max(want.bytes.length, got.length);
  for (let at = 0; at < size; at += 1) {
    const a = want.bytes[at];
    const b = got[at];
    const mask = want.mask[at] ?? 0xff;
    if (a === undefined || b === undefined || (a & mask) !== (b & mask)) return at;
  }
  return -1;
}

function fieldAt(at: number, bytes: Uint8Array, version: ProtocolVersion): string {
  const fields = viewPacket(bytes, version).fields;
  return fields.find(({ from, to }) => from <= at && at < to)?.name ?? "past the end";
}

/** The window around a difference, with the differing byte in brackets. */
function around(at: number, bytes: Uint8Array, mask?: Uint8Array): string {
  const from = Math.max(0, at - SHOWN_AROUND);
  const hex = (start: number, end: number): string =>
    formatHex(bytes.subarray(start, end), mask?.subarray(start, end));
  return [
    from > 0 ? "… " : "",
    hex(from, at),
    ` [${hex(at, at + 1)}] `,
    hex(at + 1, at + 1 + SHOWN_AROUND),
    bytes.length > at + 1 + SHOWN_AROUND ? " …" : "",
  ].join("");
}

function commonForm(pattern: Pattern, version: ProtocolVersion): Pattern {
  if (version !== 5) return pattern;
  const type = (pattern.bytes[0] ?? 0) >> 4;
  switch (type) {
    case PacketType.publish:
      return withSortedProperties(pattern);
    case PacketType.puback:
    case PacketType.pubrec:
    case PacketType.pubrel:
    case PacketType.pubcomp:
      return withoutDiagnostics(inLongForm(pattern));
    case PacketType.suback:
    case PacketType.unsuback:
      return withoutDiagnostics(pattern);
    case PacketType.disconnect:
      return withoutDiagnostics(inLongForm(pattern, 2));
    default:
      return pattern;
  }
}

/** `40 02 0001` means `40 04 0001 00 00` (§3.4.2.1), `e0 00` means `e0 02 00 00` (§3.14.2.1). */
function inLongForm(pattern: Pattern, bodySize = 4): Pattern {
  const missing = bodySize + 2 - pattern.bytes.length;
  if (missing <= 0) return pattern;
  const bytes = [...pattern.bytes, ...new Array<number>(missing).fill(0)];
  bytes[1] = bodySize;
  return { bytes: Uint8Array.from(bytes), mask: padded(pattern.mask, missing) };
}

function withSortedProperties(pattern: Pattern): Pattern {
  const { properties } = viewPacket(pattern.bytes, 5);
  if (properties.length < 2) return pattern;
  const from = properties[0]?.from ?? 0;
  const sorted = [...properties].sort((a, b) => a.id - b.id); // Stable: repeats keep their order.
  const arrange = (bytes: Uint8Array): Uint8Array =>
    Uint8Array.from([
      ...bytes.subarray(0, from),
      ...joined(bytes, sorted),
      ...bytes.subarray(properties.at(-1)?.to ?? 0),
    ]);
  return { bytes: arrange(pattern.bytes), mask: arrange(pattern.mask) };
}

/** A broker may always explain itself by a Reason String and User Properties. */
function withoutDiagnostics(pattern: Pattern): Pattern {
  const view = viewPacket(pattern.bytes, 5);
  const kept = view.properties.filter(({ id }) => id !== REASON_STRING && id !== USER_PROPERTY);
  if (kept.length === view.properties.length) return pattern;
  // What follows Remaining Length.
  const headFrom = view.fields.find(({ name }) => HEADS.has(name))?.from ?? 0;
  const rebuild = (bytes: Uint8Array, length: (size: number) => number[]): Uint8Array => {
    const left = joined(bytes, kept);
    const body = [
      ...bytes.subarray(headFrom, view.propertyLengthAt),
      ...length(left.length),
      ...left,
      ...bytes.subarray(view.properties.at(-1)?.to ?? 0),
    ];
    return Uint8Array.from([bytes[0] ?? 0, ...length(body.length), ...body]);
  };
  return {
    bytes: rebuild(pattern.bytes, variableByteInteger),
    mask: rebuild(pattern.mask, (size) => variableByteInteger(size).map(() => 0xff)),
  };
}

function joined(bytes: Uint8Array, properties: readonly Property[]): number[] {
  return properties.flatMap(({ from, to }) => [...bytes.subarray(from, to)]);
}

function opaque(size: number): Uint8Array {
  return new Uint8Array(size).fill(0xff);
}

function padded(mask: Uint8Array, missing: number): Uint8Array {
  return Uint8Array.from([...mask, ...opaque(missing)]);
}

/** @throws Difference when `received` is none of `expected`; it shows the nearest. */
export function mustBeOneOf(
  expected: readonly Pattern[],
  received: Uint8Array,
  version: ProtocolVersion,
): void {
  const type = received[0] ?? 0;
  const nearest = expected.find(({ bytes }) => (bytes[0] ?? 0) === type) ?? expected[0];
  if (nearest === undefined) throw new RangeError("nothing expected");
  if (expected.some((pattern) => firstDifference(pattern, received, version) === undefined)) return;
  throw new Difference(firstDifference(nearest, received, version) ?? "");
}
