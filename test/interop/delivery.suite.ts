/**
 * What every client can do whatever its protocol version: QoS both ways, order, retained messages,
 * Wills, sessions. `driver` is under test; `other` is a second client to talk with.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import {
  type ConnectOptions,
  type Driver,
  type InteropClient,
  type Publication,
  type Qos,
  uniqueId,
} from "./client.ts";

/** Mosquitto's. MQTT.js does not keep to it; above it, mosquitto mixes up the order. */
const RECEIVE_MAXIMUM = 20;
const QOS: readonly Qos[] = [0, 1, 2];

/** One message at a time. */
export function qosSuite(driver: Driver, other: Driver): void {
  for (const qos of QOS) {
    test(`QoS ${qos}: sends and receives`, (t) => qosBothWays(t, driver, other, qos));
  }
}

export function deliverySuite(driver: Driver, other: Driver): void {
  qosSuite(driver, other);
  test("QoS of a delivery is the lower of published and granted", (t) =>
    lowerQos(t, driver, other));
  test("payloads: empty, binary, UTF-8, 300,000 bytes", (t) => payloads(t, driver, other));
  test("order: 100 messages at QoS 1 and at QoS 2", (t) => order(t, driver, other));
  test("unsubscribe ends the delivery", (t) => unsubscribed(t, driver, other));
  test("wildcards: + and #", (t) => wildcards(t, driver, other));
  test("retained: stored, got, replaced, deleted", (t) => retained(t, driver, other));
  test("Will: published when the client is killed", (t) => willOfKilled(t, driver, other));
  test("Will: retained when it asks for it", (t) => willRetained(t, driver, other));
  test("Will: not published after DISCONNECT", (t) => noWill(t, driver, other));
  for (const end of ["disconnect", "kill"] as const) {
    test(`session: kept over ${end}, messages of the time between arrive`, (t) =>
      sessionKept(t, driver, other, end));
  }
  test("session: gone after a clean start", (t) => sessionCleaned(t, driver, other));
  test("session: taken over by a second connection", (t) => takenOver(t, driver));
}

/** Connects, and closes when the test ends. */
export async function open(
  t: TestContext,
  driver: Driver,
  options: Partial<ConnectOptions> = {},
): Promise<InteropClient> {
  const client = await driver.connect({ clientId: uniqueId(), ...options });
  t.after(() => client.kill());
  return client;
}

/** Asserts that nothing but markers is on its way to `subscriber`, who is subscribed to `topic`. */
export async function assertSilent(
  subscriber: InteropClient,
  publisher: InteropClient,
  topic: string,
): Promise<void> {
  // The second marker goes out when the broker has handled all that came before the first.
  for (const payload of ["marker 1", "marker 2"]) {
    await publisher.publish({ topic, payload, qos: 1 });
    assert.equal(String((await subscriber.next()).payload), payload);
  }
}

export async function assertNext(
  subscriber: InteropClient,
  expected: Pick<Publication, "topic" | "payload" | "qos"> & { retain?: boolean },
): Promise<void> {
  const { topic, payload, qos, retain } = await subscriber.next();
  assert.deepEqual(
    { topic, payload: String(payload), qos, retain },
    { retain: false, ...expected, payload: String(expected.payload) },
  );
}

export function assertSession(client: InteropClient, expected: "new" | "present"): void {
  if (client.sessionPresent === undefined) return;
  assert.equal(client.sessionPresent, expected === "present");
}

async function qosBothWays(t: TestContext, driver: Driver, other: Driver, qos: Qos): Promise<void> {
  const topic = `${uniqueId()}/both`;
  const client = await open(t, driver);
  const peer = await open(t, other);
  assertSession(client, "new");
  assert.equal(await client.subscribe(`${topic}/to-client`, qos), qos);
  assert.equal(await peer.subscribe(`${topic}/to-peer`, qos), qos);

  await peer.publish({ topic: `${topic}/to-client`, payload: "hello", qos });
  await assertNext(client, { topic: `${topic}/to-client`, payload: "hello", qos });
  await client.publish({ topic: `${topic}/to-peer`, payload: "hello back", qos });
  await assertNext(peer, { topic: `${topic}/to-peer`, payload: "hello back", qos });
}

