import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Message } from "../protocol/message.ts";
import { type AckPacket, type AckType, Delivery } from "../protocol/packets.ts";
import { InboundWindow } from "./inbound-window.ts";
import type { Grant } from "./outbound-window.ts";
import { firstPlace, Places } from "./places.ts";
import { Qos0Lane } from "./qos0-lane.ts";
import { Queue } from "./queue.ts";
import { ReplyLane } from "./reply-lane.ts";
import { Ring } from "./ring.ts";

const GRANT: Grant = {
  ...{ qos: 2, retainAsPublished: false, subscriptionIdentifiers: [], shareKey: "" },
};

function messageOf(text: string, chunk = new TextEncoder().encode(text)): Message {
  return Message.of("t", chunk.subarray(0, text.length), 0, false, undefined);
}

test("replies leave in order, each after its commit [MQTT-4.6.0-2] [MQTT-4.6.0-3]", () => {
  // [MQTT-4.6.0-4]
  const ack = fc.record({
    type: fc.constantFrom<AckType>("puback", "pubrec", "pubrel", "pubcomp"),
    packetId: fc.integer({ min: 1, max: 65_535 }),
    reasonCode: fc.constantFrom(0, 0x10, 0x80, 0x92, 0xff),
    waits: fc.boolean(),
    polls: fc.integer({ min: 0, max: 3 }),
  });
  fc.assert(
    fc.property(fc.array(ack, { maxLength: 300 }), (acks) => {
      const lane = new ReplyLane();
      const sent: string[] = [];
      const poll = (committed: number): boolean => {
        const reply = lane.poll(committed);
        if (reply?.type === "pingresp") sent.push("pingresp");
        else if (reply !== undefined) {
          const { type, packetId, reasonCode } = reply as AckPacket;
          sent.push(`${type} ${packetId} ${reasonCode}`);
        }
        return reply !== undefined;
      };
      const expected: string[] = [];
      acks.forEach(({ type, packetId, reasonCode, waits, polls }, n) => {
        lane.acknowledge(type, packetId, reasonCode, waits ? n : 0);
        lane.push({ type: "pingresp" }, 0);
        expected.push(`${type} ${packetId} ${reasonCode}`, "pingresp");
        for (let times = 0; times < polls; times += 1) poll(n - 1);
        assert.ok(sent.length <= 2 * n + 2);
        assert.equal(lane.length, expected.length - sent.length);
      });
      while (poll(acks.length));
      assert.deepEqual(sent, expected);
      assert.equal(lane.pubacks, 0);
    }),
  );
});

test("a lane of replies that never gets empty does not grow", () => {
  const lane = new ReplyLane();
  lane.acknowledge("puback", 1, 0, 0);
  for (let n = 0; n < 100_000; n += 1) {
    lane.acknowledge("puback", 2, 0, 0);
    assert.notEqual(lane.poll(0), undefined);
  }
  assert.equal(lane.length, 1);
  assert.equal(lane.pubacks, 1);
});

test("a lane knows that it holds CONNACK [MQTT-3.2.0-1]", () => {
  const lane = new ReplyLane();
  const connack = { type: "connack", sessionPresent: false, reasonCode: 0 } as const;
  lane.push({ ...connack, properties: undefined }, 5);
  assert.equal(lane.poll(4), undefined);
  assert.equal(lane.holdsConnack, true);
  assert.equal(lane.poll(5)?.type, "connack");
  assert.equal(lane.holdsConnack, false);
});

test("QoS 0 goes first in, first out, whatever the pace", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -900, max: 900 }), { maxLength: 20 }), (paces) => {
      const lane = new Qos0Lane();
      const delivery = new Delivery(messageOf(""));
      const model: string[] = [];
      let serial = 0;
      for (const pace of paces) {
        for (let n = 0; n < pace; n += 1) {
          serial += 1;
          model.push(`${serial}`);
          lane.push(messageOf(`${serial}`), GRANT);
        }
        for (let n = 0; n > pace; n -= 1) {
          const expected = model.shift();
          assert.equal(lane.poll(delivery), expected !== undefined);
          if (expected === undefined) continue;
          assert.equal(new TextDecoder().decode(delivery.message.payload), expected);
          assert.deepEqual([delivery.qos, delivery.dup, delivery.packetId], [0, false, 0]);
        }
        if (pace % 2 === 0) lane.own();
        assert.equal(lane.length, model.length);
      }
      while (lane.poll(delivery));
      assert.equal(lane.bytes, 0);
    }),
  );
});

