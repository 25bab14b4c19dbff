/** mosquitto_pub, mosquitto_sub and mosquitto_rr (Debian: mosquitto-clients) against the broker. */
import assert from "node:assert/strict";
import { after, type TestContext, test } from "node:test";
import { startBroker } from "./broker.ts";
import { uniqueId, type Version } from "./client.ts";
import { assertNext, assertSession, assertSilent, open } from "./delivery.suite.ts";
import { mqttJsDriver } from "./mqttjs-client.ts";
import { describePeer, missingMosquittoClients } from "./peers.ts";
import { Tool } from "./tool.ts";

const QOS = [0, 1, 2] as const;
const VERSION_FLAG = { 3: "mqttv31", 4: "mqttv311", 5: "mqttv5" } as const;

const missing = missingMosquittoClients();
const broker = await startBroker();
after(() => broker.close());
const other = mqttJsDriver(5, () => broker.tcp, "TCP");

type Args = ReadonlyArray<string | number>;

for (const version of [3, 4, 5] as const) {
  describePeer(`mosquitto clients, ${VERSION_FLAG[version]}`, missing, () => {
    for (const qos of QOS) {
      test(`QoS ${qos}: pub to sub`, (t) => pubToSub(t, version, qos));
    }
    test("a message for each line of stdin, in order", (t) => linesOfInput(t, version));
    test("retained: stored, got, deleted", (t) => retained(t, version));
    test("Will: published when mosquitto_sub is killed", (t) => willOfKilled(t, version));
    test("Will: not published after DISCONNECT", (t) => noWill(t, version));
    test("session: messages of the time between arrive", (t) => session(t, version));
    test("unsubscribe", (t) => unsubscribe(t, version));
    if (version > 3) test("mosquitto_rr", (t) => requestResponse(t, version));
  });
}

describePeer("mosquitto clients, properties", missing, () => {
  test("properties pass from pub to sub, user properties in order", properties);
  test("topic alias of mosquitto_pub", topicAlias);
  test("subscription identifier of mosquitto_sub", subscriptionId);
  test("mosquitto_rr finds its response by correlation data", correlation);
  test("Will properties", willProperties);
});

function run(t: TestContext, program: string, version: Version, args: Args): Tool {
  const where = ["-h", broker.tcp.hostname, "-p", broker.tcp.port, "-V", VERSION_FLAG[version]];
  const tool = new Tool(program, [...where, ...args.map(String)]);
  t.after(() => tool.kill());
  return tool;
}

function pub(t: TestContext, version: Version, ...args: Args): Tool {
  return run(t, "mosquitto_pub", version, args);
}

/** Resolves when mosquitto_sub has its SUBACK. Debug lines come between the messages. */
async function sub(t: TestContext, version: Version, ...args: Args): Promise<Tool> {
  const tool = run(t, "mosquitto_sub", version, ["-d", ...args]);
  await tool.lineWith("Subscribed (mid");
  return tool;
}

/** The format of every message line here; "=>" tells it from debug output. */
const FORMAT = ["-F", "=> %t %p q%q r%r"] as const;

async function pubToSub(t: TestContext, version: Version, qos: number): Promise<void> {
  const topic = uniqueId();
  const subscriber = await sub(t, version, "-t", topic, "-q", qos, "-C", 2, ...FORMAT);
  for (const payload of ["one", "zwei ✓"]) {
    await pub(t, version, "-t", topic, "-m", payload, "-q", qos).succeeded();
    assert.equal(await subscriber.lineWith("=>"), `=> ${topic} ${payload} q${qos} r0`);
  }
  await subscriber.succeeded();
}

/** What mosquitto_pub says of each message that is acknowledged. */
const ACKNOWLEDGED = ["", "received PUBACK", "received PUBCOMP"] as const;

async function linesOfInput(t: TestContext, version: Version): Promise<void> {
  // 20 is mosquitto's Receive Maximum; above it, at QoS 2, its clients and it stall now and then.
  for (const [qos, count] of [
    [0, 500],
    [1, 200],
    [2, 20],
  ] as const) {
    const topic = uniqueId();
    const subscriber = await sub(t, version, "-t", topic, "-q", qos, ...FORMAT);
    const publisher = pub(t, version, "-t", topic, "-q", qos, "-l", "-d");
    const numbers = Array.from({ length: count }, (_, number) => number);
    publisher.write(numbers.map((number) => `line ${number}\n`).join(""));
    publisher.endInput();
    for (const number of numbers) {
      assert.equal(await subscriber.lineWith("=>"), `=> ${topic} line ${number} q${qos} r0`);
    }
    // Its end is not waited for: with -l its two threads once did not agree that all was done.
    if (qos > 0) for (const _ of numbers) await publisher.lineWith(ACKNOWLEDGED[qos]);
  }
}

