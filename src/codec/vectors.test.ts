import assert from "node:assert/strict";
import { test } from "node:test";
import type { Packet } from "../protocol/packets.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { decodeChunks, decoderFor, drain, meaning, outgoing } from "./drive.suite.ts";
import { encode } from "./encode.ts";
import { ACCEPTED, REFUSED, type Vector } from "./vectors.suite.ts";

const NAMES = { 3: "3.1", 4: "3.1.1", 5: "5.0" } as const;

function title(vector: Vector): string {
  const where = vector.role === "stranger" ? "" : ` in ${NAMES[vector.version]}`;
  return `${where} by a ${vector.role}: ${vector.note} [${vector.spec}]`;
}

function only(packets: readonly Packet[]): Packet {
  assert.equal(packets.length, 1);
  return packets[0] as Packet;
}

/** A cut every `step` bytes: all of them in a small packet, a few in a large one. */
function cutStep(size: number): number {
  return size < 300 ? 1 : Math.ceil(size / 40);
}

for (const vector of ACCEPTED) {
  test(`decoded${title(vector)}`, () => {
    const { role, bytes } = vector;
    const decode = (...chunks: Buffer[]) => decodeChunks(decoderFor(role, vector.version), chunks);
    const packet = only(decode(bytes));
    const version = packet.type === "connect" ? packet.protocolVersion : vector.version;
    const expected = meaning(packet);

    // Encoded back, as the frame that came in and anew.
    const frameKept = encode(outgoing(packet), version);
    if (packet.type === "publish") packet.message.frameAt = -1;
    const anew = encode(outgoing(packet), version);
    assert.deepEqual(meaning(only(decode(anew))), expected);
    if (vector.canonical) {
      assert.equal(anew.toString("hex"), bytes.toString("hex"));
      assert.equal(frameKept.toString("hex"), bytes.toString("hex"));
    }

    // Cut at each byte, and the next packet found behind it [MQTT-6.0.0-2].
    for (let at = 1; at < bytes.length; at += cutStep(bytes.length)) {
      const cut = decode(bytes.subarray(0, at), Buffer.concat([bytes.subarray(at), bytes]));
      assert.deepEqual(cut.map(meaning), [expected, expected], `cut at ${at}`);
    }
    const bytewise = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
    assert.deepEqual(meaning(only(decode(...bytewise))), expected);
  });

  test(`waits for the rest${title(vector)}`, () => {
    const { role, version, bytes } = vector;
    for (let size = 0; size < bytes.length; size += cutStep(bytes.length)) {
      assert.deepEqual(drain(decoderFor(role, version), bytes.subarray(0, size)), []);
    }
  });
}

for (const vector of REFUSED) {
  test(`refused${title(vector)}`, () => {
    const { role, version, bytes } = vector;
    const refused = (error: unknown) => {
      assert.ok(error instanceof ProtocolError, `${error}`);
      assert.equal(error.reasonCode, vector.reasonCode, error.message);
      assert.equal(error.spec, vector.spec, error.message);
      assert.equal(error.message.endsWith(`[${vector.spec}]`), true);
      return true;
    };
    assert.throws(() => drain(decoderFor(role, version), bytes), refused);
    const bytewise = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
    assert.throws(() => decodeChunks(decoderFor(role, version), bytewise), refused);
    const behind = Buffer.concat([bytes, bytes]);
    assert.throws(() => drain(decoderFor(role, version), behind), refused);
  });
}

test("there are vectors enough", () => {
  assert.ok(ACCEPTED.length + REFUSED.length > 200, `${ACCEPTED.length} + ${REFUSED.length}`);
});