test("what waits in a lane is copied out of its chunk, once", () => {
  const chunk = new Uint8Array(65_536);
  const lane = new Qos0Lane();
  const delivery = new Delivery(messageOf(""));
  const fill = (count: number): void => {
    for (let n = 0; n < count; n += 1) lane.push(messageOf("x", chunk), GRANT);
  };
  fill(10_000);
  lane.own();
  for (let n = 0; n < 700; n += 1) lane.poll(delivery);
  fill(10);
  lane.own();
  while (lane.poll(delivery)) assert.equal(delivery.message.bytes.buffer.byteLength, 1);
});

test("QoS 0 has no DUP, and RETAIN as the subscription wants it [MQTT-3.3.1-2]", () => {
  // [MQTT-3.3.1-12] [MQTT-3.3.1-13]
  const lane = new Qos0Lane();
  const delivery = new Delivery(messageOf(""));
  delivery.dup = true;
  const message = Message.of("t", new Uint8Array(), 0, true, undefined);
  for (const retainAsPublished of [true, false]) {
    lane.push(message, { ...GRANT, retainAsPublished });
    lane.poll(delivery);
    assert.deepEqual([delivery.dup, delivery.retain], [false, retainAsPublished]);
  }
});

test("a queue is first in, first out", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean()), (steps) => {
      const queue = new Queue<number>();
      const model: number[] = [];
      steps.forEach((isPush, n) => {
        if (isPush) {
          queue.push(n);
          model.push(n);
        } else {
          assert.equal(queue.peek(), model[0]);
          assert.equal(queue.shift(), model.shift());
        }
        assert.deepEqual(queue.items(), model);
        assert.equal(queue.length, model.length);
      });
    }),
  );
});

test("a ring keeps the number of each place while it grows and empties", () => {
  const step = fc.oneof(
    fc.constant("push" as const),
    fc.record({ skip: fc.integer({ min: 0, max: 20 }) }),
    fc.integer({ min: 0, max: 60 }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const places = new Places();
      const ring = new Ring(places);
      const model = new Map<number, Message>();
      for (const what of steps) {
        if (what === "push") {
          const message = messageOf(`${ring.tail}`);
          model.set(ring.tail, message);
          ring.push(message, { ...GRANT, shareKey: `${ring.tail}` }, ring.tail);
        } else if (typeof what === "object") {
          ring.skipTo(ring.tail + what.skip, GRANT);
        } else if (ring.has(ring.head + what)) {
          model.delete(ring.head + what);
          ring.vacate(ring.head + what);
        }
        for (let seq = 0; seq < ring.tail; seq += 1) assert.equal(ring.has(seq), model.has(seq));
        for (const [seq, message] of model) {
          assert.equal(ring.held(seq), message);
          assert.equal(ring.grant(seq).shareKey, `${seq}`);
          assert.equal(ring.flags(seq), seq);
        }
        assert.equal(ring.head, Math.min(ring.tail, ...model.keys()));
      }
      for (let seq = ring.head; seq < ring.tail; seq += 1) if (ring.has(seq)) ring.vacate(seq);
      // What was only skipped at the end goes with the next that comes and goes.
      ring.push(undefined, GRANT, 1);
      ring.vacate(ring.tail - 1);
      assert.equal(places.taken, 0);
    }),
  );
});

test("places are handed out once, and chunks that nobody uses are given up", () => {
  const places = new Places();
  const blocks = Array.from({ length: 10_000 }, () => places.take());
  assert.equal(new Set(blocks).size, 10_000);
  const at = blocks.map((block) => [places.chunkOf(block), firstPlace(block)] as const);
  assert.equal(new Set(at.map(([chunk]) => chunk)).size, places.chunks);
  const spans = new Set(
    at.map(([chunk, first]) => `${at.findIndex(([c]) => c === chunk)} ${first}`),
  );
  assert.equal(spans.size, 10_000);
  for (const block of blocks.slice(1)) places.giveBack(block);
  assert.deepEqual([places.taken, places.chunks], [1, 1]);
  const again = Array.from({ length: 10_000 }, () => places.take());
  assert.equal(new Set([...again, blocks[0]]).size, 10_001);
});

test("QoS 2 identifiers: held until released, counted on this connection only", () => {
  // [MQTT-4.3.3-10] [MQTT-4.3.3-12]
  const window = new InboundWindow();
  for (const packetId of [1, 2, 1]) window.hold(packetId);
  assert.deepEqual(
    [window.size, window.counted, window.has(1), window.has(3)],
    [2, 2, true, false],
  );
  window.connected();
  assert.deepEqual([window.size, window.counted], [2, 0]);
  window.hold(2);
  window.hold(3);
  assert.equal(window.counted, 2);
  assert.equal(window.release(1), true);
  assert.equal(window.release(1), false);
  assert.equal(window.counted, 2);
  assert.equal(window.release(2), true);
  assert.deepEqual([window.counted, window.packetIds()], [1, [3]]);
});
