/** More of everything than there is room for: rows F27, F32 and F34 to F36. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertGrewLess, LoopDelay, memoryInUse, startBroker, until } from "./harness.ts";
import { besideNeighbours } from "./neighbours.ts";
import {
  connectBytes,
  hex16,
  publishBytes,
  variableByteInteger,
  WireClient,
  wire,
} from "./wire-client.ts";

const MIB = 1024 * 1024;

/** Says the same over and over until nobody takes it any more, or `times` times. */
async function flood(client: WireClient, bytes: Buffer, times: number): Promise<void> {
  for (let count = 0; count < times && !client.isClosed; count += 1) await client.write(bytes);
}

function repeat(bytes: Buffer, times: number): Buffer {
  return Buffer.concat(Array.from({ length: times }, () => bytes));
}

test("F27 half-open sockets and no CONNECT: deadline, cap by address", async (t) => {
  const broker = await startBroker(t, {
    limits: { connectTimeout: "500ms", connectionsPerAddress: 52 },
  });
  await besideNeighbours(broker, async () => {
    const strangers = [];
    for (let count = 0; count < 50; count += 1) {
      const stranger = await WireClient.open(broker.port);
      if (count % 2 === 0) stranger.send("10");
      strangers.push(stranger);
    }
    await until(() => broker.broker.connections === 52, "all connections");
    const oneTooMany = await WireClient.open(broker.port);
    assert.deepEqual(await oneTooMany.closed(), []);
    for (const stranger of strangers) assert.deepEqual(await stranger.closed(), []);
    await until(() => broker.broker.connections === 2, "only the neighbours");
  });
});

test("F27 clients that come and go leave nothing behind", async (t) => {
  const broker = await startBroker(t);
  const visit = async (id: number): Promise<void> => {
    const client = await WireClient.open(broker.port);
    client.send(
      Buffer.concat([connectBytes(5, `visitor-${id % 50}`), wire('82 .. 0001 () "v" 01')]),
    );
    await client.expect("connack");
    if (id % 3 === 0) client.send("e000");
    else if (id % 3 === 1) client.send("30"); // And leaves in the middle of it.
    await client.destroy();
  };
  await besideNeighbours(broker, async () => {
    const rounds = async (count: number) => {
      for (let id = 0; id < count; id += 10) {
        await Promise.all(Array.from({ length: 10 }, (_, at) => visit(id + at)));
      }
      await until(() => broker.broker.connections === 2, "the last one to leave");
      return memoryInUse();
    };
    const before = await rounds(500);
    const after = await rounds(1_500);
    assert.ok(after - before < 1.5 * MIB, `${((after - before) / 1_500).toFixed(0)} bytes each`);
    assert.equal(broker.broker.stats.clientsConnected, 2);
  });
});

test("F32 a stuck subscriber: QoS 0 dropped, QoS 1 bounded, cut off at last", async (t) => {
  const broker = await startBroker(t, {
    limits: {
      qos0Messages: 50,
      qos0Bytes: "1MiB",
      queueMessages: 20,
      queueBytes: "1MiB",
      inflight: 10,
      stalledTimeout: "2s",
    },
  });
  await besideNeighbours(broker, async () => {
    const stuck = await WireClient.connect(broker.port, "stuck");
    const fast = await WireClient.connect(broker.port, "fast");
    for (const subscriber of [stuck, fast]) {
      subscriber.send('82 .. 0001 () "flood/#" 01');
      await subscriber.expect("suback");
    }
    stuck.socket.pause();
    const publisher = await WireClient.connect(broker.port, "publisher");
    const before = memoryInUse();
    const payload = "x".repeat(64 * 1024);
    for (let packetId = 1; packetId <= 400; packetId += 1) {
      publisher.send(publishBytes(5, "flood/0", payload, 0));
      publisher.send(publishBytes(5, "flood/1", payload, 1, packetId));
      await publisher.expect("puback");
      const seen = [await fast.expect("publish"), await fast.expect("publish")];
      for (const { message, packetId: id } of seen) {
        assert.equal(message.payloadSize, payload.length);
        if (id > 0) fast.send(`40 .. ${hex16(id)}`);
      }
    }
    assert.notEqual(broker.broker.ledger.count("qos0-slow-consumer"), 0);
    assert.notEqual(broker.broker.ledger.count("queue-full"), 0);
    assertGrewLess(before, 32 * MIB); // Of 50 MiB.
    // Whoever takes nothing for that long is cut off, though its socket is open.
    await until(() => broker.broker.stats.clientsConnected === 4, "the stuck client's end");
    await Promise.all([stuck, fast, publisher].map((client) => client.destroy()));
  });
});

