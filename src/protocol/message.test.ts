import assert from "node:assert/strict";
import { test } from "node:test";
import { Message } from "./message.ts";
import { PROPERTY_RULES } from "./property.ts";
import { describeReasonCode, ReasonCode } from "./reason-code.ts";

const CHUNK = Uint8Array.from({ length: 100 }, (_, n) => n);

test("a message owns its payload once it has been copied out of its chunk", () => {
  const message = new Message("t", 1, false, undefined, CHUNK, 20, 30);
  const before = [...message.payload];
  message.own();
  assert.deepEqual([...message.payload], before);
  assert.equal(message.bytes.buffer.byteLength, 10);
  const { bytes } = message;
  message.own();
  assert.equal(message.bytes, bytes); // Once.
});

test("its frame is copied with it", () => {
  const message = new Message("t", 1, false, undefined, CHUNK, 20, 30);
  message.frameAt = 10;
  message.packetIdAt = 17;
  message.own();
  assert.deepEqual([message.frameAt, message.packetIdAt, message.payloadAt], [0, 7, 10]);
  assert.deepEqual([message.bytes.length, message.bytes[0], message.payload[0]], [20, 10, 20]);
  assert.equal(message.payloadSize, 10);
});

test("a Buffer is copied as well, and an empty payload pins nothing", () => {
  const message = new Message("t", 0, false, undefined, Buffer.from(CHUNK.buffer, 5, 50), 3, 3);
  message.own();
  assert.equal(message.bytes.buffer.byteLength, 0);
  assert.equal(message.payload.length, 0);
});

test("Reason Codes and properties have one number each", () => {
  const codes = Object.values(ReasonCode);
  assert.equal(new Set(codes).size, codes.length);
  assert.equal(describeReasonCode(0x87), "0x87 notAuthorized");
  assert.equal(describeReasonCode(0x7f), "0x7f unknown");
  const ids = PROPERTY_RULES.map(({ id }) => id);
  assert.equal(ids.length, 27); // As many as §2.2.2.2 lists.
  assert.equal(new Set(ids).size, 27);
});