async function retained(t: TestContext, version: Version): Promise<void> {
  const topic = uniqueId();
  await pub(t, version, "-t", topic, "-m", "kept", "-q", 1, "-r").succeeded();
  const got = run(t, "mosquitto_sub", version, ["-t", topic, "-q", 1, "-C", 1, ...FORMAT]);
  assert.equal(await got.line(), `=> ${topic} kept q1 r1`);
  await got.succeeded();
  await pub(t, version, "-t", topic, "-n", "-q", 1, "-r").succeeded();
  const late = await sub(t, version, "-t", topic, "-q", 1, ...FORMAT);
  await pub(t, version, "-t", topic, "-m", "marker", "-q", 1).succeeded();
  assert.equal(await late.lineWith("=>"), `=> ${topic} marker q1 r0`);
}

function willFlags(topic: string): Args {
  return ["--will-topic", topic, "--will-payload", "gone", "--will-qos", 1];
}

async function willOfKilled(t: TestContext, version: Version): Promise<void> {
  const topic = uniqueId();
  const watcher = await open(t, other);
  await watcher.subscribe(topic, 1);
  const victim = await sub(t, version, "-t", `${topic}/other`, ...willFlags(topic));
  await victim.kill();
  await assertNext(watcher, { topic, payload: "gone", qos: 1 });
}

async function noWill(t: TestContext, version: Version): Promise<void> {
  const topic = uniqueId();
  const watcher = await open(t, other);
  const publisher = await open(t, other);
  await watcher.subscribe(topic, 1);
  const leaving = await sub(t, version, "-t", `${topic}/other`, "-C", 1, ...willFlags(topic));
  await publisher.publish({ topic: `${topic}/other`, payload: "go", qos: 0 });
  await leaving.succeeded(); // After one message it sends DISCONNECT.
  await assertSilent(watcher, publisher, topic);
}

async function session(t: TestContext, version: Version): Promise<void> {
  const topic = uniqueId();
  const who: Args = ["-i", uniqueId(), "-c", "-t", topic, "-q", 2];
  await run(t, "mosquitto_sub", version, [...who, "-E"]).succeeded(); // -E: leave after SUBACK.
  for (const qos of [1, 2]) {
    await pub(t, version, "-t", topic, "-m", `away ${qos}`, "-q", qos).succeeded();
  }
  const back = run(t, "mosquitto_sub", version, [...who, "-C", 3, ...FORMAT]);
  for (const qos of [1, 2]) {
    assert.equal(await back.line(), `=> ${topic} away ${qos} q${qos} r0`);
  }
  await pub(t, version, "-t", topic, "-m", "here again", "-q", 1).succeeded();
  assert.equal(await back.line(), `=> ${topic} here again q1 r0`);
  await back.succeeded();
  await endSession(t, String(who[1]));
}

async function endSession(t: TestContext, clientId: string): Promise<void> {
  assertSession(await open(t, other, { clientId, clean: true }), "new");
}

async function unsubscribe(t: TestContext, version: Version): Promise<void> {
  const topic = uniqueId();
  const who: Args = ["-i", uniqueId(), "-c", "-q", 1];
  const both: Args = ["-t", `${topic}/a`, "-t", `${topic}/b`];
  await run(t, "mosquitto_sub", version, [...who, ...both, "-E"]).succeeded();
  const onlyB: Args = ["-t", `${topic}/b`, "-U", `${topic}/a`];
  const back = await sub(t, version, ...who, ...onlyB, ...FORMAT);
  // Only after UNSUBACK: mosquitto_sub sends UNSUBSCRIBE behind its SUBSCRIBE.
  await back.lineWith("UNSUBACK");
  await pub(t, version, "-t", `${topic}/a`, "-m", "no", "-q", 1).succeeded();
  await pub(t, version, "-t", `${topic}/b`, "-m", "yes", "-q", 1).succeeded();
  assert.equal(await back.lineWith("=>"), `=> ${topic}/b yes q1 r0`);
  await back.kill();
  await endSession(t, String(who[1]));
}

