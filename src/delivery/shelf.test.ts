import assert from "node:assert/strict";
import { test } from "node:test";
import { Message } from "../protocol/message.ts";
import { chargeOf } from "./outbound-window.ts";
import { Shelf } from "./shelf.ts";

function messageOf(topicName: string, payloadSize = 10): Message {
  return Message.of(topicName, new Uint8Array(payloadSize), 1, false, undefined);
}

test("a number is free again when the last reference to it is gone", () => {
  const shelf = new Shelf(false);
  const message = messageOf("a");
  const id = shelf.add(message, 100, 40);
  shelf.ref(id);
  shelf.ref(id);
  shelf.unref(id);
  assert.equal(shelf.messageAt(id), message);
  assert.equal(shelf.bytes, 40);
  shelf.unref(id);
  assert.deepEqual([shelf.count, shelf.bytes, shelf.hotBytes], [0, 0, 0]);
  assert.equal(message.shelfId, -1);
  const next = shelf.add(messageOf("b"), 200, 50);
  assert.equal(next, id);
  assert.deepEqual([shelf.refs(next), shelf.position(next), shelf.top], [0, 200, 1]);
});

test("a cold message is known by its topic, its QoS and its charge", () => {
  const shelf = new Shelf(false);
  const message = messageOf("pump/1", 200);
  message.publisherId = "p";
  const id = shelf.add(message, 100, 240);
  shelf.cool(id);
  assert.equal(shelf.messageAt(id), undefined);
  assert.deepEqual(shelf.stub(id), { topicName: "pump/1", publisherId: "p", qos: 1 });
  assert.equal(shelf.chargeOf(id), chargeOf(message));
  assert.equal(shelf.hotBytes, 0);
  shelf.warm(id, message);
  assert.equal(shelf.messageAt(id), message);
  assert.ok(shelf.hotBytes > 200);
});

test("only what is committed and not pinned is evicted", () => {
  const shelf = new Shelf(false);
  const pinned = shelf.add(messageOf("a"), 1, 40);
  const committed = shelf.add(messageOf("b"), 2, 40);
  const fresh = shelf.add(messageOf("c"), 3, 40);
  shelf.pin(pinned);
  shelf.evict(0, 2);
  const isHot = [pinned, committed, fresh].map((id) => shelf.messageAt(id) !== undefined);
  assert.deepEqual(isHot, [true, false, true]);
});

test("a replay gives nothing up before its end", () => {
  const shelf = new Shelf(true);
  shelf.isReplaying = true;
  const [gone, kept] = [shelf.add(messageOf("a"), 1, 40), shelf.add(messageOf("b"), 2, 40)];
  for (const id of [gone, kept]) shelf.ref(id);
  shelf.unref(gone);
  assert.equal(shelf.count, 2);
  shelf.isReplaying = false;
  shelf.sweep();
  assert.equal(shelf.count, 1);
  shelf.sweep();
  assert.deepEqual([shelf.count, shelf.refs(kept)], [1, 1]);
});
