import assert from "node:assert/strict";
import { test } from "node:test";
import { World } from "./bench.suite.ts";

const LASTING = { sessionExpiryIntervalSec: 60, cleanStart: false } as const;

test("each QoS answers as it should [MQTT-3.3.4-1] [MQTT-4.3.2-4] [MQTT-4.3.3-8]", () => {
  const world = new World();
  world.connect({ clientId: "sub" }).subscribe("#");
  const a = world.connect({ clientId: "a" });
  a.publish("t", "0").takes();
  a.publish("t", "1", { qos: 1 }).takes("puback 1");
  a.publish("t", "2", { qos: 2 }).takes("pubrec 2");
  a.ack("pubrel", 2).takes("pubcomp 2"); // [MQTT-4.3.3-11]
  a.ack("pubrel", 2).takes("pubcomp 2 0x92"); // [MQTT-3.7.2-1]
});

test("nobody subscribes: 0x10 (§3.4.2.1)", () => {
  const world = new World();
  const a = world.connect({ clientId: "a" });
  a.publish("t", "1", { qos: 1 }).publish("t", "2", { qos: 2 });
  a.takes("puback 1 0x10", "pubrec 2 0x10");
  world.lost("no-subscriber t → nobody", "no-subscriber t → nobody");
});

test("QoS 2 is passed on once until PUBREL [MQTT-4.3.3-10] [MQTT-4.3.3-12]", () => {
  const world = new World();
  const sub = world.connect({ clientId: "sub" }).subscribe("t", { qos: 0 }).takes("suback 1: 0");
  const lasting = { ...LASTING, clientId: "a" };
  const a = world.connect(lasting);
  a.publish("t", "x", { qos: 2, packetId: 7 });
  a.publish("t", "x", { qos: 2, packetId: 7, dup: true }).takes("pubrec 7", "pubrec 7");
  a.drops();
  const back = world.connect(lasting).publish("t", "x", { qos: 2, packetId: 7, dup: true });
  back.takes("pubrec 7");
  sub.takes('publish t "x"');
  back.ack("pubrel", 7).takes("pubcomp 7");
  back.publish("t", "new", { qos: 2, packetId: 7, dup: true }).takes("pubrec 7");
  sub.takes('publish t "new"');
});

test("a QoS 1 identifier means a new message each time, whatever DUP says [MQTT-4.3.2-5]", () => {
  const world = new World();
  const sub = world.connect({ clientId: "sub" }).subscribe("t", { qos: 0 }).takes("suback 1: 0");
  const a = world.connect({ clientId: "a" });
  a.publish("t", "x", { qos: 1, packetId: 7 }).publish("t", "x", {
    qos: 1,
    packetId: 7,
    dup: true,
  });
  a.takes("puback 7", "puback 7");
  sub.takes('publish t "x"', 'publish t "x"'); // DUP is never passed on [MQTT-3.3.1-3].
});

test("a refused QoS 2 identifier means a new message [MQTT-4.3.3-9]", () => {
  let allowed = false;
  const world = new World({ authorizer: { authorize: () => allowed } });
  const a = world.connect({ clientId: "a" });
  a.publish("t", "x", { qos: 2, packetId: 7 }).takes("pubrec 7 0x87");
  allowed = true;
  const sub = world.connect({ clientId: "sub" }).subscribe("t", { qos: 0 }).takes("suback 1: 0");
  a.publish("t", "y", { qos: 2, packetId: 7 }).takes("pubrec 7");
  sub.takes('publish t "y"');
});

test("QoS 2 goes on after the message has expired [MQTT-4.3.3-13] [MQTT-4.3.3-7]", () => {
  const world = new World();
  const lasting = { ...LASTING, clientId: "sub" };
  const sub = world.connect(lasting).subscribe("t").takes("suback 1: 2");
  const a = world.connect({ clientId: "a" });
  a.publish("t", "x", { qos: 2, messageExpiryIntervalSec: 1 }).takes("pubrec 1");
  sub.takes('publish t "x" qos2 id1 expiry1');
  sub.drops();
  world.pass(5_000);
  a.ack("pubrel", 1).takes("pubcomp 1");
  const back = world.connect(lasting).takes('publish t "x" qos2 id1 dup expiry0');
  back.ack("pubrec", 1).takes("pubrel 1");
  back.ack("pubcomp", 1).takes();
  world.lost();
});

test("QoS 2 to a subscriber, step by step [MQTT-4.3.3-4] [MQTT-4.3.3-5] [MQTT-4.3.3-6]", () => {
  const world = new World();
  const lasting = { ...LASTING, clientId: "sub" };
  const sub = world.connect(lasting).subscribe("t").takes("suback 1: 2");
  world.publish("t", "x", { qos: 2 });
  sub.takes('publish t "x" qos2 id1').ack("pubrec", 1).takes("pubrel 1");
  sub.drops();
  const back = world.connect(lasting).takes("pubrel 1"); // [MQTT-4.4.0-1]
  back.ack("pubrec", 1).takes("pubrel 1");
  back.ack("pubcomp", 1).ack("pubcomp", 1).takes();
  back.ack("pubrec", 1).takes("pubrel 1 0x92"); // [MQTT-3.6.2-1]
  back.drops();
  world.connect(lasting).takes();
});