async function requestResponse(t: TestContext, version: Version): Promise<void> {
  const topic = uniqueId();
  const responder = await open(t, other);
  await responder.subscribe(`${topic}/request`, 1);
  const where: Args = ["-t", `${topic}/request`, "-e", `${topic}/response`];
  const requester = run(t, "mosquitto_rr", version, [...where, "-q", 1, "-m", "ping"]);
  const request = await responder.next();
  assert.equal(String(request.payload), "ping");
  if (version === 5) assert.equal(request.properties.responseTopic, `${topic}/response`);
  await responder.publish({ topic: `${topic}/response`, payload: "pong", qos: 1 });
  assert.equal(await requester.line(), "pong");
  await requester.succeeded();
}

/** `-D publish NAME VALUE …` for each. */
function publishFlags(...flags: ReadonlyArray<readonly string[]>): string[] {
  return flags.flatMap((flag) => ["-D", "publish", ...flag]);
}

async function properties(t: TestContext): Promise<void> {
  const topic = uniqueId();
  const format = ["-F", "=> %p|%C|%R|%D|%E|%F|%P"];
  const subscriber = await sub(t, 5, "-t", topic, "-q", 1, ...format);
  const flags = publishFlags(
    ["content-type", "text/plain"],
    ["response-topic", `${topic}/r`],
    ["correlation-data", "c-1"],
    ["message-expiry-interval", "300"],
    ["payload-format-indicator", "1"],
    ["user-property", "z", "1"],
    ["user-property", "a", "2"],
    ["user-property", "z", "3"],
  );
  await pub(t, 5, "-t", topic, "-q", 1, "-m", "all", ...flags).succeeded();
  const expected = `=> all|text/plain|${topic}/r|c-1|300|1|z:1 a:2 z:3`;
  assert.equal((await subscriber.lineWith("=>")).trimEnd(), expected);
}

async function topicAlias(t: TestContext): Promise<void> {
  const topic = uniqueId();
  const subscriber = await open(t, other);
  await subscriber.subscribe(topic, 1);
  const flags = ["--repeat", 5, ...publishFlags(["topic-alias", "7"])];
  await pub(t, 5, "-t", topic, "-q", 1, "-m", "again", ...flags).succeeded();
  for (let round = 0; round < 5; round += 1) {
    await assertNext(subscriber, { topic, payload: "again", qos: 1 });
  }
}

async function subscriptionId(t: TestContext): Promise<void> {
  const topic = uniqueId();
  const id = ["-D", "subscribe", "subscription-identifier", 1234];
  const subscriber = await sub(t, 5, "-t", topic, "-q", 1, ...id, "-F", "=> %p %S");
  await pub(t, 5, "-t", topic, "-q", 1, "-m", "x").succeeded();
  assert.equal(await subscriber.lineWith("=>"), "=> x 1234");
}

async function correlation(t: TestContext): Promise<void> {
  const topic = uniqueId();
  const responder = await open(t, other);
  await responder.subscribe(`${topic}/request`, 1);
  const where: Args = ["-t", `${topic}/request`, "-e", `${topic}/response`, "-q", 1];
  const data = publishFlags(["correlation-data", "number 7"]);
  const requester = run(t, "mosquitto_rr", 5, [...where, "-m", "q", ...data, "-F", "%p %D"]);
  const { correlationData = "", responseTopic = "" } = (await responder.next()).properties;
  assert.equal(correlationData, "number 7");
  const answer = { properties: { correlationData }, qos: 1 } as const;
  await responder.publish({ topic: responseTopic, payload: "a", ...answer });
  assert.equal(await requester.line(), "a number 7");
  await requester.succeeded();
}

async function willProperties(t: TestContext): Promise<void> {
  const topic = uniqueId();
  const watcher = await open(t, other);
  await watcher.subscribe(topic, 1);
  const flags = [
    ["content-type", "text/plain"],
    ["user-property", "site", "roof"],
  ].flatMap((flag) => ["-D", "will", ...flag]);
  const victim = await sub(t, 5, "-t", `${topic}/other`, ...willFlags(topic), ...flags);
  await victim.kill();
  const received = await watcher.next();
  assert.deepEqual(received.properties, {
    contentType: "text/plain",
    userProperties: [["site", "roof"]],
  });
}
