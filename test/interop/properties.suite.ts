/** What MQTT 5.0 adds, with two clients of one library. `other` plays third parties. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import {
  type Driver,
  type InteropClient,
  type Properties,
  type UserProperties,
  uniqueId,
} from "./client.ts";
import { assertNext, assertSession, assertSilent, open } from "./delivery.suite.ts";

const SUCCESS = 0x00;
const NO_MATCHING_SUBSCRIBERS = 0x10;
const NO_SUBSCRIPTION_EXISTED = 0x11;
const DISCONNECT_WITH_WILL = 0x04;

export function propertiesSuite(driver: Driver, other: Driver): void {
  test("user properties: all of them, repeats too, in order", (t) => userProperties(t, driver));
  test("content type, payload format, response topic, correlation data", (t) =>
    publishProperties(t, driver));
  test("request and response", (t) => requestResponse(t, driver, other));
  test("message expiry is counted down, what expired is gone; Will Delay Interval", (t) =>
    messageExpiry(t, driver, other));
  test("topic alias of the client", (t) => topicAliasIn(t, driver, other));
  test("topic alias of the broker: topics stay right", (t) => topicAliasOut(t, driver, other));
  test("subscription identifiers", (t) => subscriptionIds(t, driver, other));
  test("subscription options: no local, retain as published, retain handling", (t) =>
    subscriptionOptions(t, driver, other));
  test("shared subscription: each message to one of two", (t) => shared(t, driver, other));
  test("reason codes of PUBACK, PUBREC and UNSUBACK", (t) => reasonCodes(t, driver));
  test("client id assigned by the broker", (t) => assignedClientId(t, driver));
  test("Will: its properties, and 0x04 Disconnect with Will Message", (t) =>
    willProperties(t, driver));
  test("session ends with its connection when the expiry is 0", (t) => expiryZero(t, driver));
}

/**
 * A broker may hand on a PUBLISH as it came, or write it anew: with an expiry that runs down it
 * has to, and from its retained store or a queue it may.
 */
const REWRITTEN: readonly Properties[] = [{}, { messageExpirySec: 1000 }];

async function userProperties(t: TestContext, driver: Driver): Promise<void> {
  const topic = uniqueId();
  const [publisher, subscriber] = [await open(t, driver), await open(t, driver)];
  const sent: UserProperties = [
    ["colour", "red"],
    ["größe", "10 m²"],
    ["colour", "blue"],
    ["colour", "blue"],
    ["empty", ""],
    ["colour", "green"],
  ];
  const expected = driver.keepsUserPropertyOrder ? sent : groupedByName(sent);
  await subscriber.subscribe(topic, 1);
  for (const more of REWRITTEN) {
    const properties = { userProperties: sent, ...more };
    for (const qos of [0, 1] as const) {
      await publisher.publish({ topic, payload: "x", qos, retain: true, properties });
      assert.deepEqual((await subscriber.next()).properties.userProperties, expected);
      const late = await open(t, driver);
      await late.subscribe(topic, qos);
      assert.deepEqual((await late.next()).properties.userProperties, expected);
    }
  }
  await publisher.publish({ topic, payload: "", qos: 1, retain: true });
}

function groupedByName(properties: UserProperties): UserProperties {
  const names = new Set(properties.map(([name]) => name));
  return [...names].flatMap((wanted) => properties.filter(([name]) => name === wanted));
}

