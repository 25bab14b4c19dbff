import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer } from "node:net";
import { duplexPair } from "node:stream";
import { type TestContext, test } from "node:test";
import { createWebSocketStream, WebSocket } from "ws";
import { PacketClient } from "../../test/packet-client.ts";
import {
  type AuthenticationRequest,
  type AuthenticatorFunction,
  ConfigError,
  type CreateBrokerOptions,
  createBroker,
  ListenError,
  type NightjarBroker,
  ReasonCode,
} from "./index.ts";

const TCP = [{ url: "tcp://127.0.0.1:0" }];

async function started(t: TestContext, options: CreateBrokerOptions): Promise<NightjarBroker> {
  const broker = createBroker(options);
  t.after(() => broker.close());
  await broker.listen();
  return broker;
}

function inMemory(broker: NightjarBroker): PacketClient {
  const [ours, theirs] = duplexPair({ allowHalfOpen: false });
  broker.handle(theirs);
  return new PacketClient(ours);
}

function reasonCodeOf(packet: unknown): unknown {
  return (packet as { reasonCode?: unknown } | undefined)?.reasonCode;
}

/** Turns warnings of the process into a list for the time of a test. */
function collectWarnings(t: TestContext): string[] {
  const warnings: string[] = [];
  t.mock.method(process, "emitWarning", (warning: Error | string) => {
    warnings.push(String(warning));
  });
  return warnings;
}

test("no listeners, no port; they are opened by listen", async (t) => {
  const silent = await started(t, {});
  assert.deepEqual(silent.addresses, []);
  const broker = await started(t, { listeners: [...TCP, ...TCP, { url: "ws://127.0.0.1:0/x" }] });
  assert.equal(broker.addresses.length, 3);
  assert.match(broker.addresses.join(" "), /^mqtt:\/\/127\.0\.0\.1:\d+ mqtt:\S+ ws:\S+\/x$/);
});

test("options are checked as a file is", () => {
  const options = { limits: { packetSize: "1XB", paketSize: 1 }, log: { level: "info" } };
  assert.throws(
    () => createBroker(options as never),
    (error: ConfigError) => {
      assert.deepEqual(error.problems, [
        "limits.paketSize: unknown key; did you mean packetSize?",
        "log: unknown key; there are listeners, allowAnonymous, limits, data, durability, sys, " +
          "responseInformation",
        "limits.packetSize: expected a size such as 64KiB or 1MiB (128B to 268435460B), " +
          'got "1XB"',
      ]);
      return error instanceof ConfigError;
    },
  );
});

test("a listener that others reach needs users, or the word", () => {
  const listeners = [{ url: "tcp://0.0.0.0:0" }];
  assert.throws(() => createBroker({ listeners }), /allowAnonymous: true/);
  createBroker({ listeners, allowAnonymous: true });
  createBroker({ listeners, authenticator: () => true });
});

test("listen: all or none", async (t) => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  t.after(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  const broker = createBroker({ listeners: [...TCP, { url: `tcp://127.0.0.1:${port}` }] });
  await assert.rejects(broker.listen(), ListenError);
  assert.deepEqual(broker.addresses, []);
  await broker.close();
});

test("publish: reaches subscribers, and says how many matched", async (t) => {
  const broker = await started(t, { listeners: TCP });
  const client = await PacketClient.dial(broker.addresses[0] ?? "");
  await client.connect();
  await client.subscribe("lamp/+", 1);
  const properties = { contentType: "text/plain", userProperties: [["a", "b"]] as const };
  assert.equal(broker.publish("lamp/1", "on", { qos: 1, properties }), 1);
  assert.equal(broker.publish("other", "x"), 0);
  const packet = await client.next();
  assert.ok(packet?.type === "publish");
  assert.equal(packet.message.topicName, "lamp/1");
  assert.equal(Buffer.from(packet.message.payload).toString(), "on");
  assert.equal(packet.message.properties?.contentType, "text/plain");
  assert.equal(broker.ledger.count("no-subscriber"), 1);
  assert.equal(broker.stats.connectsAccepted, 1);
});

test("publish: what no client could publish is refused", () => {
  const broker = createBroker();
  for (const topicName of ["", "a/#", "+", "x".repeat(65_536)]) {
    assert.throws(() => broker.publish(topicName, ""), RangeError);
  }
  assert.throws(() => broker.publish("a", "", { qos: 3 as never }), RangeError);
});

