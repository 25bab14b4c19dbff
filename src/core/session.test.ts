import assert from "node:assert/strict";
import { test } from "node:test";
import { SESSION_EXPIRY_NEVER } from "../protocol/packets.ts";
import { World } from "./bench.suite.ts";

const LASTING = { sessionExpiryIntervalSec: 60, cleanStart: false } as const;

test("Session Present tells whether there was a Session [MQTT-3.2.2-2] [MQTT-3.2.2-3]", () => {
  const world = new World();
  const say = (cleanStart: boolean): string[] => {
    const client = world.open().connect({ ...LASTING, clientId: "a", cleanStart });
    const { inbox } = client;
    client.drops();
    return inbox;
  };
  assert.deepEqual(say(false), ["connack 0x00"]); // [MQTT-3.1.2-6]
  assert.deepEqual(say(false), ["connack 0x00 present"]); // [MQTT-3.1.2-5]
  assert.deepEqual(say(true), ["connack 0x00"]); // [MQTT-3.1.2-4]
  assert.deepEqual(say(false), ["connack 0x00 present"]);
});

test("Clean Start 1 discards the subscriptions and the queue [MQTT-3.1.2-4]", () => {
  const world = new World();
  world
    .connect({ ...LASTING, clientId: "a" })
    .subscribe("t", { qos: 1 })
    .drops();
  world.publish("t", "x", { qos: 1 });
  const a = world.connect({ ...LASTING, clientId: "a", cleanStart: true });
  world.publish("t", "y", { qos: 1 });
  a.takes();
  world.lost("session-ended t → a", "no-subscriber t → nobody");
});

test("a Session goes on where it was [MQTT-3.1.2-5] [MQTT-3.1.2-23] [MQTT-4.5.0-1]", () => {
  const world = new World();
  world
    .connect({ ...LASTING, clientId: "a" })
    .subscribe("t", { qos: 2 })
    .drops();
  world.publish("t", "1", { qos: 1 });
  world.publish("t", "2", { qos: 2 });
  const a = world.connect({ ...LASTING, clientId: "a" });
  a.takes('publish t "1" qos1 id1', 'publish t "2" qos2 id2');
});

test("a Session ends when its expiry has passed, not before [MQTT-4.1.0-2]", () => {
  const world = new World();
  world.connect({ ...LASTING, clientId: "a" }).drops();
  world.pass(59_000);
  assert.equal(world.broker.state.sessions.size, 1);
  world.pass(2_000);
  assert.equal(world.broker.state.sessions.size, 0);
  assert.equal(world.broker.stats.sessionsExpired, 1);
});

test("a Session does not end while connected [MQTT-4.1.0-1]", () => {
  const world = new World();
  const a = world.connect({ ...LASTING, clientId: "a", sessionExpiryIntervalSec: 1 });
  world.pass(3_600_000);
  a.ping().takes("pingresp");
  a.drops();
  const back = world.connect({ ...LASTING, clientId: "a", sessionExpiryIntervalSec: 1 });
  assert.equal(back.connack?.sessionPresent, true);
});

test("expiry 0 ends the Session with its connection; 0xFFFFFFFF never (§3.1.2.11.2)", () => {
  const world = new World({ limits: { sessionExpiryMaxSec: SESSION_EXPIRY_NEVER } });
  world.connect({ clientId: "a", sessionExpiryIntervalSec: 0 }).drops();
  const forever = { clientId: "b", sessionExpiryIntervalSec: SESSION_EXPIRY_NEVER };
  world.connect(forever).drops();
  world.pass(366 * 24 * 3_600_000);
  assert.deepEqual([...world.broker.state.sessions.keys()], ["b"]);
});

test("DISCONNECT may change the expiry, but not from 0 (§3.14.2.2.2)", () => {
  const world = new World();
  world
    .connect({ ...LASTING, clientId: "a" })
    .disconnect(0, 5)
    .takes("closed");
  world.pass(6_000);
  assert.equal(world.broker.state.sessions.size, 0);

  const b = world.connect({ clientId: "b" }).disconnect(0, 5);
  b.takes("disconnect 0x82", "closed");

  world.connect({ ...LASTING, clientId: "c" }).disconnect(0, 0);
  assert.equal(world.broker.state.sessions.size, 0);
});

test("a limit on the expiry holds, and is told (§3.2.2.3.2)", () => {
  const world = new World({ limits: { sessionExpiryMaxSec: 0 } });
  const a = world.connect({ ...LASTING, clientId: "a" });
  assert.equal(a.connack?.properties?.sessionExpiryIntervalSec, 0);
  a.disconnect(0, 5).takes("closed"); // It had asked for more than 0.
  assert.equal(world.broker.state.sessions.size, 0);
});