async function lowerQos(t: TestContext, driver: Driver, other: Driver): Promise<void> {
  const topic = uniqueId();
  const client = await open(t, driver);
  const peer = await open(t, other);
  for (const granted of QOS) {
    await client.subscribe(`${topic}/${granted}`, granted);
    for (const published of QOS) {
      const payload = `${published} to ${granted}`;
      await peer.publish({ topic: `${topic}/${granted}`, payload, qos: published });
      const qos = Math.min(published, granted) as Qos;
      await assertNext(client, { topic: `${topic}/${granted}`, payload, qos });
    }
  }
}

async function payloads(t: TestContext, driver: Driver, other: Driver): Promise<void> {
  const topic = `${uniqueId()}/größe`;
  const client = await open(t, driver);
  const peer = await open(t, other);
  await client.subscribe(topic, 1);
  await peer.subscribe(topic, 1);
  const allBytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  const large = Buffer.alloc(300_000, "0123456789");
  for (const payload of [Buffer.alloc(0), allBytes, Buffer.from("雪 ❄ \u{1f319}"), large]) {
    for (const publisher of [client, peer]) {
      await publisher.publish({ topic, payload, qos: 1 });
      for (const subscriber of [client, peer]) {
        const received = await subscriber.next();
        assert.equal(received.topic, topic);
        assert.ok(received.payload.equals(payload), `${payload.length} bytes`);
      }
    }
  }
}

async function order(t: TestContext, driver: Driver, other: Driver): Promise<void> {
  const topic = uniqueId();
  const client = await open(t, driver);
  const peer = await open(t, other);
  for (const qos of [1, 2] as const) {
    await client.subscribe(`${topic}/${qos}`, qos);
    const numbers = Array.from({ length: 100 }, (_, number) => number);
    for (let at = 0; at < numbers.length; at += RECEIVE_MAXIMUM) {
      const some = numbers.slice(at, at + RECEIVE_MAXIMUM);
      const publish = (number: number) =>
        peer.publish({ topic: `${topic}/${qos}`, payload: `${number}`, qos });
      await Promise.all(some.map(publish));
    }
    for (const number of numbers) {
      await assertNext(client, { topic: `${topic}/${qos}`, payload: `${number}`, qos });
    }
  }
}

async function unsubscribed(t: TestContext, driver: Driver, other: Driver): Promise<void> {
  const topic = uniqueId();
  const client = await open(t, driver);
  const peer = await open(t, other);
  await client.subscribe(`${topic}/one`, 1);
  await client.subscribe(`${topic}/two`, 1);
  await client.unsubscribe(`${topic}/one`);
  await peer.publish({ topic: `${topic}/one`, payload: "not for you", qos: 1 });
  await assertSilent(client, peer, `${topic}/two`);
}

async function wildcards(t: TestContext, driver: Driver, other: Driver): Promise<void> {
  const topic = uniqueId();
  const client = await open(t, driver);
  const peer = await open(t, other);
  await client.subscribe(`${topic}/+/state`, 0);
  await client.subscribe(`${topic}/deep/#`, 0);
  const yes = [`${topic}/lamp/state`, `${topic}//state`, `${topic}/deep`, `${topic}/deep/a/b/c`];
  const no = [`${topic}/lamp/colour`, `${topic}/a/b/state`, `${topic}/deeper`];
  for (const name of [...no, ...yes]) await peer.publish({ topic: name, payload: name, qos: 0 });
  for (const name of yes) await assertNext(client, { topic: name, payload: name, qos: 0 });
  await assertSilent(client, peer, `${topic}/marker/state`);
}

async function retained(t: TestContext, driver: Driver, other: Driver): Promise<void> {
  const topic = uniqueId();
  const client = await open(t, driver);
  const watcher = await open(t, other);
  await watcher.subscribe(topic, 1);
  for (const payload of ["first", "second"]) {
    await client.publish({ topic, payload, qos: 1, retain: true });
    await assertNext(watcher, { topic, payload, qos: 1, retain: false }); // [MQTT-3.3.1-12]
  }
  for (const someone of [driver, other]) {
    for (const qos of [0, 1] as const) {
      const late = await open(t, someone);
      await late.subscribe(topic, qos);
      await assertNext(late, { topic, payload: "second", qos, retain: true });
    }
  }
  await client.publish({ topic, payload: "", qos: 1, retain: true });
  await assertNext(watcher, { topic, payload: "", qos: 1, retain: false });
  for (const someone of [driver, other]) {
    const late = await open(t, someone);
    await late.subscribe(topic, 1);
    await assertSilent(late, client, topic);
  }
}

