import assert from "node:assert/strict";
import { test } from "node:test";
import { OutboundWindow } from "../../src/delivery/outbound-window.ts";
import { Message } from "../../src/protocol/message.ts";
import { Delivery } from "../../src/protocol/packets.ts";
import { seedsOf, underSeed } from "./prng.ts";
import { PACKET_ID_MAX, simulateWindow } from "./window-world.ts";

const seeds = seedsOf(3_000);

test(`OutboundWindow over a network that forgets, ${seeds.length} seeds [MQTT-4.4.0-1]`, () => {
  for (const seed of seeds) underSeed(seed, simulateWindow);
});

test("an ack from before the reconnection cancels the resend [MQTT-4.3.3-6]", () => {
  const window = new OutboundWindow(PACKET_ID_MAX);
  const message = Message.of("t", new Uint8Array(), 2, false, undefined);
  const grant = { qos: 2, retainAsPublished: false, subscriptionIdentifiers: [], shareKey: "" };
  window.enqueue(message, { ...grant, qos: 2 }, false);
  window.connected(1);
  const delivery = new Delivery(message);
  assert.equal(window.poll(delivery, 0), "send");
  window.connected(1);
  window.release(window.find(1));
  assert.equal(window.poll(delivery, 0), "none");
});
