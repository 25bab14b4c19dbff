import assert from "node:assert/strict";
import { test } from "node:test";
import { connectPacket, World } from "./bench.suite.ts";

test("the first packet is CONNECT [MQTT-3.1.0-1], and there is no second one", () => {
  // [MQTT-3.1.0-2]
  const world = new World();
  world.open().ping().takes("connack 0x82", "closed");
  const a = world.connect({ clientId: "a" });
  a.connect({ clientId: "a" }).takes("disconnect 0x82", "closed"); // [MQTT-3.2.0-2]
});

test("after the end nothing is processed or sent [MQTT-3.14.4-1] [MQTT-3.14.4-2]", () => {
  // [3.1.1 MQTT-4.8.0-1]
  const world = new World();
  const sub = world.connect({ clientId: "sub" }).subscribe("t").takes("suback 1: 2");
  const a = world.connect({ clientId: "a" });
  const again = connectPacket({ clientId: "a" });
  a.send({ type: "pingreq" }, again, a.publishPacket("t", ""), { type: "pingreq" });
  a.takes("pingresp", "disconnect 0x82", "closed");
  sub.takes();
});

test("a packet that only servers send is a Protocol Error", () => {
  const world = new World();
  const a = world.connect({ clientId: "a" }).send({ type: "pingresp" });
  a.takes("disconnect 0x82", "closed");
});

test("the reason is told, shortened, unless it is not wanted [MQTT-3.1.2-29]", () => {
  const world = new World();
  for (const requestProblemInformation of [true, false]) {
    const a = world.connect({ clientId: "a", requestProblemInformation });
    a.reads = false;
    a.publish("", "", { topicAlias: 9 });
    world.broker.shutdown(world.nowMs);
    const packet = a.peer.poll(world.nowMs);
    assert.equal(packet?.type, "disconnect");
    assert.equal(packet.properties !== undefined, requestProblemInformation);
    assert.equal(packet.sessionExpiryIntervalSec, undefined); // [MQTT-3.14.2-2]
    assert.equal(a.peer.poll(world.nowMs), undefined);
  }
});

test("a connection without CONNECT is closed in time", () => {
  const world = new World({ limits: { connectTimeoutMs: 5_000 } });
  const slow = world.open();
  world.pass(4_500);
  slow.takes();
  world.pass(1_000);
  slow.takes("closed");
  assert.equal(world.broker.stats.connections, 0);
});

test("PINGREQ is answered [MQTT-3.12.4-1]", () => {
  new World().connect({ clientId: "a" }).ping().takes("pingresp");
});

test("Server Keep Alive: who asks for none or more is held to the limit [MQTT-3.2.2-21]", () => {
  const world = new World({ limits: { keepAliveMaxSec: 60 } });
  for (const [keepAliveSec, told] of [
    [0, 60],
    [100, 60],
    [60, undefined],
    [20, undefined],
  ] as const) {
    const a = world.connect({ clientId: "a", keepAliveSec });
    assert.equal(a.connack?.properties?.serverKeepAliveSec, told);
  }
  const a = world.connect({ clientId: "a", keepAliveSec: 100 });
  world.pass(91_000);
  a.takes("disconnect 0x8d", "closed");
});

test("3.1.1 cannot be told, so it keeps its own [3.1.1 MQTT-3.1.2-24] [MQTT-3.2.2-22]", () => {
  const world = new World({ limits: { keepAliveMaxSec: 60 } });
  const a = world.connect({ clientId: "a", keepAliveSec: 100, protocolVersion: 4 });
  world.pass(149_000);
  a.takes();
  world.pass(2_000);
  a.takes("closed");
});

test("keep alive 0 is never too late, where no limit is set", () => {
  const world = new World();
  const a = world.connect({ clientId: "a", keepAliveSec: 0 });
  world.pass(10 * 24 * 3_600_000);
  a.ping().takes("pingresp");
});

test("what a CONNACK tells is left out where it is the default", () => {
  const world = new World({ limits: { receiveMaximum: 65_535, topicAliasMax: 0 } });
  const { properties } = world.connect({ clientId: "a" }).connack ?? {};
  const told = Object.entries(properties ?? {}).filter(([, value]) => value !== undefined);
  assert.deepEqual(
    told.map(([name]) => name),
    ["maximumPacketSize"],
  );
});

test("limits are those of the moment of CONNECT", () => {
  const world = new World({ limits: { topicAliasMax: 1 } });
  const a = world.open();
  world.broker.limits = { ...world.broker.limits, topicAliasMax: 5 };
  a.connect({ clientId: "a" }).publish("t", "", { topicAlias: 5 }).takes("connack 0x00");
});

test("answers that nobody reads are bounded: the client is not heard until it reads", () => {
  const world = new World();
  const a = world.connect({ clientId: "a" });
  a.reads = false;
  a.send(...Array.from({ length: 50_000 }, () => ({ type: "pingreq" }) as const));
  assert.equal(a.peer.takesPackets, false);
  assert.ok(a.peer.replies.length <= 10_000);
  a.reads = true;
  for (let turns = 0; turns < 20; turns += 1) {
    a.peer.markReady();
    world.turn();
  }
  assert.equal(a.inbox.length, 50_000);
});

test("a closed connection leaves nothing behind", () => {
  const world = new World();
  for (let n = 0; n < 50; n += 1) world.connect({ clientId: `${n}`, keepAliveSec: 3_600 }).drops();
  for (let n = 0; n < 50; n += 1) world.open().drops();
  const { stats, state } = world.broker;
  assert.deepEqual([world.wheelSize, stats.connections, stats.clientsConnected], [0, 0, 0]);
  assert.equal(state.sessions.size, 0);
});
