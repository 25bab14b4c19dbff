import assert from "node:assert/strict";
import { test } from "node:test";
import { World } from "./bench.suite.ts";

const LASTING = { sessionExpiryIntervalSec: 3_600, cleanStart: false } as const;

function offline(world: World, queueFullPolicy?: "drop-oldest" | "drop-newest" | "reject"): void {
  const policy = queueFullPolicy === undefined ? {} : { queueFullPolicy };
  world
    .connect({ ...LASTING, clientId: "sub" }, policy)
    .subscribe("t/#", { qos: 1 })
    .drops();
}

function back(world: World): string[] {
  return world.connect({ ...LASTING, clientId: "sub" }).inbox;
}

test("drop-oldest, the default, keeps the newest", () => {
  const world = new World({ limits: { queueMessagesMax: 2 } });
  offline(world);
  const a = world.connect({ clientId: "a" });
  for (const text of ["1", "2", "3"]) a.publish(`t/${text}`, text, { qos: 1 });
  a.takes("puback 1", "puback 2", "puback 3");
  assert.deepEqual(back(world), ['publish t/2 "2" qos1 id2', 'publish t/3 "3" qos1 id3']);
  world.lost("queue-full t/1 → sub");
});

test("drop-newest keeps the oldest", () => {
  const world = new World({ limits: { queueMessagesMax: 2 } });
  offline(world, "drop-newest");
  const a = world.connect({ clientId: "a" });
  for (const text of ["1", "2", "3"]) a.publish("t/1", text, { qos: 1 });
  a.takes("puback 1", "puback 2", "puback 3");
  assert.deepEqual(back(world), ['publish t/1 "1" qos1 id1', 'publish t/1 "2" qos1 id2']);
  world.lost("queue-full t/1 → sub");
});

test("reject refuses the message for all: 0x97, and 3.1.1 is closed [3.1.1 MQTT-4.8.0-2]", () => {
  const world = new World({ limits: { queueMessagesMax: 1 } });
  offline(world, "reject");
  const other = world.connect({ clientId: "other" }).subscribe("t/1").takes("suback 1: 2");
  const a = world.connect({ clientId: "a" });
  a.publish("t/1", "1", { qos: 1 }).publish("t/1", "2", { qos: 1 }).publish("t/1", "3", { qos: 2 });
  a.takes("puback 1", "puback 2 0x97", "pubrec 3 0x97");
  other.takes('publish t/1 "1" qos1 id1');
  a.publish("t/1", "0").takes(); // QoS 0 has no answer and no queue.
  other.takes('publish t/1 "0"');
  const old = world.connect({ clientId: "old", protocolVersion: 4 });
  old.publish("t/1", "4", { qos: 1 }).takes("closed");
  assert.deepEqual(back(world), ['publish t/1 "1" qos1 id1']);
});

test("the bytes of a queue are bounded too", () => {
  const world = new World({ limits: { queueBytesMax: 300 } });
  offline(world);
  const large = "x".repeat(100);
  for (const topic of ["t/1", "t/2"]) world.publish(topic, large, { qos: 1 });
  assert.deepEqual(back(world), [`publish t/2 "${large}" qos1 id2`]);
  world.lost("queue-full t/1 → sub");
});

test("a message that can never fit drops nothing but itself", () => {
  const world = new World({ limits: { queueBytesMax: 300 } });
  offline(world);
  world
    .connect({ ...LASTING, clientId: "m" })
    .subscribe("$share/g/t/#", { qos: 1 })
    .drops();
  world.publish("t/1", "1", { qos: 1 });
  world.publish("t/2", "x".repeat(400), { qos: 1 });
  world.lost("queue-full t/2 → sub", "queue-full t/2 → $share/g/t/#");
  assert.deepEqual(back(world), ['publish t/1 "1" qos1 id1']);
});

test("a message for which what is on its way leaves no room drops nothing but itself", () => {
  const world = new World({ limits: { queueBytesMax: 500 } });
  const client = { ...LASTING, clientId: "sub", receiveMaximum: 1 };
  const sub = world.connect(client).subscribe("t/#", { qos: 1 }).takes("suback 1: 1");
  const large = "x".repeat(200);
  world.publish("t/1", large, { qos: 1 });
  sub.takes(`publish t/1 "${large}" qos1 id1`);
  world.publish("t/2", "2", { qos: 1 });
  world.publish("t/3", large, { qos: 1 }); // Would t/2 go for it, it had no room all the same.
  world.lost("queue-full t/3 → sub");
  sub.ack("puback", 1).takes('publish t/2 "2" qos1 id2');
});

test("QoS 0 to a slow client is bounded, in messages and bytes", () => {
  const world = new World({ limits: { qos0MessagesMax: 2, qos0BytesMax: 1_000 } });
  const slow = world.connect({ clientId: "slow" }).subscribe("t");
  slow.reads = false;
  for (const text of ["1", "2", "3"]) world.publish("t", text);
  world.lost("qos0-slow-consumer t → slow");
  slow.reads = true;
  slow.peer.markReady();
  world.turn();
  slow.takes("suback 1: 2", 'publish t "1"', 'publish t "2"');

  slow.reads = false;
  world.publish("t", "x".repeat(2_000));
  world.publish("t", "y");
  slow.drops();
  world.lost("qos0-slow-consumer t → slow", "qos0-offline t → slow");
});

test("an expired message is not delivered [MQTT-3.3.2-5], the time left is sent", () => {
  // [MQTT-3.3.2-6]
  const world = new World();
  offline(world);
  const a = world.connect({ clientId: "a" });
  a.publish("t/short", "", { qos: 1, messageExpiryIntervalSec: 5 });
  a.publish("t/long", "", { qos: 1, messageExpiryIntervalSec: 100 });
  a.publish("t/none", "", { qos: 1 });
  world.pass(10_000);
  assert.deepEqual(back(world), [
    'publish t/long "" qos1 id2 expiry90',
    'publish t/none "" qos1 id3',
  ]);
  world.lost("expired t/short → sub");
});

test("QoS 0 expires in its lane as well [MQTT-3.3.2-5]", () => {
  const world = new World();
  const slow = world.connect({ clientId: "slow" }).subscribe("t");
  slow.reads = false;
  world.publish("t", "short", { messageExpiryIntervalSec: 5 });
  world.publish("t", "long", { messageExpiryIntervalSec: 50 });
  world.pass(6_000);
  slow.reads = true;
  slow.peer.markReady();
  world.turn();
  slow.takes("suback 1: 2", 'publish t "long" expiry44');
  world.lost("expired t → slow");
});

test("a broken connection's lane goes to the ledger", () => {
  const world = new World();
  const slow = world.connect({ clientId: "slow" }).subscribe("t");
  slow.reads = false;
  world.publish("t", "1");
  slow.drops();
  world.lost("qos0-offline t → slow");
});

test("what comes in the same turn as DISCONNECT is published", () => {
  const world = new World();
  const sub = world.connect({ clientId: "sub" }).subscribe("t").takes("suback 1: 2");
  const a = world.connect({ clientId: "a" });
  a.send(a.publishPacket("t", "x", { qos: 1 }), {
    ...{ type: "disconnect", reasonCode: 0, sessionExpiryIntervalSec: undefined },
    ...{ serverReference: undefined, properties: undefined },
  });
  sub.takes('publish t "x" qos1 id1');
});

test("every loss of a Session that ends is told", () => {
  const world = new World();
  offline(world);
  world.publish("t/1", "", { qos: 1 });
  world.pass(3_700_000);
  world.lost("session-ended t/1 → sub");
});
