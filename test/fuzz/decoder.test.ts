/** The decoder alone, on spoilt vectors: a packet, more bytes wanted, or a ProtocolError. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decoderFor, drain, meaning, outgoing } from "../../src/codec/drive.suite.ts";
import { encode } from "../../src/codec/encode.ts";
import { ACCEPTED, REFUSED, type Vector } from "../../src/codec/vectors.suite.ts";
import type { Packet, ProtocolVersion } from "../../src/protocol/packets.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import { Random } from "../sim/prng.ts";
import { FUZZ_SECONDS, FUZZ_SEED, split, spoil } from "./fuzz.ts";

const VECTORS = [...ACCEPTED, ...REFUSED].filter(({ bytes }) => bytes.length < 20_000);
const ALL_BYTES = VECTORS.map(({ bytes }) => bytes);

interface Outcome {
  readonly packets: Packet[];
  readonly error: ProtocolError | undefined;
  /** That the decoder has learnt. */
  readonly version: ProtocolVersion;
}

/** @throws Whatever the decoder throws that is not a ProtocolError. */
function decode({ role, version }: Vector, chunks: readonly Buffer[]): Outcome {
  const decoder = decoderFor(role, version);
  const packets: Packet[] = [];
  try {
    for (const chunk of chunks) packets.push(...drain(decoder, chunk));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { packets, error, version: decoder.protocolVersion };
  }
  return { packets, error: undefined, version: decoder.protocolVersion };
}

function checkCase(seed: number): number {
  const dice = new Random(seed);
  const vector = dice.pick(VECTORS);
  const bytes = Buffer.concat(
    Array.from({ length: 1 + dice.below(3) }, () =>
      dice.chance(33) ? vector.bytes : spoil(vector.bytes, dice, ALL_BYTES),
    ),
  );
  const whole = decode(vector, [bytes]);
  const pieces = decode(vector, split(bytes, dice));
  assert.equal(pieces.error?.message, whole.error?.message);
  if (whole.error === undefined) {
    assert.deepEqual(pieces.packets.map(meaning), whole.packets.map(meaning));
  }
  if (dice.chance(25))
    for (const packet of whole.packets) checkRoundTrip(vector, packet, whole.version);
  return 2;
}

/** What was decoded means the same once it is encoded and decoded again. */
function checkRoundTrip(vector: Vector, packet: Packet, versionOf: ProtocolVersion): void {
  const isStranger = vector.role === "stranger";
  // After a stranger's CONNECT its other packets are those of a client.
  const role = isStranger && packet.type !== "connect" ? "server" : vector.role;
  const version = packet.type === "connect" || isStranger ? versionOf : vector.version;
  const again = decode({ ...vector, role, version }, [encode(outgoing(packet), version)]);
  assert.equal(again.error?.message, undefined);
  assert.deepEqual(again.packets.map(meaning), [meaning(packet)]);
}

test(`spoilt vectors (FUZZ_SEED=${FUZZ_SEED})`, (t) => {
  const untilMs = performance.now() + (FUZZ_SECONDS / 3) * 1_000;
  let cases = 0;
  let runs = 0;
  while (performance.now() < untilMs) {
    const seed = FUZZ_SEED + cases;
    try {
      runs += checkCase(seed);
    } catch (cause) {
      throw new Error(`FUZZ_SEED=${seed}: ${(cause as Error).message}`, { cause });
    }
    cases += 1;
  }
  t.diagnostic(`${cases} cases, ${runs} streams decoded`);
});