test("PUBREL waits until PUBREC is on record [MQTT-4.3.3-4]", () => {
  const world = new World();
  const sub = world
    .connect({ ...LASTING, clientId: "sub" })
    .subscribe("t")
    .takes("suback 1: 2");
  world.publish("t", "x", { qos: 2 });
  world.commits = false;
  sub.takes('publish t "x" qos2 id1').ack("pubrec", 1).takes();
  world.commits = true;
  world.turn();
  sub.takes("pubrel 1");
});

test("no acknowledgement before the commit of what it promises [MQTT-4.3.2-4]", () => {
  const world = new World();
  world.connect({ ...LASTING, clientId: "sub" }).subscribe("t");
  const a = world.connect({ clientId: "a" });
  world.commits = false;
  a.publish("t", "1", { qos: 1 }).publish("t", "2", { qos: 2 }).ping().takes();
  world.commits = true;
  world.turn();
  a.takes("puback 1", "pubrec 2", "pingresp"); // [MQTT-4.6.0-2]
});

test("unacknowledged ones are sent again on reconnection, in order, with DUP", () => {
  // [MQTT-4.4.0-1] [MQTT-3.3.1-1] [MQTT-4.6.0-1]
  const world = new World();
  const lasting = { ...LASTING, clientId: "sub" };
  const sub = world.connect(lasting).subscribe("t").takes("suback 1: 2");
  for (const text of ["1", "2", "3"]) world.publish("t", text, { qos: text === "2" ? 2 : 1 });
  sub.takes('publish t "1" qos1 id1', 'publish t "2" qos2 id2', 'publish t "3" qos1 id3');
  sub.ack("puback", 1);
  world.pass(3_600_000);
  sub.takes(); // At no other time.
  sub.drops();
  world.publish("t", "4", { qos: 1 });
  world
    .connect(lasting)
    .takes(
      ...['publish t "2" qos2 id2 dup', 'publish t "3" qos1 id3 dup', 'publish t "4" qos1 id4'],
    );
});

test("a PUBACK or PUBREC of failure ends it [MQTT-4.4.0-2]", () => {
  const world = new World();
  const lasting = { ...LASTING, clientId: "sub" };
  const sub = world.connect(lasting).subscribe("t").takes("suback 1: 2");
  world.publish("t", "1", { qos: 1 });
  world.publish("t", "2", { qos: 2 });
  sub.inbox = [];
  sub.ack("puback", 1, 0x83).ack("pubrec", 2, 0x83).takes();
  sub.drops();
  world.connect(lasting).takes();
  world.lost("refused-by-client t → sub", "refused-by-client t → sub");
});

test("the wrong kind of acknowledgement is a Protocol Error", () => {
  for (const [qos, type] of [
    [1, "pubrec"],
    [1, "pubcomp"],
    [2, "puback"],
    [2, "pubcomp"],
  ] as const) {
    const world = new World();
    const sub = world.connect({ clientId: "sub" }).subscribe("t").takes("suback 1: 2");
    world.publish("t", "x", { qos });
    sub.takes(`publish t "x" qos${qos} id1`).ack(type, 1).takes("disconnect 0x82", "closed");
  }
});

test("Receive Maximum bounds what is in flight to a client [MQTT-3.3.4-9] [MQTT-4.9.0-2]", () => {
  const world = new World();
  const lasting = { ...LASTING, clientId: "sub", receiveMaximum: 2 };
  const sub = world.connect(lasting).subscribe("t").takes("suback 1: 2");
  for (const text of ["1", "2", "3", "4"]) world.publish("t", text, { qos: 2 });
  sub.takes('publish t "1" qos2 id1', 'publish t "2" qos2 id2');
  sub.ack("pubrec", 1).takes("pubrel 1"); // Still counts; and nothing else waits [MQTT-3.3.4-10].
  sub.ping().takes("pingresp"); // [MQTT-4.9.0-3]
  world.publish("t", "qos 0");
  sub.takes('publish t "qos 0"');
  sub.ack("pubcomp", 1).takes('publish t "3" qos2 id3');
  sub.ack("pubrec", 2, 0x80).takes('publish t "4" qos2 id4');

  // The exchange of the old connection does not open a place on the new one [MQTT-4.9.0-1].
  sub.ack("pubrec", 3).takes("pubrel 3");
  sub.drops();
  for (const text of ["5", "6"]) world.publish("t", text, { qos: 1 });
  const back = world.connect(lasting);
  back.takes("pubrel 3", 'publish t "4" qos2 id4 dup', 'publish t "5" qos1 id5');
  back.ack("pubcomp", 3).takes();
  back.ack("puback", 5).takes('publish t "6" qos1 id6');
});