test("Clean Session 0 of 3.1.1 keeps the Session [3.1.1 MQTT-3.1.2-4] [3.1.1 MQTT-3.1.2-5]", () => {
  const world = new World();
  const lasting = {
    clientId: "a",
    protocolVersion: 4,
    cleanStart: false,
    sessionExpiryIntervalSec: SESSION_EXPIRY_NEVER,
  } as const;
  const a = world.connect(lasting).subscribe("t", { qos: 1 }).takes("suback 1: 1");
  a.disconnect().takes("closed");
  world.publish("t", "0", { qos: 0 });
  world.publish("t", "1", { qos: 1 });
  const back = world.connect(lasting);
  assert.equal(back.connack?.sessionPresent, true);
  back.takes('publish t "1" qos1 id1');
  world.lost("qos0-offline t → a");
});

test("Clean Session 1 of 3.1.1 is never taken up again [3.1.1 MQTT-3.1.2-6]", () => {
  const world = new World();
  const clean = { clientId: "a", protocolVersion: 4, cleanStart: true } as const;
  world.connect(clean).subscribe("t").disconnect();
  const back = world.connect({ ...clean, cleanStart: false });
  assert.equal(back.connack?.sessionPresent, false);
  world.publish("t", "x");
  back.takes();
});

test("a second client of the name takes over: 0x8E [MQTT-3.1.4-3] [3.1.1 MQTT-3.1.4-2]", () => {
  const world = new World();
  const first = world.connect({ ...LASTING, clientId: "a" }).subscribe("t", { qos: 1 });
  first.takes("suback 1: 1");
  world.publish("t", "x", { qos: 1 });
  first.takes('publish t "x" qos1 id1');
  const second = world.connect({ ...LASTING, clientId: "a", protocolVersion: 4 });
  assert.equal(second.connack?.sessionPresent, true);
  first.takes("disconnect 0x8e", "closed");
  second.takes('publish t "x" qos1 id1 dup');
  first.ack("puback", 1); // It can neither receive nor consume any more.
  assert.equal(world.broker.state.sessions.get("a")?.windowIfAny?.unfinished, 1);
  world.connect({ ...LASTING, clientId: "a" });
  second.takes("closed"); // 3.1.1 has no DISCONNECT from a server.
  assert.equal(world.broker.stats.clientsConnected, 1);
});

test("taking over waits for no commit, and says CONNACK before DISCONNECT [MQTT-3.14.0-1]", () => {
  const world = new World();
  world.commits = false;
  const first = world.open().connect({ ...LASTING, clientId: "a" });
  const second = world.open().connect({ ...LASTING, clientId: "a" });
  first.takes();
  second.takes(); // [MQTT-3.2.0-1]
  world.commits = true;
  world.turn();
  first.takes("connack 0x00", "disconnect 0x8e", "closed");
  second.takes("connack 0x00 present");
});

test("nothing is delivered before CONNACK [MQTT-3.2.0-1]", () => {
  const world = new World();
  world
    .connect({ ...LASTING, clientId: "a" })
    .subscribe("t")
    .drops();
  world.publish("t", "1", { qos: 1 });
  world.commits = false;
  const a = world.open().connect({ ...LASTING, clientId: "a" });
  world.publish("t", "2");
  a.takes();
  world.commits = true;
  world.turn();
  assert.equal(a.inbox[0], "connack 0x00 present");
  assert.equal(a.inbox.length, 3);
});

test("an empty Client Identifier stands for a new one [MQTT-3.1.3-6] [MQTT-3.1.3-7]", () => {
  const ids = ["taken", "taken", "new"];
  const world = new World({ randomId: () => ids.shift() ?? "" });
  world.connect({ clientId: "taken" });
  const a = world.connect({ clientId: "" });
  assert.equal(a.connack?.properties?.assignedClientIdentifier, "new"); // [MQTT-3.2.2-16]
  assert.equal(a.peer.clientId, "new");
});

test("Client Identifiers that are refused [MQTT-3.1.3-8] [3.1.1 MQTT-3.1.3-8]", () => {
  const world = new World({ limits: { clientIdBytesMax: 8 } });
  const refused = [
    { clientId: "123456789" },
    { clientId: "äöüäö" },
    { clientId: "a\u0007" },
    { clientId: "", protocolVersion: 4, cleanStart: false },
    { clientId: "", protocolVersion: 3, cleanStart: true },
  ] as const;
  for (const options of refused) {
    world.open().connect(options).takes("connack 0x85", "closed"); // [MQTT-3.2.2-7]
  }
  assert.equal(world.broker.state.sessions.size, 0);
  world.connect({ clientId: "", protocolVersion: 4 }); // [3.1.1 MQTT-3.1.3-6]
});

test("sessions have a limit: 0x97", () => {
  const world = new World({ limits: { sessionsMax: 1 } });
  world.connect({ ...LASTING, clientId: "a" });
  world.open().connect({ clientId: "b" }).takes("connack 0x97", "closed");
  world.connect({ ...LASTING, clientId: "a" });
});

test("retained messages are no part of a Session [3.1.1 MQTT-3.1.2-7]", () => {
  const world = new World();
  const a = world.connect({ clientId: "a", protocolVersion: 4 });
  a.publish("t", "kept", { retain: true }).disconnect();
  const b = world.connect({ clientId: "b" }).subscribe("t");
  b.takes("suback 1: 2", 'publish t "kept" retain');
});
