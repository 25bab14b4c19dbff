/** What is written of an Op is read again as it was, and nothing else is ever read as one. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { opToText } from "../../test/sim/plain.ts";
import { ByteWriter } from "../codec/byte-writer.ts";
import type { Op } from "../core/ops.ts";
import type { Message } from "../protocol/message.ts";
import { OpReader, RecordError } from "./op-reader.ts";
import { OpCode, writeCount, writeOp } from "./op-writer.ts";
import { anyOp, OP_TYPES, opOf } from "./ops.suite.ts";

/** Cuts that are tried of one record: all of them if it is short. */
const CUTS_MAX = 300;

function bytesOf(op: Op): Buffer {
  const writer = new ByteWriter();
  writeOp(writer, op);
  return Buffer.from(writer.bytes.subarray(0, writer.at));
}

/** The bytes between others, as in a frame; reading must not depend on those. */
function between(bytes: Uint8Array, filling: number): { all: Buffer; from: number } {
  const all = Buffer.alloc(bytes.length + 64, filling);
  all.set(bytes, 16);
  return { all, from: 16 };
}

/** Reads one record, which is all that is there. */
function readOp(bytes: Uint8Array, filling = 0): Op {
  const { all, from } = between(bytes, filling);
  const reader = new OpReader(all);
  reader.reset(all, from, from + bytes.length);
  const op = reader.read();
  assert.ok(reader.at <= from + bytes.length, "read beyond its end");
  assert.equal(reader.at, from + bytes.length, "not all of it was read");
  return op;
}

/** The Op as text, with what it consists of in one order. */
function textOf(op: Op): string {
  return JSON.stringify(JSON.parse(opToText(op)), (_, value: unknown) =>
    value === null || typeof value !== "object" || Array.isArray(value)
      ? value
      : Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))),
  );
}

function messageOf(op: Op): Message | undefined {
  return op.type === "publish" || op.type === "move" ? op.message : undefined;
}

function frameOf({ bytes, frameAt, end }: Message): Buffer {
  return Buffer.from(bytes.subarray(frameAt, end));
}

/** Where in its frame the Packet Identifier stands; -1: nowhere. */
function placeOf({ packetIdAt, frameAt }: Message): number {
  return packetIdAt < 0 ? -1 : packetIdAt - frameAt;
}

for (const type of OP_TYPES) {
  test(`op codec: ${type}: read as it was written`, () => {
    const property = fc.property(opOf(type), (op) => {
      const read = readOp(bytesOf(op));
      assert.equal(textOf(read), textOf(op));
      const [sent, got] = [messageOf(op), messageOf(read)];
      if (sent === undefined || got === undefined || sent.frameAt < 0) return;
      // As it came in, so that it can go out as it is.
      assert.deepEqual(frameOf(got), frameOf(sent));
      assert.equal(placeOf(got), placeOf(sent));
      assert.equal(Math.max(got.frameVersion, 4), Math.max(sent.frameVersion, 4));
    });
    fc.assert(property, { numRuns: 150 });
  });

  test(`op codec: ${type}: cut anywhere, it is none`, () => {
    const property = fc.property(opOf(type), fc.nat(), fc.nat({ max: 255 }), (op, at, filling) => {
      const bytes = bytesOf(op);
      const cuts = Math.min(bytes.length, CUTS_MAX);
      for (let left = 0; left < cuts; left += 1) {
        const size = bytes.length <= CUTS_MAX ? left : (at + left * 7_919) % bytes.length;
        assert.throws(() => readOp(bytes.subarray(0, size), filling), RecordError, `at ${size}`);
      }
    });
    fc.assert(property, { numRuns: 30 });
  });
}

test("op codec: many records one behind the other, with one reader", () => {
  const property = fc.property(fc.array(anyOp, { maxLength: 30 }), (ops) => {
    const bytes = Buffer.concat(ops.map(bytesOf));
    const reader = new OpReader(bytes);
    reader.reset(bytes, 0, bytes.length);
    for (const op of ops) assert.equal(textOf(reader.read()), textOf(op));
    assert.equal(reader.at, bytes.length);
  });
  fc.assert(property, { numRuns: 60 });
});

test("op codec: what has changed is another record, or none, and is not read beyond", () => {
  const property = fc.property(anyOp, fc.nat(), fc.nat({ max: 7 }), (op, at, bit) => {
    const bytes = bytesOf(op);
    const place = at % Math.min(bytes.length, 400);
    bytes[place] = (bytes[place] as number) ^ (1 << bit);
    const outcomes = [0, 0xff].map((filling) => {
      const { all, from } = between(bytes, filling);
      const reader = new OpReader(all);
      reader.reset(all, from, from + bytes.length);
      try {
        const text = opToText(reader.read());
        assert.ok(reader.at <= from + bytes.length, "read beyond its end");
        return text;
      } catch (error) {
        assert.ok(error instanceof RecordError, String(error));
        return error.message;
      }
    });
    assert.equal(outcomes[0], outcomes[1], "it depends on what is behind it");
  });
  fc.assert(property, { numRuns: 1_500 });
});

test("op codec: random bytes are a record or none", () => {
  const property = fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), (bytes) => {
    bytes[0] = (bytes[0] as number) % 20;
    const reader = new OpReader(Buffer.from(bytes));
    reader.reset(Buffer.from(bytes), 0, bytes.length);
    try {
      reader.read();
      assert.ok(reader.at <= bytes.length);
    } catch (error) {
      assert.ok(error instanceof RecordError, String(error));
    }
  });
  fc.assert(property, { numRuns: 5_000 });
});

test("op codec: types keep their numbers", () => {
  const numbers = Object.values(OpCode);
  assert.equal(new Set(numbers).size, OP_TYPES.length);
  assert.deepEqual(Object.keys(OpCode).sort(), [...OP_TYPES].sort());
  assert.ok(!numbers.includes(0));
});

test("op codec: whole numbers up to 2^53 - 1", () => {
  const property = fc.property(fc.maxSafeNat(), (value) => {
    const writer = new ByteWriter();
    writeCount(writer, value);
    const bytes = Buffer.from(writer.bytes.subarray(0, writer.at));
    const reader = new OpReader(bytes);
    reader.reset(bytes, 0, bytes.length);
    assert.equal(reader.count(), value);
  });
  fc.assert(property, { examples: [[Number.MAX_SAFE_INTEGER], [2 ** 31], [2 ** 31 - 1]] });
});