test("a client that sends more than Receive Maximum is closed: 0x93 [MQTT-3.3.4-7]", () => {
  const world = new World({ limits: { receiveMaximum: 2 } });
  const lasting = { ...LASTING, clientId: "a" };
  const a = world.connect(lasting);
  assert.equal(a.connack?.properties?.receiveMaximum, 2);
  a.publish("t", "", { qos: 2 }).publish("t", "", { qos: 2 });
  a.publish("t", "", { qos: 0 }).inbox = [];
  a.publish("t", "", { qos: 1 }).takes("disconnect 0x93", "closed");

  // It begins anew with each connection (§4.9).
  const back = world.connect(lasting);
  back.publish("t", "", { qos: 2, packetId: 8 }).takes("pubrec 8 0x10");
  back.publish("t", "", { qos: 2, packetId: 1, dup: true }).takes("pubrec 1");
  back.publish("t", "", { qos: 1, packetId: 9 }).takes("disconnect 0x93", "closed");
});

test("acknowledged ones make room again; 3.1.1 knows no Receive Maximum [MQTT-3.3.4-7]", () => {
  const world = new World({ limits: { receiveMaximum: 2 } });
  const a = world.connect({ clientId: "a" });
  for (let id = 1; id <= 9; id += 1) a.publish("t", "", { qos: 1 }).takes(`puback ${id} 0x10`);
  const b = world.connect({ clientId: "b", protocolVersion: 4 });
  for (let id = 1; id <= 9; id += 1) b.publish("t", "", { qos: 2 });
  assert.equal(b.inbox.length, 9);
});

test("order per topic and QoS [MQTT-4.6.0-5] [MQTT-4.6.0-6] [3.1.1 MQTT-4.6.0-6]", () => {
  const world = new World();
  const sub = world.connect({ clientId: "sub", receiveMaximum: 3 }).subscribe("t/#");
  const slow = world.connect({ clientId: "slow" }).subscribe("t/#", { qos: 1 });
  slow.reads = false;
  const a = world.connect({ clientId: "a" });
  for (let n = 0; n < 20; n += 1) a.publish("t/1", `${n}`, { qos: 1 });
  for (let id = 1; id <= 20; id += 1) sub.ack("puback", id);
  slow.reads = true;
  slow.peer.markReady();
  world.turn();
  for (const { inbox } of [sub, slow]) {
    const payloads = inbox.slice(1).map((text) => Number(/"(\d+)"/.exec(text)?.[1]));
    assert.deepEqual(
      payloads,
      Array.from({ length: 20 }, (_, n) => n),
    );
  }
});

test("a Packet Identifier is used again only when it is free [MQTT-2.2.1-4] [MQTT-4.3.3-1]", () => {
  const world = new World({ packetIdMax: 4 });
  const sub = world.connect({ clientId: "sub" }).subscribe("t", { qos: 1 }).takes("suback 1: 1");
  for (let n = 1; n <= 6; n += 1) world.publish("t", `${n}`, { qos: 1 });
  assert.deepEqual(
    sub.inbox.map((text) => text.slice(-3)),
    ["id1", "id2", "id3", "id4"],
  );
  sub.inbox = [];
  sub.ack("puback", 2).ack("puback", 3).takes(); // 1 is not free, and its turn comes first.
  sub.ack("puback", 1).takes('publish t "5" qos1 id1', 'publish t "6" qos1 id2');
});

test("QoS is the lower of the message's and the one granted [MQTT-3.8.4-8]", () => {
  const world = new World();
  for (const granted of [0, 1, 2] as const) {
    const sub = world.connect({ clientId: "sub" }).subscribe("t", { qos: granted });
    sub.takes(`suback 1: ${granted}`);
    for (const qos of [0, 1, 2] as const) world.publish("t", "x", { qos });
    const texts = sub.inbox.map((text) => Number(/qos(\d)/.exec(text)?.[1] ?? 0));
    assert.deepEqual(texts, [0, Math.min(1, granted), Math.min(2, granted)]);
  }
});

test("Maximum Packet Size: what is too large counts as sent [MQTT-3.1.2-24]", () => {
  // [MQTT-3.1.2-25]
  const world = new World();
  const sub = world.connect({ clientId: "sub", maximumPacketSize: 10, topicAliasMaximum: 5 });
  sub.subscribe("#", { qos: 1 }).takes("suback 1: 1");
  world.publish("topic", "far too long", { qos: 1 });
  world.publish("topic", "too long", { qos: 0 });
  world.publish("topic", "fits", { qos: 1 });
  sub.takes('publish topic "fits" alias3 qos1 id2'); // The alias is introduced with its name.
  world.lost("packet-too-large topic → sub", "packet-too-large topic → sub");
  assert.equal(world.broker.state.sessions.get("sub")?.windowIfAny?.unfinished, 1);
});
