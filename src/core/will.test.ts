import assert from "node:assert/strict";
import { test } from "node:test";
import { SESSION_EXPIRY_NEVER } from "../protocol/packets.ts";
import { type Client, World, willOf } from "./bench.suite.ts";

const WILL = willOf("w", "gone");
const DELAYED = willOf("w", "gone", { willDelayIntervalSec: 10 });

/** Somebody who sees every will. */
function watcher(world: World): Client {
  return world.connect({ clientId: "watcher" }).subscribe("#", { qos: 2 }).takes("suback 1: 2");
}

test("a lost connection publishes the will [MQTT-3.1.2-7] [MQTT-3.1.2-8]", () => {
  const world = new World();
  const seen = watcher(world);
  world.connect({ clientId: "a", will: WILL }).drops();
  seen.takes('publish w "gone"');
  world.pass(60_000);
  seen.takes(); // Once [MQTT-3.1.2-10].
});

test("DISCONNECT 0x00 discards it, in all versions [MQTT-3.14.4-3] [3.1.1 MQTT-3.14.4-3]", () => {
  const world = new World();
  const seen = watcher(world);
  for (const protocolVersion of [3, 4, 5] as const) {
    const client = world.connect({ clientId: "a", protocolVersion, will: WILL }).disconnect();
    client.takes("closed");
  }
  const lasting = { clientId: "b", will: WILL, sessionExpiryIntervalSec: 5 };
  world.connect(lasting).disconnect();
  world.pass(60_000);
  seen.takes();
});

test("DISCONNECT 0x04, and with any other code, publishes it [MQTT-3.1.2-8]", () => {
  const world = new World();
  const seen = watcher(world);
  world.connect({ clientId: "a", will: WILL }).disconnect(0x04);
  world.connect({ clientId: "b", will: WILL }).disconnect(0x81);
  seen.takes('publish w "gone"', 'publish w "gone"');
});

test("a broken rule publishes it [3.1.1 MQTT-3.1.2-8]", () => {
  const world = new World();
  const seen = watcher(world);
  const client = world.connect({ clientId: "a", will: WILL, protocolVersion: 4 });
  client.connect({ clientId: "a" }).takes("closed");
  seen.takes('publish w "gone"');
});

test("keep alive run out publishes it [MQTT-3.1.2-22] [3.1.1 MQTT-3.1.2-24]", () => {
  const world = new World();
  const seen = watcher(world);
  const a = world.connect({ clientId: "a", will: WILL, keepAliveSec: 10 });
  const b = world.connect({ clientId: "b", keepAliveSec: 10, protocolVersion: 4 });
  world.pass(14_000);
  a.ping().takes("pingresp");
  world.pass(14_000);
  a.takes();
  b.takes("closed");
  world.pass(2_000);
  a.takes("disconnect 0x8d", "closed");
  seen.takes('publish w "gone"');
});

test("a delayed will waits [MQTT-3.1.2-8] and is not sent to one who is back", () => {
  // [MQTT-3.1.3-9]
  const world = new World();
  const seen = watcher(world);
  const lasting = { clientId: "a", will: DELAYED, sessionExpiryIntervalSec: 60 };
  world.connect(lasting).drops();
  world.pass(9_000);
  seen.takes();
  world.pass(2_000);
  seen.takes('publish w "gone"');

  world.connect(lasting).drops();
  world.pass(9_000);
  const back = world.connect({ ...lasting, cleanStart: false, will: undefined });
  world.pass(60_000);
  back.drops();
  world.pass(120_000);
  seen.takes();
});

test("a delayed will is sent when the Session ends before [MQTT-3.1.2-8]", () => {
  const world = new World();
  const seen = watcher(world);
  world.connect({ clientId: "a", will: DELAYED, sessionExpiryIntervalSec: 5 }).drops();
  world.pass(6_000);
  seen.takes('publish w "gone"');

  world.connect({ clientId: "b", will: DELAYED }).drops(); // Ends with its connection.
  seen.takes('publish w "gone"');

  world.connect({ clientId: "c", will: DELAYED, sessionExpiryIntervalSec: 5 }).drops();
  world.connect({ clientId: "c", cleanStart: true }); // [MQTT-3.1.2-4]
  seen.takes('publish w "gone"');

  const d = world.connect({ clientId: "d", will: DELAYED, sessionExpiryIntervalSec: 5 });
  d.disconnect(0x04, 0);
  seen.takes('publish w "gone"');
});

test("taking over publishes a will, but a delayed one of a Session that goes on", () => {
  // [MQTT-3.1.3-9]
  const world = new World();
  const seen = watcher(world);
  const lasting = { clientId: "a", sessionExpiryIntervalSec: 60, cleanStart: false };
  const first = world.connect({ ...lasting, will: WILL });
  const second = world.connect({ ...lasting, will: DELAYED });
  first.takes("disconnect 0x8e", "closed");
  seen.takes('publish w "gone"');
  world.connect(lasting);
  second.takes("disconnect 0x8e", "closed");
  world.pass(60_000);
  seen.takes();
});

