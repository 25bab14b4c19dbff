/** What a broker does that nobody configured: RELIABILITY § 4, and row F42, as tables. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_LIMITS, type Limits } from "../../src/core/limits.ts";
import {
  ConfigError,
  type ConfigOptions,
  type CreateBrokerOptions,
  createBroker,
} from "../../src/server/index.ts";
import { startBroker } from "./harness.ts";
import { besideNeighbours } from "./neighbours.ts";
import { connectBytes, WireClient } from "./wire-client.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const DAY_SEC = 24 * 3_600;

/** Raising one of these is a decision about every broker out there: change both places. */
const POSTURE: Partial<Limits> = {
  packetSizeMax: MIB,
  connectPacketSizeMax: 16 * KIB,
  connectTimeoutMs: 10_000,
  receiveMaximum: 100,
  topicAliasMax: 64,
  topicLevelsMax: 128,
  topicBytesMax: 4 * KIB,
  subscriptionsPerSessionMax: 1_000,
  clientIdBytesMax: 256,
  userPropertiesMax: 100,
  queueMessagesMax: 10_000,
  queueBytesMax: 64 * MIB,
  sessionExpiryMaxSec: 7 * DAY_SEC,
  keepAliveMaxSec: 3_600,
  connectionsPerAddressMax: 1_000,
};

test("defaults: every limit of the posture", () => {
  for (const [name, value] of Object.entries(POSTURE)) {
    assert.equal(DEFAULT_LIMITS[name as keyof Limits], value, name);
  }
  const broker = createBroker();
  assert.deepEqual({ ...broker.limits }, { ...DEFAULT_LIMITS }); // The schema says the same.
});

test("defaults: nothing is unbounded", () => {
  for (const [name, value] of Object.entries(DEFAULT_LIMITS)) {
    assert.ok(Number.isSafeInteger(value) && value > 0 && value < 2 ** 31, name);
  }
});

const user = () => true;

/** What opens, and what does not: by listener, users and the word `allowAnonymous`. */
const LISTENING: [string, CreateBrokerOptions, "opens" | "refused"][] = [
  ["loopback", { listeners: [{ url: "tcp://127.0.0.1:0" }] }, "opens"],
  ["loopback, IPv6", { listeners: [{ url: "tcp://[::1]:0" }] }, "opens"],
  ["localhost", { listeners: [{ url: "ws://localhost:0" }] }, "opens"],
  ["every address", { listeners: [{ url: "tcp://0.0.0.0:0" }] }, "refused"],
  ["every address, IPv6", { listeners: [{ url: "tcp://[::]:0" }] }, "refused"],
  ["every address, WebSocket", { listeners: [{ url: "ws://0.0.0.0:0/mqtt" }] }, "refused"],
  ["a name", { listeners: [{ url: "tcp://broker.example:0" }] }, "refused"],
  ["another one", { listeners: [{ url: "tcp://10.0.0.1:0" }] }, "refused"],
  ["127.evil", { listeners: [{ url: "tcp://127.0.0.1.evil.example:0" }] }, "refused"],
  [
    "one of two",
    { listeners: [{ url: "tcp://127.0.0.1:0" }, { url: "tcp://0.0.0.0:0" }] },
    "refused",
  ],
  ["with users", { listeners: [{ url: "tcp://0.0.0.0:0" }], authenticator: user }, "opens"],
  ["allowed", { listeners: [{ url: "tcp://0.0.0.0:0", allowAnonymous: true }] }, "opens"],
  ["allowed for all", { listeners: [{ url: "tcp://0.0.0.0:0" }], allowAnonymous: true }, "opens"],
  [
    "nobody at all",
    { listeners: [{ url: "tcp://127.0.0.1:0" }], allowAnonymous: false },
    "refused",
  ],
  [
    "a policy does not open it",
    { listeners: [{ url: "tcp://0.0.0.0:0", maximumQos: 1, origins: ["*"] }] },
    "refused",
  ],
];

test("defaults: a listener that others can reach takes users, or a word", () => {
  for (const [what, options, outcome] of LISTENING) {
    const open = () => createBroker(options);
    if (outcome === "opens") assert.doesNotThrow(open, what);
    else assert.throws(open, ConfigError, what);
  }
  assert.deepEqual(createBroker().addresses, []); // The library opens nothing by itself.
});