test("handle: any stream; the bytes written to it stay as they are", async () => {
  const broker = createBroker();
  const client = inMemory(broker);
  const chunks: Buffer[] = [];
  const copies: Buffer[] = [];
  client.stream.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    copies.push(Buffer.from(chunk));
  });
  assert.equal(reasonCodeOf(await client.connect()), ReasonCode.success);
  await client.subscribe("a/#", 1);
  for (let at = 0; at < 20; at += 1) {
    broker.publish("a/b", `message ${at}`);
    const packet = await client.next();
    assert.ok(packet?.type === "publish");
    assert.equal(Buffer.from(packet.message.payload).toString(), `message ${at}`);
  }
  assert.deepEqual(chunks, copies);
  assert.equal(broker.connections, 1);
  await broker.close();
  assert.equal(broker.connections, 0);
});

test("handle: a client that does not read holds nobody up, and is not read from", async () => {
  const broker = createBroker();
  const [ours, theirs] = duplexPair({ allowHalfOpen: false });
  broker.handle(theirs);
  const slow = new PacketClient(ours);
  await slow.connect({ clientId: "slow" });
  await slow.subscribe("big", 0);
  ours.pause();
  const quick = inMemory(broker);
  await quick.connect({ clientId: "quick" });
  await quick.subscribe("big", 0);
  for (let at = 0; at < 100; at += 1) {
    broker.publish("big", Buffer.alloc(100_000, at));
    const packet = await quick.next();
    assert.ok(packet?.type === "publish" && packet.message.payload[0] === at);
  }
  ours.resume();
  for (let at = 0; at < 100; at += 1) {
    const packet = await slow.next();
    assert.ok(packet?.type === "publish" && packet.message.payload[99_999] === at);
  }
  await broker.close();
});

