import assert from "node:assert/strict";
import { test } from "node:test";
import { Message } from "../protocol/message.ts";
import { Delivery, type Qos } from "../protocol/packets.ts";
import { chargeOf, type Grant, OutboundWindow } from "./outbound-window.ts";

const GRANT: Grant = {
  ...{ qos: 2, retainAsPublished: false, subscriptionIdentifiers: [], shareKey: "" },
};
const LIMITS = { queueMessagesMax: 2, queueBytesMax: 1_000 };

function messageOf(text: string, qos: Qos): Message {
  return Message.of("t", new TextEncoder().encode(text), qos, false, undefined);
}

function filled(window: OutboundWindow, ...texts: string[]): void {
  for (const text of texts) window.enqueue(messageOf(text, 1), GRANT, false);
}

/** What can be sent now: payload, identifier, and "dup". */
function polled(window: OutboundWindow): string {
  const delivery = new Delivery(messageOf("", 0));
  const sent: string[] = [];
  while (window.poll(delivery, 0) === "send") {
    const text = new TextDecoder().decode(delivery.message.payload);
    sent.push(`${text}:${delivery.packetId}${delivery.dup ? " dup" : ""}`);
  }
  return sent.join(", ");
}

test("identifiers go round, and wait for one that is not free [MQTT-2.2.1-4]", () => {
  // [MQTT-4.3.2-1]
  const window = new OutboundWindow(3);
  window.connected(10);
  filled(window, "a", "b", "c", "d", "e");
  assert.equal(polled(window), "a:1, b:2, c:3");
  window.finish(window.find(2));
  assert.equal(polled(window), "");
  window.finish(window.find(1));
  assert.equal(polled(window), "d:1, e:2");
  assert.equal(window.find(4), -1);
  assert.deepEqual(
    [1, 2, 3].map((packetId) => window.find(packetId)),
    [3, 4, 2],
  );
});

test("an unacknowledged message keeps its identifier over connections [MQTT-4.4.0-1]", () => {
  // [MQTT-4.3.2-3] [MQTT-4.3.3-3]
  const window = new OutboundWindow();
  window.connected(2);
  filled(window, "a", "b", "c");
  assert.equal(polled(window), "a:1, b:2");
  for (let times = 0; times < 3; times += 1) {
    window.disconnected();
    assert.equal(polled(window), "");
    window.connected(2);
    assert.equal(polled(window), "a:1 dup, b:2 dup");
  }
  window.finish(window.find(1));
  assert.equal(polled(window), "c:3");
});

test("bytes and places are given back, whatever way a message goes", () => {
  const window = new OutboundWindow();
  window.connected(10);
  filled(window, "a", "b", "c", "d");
  assert.equal(window.bytes, 4 * chargeOf(messageOf("a", 1)));
  polled(window);
  window.release(1);
  window.release(1);
  assert.deepEqual(window.released(), [1]);
  for (const seq of [0, 1, 2, 3, 3, 99]) window.finish(seq);
  assert.deepEqual([window.bytes, window.unfinished, window.queued], [0, 0, 0]);
});

test("it is full by messages or by bytes; what is in flight takes no place", () => {
  const window = new OutboundWindow();
  window.connected(2);
  filled(window, "a", "b", "c", "d");
  polled(window);
  assert.equal(window.isFull(messageOf("e", 1), LIMITS), true);
  window.finish(window.oldestQueued());
  assert.equal(window.isFull(messageOf("e", 1), LIMITS), false);
  assert.equal(window.isFull(messageOf("e".repeat(900), 1), LIMITS), true);
});

test("what a snapshot holds is what a new window goes on with", () => {
  const window = new OutboundWindow();
  window.connected(3);
  filled(window, "a", "b");
  window.enqueue(messageOf("c", 2), GRANT, true);
  filled(window, "d");
  polled(window);
  window.release(2);
  window.finish(0);
  const copy = new OutboundWindow();
  copy.restore(window.entries(), window.tail);
  assert.deepEqual(copy.entries(), window.entries());
  assert.deepEqual(
    [copy.tail, copy.bytes, copy.queued],
    [window.tail, window.bytes, window.queued],
  );
  copy.connected(9);
  assert.equal(polled(copy), "b:2 dup, d:4");
  assert.deepEqual(copy.released(), [2]);
});

test("messages that wait are copied out of their chunks", () => {
  const window = new OutboundWindow();
  const chunk = new Uint8Array(65_536);
  window.enqueue(Message.of("t", chunk.subarray(0, 5), 1, false, undefined), GRANT, false);
  assert.equal(window.messageAt(0)?.bytes.buffer.byteLength, 5);
  window.connected(1);
  window.enqueue(Message.of("t", chunk.subarray(0, 5), 1, false, undefined), GRANT, false);
  window.disconnected();
  assert.equal(window.messageAt(1)?.bytes.buffer.byteLength, 5);
});
