/** Retained messages by the hundred thousand: row F33. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { LoopDelay, memoryInUse, startBroker, type TestBroker, until } from "./harness.ts";
import { besideNeighbours } from "./neighbours.ts";
import { publishBytes, WireClient } from "./wire-client.ts";

const MIB = 1024 * 1024;
const TOPICS = 100_000;
const BATCH = 200;
const LOOP_P99_MAX_MS = 50;

/** Runs `work` and asserts that the event loop went on meanwhile. */
async function withoutStall(what: string, work: () => Promise<void>): Promise<void> {
  const delay = new LoopDelay();
  await work();
  const p99 = delay.stop();
  assert.ok(p99 < LOOP_P99_MAX_MS, `${what}: p99 of the event loop's delay ${p99.toFixed(0)} ms`);
}

/** A broker with 100,000 retained topics `<building>/<floor>/<n>`, published by a client. */
async function filledBroker(context: TestContext): Promise<TestBroker> {
  const broker = await startBroker(context);
  await besideNeighbours(broker, () =>
    withoutStall("retaining", async () => {
      const publisher = await WireClient.connect(broker.port, "publisher", 4);
      for (let from = 0; from < TOPICS; from += BATCH) {
        const batch = Array.from({ length: BATCH }, (_, at) => {
          const id = from + at;
          return publishBytes(4, `${id % 100}/${id % 1_000}/${id}`, String(id), 1, 1, true);
        });
        await publisher.write(Buffer.concat(batch));
        for (let answers = 0; answers < BATCH; ) answers += (await publisher.some()).length;
      }
      await publisher.destroy();
    }),
  );
  return broker;
}

/** SUBSCRIBE to everything, and every topic once. */
async function replay({ port }: TestBroker, clientId: string, qos: 0 | 1): Promise<void> {
  const client = await WireClient.connect(port, clientId);
  client.send(`82 .. 0001 () "+/#" 0${qos}`);
  await client.expect("suback");
  const seen = new Set<string>();
  while (seen.size < TOPICS) {
    const pubacks: number[] = []; // One write for all: this client is on the measured loop too.
    for (const packet of await client.some()) {
      assert.ok(packet.type === "publish");
      const { message, packetId } = packet;
      if (packetId > 0) pubacks.push(0x40, 2, packetId >> 8, packetId & 0xff);
      if (message.topicName.startsWith("neighbours/")) continue;
      assert.equal(message.retain, true);
      assert.equal(Buffer.from(message.payload).toString(), message.topicName.split("/")[2]);
      assert.ok(!seen.has(message.topicName), `${message.topicName} twice`);
      seen.add(message.topicName);
    }
    if (pubacks.length > 0) client.send(Buffer.from(pubacks));
  }
  await client.destroy();
}

test("F33 100,000 retained topics: complete replays, and the loop goes on", async (t) => {
  const broker = await filledBroker(t);
  await besideNeighbours(broker, async () => {
    await withoutStall("replay", () => replay(broker, "everything", 0));
    await withoutStall("replay with QoS 1", () => replay(broker, "everything, surely", 1));

    await withoutStall("searches that find nothing", async () => {
      const client = await WireClient.connect(broker.port, "searcher");
      const filters = Array.from({ length: 100 }, (_, at) => `"+/+/none${at}" 00`).join(" ");
      client.send(`82 .. 0001 () ${filters}`);
      await client.expect("suback");
      const other = await WireClient.connect(broker.port, "other");
      other.send('82 .. 0001 () "0/0/0" 00'); // Whoever looks for one topic is not kept waiting.
      await other.expect("suback");
      await other.expect("publish");
      await Promise.all([client.destroy(), other.destroy()]);
    });

    await withoutStall("messages that are its own", async () => {
      const client = await WireClient.connect(broker.port, "publisher", 5);
      client.send('82 .. 0001 () "+/+/+" 04 "1/1/1" 00'); // No Local.
      await client.expect("suback");
      assert.equal((await client.expect("publish")).message.topicName, "1/1/1");
      assert.deepEqual(await client.settled(), []);
      await client.destroy();
    });
  });
});

test("F33 subscribers of everything who do not read cost next to nothing", async (t) => {
  const broker = await startBroker(t, { limits: { stalledTimeout: "1h" } });
  for (let id = 0; id < 20_000; id += 1) {
    broker.broker.publish(`retained/${id}`, "x".repeat(200), { qos: 1, retain: true });
  }
  await besideNeighbours(broker, async () => {
    const before = memoryInUse();
    const clients: WireClient[] = [];
    for (let count = 0; count < 100; count += 1) {
      const client = await WireClient.connect(broker.port, `deaf-${count}`);
      clients.push(client);
      client.socket.pause();
      client.send('82 .. 0001 () "retained/#" 00 82 .. 0002 () "#" 01');
    }
    const { publishSent } = broker.broker.stats;
    await until(() => broker.broker.stats.publishSent > publishSent + 1_000, "some of it sent");
    const each = (memoryInUse() - before) / clients.length;
    assert.ok(each < MIB / 2, `${(each / 1024).toFixed(0)} KiB each`);
    await Promise.all(clients.map((client) => client.destroy()));
  });
});

test("F33 the store is full: 0x97, and the topics that it has can still be changed", async (t) => {
  const broker = await startBroker(t, { limits: { retainedMessages: 10, retainedBytes: "4KiB" } });
  await besideNeighbours(broker, async () => {
    const client = await WireClient.connect(broker.port, "publisher");
    const retain = async (topic: string, payload: string) => {
      client.send(publishBytes(5, topic, payload, 1, 1, true));
      return (await client.expect("puback")).reasonCode;
    };
    const codes = [];
    for (let id = 0; id < 12; id += 1) codes.push(await retain(`r/${id}`, "x"));
    assert.deepEqual(codes, [...Array(10).fill(0x10), 0x97, 0x97]);
    assert.equal(await retain("r/0", "y"), 0x10);
    assert.equal(await retain("r/1", ""), 0x10);
    assert.equal(await retain("r/new", "x"), 0x10);
    assert.equal(await retain("r/0", "y".repeat(5_000)), 0x97); // Bytes count as well.
    assert.equal(await retain("r/0", "z"), 0x10);
    assert.equal(broker.broker.ledger.count("retained-full"), 3);
    client.send('82 .. 0001 () "r/#" 00');
    await client.expect("suback");
    const kept = [];
    for (let count = 0; count < 10; count += 1) {
      kept.push((await client.expect("publish")).message.topicName);
    }
    assert.deepEqual(
      kept.sort(),
      ["0", "2", "3", "4", "5", "6", "7", "8", "9", "new"].map((id) => `r/${id}`),
    );
    await client.destroy();
  });
});