async function publishProperties(t: TestContext, driver: Driver): Promise<void> {
  const topic = uniqueId();
  const [publisher, subscriber] = [await open(t, driver), await open(t, driver)];
  await subscriber.subscribe(topic, 2);
  const properties: Properties = {
    contentType: "application/json; charset=utf-8",
    payloadFormat: 1,
    responseTopic: `${topic}/response/ö`,
    correlationData: "\u0001 any bytes ✓",
  };
  for (const more of REWRITTEN) {
    for (const qos of [0, 1, 2] as const) {
      const sent = { ...properties, ...more };
      await publisher.publish({ topic, payload: "{}", qos, properties: sent });
      const { messageExpirySec: _, ...received } = (await subscriber.next()).properties;
      assert.deepEqual(received, properties);
    }
  }
  await publisher.publish({ topic, payload: "{}", qos: 1 });
  assert.deepEqual((await subscriber.next()).properties, {});
  // Retained, they are kept with the message.
  await publisher.publish({ topic, payload: "{}", qos: 1, retain: true, properties });
  const late = await open(t, driver);
  await late.subscribe(topic, 0);
  assert.deepEqual((await late.next()).properties, properties);
  await publisher.publish({ topic, payload: "", qos: 1, retain: true });
}

async function requestResponse(t: TestContext, driver: Driver, other: Driver): Promise<void> {
  const topic = uniqueId();
  for (const [from, to] of [
    [driver, other],
    [other, driver],
  ] as const) {
    const [requester, responder] = [await open(t, from), await open(t, to)];
    await responder.subscribe(`${topic}/request`, 1);
    await requester.subscribe(`${topic}/response`, 1);
    await requester.publish({
      topic: `${topic}/request`,
      payload: "how warm?",
      qos: 1,
      properties: { responseTopic: `${topic}/response`, correlationData: "request 7" },
    });
    const { properties } = await responder.next();
    const { responseTopic = "", correlationData = "" } = properties;
    await responder.publish({
      topic: responseTopic,
      payload: "21.5",
      qos: 1,
      properties: { correlationData },
    });
    const response = await requester.next();
    assert.equal(String(response.payload), "21.5");
    assert.equal(response.properties.correlationData, "request 7");
    await responder.disconnect();
  }
}

/**
 * The broker's own clock tells when time has passed: a Will with a delay of 2 s arrives.
 * So nothing here depends on how fast this machine is.
 */
async function messageExpiry(t: TestContext, driver: Driver, other: Driver): Promise<void> {
  const topic = uniqueId();
  const clientId = uniqueId();
  const publisher = await open(t, driver);
  await publisher.subscribe(`${topic}/clock`, 0);
  const sleeper = await open(t, driver, { clientId, clean: false });
  await sleeper.subscribe(`${topic}/queued`, 1);
  await sleeper.disconnect();

  for (const expirySec of [1, 100]) {
    const properties = { messageExpirySec: expirySec };
    const payload = `for ${expirySec} s`;
    await publisher.publish({ topic: `${topic}/queued`, payload, qos: 1, properties });
    const retained = { topic: `${topic}/retained/${expirySec}`, payload, retain: true } as const;
    await publisher.publish({ ...retained, qos: 1, properties });
  }
  const will = { topic: `${topic}/clock`, payload: "tick", qos: 0, delaySec: 2 } as const;
  const clock = await open(t, other, { clean: false, will });
  await clock.kill();
  await assertNext(publisher, { topic: `${topic}/clock`, payload: "tick", qos: 0 });

  const awake = await open(t, driver, { clientId, clean: false });
  await awake.subscribe(`${topic}/retained/#`, 1);
  for (const from of ["queued", "retained/100"]) {
    const received = await awake.next();
    assert.equal(received.topic, `${topic}/${from}`);
    assert.equal(String(received.payload), "for 100 s");
    const leftSec = received.properties.messageExpirySec ?? Number.NaN;
    assert.ok(leftSec <= 99 && leftSec >= 70, `${from}: ${leftSec} s left of 100 after 2`);
  }
  await assertSilent(awake, publisher, `${topic}/queued`);
  await publisher.publish({ topic: `${topic}/retained/100`, payload: "", qos: 1, retain: true });
}