test("F32 a message that waits, or is retained, keeps nothing of what came with it", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    const connect = '10 .. "MQTT" 05 00 0000 (11 00000064) "offline"';
    const offline = await WireClient.connectWith(broker.port, connect);
    offline.send('82 .. 0001 () "kept/#" 01');
    await offline.expect("suback");
    await offline.destroy();
    const publisher = await WireClient.connect(broker.port, "publisher");
    const ballast = publishBytes(5, "nobody", "x".repeat(60_000), 0);
    const before = memoryInUse();
    for (let id = 1; id <= 300; id += 1) {
      const kept = publishBytes(5, `kept/${id}`, "x", 1, 1, id % 2 === 0);
      publisher.send(Buffer.concat([kept, ballast]));
      await publisher.expect("puback");
    }
    await publisher.settled();
    assertGrewLess(before, 6 * MIB); // Of 18 MiB.
    await publisher.destroy();
  });
});

test("F32 a full queue: the oldest goes, the newest, or the publisher hears 0x97", async (t) => {
  const cases = [
    { queueFullPolicy: "drop-oldest", answers: [0, 0, 0, 0], kept: ["3", "4"] },
    { queueFullPolicy: "drop-newest", answers: [0, 0, 0, 0], kept: ["1", "2"] },
    { queueFullPolicy: "reject", answers: [0, 0, 0x97, 0x97], kept: ["1", "2"] },
  ] as const;
  for (const { queueFullPolicy, answers, kept } of cases) {
    const broker = await startBroker(t, {
      policy: { queueFullPolicy },
      limits: { queueMessages: 2 },
    });
    await besideNeighbours(broker, async () => {
      const connect = '10 .. "MQTT" 05 00 0000 (11 00000064) "offline"';
      const before = await WireClient.connectWith(broker.port, connect);
      before.send('82 .. 0001 () "queue" 01');
      await before.expect("suback");
      await before.destroy();
      const publisher = await WireClient.connect(broker.port, "publisher");
      const codes = [];
      for (const id of [1, 2, 3, 4]) {
        publisher.send(publishBytes(5, "queue", String(id), 1, id));
        codes.push((await publisher.expect("puback")).reasonCode);
      }
      assert.deepEqual(codes, answers, queueFullPolicy);
      const after = await WireClient.connectWith(broker.port, connect);
      const got = [await after.expect("publish"), await after.expect("publish")];
      assert.deepEqual(
        got.map(({ message }) => Buffer.from(message.payload).toString()),
        kept,
      );
      if (queueFullPolicy === "reject") {
        const old = await WireClient.connect(broker.port, "old", 4);
        await after.destroy();
        for (const id of [1, 2, 3]) old.send(publishBytes(4, "queue", "x", 1, id));
        await old.closed(); // 3.1.1 has no word for it.
      }
    });
  }
});

test("F32 a client that never reads its answers is not read from any more", async (t) => {
  const broker = await startBroker(t, { limits: { stalledTimeout: "300ms" } });
  const floods = [
    { what: "PINGREQ", bytes: wire("c000"), version: 5 },
    { what: "PUBREL", bytes: wire("62 .. 0001"), version: 4 },
    { what: "QoS 2 once more", bytes: publishBytes(5, "a", "", 2, 1), version: 5 },
    { what: "SUBSCRIBE", bytes: wire('82 .. 0001 "a" 00'), version: 4 },
  ] as const;
  await besideNeighbours(broker, async () => {
    for (const { what, bytes, version } of floods) {
      const client = await WireClient.connect(broker.port, "deaf", version);
      client.socket.pause();
      const before = memoryInUse();
      const { bytesReceived } = broker.broker.stats;
      const piece = repeat(bytes, Math.ceil((256 * 1024) / bytes.length));
      void flood(client, piece, 400); // 100 MiB.
      await until(
        () => broker.broker.stats.clientsConnected === 2,
        `v${version} ${what}: the end of who does not read`,
      );
      const taken = broker.broker.stats.bytesReceived - bytesReceived;
      const grown = memoryInUse() - before - client.socket.writableLength;
      assert.ok(grown < 24 * MIB, `v${version} ${what}: ${(grown / MIB).toFixed(0)} MiB`);
      assert.ok(taken < 64 * MIB, `v${version} ${what}: ${(taken / MIB).toFixed(0)} MiB read`);
      client.socket.destroy();
      await client.closed();
    }
  });
});