async function willOfKilled(t: TestContext, driver: Driver, other: Driver): Promise<void> {
  const topic = uniqueId();
  const watcher = await open(t, other);
  await watcher.subscribe(topic, 2);
  for (const qos of QOS) {
    const client = await open(t, driver, { will: { topic, payload: `gone ${qos}`, qos } });
    await client.kill();
    await assertNext(watcher, { topic, payload: `gone ${qos}`, qos });
  }
}

async function willRetained(t: TestContext, driver: Driver, other: Driver): Promise<void> {
  const topic = uniqueId();
  const watcher = await open(t, other);
  await watcher.subscribe(topic, 1);
  const will = { topic, payload: "offline", qos: 1, retain: true } as const;
  const client = await open(t, driver, { will });
  await client.kill();
  await assertNext(watcher, { topic, payload: "offline", qos: 1, retain: false });
  const late = await open(t, other);
  await late.subscribe(topic, 1);
  await assertNext(late, { topic, payload: "offline", qos: 1, retain: true });
  await late.publish({ topic, payload: "", qos: 1, retain: true });
}

async function noWill(t: TestContext, driver: Driver, other: Driver): Promise<void> {
  const topic = uniqueId();
  const watcher = await open(t, other);
  const publisher = await open(t, other);
  await watcher.subscribe(topic, 1);
  const client = await open(t, driver, { will: { topic, payload: "gone", qos: 1 } });
  await client.disconnect();
  await assertSilent(watcher, publisher, topic);
}

async function sessionKept(
  t: TestContext,
  driver: Driver,
  other: Driver,
  end: "disconnect" | "kill",
): Promise<void> {
  const topic = uniqueId();
  const clientId = uniqueId();
  const peer = await open(t, other);
  const before = await open(t, driver, { clientId, clean: false });
  assertSession(before, "new");
  await before.subscribe(`${topic}/1`, 1);
  await before.subscribe(`${topic}/2`, 2);
  await before[end]();

  for (const qos of [1, 2] as const) {
    for (const payload of ["a", "b", "c"]) {
      await peer.publish({ topic: `${topic}/${qos}`, payload, qos });
    }
  }
  const after = await open(t, driver, { clientId, clean: false });
  assertSession(after, "present");
  for (const qos of [1, 2] as const) {
    for (const payload of ["a", "b", "c"]) {
      await assertNext(after, { topic: `${topic}/${qos}`, payload, qos });
    }
  }
  await assertSilent(after, peer, `${topic}/1`);
  await after.disconnect();
  await endSession(t, driver, clientId);
}

async function sessionCleaned(t: TestContext, driver: Driver, other: Driver): Promise<void> {
  const topic = uniqueId();
  const clientId = uniqueId();
  const peer = await open(t, other);
  const before = await open(t, driver, { clientId, clean: false });
  await before.subscribe(topic, 1);
  await before.disconnect();
  await peer.publish({ topic, payload: "never seen", qos: 1 });
  await endSession(t, driver, clientId);

  const after = await open(t, driver, { clientId, clean: false });
  assertSession(after, "new");
  await peer.publish({ topic, payload: "not subscribed", qos: 1 });
  await after.subscribe(topic, 1);
  await assertSilent(after, peer, topic);
  await after.disconnect();
  await endSession(t, driver, clientId);
}

async function endSession(t: TestContext, driver: Driver, clientId: string): Promise<void> {
  const client = await open(t, driver, { clientId, clean: true });
  assertSession(client, "new");
  await client.disconnect();
}

async function takenOver(t: TestContext, driver: Driver): Promise<void> {
  const clientId = uniqueId();
  const first = await open(t, driver, { clientId });
  const second = await open(t, driver, { clientId });
  const reasonCode = await first.lost();
  // [MQTT-3.1.4-3]; libraries that do not show the code leave it out.
  if (reasonCode !== undefined) assert.equal(reasonCode, 0x8e);
  const topic = uniqueId();
  await second.subscribe(topic, 1);
  await second.publish({ topic, payload: "the living one", qos: 1 });
  await assertNext(second, { topic, payload: "the living one", qos: 1 });
}