async function topicAliasIn(t: TestContext, driver: Driver, other: Driver): Promise<void> {
  const topic = uniqueId();
  const [client, subscriber] = [await open(t, driver), await open(t, other)];
  await subscriber.subscribe(`${topic}/#`, 1);
  const steps = [
    { topic: `${topic}/a`, alias: 1, arrivesAs: `${topic}/a` },
    { topic: "", alias: 1, arrivesAs: `${topic}/a` },
    { topic: `${topic}/b`, alias: 2, arrivesAs: `${topic}/b` },
    { topic: "", alias: 1, arrivesAs: `${topic}/a` },
    { topic: "", alias: 2, arrivesAs: `${topic}/b` },
    { topic: `${topic}/c`, alias: 1, arrivesAs: `${topic}/c` },
    { topic: "", alias: 1, arrivesAs: `${topic}/c` },
  ];
  for (const [step, { topic: name, alias, arrivesAs }] of steps.entries()) {
    const properties = { topicAlias: alias };
    await client.publish({ topic: name, payload: `step ${step}`, qos: 1, properties });
    await assertNext(subscriber, { topic: arrivesAs, payload: `step ${step}`, qos: 1 });
  }
}

async function topicAliasOut(t: TestContext, driver: Driver, other: Driver): Promise<void> {
  const topic = uniqueId();
  const [client, publisher] = [await open(t, driver, { topicAliasMax: 2 }), await open(t, other)];
  await client.subscribe(`${topic}/#`, 1);
  for (const name of ["a", "a", "b", "c", "d", "a", "d", "c", "b", "a"]) {
    await publisher.publish({ topic: `${topic}/${name}`, payload: name, qos: 1 });
    await assertNext(client, { topic: `${topic}/${name}`, payload: name, qos: 1 });
  }
}

async function subscriptionIds(t: TestContext, driver: Driver, other: Driver): Promise<void> {
  const topic = uniqueId();
  const [client, publisher] = [await open(t, driver), await open(t, other)];
  await client.subscribe(`${topic}/one`, 1, { subscriptionId: 1 });
  await client.subscribe(`${topic}/two`, 1, { subscriptionId: 268_435_455 });
  await client.subscribe(`${topic}/none`, 1);
  for (const [name, ids] of [
    ["one", [1]],
    ["two", [268_435_455]],
    ["none", undefined],
  ] as const) {
    await publisher.publish({ topic: `${topic}/${name}`, payload: name, qos: 1 });
    assert.deepEqual((await client.next()).properties.subscriptionIds, ids);
  }
  // Overlapping: one message with both identifiers, or one message for each (§3.3.4).
  await client.subscribe(`${topic}/+`, 1, { subscriptionId: 300 });
  await publisher.publish({ topic: `${topic}/one`, payload: "both", qos: 1 });
  const seen: number[] = [];
  while (seen.length < 2) seen.push(...((await client.next()).properties.subscriptionIds ?? [0]));
  assert.deepEqual(seen.sort(), [1, 300]);
}

async function subscriptionOptions(t: TestContext, driver: Driver, other: Driver): Promise<void> {
  const topic = uniqueId();
  const [client, publisher] = [await open(t, driver), await open(t, other)];
  await client.subscribe(`${topic}/mine`, 1, { noLocal: true });
  await client.publish({ topic: `${topic}/mine`, payload: "my own", qos: 1 });
  await assertSilent(client, publisher, `${topic}/mine`);

  const kept = { topic: `${topic}/kept`, payload: "kept", qos: 1, retain: true } as const;
  await client.subscribe(`${topic}/kept`, 1, { retainAsPublished: true, retainHandling: 2 });
  await publisher.publish(kept);
  await assertNext(client, kept); // Retain as Published: the flag stays.
  await client.subscribe(`${topic}/kept`, 1, { retainHandling: 2 }); // Never.
  await client.subscribe(`${topic}/kept`, 1, { retainHandling: 1 }); // Only if it is new.
  await assertSilent(client, publisher, `${topic}/kept`);
  await client.subscribe(`${topic}/kept`, 1, { retainHandling: 0 });
  await assertNext(client, kept);
  await publisher.publish({ ...kept, payload: "" });
}