test("F34 subscriptions are capped, and overlapping ones bring one copy", async (t) => {
  const broker = await startBroker(t, { limits: { subscriptionsPerSession: 100 } });
  await besideNeighbours(broker, async () => {
    const client = await WireClient.connect(broker.port, "collector");
    const filters = Array.from(
      { length: 150 },
      (_, at) => `"over/${"+/".repeat(at % 9)}#${at}" 01`,
    );
    client.send(`82 .. 0001 () ${filters.map((f) => f.replace(/#(\d+)/, "$1/#")).join(" ")}`);
    const { reasonCodes } = await client.expect("suback");
    assert.deepEqual(reasonCodes, [...Array(100).fill(1), ...Array(50).fill(0x97)]);
    client.send('82 .. 0002 () "over/0/#" 02'); // It has that one: replaced.
    assert.deepEqual((await client.expect("suback")).reasonCodes, [2]);
    await client.destroy();

    const second = await WireClient.connect(broker.port, "overlapping");
    second.send('82 .. 0001 (0b07) "a/b" 00 "a/+" 01 "a/#" 02 "a/b/#" 01 "+/b" 00');
    await second.expect("suback");
    second.send(publishBytes(5, "a/b", "x", 2, 1));
    assert.equal((await second.expect("pubrec")).packetId, 1);
    const { message, packetId } = await second.expect("publish");
    assert.deepEqual([message.qos, packetId], [2, 1]);
    assert.deepEqual(await second.settled(), []);
    await second.destroy();
  });
});

test("F34 a SUBSCRIBE of 1 MiB, filters by the hundred thousand: the loop goes on", async (t) => {
  const broker = await startBroker(t);
  for (let count = 0; count < 100; count += 1) {
    broker.broker.publish(`retained/${count}`, "x", { retain: true });
  }
  const body = (filters: string[]) =>
    Buffer.concat(filters.map((filter) => wire(`"${filter}" 00`)));
  const numbers = Array.from({ length: 100_000 }, (_, at) => at.toString(36));
  const bodies = {
    different: body(numbers),
    same: repeat(wire('"#" 00'), 200_000),
    "same, shared": repeat(wire('"$share/g/#" 00'), 60_000),
  };
  await besideNeighbours(broker, async () => {
    const delay = new LoopDelay();
    for (const [what, filters] of Object.entries(bodies)) {
      const client = await WireClient.connect(broker.port, "greedy", 5);
      const rest = Buffer.concat([Buffer.from([0, 1, 0]), filters]);
      const head = Buffer.from([0x82, ...variableByteInteger(rest.length)]);
      client.send(Buffer.concat([head, rest]));
      const { reasonCodes } = await client.expect("suback");
      assert.ok(reasonCodes.length >= 60_000, what);
      await client.destroy();
    }
    const longestMs = delay.stop();
    assert.ok(longestMs < 200, `the loop stood still for ${longestMs.toFixed(0)} ms`);
  });
});

test("F35 sessions are capped, their expiry too; empty ones make room", async (t) => {
  const broker = await startBroker(t, { limits: { sessions: 52 } });
  await besideNeighbours(broker, async () => {
    const open = async (id: string) => {
      const client = await WireClient.open(broker.port);
      client.send(`10 .. "MQTT" 05 00 0000 (11 ffffffff) "${id}"`);
      return { client, connack: await client.expect("connack") };
    };
    const { client: keeper } = await open("keeper");
    keeper.send('82 .. 0001 () "kept" 01');
    await keeper.expect("suback");
    await keeper.destroy();
    for (let count = 0; count < 200; count += 1) {
      const { client, connack } = await open(`random-${count}`);
      assert.equal(connack.reasonCode, 0, `session ${count}`);
      assert.equal(connack.properties?.sessionExpiryIntervalSec, 7 * 24 * 3_600);
      await client.destroy();
    }
    const { connack } = await open("keeper"); // It had a subscription: it is still there.
    assert.equal(connack.sessionPresent, true);
  });
});

