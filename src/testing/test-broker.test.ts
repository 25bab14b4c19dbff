import assert from "node:assert/strict";
import { type EventEmitter, once } from "node:events";
import { test } from "node:test";
import mqtt from "mqtt";
import { PacketClient } from "../../test/packet-client.ts";
import { createTestBroker } from "./index.ts";
import { MemoryStream } from "./memory-stream.ts";

test("up within 20 ms, with a client connected", async () => {
  let bestMs = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round += 1) {
    const startedMs = performance.now();
    const testBroker = createTestBroker();
    const client = new PacketClient(testBroker.connect());
    assert.equal((await client.connect())?.type, "connack");
    bestMs = Math.min(bestMs, performance.now() - startedMs);
    await testBroker.close();
  }
  assert.ok(bestMs < 20, `${bestMs} ms`);
});

test("a real client in memory: publish, subscribe, close", async () => {
  const testBroker = createTestBroker();
  const options = { clientId: "pump", protocolVersion: 5, reconnectPeriod: 0 } as const;
  const client = new mqtt.MqttClient(() => testBroker.connect(), options);
  const events = client as unknown as EventEmitter;
  await once(events, "connect");
  await client.subscribeAsync("a/#", { qos: 2 });
  const message = once(events, "message");
  await client.publishAsync("a/b", "hello", { qos: 2 });
  const [topicName, payload] = await message;
  assert.deepEqual([topicName, String(payload)], ["a/b", "hello"]);
  const closed = once(events, "close");
  await testBroker.close();
  await closed;
  client.end(true);
});

test("listen: the same over TCP, faults included", async () => {
  const testBroker = createTestBroker();
  const client = await PacketClient.dial(await testBroker.listen());
  await client.connect({ clientId: "tcp" });
  testBroker.faults.dropAck(1);
  client.publish("a", "1", 1, 1);
  client.publish("a", "2", 1, 2);
  const ack = await client.next();
  assert.ok(ack?.type === "puback" && ack.packetId === 2);
  testBroker.faults.cut("tcp");
  assert.equal(await client.next(), undefined);
  await testBroker.close();
});

test("advance: keep-alive, session expiry and a delayed Will, at once", async () => {
  const testBroker = createTestBroker({ nowMs: 1_000_000 });
  const watcher = new PacketClient(testBroker.connect());
  await watcher.connect({ clientId: "watcher", keepAliveSec: 0 });
  await watcher.subscribe("will");
  const client = new PacketClient(testBroker.connect());
  const ended: string[] = [];
  testBroker.broker.on("sessionEnded", ({ clientId }) => ended.push(clientId));
  await client.connect({
    clientId: "quiet",
    keepAliveSec: 10,
    sessionExpiryIntervalSec: 100,
    will: {
      topicName: "will",
      payload: Buffer.from("gone"),
      qos: 0,
      retain: false,
      properties: undefined,
      willDelayIntervalSec: 50,
    },
  });
  await testBroker.advance(14_000);
  assert.equal(testBroker.broker.connections, 2);
  await testBroker.advance(2_000); // 1.5 times the Keep Alive [MQTT-3.1.2-22].
  assert.equal((await client.next())?.type, "disconnect");
  assert.equal(testBroker.broker.connections, 1);
  await testBroker.advance(51_000);
  assert.equal((await watcher.next())?.type, "publish");
  assert.deepEqual(ended, []);
  await testBroker.advance(100_000);
  assert.deepEqual(ended, ["quiet"]);
  assert.equal(testBroker.nowMs, 1_167_000);
  await testBroker.close();
});

test("advance: days pass as well", async () => {
  const testBroker = createTestBroker();
  const client = new PacketClient(testBroker.connect());
  const ended: string[] = [];
  testBroker.broker.on("sessionEnded", ({ clientId }) => ended.push(clientId));
  await client.connect({ clientId: "c", sessionExpiryIntervalSec: 6 * 86_400 });
  testBroker.faults.cut("c");
  await testBroker.advance(6 * 86_400_000 - 1);
  assert.deepEqual(ended, []);
  await testBroker.advance(500);
  assert.deepEqual(ended, ["c"]);
  await testBroker.close();
});

