/**
 * What the fuzzers share: a seed, a time box, and ways to spoil packets.
 *
 *     FUZZ_SECONDS=600 FUZZ_SEED=1234 node tools/test.mjs test/fuzz/broker.test.ts
 */
import { variableByteInteger } from "../reliability/wire-client.ts";
import type { Random } from "../sim/prng.ts";

/** Of both fuzzers together. */
export const FUZZ_SECONDS: number = Number(process.env["FUZZ_SECONDS"] ?? 10);

/** Stands in the title of each test: the same seed gives the same cases. */
export const FUZZ_SEED: number = Number(process.env["FUZZ_SEED"] ?? Date.now() % 0xffff_ffff);

/** Bytes that more often than others mean something. */
const TELLING = [
  0x00, 0x01, 0x7f, 0x80, 0xff, 0x10, 0x23, 0x24, 0x2b, 0x2f, 0xc3, 0xed, 0x26, 0x0b,
];

type Spoiler = (packet: Buffer, dice: Random, others: readonly Buffer[]) => Buffer;

/** Ways to spoil one packet, knowing what a packet is. */
const SPOILERS: readonly Spoiler[] = [
  function flipBit(packet, dice) {
    const spoilt = Buffer.from(packet);
    const at = dice.below(spoilt.length);
    spoilt[at] = (spoilt[at] as number) ^ (1 << dice.below(8));
    return spoilt;
  },
  function tellingByte(packet, dice) {
    const spoilt = Buffer.from(packet);
    spoilt[dice.below(spoilt.length)] = dice.pick(TELLING);
    return spoilt;
  },
  function cut(packet, dice) {
    return packet.subarray(0, 1 + dice.below(packet.length));
  },
  function cutAndSaySo(packet, dice) {
    const body = bodyOf(packet);
    return framed(packet, body.subarray(0, dice.below(body.length + 1)));
  },
  function insert(packet, dice) {
    const body = bodyOf(packet);
    const at = dice.below(body.length + 1);
    const added = dice.chance(50)
      ? dice.bytes(1 + dice.below(4))
      : Buffer.from([dice.pick(TELLING)]);
    return framed(packet, Buffer.concat([body.subarray(0, at), added, body.subarray(at)]));
  },
  function repeatPart(packet, dice) {
    const body = bodyOf(packet);
    const from = dice.below(body.length + 1);
    const part = body.subarray(from, from + 1 + dice.below(32));
    const parts = Array.from({ length: 1 + dice.below(dice.chance(12) ? 400 : 4) }, () => part);
    return framed(packet, Buffer.concat([body.subarray(0, from), ...parts, body.subarray(from)]));
  },
  function splice(packet, dice, others) {
    const body = bodyOf(packet);
    const other = bodyOf(dice.pick(others));
    const head = body.subarray(0, dice.below(body.length + 1));
    return framed(packet, Buffer.concat([head, other.subarray(dice.below(other.length + 1))]));
  },
  function anotherType(packet, dice) {
    const spoilt = Buffer.from(packet);
    spoilt[0] = dice.below(256);
    return spoilt;
  },
  function wrongLength(packet, dice) {
    const body = bodyOf(packet);
    const size = Math.max(0, body.length + dice.below(5) - 2);
    return Buffer.concat([packet.subarray(0, 1), Buffer.from(variableByteInteger(size)), body]);
  },
  function hugeLength(packet, dice) {
    const length = dice.pick(["ffffff7f", "ffff7f", "ff7f", "ffffffff7f", "8000", "80808000"]);
    return Buffer.concat([packet.subarray(0, 1), Buffer.from(length, "hex"), bodyOf(packet)]);
  },
];

/** `packet`, spoilt in one way or several. */
export function spoil(packet: Buffer, dice: Random, others: readonly Buffer[]): Buffer {
  let spoilt = packet;
  for (let times = 1 + dice.below(3); times > 0; times -= 1) {
    if (spoilt.length > 0) spoilt = dice.pick(SPOILERS)(spoilt, dice, others);
  }
  return spoilt;
}

/** `packets` in disorder: some left out, doubled, or moved. */
export function shuffle(packets: readonly Buffer[], dice: Random): Buffer[] {
  const shuffled = packets.filter(() => !dice.chance(5));
  for (let times = dice.below(3); times > 0 && shuffled.length > 0; times -= 1) {
    const from = dice.below(shuffled.length);
    const [moved] = dice.chance(50) ? shuffled.splice(from, 1) : [shuffled[from]];
    if (moved !== undefined) shuffled.splice(dice.below(shuffled.length + 1), 0, moved);
  }
  return shuffled;
}

/** `bytes` in pieces: all at once, one by one, or anything in between. */
export function split(bytes: Buffer, dice: Random): Buffer[] {
  const sizeMax = dice.pick([bytes.length + 1, bytes.length + 1, 1_500, 64, 7, 1]);
  if (bytes.length > 300 * sizeMax) return [bytes];
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + dice.below(sizeMax);
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

/** What comes after the fixed header; of a frame that is none already, anything. */
function bodyOf(packet: Buffer): Buffer {
  let at = 1;
  while (at < Math.min(packet.length, 5) && (packet[at] as number) >= 0x80) at += 1;
  return packet.subarray(at + 1);
}

function framed(packet: Buffer, body: Buffer): Buffer {
  const length = Buffer.from(variableByteInteger(body.length));
  return Buffer.concat([packet.subarray(0, 1), length, body]);
}