test("handle: a socket accepted elsewhere, with a policy of its own", async (t) => {
  const broker = createBroker();
  const server = createServer((socket) => {
    const { remoteAddress = "" } = socket;
    broker.handle(socket, { remoteAddress, policy: { maximumQos: 1, retainAvailable: false } });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const client = await PacketClient.dial(`mqtt://127.0.0.1:${port}`);
  const connack = await client.connect();
  assert.ok(connack?.type === "connack");
  assert.equal(connack.properties?.maximumQos, 1);
  assert.equal(connack.properties?.retainAvailable, false);
  await broker.close();
  assert.throws(() =>
    createBroker().handle(duplexPair({ allowHalfOpen: false })[0], { policy: { qos: 1 } as never }),
  );
});

test("anonymous clients: from this machine, unless it is said otherwise", async () => {
  const cases: [CreateBrokerOptions, string | undefined, number][] = [
    [{}, undefined, 0],
    [{}, "127.0.0.1:5", 0],
    [{}, "[::1]:5", 0],
    [{}, "10.0.0.7:5", ReasonCode.notAuthorized],
    [{}, "10.0.0.7", ReasonCode.notAuthorized],
    [{}, "fd00::7", ReasonCode.notAuthorized],
    [{ allowAnonymous: true }, "10.0.0.7:5", 0],
    [{ allowAnonymous: false }, "127.0.0.1:5", ReasonCode.notAuthorized],
    [{ allowAnonymous: true, authenticator: () => false }, "10.0.0.7:5", 0],
    [{ allowAnonymous: false, authenticator: () => true }, "127.0.0.1:5", ReasonCode.notAuthorized],
    [{ authenticator: () => false }, "127.0.0.1:5", ReasonCode.badUserNameOrPassword],
  ];
  for (const [options, remoteAddress, expected] of cases) {
    const broker = createBroker(options);
    const [ours, theirs] = duplexPair({ allowHalfOpen: false });
    broker.handle(theirs, remoteAddress === undefined ? {} : { remoteAddress });
    const connack = await new PacketClient(ours).connect();
    assert.equal(reasonCodeOf(connack), expected, JSON.stringify([options, remoteAddress]));
    await broker.close();
  }
});

const AUTHENTICATORS: { what: string; decide: AuthenticatorFunction; reasonCode: number }[] = [
  { what: "true", decide: () => true, reasonCode: 0 },
  { what: "a promise of true", decide: async () => true, reasonCode: 0 },
  { what: "false", decide: async () => false, reasonCode: ReasonCode.badUserNameOrPassword },
  {
    what: "refuse",
    decide: async () => ({ verdict: "refuse", reasonCode: ReasonCode.banned }),
    reasonCode: ReasonCode.banned,
  },
  {
    what: "throw",
    decide: () => {
      throw new Error("no database");
    },
    reasonCode: ReasonCode.serverUnavailable,
  },
  {
    what: "reject",
    decide: async () => Promise.reject(new Error("no database")),
    reasonCode: ReasonCode.serverUnavailable,
  },
  {
    what: "nothing",
    decide: () => undefined as never,
    reasonCode: ReasonCode.serverUnavailable,
  },
];

for (const { what, decide, reasonCode } of AUTHENTICATORS) {
  test(`authenticator: ${what} answers 0x${reasonCode.toString(16)}`, async (t) => {
    const warnings = collectWarnings(t);
    const asked: AuthenticationRequest[] = [];
    const broker = createBroker({
      authenticator(request) {
        asked.push(request);
        broker.publish("asked", ""); // It may use the broker.
        return decide(request);
      },
    });
    const client = inMemory(broker);
    const password = Buffer.from("secret");
    const connack = await client.connect({ clientId: "c", userName: "ada", password });
    assert.equal(reasonCodeOf(connack), reasonCode);
    const [{ clientId, userName, password: given }] = asked as [AuthenticationRequest];
    assert.deepEqual([clientId, userName], ["c", "ada"]);
    assert.equal(Buffer.from(given ?? []).toString(), "secret");
    const failed = reasonCode === ReasonCode.serverUnavailable;
    assert.equal(warnings.length, failed ? 1 : 0, warnings.join());
    await broker.close();
  });
}

test("authorizer: decides per topic; a throw and a promise are a no", async (t) => {
  const warnings = collectWarnings(t);
  const broker = createBroker({
    authenticator: () => true,
    authorizer: ({ name }, _clientId, action, topic) => {
      if (topic === "throw") throw new Error("no rules");
      if (topic === "promise") return Promise.resolve(true) as never;
      return action === "subscribe" && topic === `${name}/#`;
    },
  });
  const client = inMemory(broker);
  await client.connect({ userName: "ada" });
  const reasonCodes: unknown[] = [];
  for (const topicFilter of ["ada/#", "bob/#", "throw", "promise"]) {
    const suback = await client.subscribe(topicFilter);
    reasonCodes.push(...((suback as { reasonCodes?: number[] }).reasonCodes ?? []));
  }
  const { notAuthorized } = ReasonCode;
  assert.deepEqual(reasonCodes, [0, notAuthorized, notAuthorized, notAuthorized]);
  assert.equal(warnings.length, 1);
  await broker.close();
});

test("events: what happens is told, in order, and a bad listener hurts nobody", async (t) => {
  const warnings = collectWarnings(t);
  const broker = createBroker();
  const told: string[] = [];
  const tell = (name: string) => (event: { clientId: string }) => {
    told.push(`${name} ${event.clientId}`);
  };
  broker.on("connected", () => {
    throw new Error("a bad listener");
  });
  broker.on("connected", async () => {
    throw new Error("a bad async listener");
  });
  broker.on("connected", tell("connected")).on("disconnected", tell("disconnected"));
  broker.on("subscribed", tell("subscribed")).on("unsubscribed", tell("unsubscribed"));
  broker.on("sessionEnded", tell("sessionEnded")).on("violated", tell("violated"));
  const lost: unknown[] = [];
  broker.on("lost", (event) => lost.push(event));
  const removed = () => told.push("removed");
  broker.on("connected", removed).off("connected", removed);

  const client = inMemory(broker);
  await client.connect({ clientId: "c" });
  await client.subscribe("a");
  client.send({ type: "unsubscribe", packetId: 2, topicFilters: ["a"], userProperties: [] });
  await client.next();
  broker.publish("nobody", "1");
  broker.publish("nowhere", "2");
  client.stream.write(Buffer.of(0xf0, 0x05)); // AUTH out of place, and malformed.
  client.stream.write(Buffer.alloc(5, 0xff));
  while ((await client.next()) !== undefined);
  await broker.close();
  const expected = ["connected", "subscribed", "unsubscribed", "violated", "disconnected"];
  assert.deepEqual(
    told,
    [...expected, "sessionEnded"].map((name) => `${name} c`),
  );
  assert.deepEqual(
    lost.map((event) => (event as { topicName: string }).topicName),
    ["nobody", "nowhere"],
  );
  assert.equal(warnings.length, 2);
});

test("handleUpgrade: on the program's own HTTP server", async (t) => {
  const broker = createBroker();
  const refused: string[] = [];
  broker.on("violated", ({ message }) => refused.push(message));
  const server = createHttpServer((_request, response) => response.end("mine"));
  server.on("upgrade", (request, socket, head) => broker.handleUpgrade(request, socket, head));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/anything`;

  const webSocket = new WebSocket(url, "mqtt");
  await once(webSocket, "open");
  const client = new PacketClient(createWebSocketStream(webSocket));
  assert.equal(reasonCodeOf(await client.connect()), 0);

  const other = new WebSocket(url);
  other.on("error", () => {});
  const [, response] = await once(other, "unexpected-response");
  assert.equal(response.statusCode, 400);
  response.resume();
  assert.match(refused.join(), /"mqtt" is missing/);
  await broker.close();
  assert.ok(!("closed" in server) || server.listening, "the program's server is not ours to close");

  const late = new WebSocket(url, "mqtt");
  await once(late, "error");
});

test("close: 0x8B to clients, no new ones, and streams that hang are cut off", async () => {
  const broker = createBroker({ listeners: TCP });
  await broker.listen();
  const [address = ""] = broker.addresses;
  const client = await PacketClient.dial(address);
  await client.connect();
  const silent = connect(Number(new URL(address).port), "127.0.0.1");
  await once(silent, "connect");
  const closing = broker.close();
  assert.equal(broker.close(), closing);
  const packet = await client.next();
  assert.ok(packet?.type === "disconnect");
  assert.equal(packet.reasonCode, ReasonCode.serverShuttingDown);
  assert.equal(await client.next(), undefined);
  await closing;
  const refused = connect(Number(new URL(address).port), "127.0.0.1");
  const [error] = await once(refused, "error");
  assert.equal(error.code, "ECONNREFUSED");
  await assert.rejects(broker.listen(), /closed/);
  const [ours, theirs] = duplexPair({ allowHalfOpen: false });
  broker.handle(theirs);
  assert.ok(theirs.destroyed);
  ours.destroy();
});

test("close while listeners are being opened: none stays open", async () => {
  const broker = createBroker({ listeners: [...TCP, ...TCP] });
  const listening = broker.listen();
  const closing = broker.close();
  await assert.rejects(listening, /closed/);
  await closing;
  assert.deepEqual(broker.addresses, []);
});

test("reload: limits and policies for new connections, listeners come and go", async (t) => {
  const broker = await started(t, { listeners: TCP, limits: { receiveMaximum: 10 } });
  const [address = ""] = broker.addresses;
  const old = await PacketClient.dial(address);
  await old.connect({ clientId: "old" });

  const listeners = [{ url: "tcp://127.0.0.1:0", maximumQos: 1 as const }, { url: "ws://[::1]:0" }];
  const restart = await broker.reload({ listeners, limits: { receiveMaximum: 20 } });
  assert.deepEqual(restart, []);
  assert.equal(broker.addresses[0], address);
  assert.match(broker.addresses[1] ?? "", /^ws:/);
  const fresh = await PacketClient.dial(address);
  const connack = await fresh.connect({ clientId: "fresh" });
  assert.ok(connack?.type === "connack");
  assert.equal(connack.properties?.receiveMaximum, 20);
  assert.equal(connack.properties?.maximumQos, 1);

  assert.deepEqual(await broker.reload({ limits: { ledgerEntries: 5 } }), ["limits.ledgerEntries"]);
  assert.deepEqual(broker.addresses, []);
  await assert.rejects(PacketClient.dial(address), /ECONNREFUSED/);
  for (const client of [old, fresh]) {
    client.send({ type: "pingreq" });
    assert.equal((await client.next())?.type, "pingresp");
  }
});

test("reload: what is wrong changes nothing", async (t) => {
  const broker = await started(t, { listeners: TCP });
  const { addresses, limits } = broker;
  await assert.rejects(broker.reload({ limits: { sessions: 0 } }), ConfigError);
  const [address = ""] = addresses;
  const taken = [...TCP, { url: "ws://127.0.0.1:0" }, { url: address }];
  await assert.rejects(broker.reload({ listeners: taken, limits: { sessions: 5 } }), ListenError);
  assert.deepEqual(broker.addresses, addresses);
  assert.deepEqual(broker.limits, limits);
  const client = await PacketClient.dial(address);
  assert.equal(reasonCodeOf(await client.connect()), 0);
});