test("dropAck: n of the broker's, or whatever a function says, until it is undone", async () => {
  const testBroker = createTestBroker();
  const seen: string[] = [];
  const undo = testBroker.faults.dropAck(({ packet, from, clientId }) => {
    seen.push(`${from} ${packet.type} ${clientId}`);
    return packet.type === "pubrel";
  });
  const client = new PacketClient(testBroker.connect());
  await client.connect({ clientId: "c" });
  client.publish("a", "x", 2, 7);
  assert.equal((await client.next())?.type, "pubrec");
  const pubrel = { type: "pubrel", packetId: 7, reasonCode: 0, properties: undefined } as const;
  client.send(pubrel);
  client.send({ type: "pingreq" });
  assert.equal((await client.next())?.type, "pingresp"); // No PUBCOMP.
  undo();
  client.send(pubrel);
  assert.equal((await client.next())?.type, "pubcomp");
  assert.deepEqual(seen, ["broker pubrec c", "client pubrel c"]);

  testBroker.faults.dropAck(2);
  await Promise.all([1, 2, 3].map((packetId) => client.publish("a", "x", 1, packetId)));
  const ack = await client.next();
  assert.ok(ack?.type === "puback" && ack.packetId === 3);
  await testBroker.close();
});

test("slowReader: the broker holds what it can, and the ledger says what it cannot", async () => {
  const testBroker = createTestBroker({ limits: { qos0Messages: 10 } });
  const slow = new PacketClient(testBroker.connect());
  await slow.connect({ clientId: "slow" });
  await slow.subscribe("big");
  const undo = testBroker.faults.slowReader("slow");
  for (let at = 0; at < 100; at += 1) {
    testBroker.publish("big", Buffer.alloc(100_000));
    await testBroker.advance(0);
  }
  const lost = testBroker.broker.ledger.count("qos0-slow-consumer");
  assert.ok(lost > 50, `${lost} lost`);
  undo();
  for (let received = 0; received < 100 - lost; received += 1) {
    assert.equal((await slow.next())?.type, "publish");
  }
  // A client that comes later under that name gets CONNACK, and no more.
  testBroker.faults.slowReader("later");
  const later = new PacketClient(testBroker.connect());
  assert.equal((await later.connect({ clientId: "later" }))?.type, "connack");
  await testBroker.close();
});

test("cut: no DISCONNECT, so the Will goes out", async () => {
  const testBroker = createTestBroker();
  const client = new PacketClient(testBroker.connect());
  const why: string[] = [];
  testBroker.broker.on("disconnected", (event) => why.push(`${event.clientId} ${event.why}`));
  await client.connect({ clientId: "c" });
  testBroker.faults.cut("nobody");
  testBroker.faults.cut("c");
  assert.equal(await client.next(), undefined);
  await testBroker.advance(0);
  assert.deepEqual(why, ["c network"]);
  await testBroker.close();
});

test("what is no MQTT reaches the broker as it is", async () => {
  const testBroker = createTestBroker();
  for (const bytes of [Buffer.alloc(20, 0xff), Buffer.of(0x10, 0xff, 0xff, 0xff, 0xff, 0x01)]) {
    const client = new PacketClient(testBroker.connect());
    client.stream.write(bytes);
    while ((await client.next()) !== undefined);
  }
  await testBroker.close();
});

test("memory stream: a write waits for the reader, an end for what was written", async () => {
  const [one, other] = MemoryStream.pair();
  while (one.write(Buffer.alloc(16 * 1024)));
  one.end("last");
  other.end();
  let size = 0;
  for await (const chunk of other) size += (chunk as Buffer).length;
  assert.ok(size > 16 * 1024 && size % (16 * 1024) === 4);
  assert.ok(other.destroyed);

  const [cut, survivor] = MemoryStream.pair();
  cut.destroy();
  await once(survivor, "close");
  survivor.on("error", () => {});
  survivor.write("x");
});