test("defaults: with users, anonymous clients are refused, on loopback as well", async (t) => {
  const broker = await startBroker(t, { authenticator: ({ userName }) => userName === "u" });
  for (const version of [5, 4] as const) {
    const client = await WireClient.open(broker.port, version);
    client.send(connectBytes(version, "anonymous"));
    const [connack] = await client.closed();
    assert.ok(connack?.type === "connack", "a CONNACK");
    assert.equal(connack.reasonCode, 0x86);
  }
});

test("F52 clients cannot publish under $, and wildcards do not see it", async (t) => {
  const broker = await startBroker(t, { sys: { interval: "1s" } });
  await besideNeighbours(broker, async () => {
    const client = await WireClient.connect(broker.port, "nosy");
    client.send('82 .. 0001 () "#" 00 "+/#" 00 "+/broker/#" 00');
    await client.expect("suback");
    for (const topic of ["$SYS/broker/version", "$SYS", "$share/g/t", "$foo", "$"]) {
      client.send(`32 .. "${topic}" 0001 () 'x'`);
      let packet = await client.next();
      while (packet.type === "publish") {
        assert.ok(!packet.message.topicName.startsWith("$"));
        packet = await client.next();
      }
      assert.ok(packet.type === "puback" && packet.reasonCode === 0x87, topic);
    }
    await client.destroy();
  });
});

/** Values that would divide by zero, never end, or mean something else than was meant. */
const ODD: unknown[] = [
  0.5,
  -1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  1e300,
  2 ** 53,
  "",
  "many",
  "1e9",
  "0x10",
  "10 parsecs",
  "-5s",
  null,
  [],
  {},
  true,
];

test("F42 odd values of a limit are refused when they are set, at a reload too", async (t) => {
  const { broker } = await startBroker(t);
  const names = Object.keys(DEFAULT_LIMITS).map((name) => name.replace(/(Max)?(Ms|Sec)?$/, ""));
  for (const name of names) {
    for (const value of ODD) {
      if (value === null) continue; // As in a file: the default.
      const options = { limits: { [name]: value } } as ConfigOptions;
      const what = `${name}: ${JSON.stringify(value) ?? String(value)}`;
      assert.throws(() => createBroker(options), ConfigError, what);
      await assert.rejects(broker.reload(options), ConfigError, what);
    }
  }
  assert.deepEqual({ ...broker.limits }, { ...DEFAULT_LIMITS });
});

test("F42 the lowest and the highest allowed values do not break the broker", async (t) => {
  const lowest = {
    connectTimeout: "1s",
    packetSize: 128,
    connectPacketSize: 128,
    clientIdBytes: 23,
    topicBytes: 32,
    topicLevels: 2,
    userProperties: 0,
    subscriptionsPerSession: 1,
    queueMessages: 1,
    queueBytes: 1_000,
    qos0Messages: 1,
    qos0Bytes: 1,
    receiveMaximum: 1,
    inflight: 1,
    topicAlias: 0,
    topicAliasOutbound: 0,
    retainedMessages: 0,
    retainedBytes: 0,
    routes: 1,
    ledgerEntries: 1,
    sessionExpiry: "0s",
    keepAlive: "1s",
  } as const;
  const highest = {
    packetSize: 268_435_460,
    topicBytes: 65_535,
    topicLevels: 65_535,
    userProperties: 65_535,
    receiveMaximum: 65_535,
    inflight: 65_535,
    topicAlias: 65_535,
    topicAliasOutbound: 65_535,
    sessionExpiry: "49710d",
    keepAlive: "65535s",
  } as const;
  for (const limits of [lowest, highest]) {
    const broker = await startBroker(t, { limits });
    await besideNeighbours(broker, async () => {
      const client = await WireClient.connect(broker.port, "tester");
      client.send('82 .. 0001 () "a" 02 "b" 00');
      assert.equal((await client.expect("suback")).reasonCodes.length, 2);
      client.send(`35 .. "a" 0001 () 'x'`);
      client.send("62 .. 0001");
      await client.settled();
      client.send("e0 .. 00 (11 ffffffff)");
      await client.closed();
    });
  }
});