test("a will has its QoS, RETAIN, expiry and order [MQTT-3.1.2-14] [MQTT-3.1.2-15]", () => {
  const world = new World();
  const seen = watcher(world);
  const properties = {
    ...{ payloadFormatIndicator: undefined, messageExpiryIntervalSec: 30, contentType: "c" },
    ...{ responseTopic: undefined, correlationData: undefined, userProperties: [] },
  };
  const will = willOf("w", "gone", { qos: 1, retain: true, properties });
  world.connect({ clientId: "a", will }).drops();
  seen.takes('publish w "gone" qos1 id1 expiry30');
  world.pass(10_000);
  const late = world.connect({ clientId: "late" }).subscribe("w", { qos: 0 });
  late.takes("suback 1: 0", 'publish w "gone" retain expiry20');
  world.pass(21_000);
  world.connect({ clientId: "later" }).subscribe("w").takes("suback 1: 2");
});

test("no will of a CONNECT that is refused, or without one [3.1.1 MQTT-3.1.2-12]", () => {
  const world = new World({ limits: { clientIdBytesMax: 3 } });
  const seen = world.connect({ clientId: "see" }).subscribe("#").takes("suback 1: 2");
  world.open().connect({ clientId: "long", will: WILL }).takes("connack 0x85", "closed");
  world.connect({ clientId: "a" }).drops();
  world.pass(1_000);
  seen.takes();
});

test("a Will QoS or RETAIN that is not supported is refused [MQTT-3.2.2-12]", () => {
  // [MQTT-3.2.2-13]
  const world = new World({ policy: { maximumQos: 1, retainAvailable: false } });
  const will = willOf("w", "gone", { qos: 2 });
  world.open().connect({ clientId: "a", will }).takes("connack 0x9b", "closed");
  const retained = willOf("w", "gone", { retain: true });
  world.open().connect({ clientId: "a", will: retained }).takes("connack 0x9a", "closed");
});

test("a will on $SYS is refused (§4.7.2)", () => {
  const world = new World();
  world.open().connect({ clientId: "a", will: willOf("$SYS/x", "") });
  assert.equal(world.broker.state.sessions.size, 0);
});

test("a broker that shuts down publishes wills [MQTT-3.1.2-8] and says 0x8B", () => {
  const world = new World();
  const b = world.connect({ clientId: "b", sessionExpiryIntervalSec: SESSION_EXPIRY_NEVER });
  b.subscribe("w", { qos: 1 }).takes("suback 1: 1");
  b.drops();
  const a = world.connect({ clientId: "a", will: willOf("w", "gone", { qos: 1 }) });
  world.broker.shutdown(world.nowMs);
  world.turn();
  a.takes("disconnect 0x8b", "closed");
  assert.equal(world.broker.state.sessions.get("b")?.windowIfAny?.queued, 1);
});

test("a delayed will and a Session leave nothing on the wheel when they are over", () => {
  const world = new World({ limits: { connectTimeoutMs: 1_000 } });
  const lasting = { clientId: "a", will: DELAYED, sessionExpiryIntervalSec: 60, keepAliveSec: 30 };
  for (let times = 0; times < 100; times += 1) {
    world.connect({ ...lasting, cleanStart: false }).drops();
  }
  assert.equal(world.wheelSize, 1);
  world.connect({ ...lasting, cleanStart: false, keepAliveSec: 0, will: undefined }).drops();
  world.connect({ ...lasting, cleanStart: false }).disconnect(0x04, 0);
  assert.equal(world.wheelSize, 0);
  const connected = world.connect({ ...lasting, keepAliveSec: 0 });
  connected.drops();
  world.connect({ ...lasting, cleanStart: false, keepAliveSec: 0 });
  world.pass(2_000); // Its timeout for CONNECT.
  assert.equal(world.wheelSize, 0);
  world.connect(lasting).drops();
  world.pass(61_000);
  assert.equal(world.wheelSize, 0);
});

test("the policy 'reject' does not discard a will for those who have room", () => {
  const world = new World({
    limits: { queueMessagesMax: 1 },
    policy: { queueFullPolicy: "reject" },
  });
  const lasting = { sessionExpiryIntervalSec: 60 };
  const full = world.connect({ clientId: "full", ...lasting }).subscribe("w", { qos: 1 });
  full.drops();
  world.publish("w", "1", { qos: 1 });
  const seen = watcher(world);
  world.connect({ clientId: "a", will: willOf("w", "gone", { qos: 1 }) }).drops();
  seen.takes('publish w "gone" qos1 id1');
  world.lost("queue-full w → full");
});