async function shared(t: TestContext, driver: Driver, other: Driver): Promise<void> {
  const topic = uniqueId();
  const members = [await open(t, driver), await open(t, driver)];
  const [publisher, everyone] = [await open(t, other), await open(t, driver)];
  for (const member of members) await member.subscribe(`$share/group/${topic}`, 1);
  await everyone.subscribe(topic, 1);
  const numbers = Array.from({ length: 20 }, (_, number) => `${number}`);
  for (const payload of numbers) await publisher.publish({ topic, payload, qos: 1 });
  for (const payload of numbers) await assertNext(everyone, { topic, payload, qos: 1 });

  // Each member reads up to a mark of its own; what both read is all, without repeats.
  const got: string[] = [];
  for (const [index, member] of members.entries()) {
    await member.subscribe(`${topic}/mark/${index}`, 1);
    await publisher.publish({ topic: `${topic}/mark/${index}`, payload: "mark", qos: 1 });
    got.push(...(await payloadsUntil(member, "mark")));
  }
  assert.deepEqual(
    got.sort((a, b) => Number(a) - Number(b)),
    numbers,
  );
}

async function payloadsUntil(client: InteropClient, mark: string): Promise<string[]> {
  const payloads: string[] = [];
  for (;;) {
    const payload = String((await client.next()).payload);
    if (payload === mark) return payloads;
    payloads.push(payload);
  }
}

async function reasonCodes(t: TestContext, driver: Driver): Promise<void> {
  const topic = uniqueId();
  const client = await open(t, driver);
  await client.subscribe(`${topic}/known`, 2);
  for (const qos of [1, 2] as const) {
    // Where the library hides the code it is undefined, and there is nothing to see.
    const known = await client.publish({ topic: `${topic}/known`, payload: "x", qos });
    assert.ok([undefined, SUCCESS].includes(known), `QoS ${qos}: ${known}`);
    await client.next();
    const unknown = await client.publish({ topic: `${topic}/unknown`, payload: "x", qos });
    // 0x10 is allowed, not asked for (§3.4.2.1).
    const allowed = [undefined, SUCCESS, NO_MATCHING_SUBSCRIBERS];
    assert.ok(allowed.includes(unknown), `QoS ${qos}: ${unknown}`);
  }
  const first = await client.unsubscribe(`${topic}/known`);
  assert.ok([undefined, SUCCESS].includes(first), `UNSUBACK: ${first}`);
  const second = await client.unsubscribe(`${topic}/known`);
  assert.ok([undefined, NO_SUBSCRIPTION_EXISTED].includes(second), `UNSUBACK: ${second}`);
}

async function assignedClientId(t: TestContext, driver: Driver): Promise<void> {
  const ids = new Set<string>();
  for (let round = 0; round < 2; round += 1) {
    const { assignedClientId: id } = await open(t, driver, { clientId: "" });
    assert.ok(id !== undefined && id.length > 0, `Assigned Client Identifier: ${id}`);
    ids.add(id);
  }
  assert.equal(ids.size, 2);
}

async function willProperties(t: TestContext, driver: Driver): Promise<void> {
  const topic = uniqueId();
  const watcher = await open(t, driver);
  await watcher.subscribe(topic, 1);
  const properties: Properties = {
    contentType: "text/plain",
    responseTopic: `${topic}/why`,
    correlationData: "the last",
    userProperties: [["site", "roof"]],
  };
  const will = { topic, payload: "gone", qos: 1, properties } as const;
  const killed = await open(t, driver, { will });
  await killed.kill();
  assert.deepEqual((await watcher.next()).properties, properties);
  const leaving = await open(t, driver, { will });
  await leaving.disconnect(DISCONNECT_WITH_WILL);
  assert.deepEqual((await watcher.next()).properties, properties);
}

async function expiryZero(t: TestContext, driver: Driver): Promise<void> {
  const clientId = uniqueId();
  const options = { clientId, clean: false, sessionExpirySec: 0 };
  const first = await open(t, driver, options);
  await first.subscribe(uniqueId(), 1);
  await first.disconnect();
  assertSession(await open(t, driver, options), "new");
}