test("F35 sessions that are in use are not ended for others", async (t) => {
  const broker = await startBroker(t, { limits: { sessions: 12 } });
  await besideNeighbours(broker, async () => {
    const clients = [];
    for (let count = 0; count < 10; count += 1) {
      clients.push(await WireClient.connect(broker.port, `in-use-${count}`));
    }
    const refused = await WireClient.open(broker.port);
    refused.send(connectBytes(5, "one-too-many"));
    const [connack] = await refused.closed();
    assert.ok(connack?.type === "connack", "a connack");
    assert.equal(connack.reasonCode, 0x97);
    assert.ok(clients.every((client) => !client.isClosed));
    await Promise.all(clients.map((client) => client.destroy()));
  });
});

test("F36 one Client Identifier from 1,000 sockets: the last has it, no one twice", async (t) => {
  const broker = await startBroker(t, {
    limits: { connectionsPerAddress: 2_000, takeOversPerMinute: 1_000 },
  });
  await besideNeighbours(broker, async () => {
    const clients = [];
    for (let count = 0; count < 1_000; count += 1) {
      const client = await WireClient.open(broker.port, count % 2 === 0 ? 5 : 4);
      clients.push(client);
    }
    const connect = (version: 3 | 4 | 5) =>
      version === 5
        ? wire('10 .. "MQTT" 05 00 0000 (11 00000064) "storm"')
        : wire('10 .. "MQTT" 04 00 0000 "storm"');
    for (const client of clients) {
      client.send(
        Buffer.concat([
          connect(client.version),
          client.version === 5 ? wire('82 .. 0001 () "storm" 01') : wire('82 .. 0001 "storm" 01'),
        ]),
      );
    }
    const { stats } = broker.broker;
    await until(() => stats.takeovers === 999 && broker.broker.connections === 3, "one winner");
    const survivors = clients.filter((client) => !client.isClosed);
    assert.equal(survivors.length, 1);
    for (const client of clients) {
      if (client === survivors[0]) continue;
      const packets = await client.closed();
      assert.equal(packets[0]?.type, "connack"); // [MQTT-3.14.0-1]
      if (client.version !== 5) continue;
      const last = packets.at(-1);
      assert.ok(last?.type === "disconnect", "a disconnect");
      assert.equal(last.reasonCode, 0x8e);
    }
    const [winner] = survivors;
    await winner?.settled();
    broker.broker.publish("storm", "once", { qos: 1 });
    assert.equal((await winner?.expect("publish"))?.packetId, 1);
    assert.deepEqual(await winner?.settled(), []);
    assert.equal(stats.clientsConnected, 3);
    await winner?.destroy();
  });
});

test("F36 two clients who fight for an identifier, and the loser's late packets", async (t) => {
  const broker = await startBroker(t, { limits: { takeOversPerMinute: 200 } });
  const connect = wire('10 .. "MQTT" 05 00 0000 (11 00000064) "fought"');
  await besideNeighbours(broker, async () => {
    let before = await WireClient.connectWith(broker.port, connect);
    before.send('82 .. 0001 () "prize" 01');
    await before.expect("suback");
    for (let round = 0; round < 200; round += 1) {
      const now = await WireClient.open(broker.port);
      now.send(connect);
      before.send(Buffer.concat([publishBytes(5, "late", "x", 1, 1), wire("c000")]));
      const connack = await now.expect("connack");
      assert.equal(connack.sessionPresent, true);
      const last = (await before.closed()).at(-1);
      assert.ok(last?.type === "disconnect", "a disconnect");
      assert.equal(last.reasonCode, 0x8e);
      before = now;
    }
    broker.broker.publish("prize", "once", { qos: 1 });
    assert.equal((await before.expect("publish")).dup, false);
    await before.destroy();
  });
});

test("F36 an identifier that changes hands without end is made to wait", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    const codes = new Set<number>();
    for (let round = 0; round < 300; round += 1) {
      const client = await WireClient.open(broker.port);
      client.send(connectBytes(5, "flapping"));
      codes.add((await client.expect("connack")).reasonCode);
    }
    assert.deepEqual([...codes], [0, 0x9f]);
    assert.equal(broker.broker.stats.takeovers, 60);
  });
});
