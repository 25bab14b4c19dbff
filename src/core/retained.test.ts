import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Message } from "../protocol/message.ts";
import { filterMatches } from "../protocol/topic.ts";
import { type Client, messageOf, World } from "./bench.suite.ts";
import { RetainedStore } from "./retained.ts";

const LASTING = { sessionExpiryIntervalSec: 3_600, cleanStart: false } as const;

function subscriber(world: World, filter: string): Client {
  return world.connect({ clientId: "late" }).subscribe(filter, { qos: 1 });
}

test("one message a topic is kept and replaced [MQTT-3.3.1-5] [MQTT-3.3.1-9]", () => {
  // [3.1.1 MQTT-3.3.1-6]
  const world = new World();
  const a = world.connect({ clientId: "a" });
  a.publish("t", "old", { retain: true }).publish("t", "new", { retain: true, qos: 2 });
  a.publish("t", "passing by"); // [MQTT-3.3.1-8]
  // [3.1.1 MQTT-3.3.1-8]
  subscriber(world, "t").takes("suback 1: 1", 'publish t "new" qos1 id1 retain');
});

test("an empty payload removes it, and is passed on [MQTT-3.3.1-6] [MQTT-3.3.1-7]", () => {
  // [3.1.1 MQTT-3.3.1-10]
  const world = new World();
  const sub = world.connect({ clientId: "sub" }).subscribe("t", { retainAsPublished: true });
  const a = world.connect({ clientId: "a" }).publish("t", "x", { retain: true });
  a.publish("t", "", { retain: true });
  sub.takes("suback 1: 2", 'publish t "x" retain', 'publish t "" retain');
  subscriber(world, "t").takes("suback 1: 1");
  assert.equal(world.broker.state.retained.count, 0);
  assert.equal(world.broker.state.retained.bytes, 0);
});

test("Retain Handling 0, 1 and 2 [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]", () => {
  const world = new World();
  world.publish("t", "x", { retain: true });
  const sub = world.connect({ clientId: "sub" });
  sub.subscribe("t", { retainHandling: 2 }).takes("suback 1: 2");
  sub.subscribe("t", { retainHandling: 1 }).takes("suback 2: 2");
  sub.subscribe("+", { retainHandling: 1 }).takes("suback 3: 2", 'publish t "x" retain');
  sub.subscribe("t", { retainHandling: 0 }).takes("suback 4: 2", 'publish t "x" retain');
  sub.unsubscribe("t").subscribe("t", { retainHandling: 1 });
  sub.takes("unsuback 5: 0", "suback 6: 2", 'publish t "x" retain');
});

test("Retain As Published [MQTT-3.3.1-12] [MQTT-3.3.1-13] [3.1.1 MQTT-3.3.1-9]", () => {
  const world = new World();
  const plain = world.connect({ clientId: "plain" }).subscribe("t");
  const as = world.connect({ clientId: "as" }).subscribe("t", { retainAsPublished: true });
  plain.inbox = [];
  as.inbox = [];
  world.publish("t", "0", { retain: true });
  world.publish("t", "1", { retain: true, qos: 1 });
  world.publish("t", "2", { qos: 1 });
  plain.takes('publish t "0"', 'publish t "1" qos1 id1', 'publish t "2" qos1 id2');
  as.takes('publish t "0" retain', 'publish t "1" qos1 id1 retain', 'publish t "2" qos1 id2');
});

test("retained messages expire, and the time left is sent [MQTT-3.3.2-6]", () => {
  const world = new World();
  world.publish("t", "x", { retain: true, messageExpiryIntervalSec: 10 });
  for (let times = 0; times < 50; times += 1) {
    world.publish("t", "y", { retain: true, messageExpiryIntervalSec: 20 });
  }
  assert.equal(world.wheelSize, 1); // One deadline, however often it is replaced.
  world.pass(12_000);
  subscriber(world, "t").takes("suback 1: 1", 'publish t "y" retain expiry8');
  world.pass(9_000);
  subscriber(world, "t").takes("suback 1: 1");
  assert.equal(world.broker.state.retained.count, 0);
  world.lost("expired t → nobody");

  world.publish("t", "z", { retain: true, messageExpiryIntervalSec: 5 });
  world.publish("t", "stays", { retain: true });
  world.pass(10_000);
  assert.equal(world.broker.state.retained.count, 1);
});

test("the store has a limit on the levels of its topics, counted once where shared", () => {
  const world = new World({ limits: { retainedLevelsMax: 6 } });
  const a = world.connect({ clientId: "a" });
  const keep = (topic: string, payload: string): string => {
    a.publish(topic, payload, { retain: true, qos: 1 });
    const [answer = ""] = a.inbox;
    a.inbox = [];
    return answer.split(" ")[2] ?? "";
  };
  assert.deepEqual([keep("a/b/c", "x"), keep("a/b/d", "x")], ["0x10", "0x10"]);
  assert.equal(world.broker.state.retained.levels, 4);
  assert.deepEqual([keep("e/f/g", "x"), keep("a/b/c", "y")], ["0x97", "0x10"]);
  keep("a/b/c", "");
  assert.equal(world.broker.state.retained.levels, 3);
  assert.equal(keep("e/f/g", "x"), "0x10");
});

test("the store has limits, in messages and bytes: 0x97, and replacing counts", () => {
  const world = new World({ limits: { retainedMessagesMax: 2, retainedBytesMax: 400 } });
  const a = world.connect({ clientId: "a" });
  const keep = (topic: string, size: number): string => {
    a.publish(topic, "x".repeat(size), { retain: true, qos: 1 });
    const [answer = ""] = a.inbox;
    a.inbox = [];
    return answer.split(" ")[2] ?? "";
  };
  assert.deepEqual([keep("1", 50), keep("2", 50), keep("3", 50)], ["0x10", "0x10", "0x97"]);
  assert.deepEqual([keep("1", 200), keep("1", 300), keep("1", 100)], ["0x10", "0x97", "0x10"]);
  assert.ok(world.broker.state.retained.bytes <= 400);
  const sub = world.connect({ clientId: "sub" }).subscribe("3").takes("suback 1: 2");
  keep("3", 50);
  sub.takes(); // It is refused whole.
  assert.deepEqual(
    [keep("2", 0), keep("3", 50)],
    ["0x10", "0x00"].map((code) => (code === "0x00" ? "" : code)),
  );
});

test("very many retained messages come as the client takes them, and nobody else waits", () => {
  const world = new World({ limits: { receiveMaximum: 100 } });
  for (let n = 0; n < 5_000; n += 1)
    world.publish(`t/${n % 50}/${n}`, "x", { retain: true, qos: 1 });
  const sub = world.connect({ clientId: "sub", receiveMaximum: 10 }).subscribe("#", { qos: 1 });
  assert.equal(sub.inbox.length, 11);
  world.publish("t/1/1", "live"); // Between them.
  assert.equal(sub.inbox.length, 12);
  const topics = new Set<string>();
  for (let id = 1; topics.size < 5_000; id += 1) {
    for (const text of sub.inbox) if (text.includes("retain")) topics.add(text.split(" ")[1] ?? "");
    sub.inbox = [];
    sub.ack("puback", id);
    assert.ok(id <= 5_000);
  }
});

test("a replay goes on after a reconnection, and when its filter is replaced", () => {
  // [MQTT-3.8.4-4]
  const world = new World();
  for (let n = 0; n < 5; n += 1) world.publish(`t/${n}`, "x", { retain: true, qos: 1 });
  const lasting = { ...LASTING, clientId: "sub", receiveMaximum: 1 };
  const sub = world.connect(lasting).subscribe("t/+", { qos: 1 });
  sub.takes("suback 1: 1", 'publish t/0 "x" qos1 id1 retain');
  sub.ack("puback", 1).takes('publish t/1 "x" qos1 id2 retain');
  sub.subscribe("t/+", { qos: 1, retainHandling: 2 }).takes("suback 2: 1");
  sub.drops();
  const back = world.connect(lasting).takes('publish t/1 "x" qos1 id2 dup retain');
  back.ack("puback", 2).takes('publish t/2 "x" qos1 id3 retain');
  back.subscribe("t/+", { qos: 1, retainHandling: 1 }).takes("suback 1: 1");
  back.ack("puback", 3).takes('publish t/3 "x" qos1 id4 retain');
  back.unsubscribe("t/+").ack("puback", 4).takes("unsuback 2: 0");
});

test("a replay leaves out what came after its start", () => {
  const world = new World();
  for (const topic of ["t/1", "t/2", "t/3"]) world.publish(topic, "old", { retain: true, qos: 1 });
  const sub = world.connect({ clientId: "sub", receiveMaximum: 1 }).subscribe("t/+", { qos: 1 });
  sub.takes("suback 1: 1", 'publish t/1 "old" qos1 id1 retain');
  world.publish("t/2", "new", { retain: true, qos: 1 });
  sub.ack("puback", 1).takes('publish t/2 "new" qos1 id2');
  sub.ack("puback", 2).takes('publish t/3 "old" qos1 id3 retain');
});

test("a search among messages that are not for this client takes many turns", () => {
  const world = new World({
    authorizer: { authorize: (_p, _c, action, topic) => action !== "receive" || topic === "z/z" },
  });
  for (let n = 0; n < 3_000; n += 1) world.publish(`t/${n}`, "x", { retain: true });
  world.publish("z/z", "found", { retain: true });
  world.losses = [];
  const sub = world.open().connect({ clientId: "sub" });
  sub.inbox = [];
  const polls: number[] = [];
  sub.reads = false;
  sub.subscribe("#").peer.markReady();
  for (let found = false; !found; ) {
    const before = world.losses.length;
    for (const peer of world.broker.takeReady()) {
      for (let packet = peer.poll(world.nowMs); packet; packet = peer.poll(world.nowMs)) {
        found ||= packet.type === "publish" && packet.message.topicName === "z/z";
      }
    }
    polls.push(world.losses.length - before);
    assert.ok(polls.length < 3_000);
  }
  assert.ok(Math.max(...polls) < 500, `${polls}`);
});

function* walked(store: RetainedStore, filter: string): Generator<Message | undefined> {
  const walk = store.match(filter);
  for (let step = walk.next(); step.done !== true; step = walk.next())
    yield step.value ?? undefined;
}

const level = fc.constantFrom("", "a", "b", "$x");
const topicArb = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join("/"));
const filterArb = fc
  .tuple(
    fc.array(fc.oneof(level, fc.constant("+")), { maxLength: 3 }),
    fc.constantFrom("", "a", "+", "#"),
  )
  .map(([levels, last]) => [...levels, last].join("/"));

test("the store finds what a naive one finds, through changes [MQTT-4.7.2-1]", () => {
  const step = fc.tuple(topicArb, fc.constantFrom("set", "delete"));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), filterArb, (steps, filter) => {
      const store = new RetainedStore();
      const model = new Map<string, string>();
      steps.forEach(([topic, what], n) => {
        if (what === "set") {
          store.set(messageOf(topic, `${n}`, {}));
          model.set(topic, `${n}`);
        } else {
          store.delete(topic);
          model.delete(topic);
        }
      });
      const found: string[] = [];
      for (const message of walked(store, filter)) {
        if (message !== undefined) found.push(`${message.topicName} ${message.payload[0]}`);
      }
      const expected = [...model].filter(([topic]) => filterMatches(filter, topic));
      assert.deepEqual(
        found.sort(),
        expected.map(([topic, text]) => `${topic} ${text.charCodeAt(0)}`).sort(),
      );
      assert.equal(store.count, model.size);
      for (const topic of new Set(steps.map(([name]) => name))) {
        assert.equal(store.get(topic) === undefined, !model.has(topic));
        store.delete(topic);
      }
      assert.equal(store.count, 0);
      assert.equal(store.bytes, 0);
      assert.equal(store.isEmpty, true);
    }),
  );
});

test("a walk may be interrupted by any change", () => {
  const change = fc.tuple(topicArb, fc.constantFrom("set", "delete", "next", "next"));
  fc.assert(
    fc.property(fc.array(topicArb), fc.array(change), filterArb, (before, changes, filter) => {
      const store = new RetainedStore();
      for (const topic of before) store.set(messageOf(topic, "old", {}));
      const untouched = new Set(before.filter((topic) => filterMatches(filter, topic)));
      const walk = store.match(filter);
      const found: string[] = [];
      const next = (): boolean => {
        const { done, value } = walk.next();
        if (value !== undefined) found.push(value.topicName);
        return done !== true;
      };
      for (const [topic, what] of changes) {
        if (what === "next") next();
        else if (what === "set") store.set(messageOf(topic, "new", {}));
        else store.delete(topic);
        if (what !== "next" && !found.includes(topic)) untouched.delete(topic);
      }
      while (next());
      assert.equal(new Set(found).size, found.length);
      for (const topic of untouched) assert.ok(found.includes(topic), topic);
      for (const topic of found) assert.ok(filterMatches(filter, topic));
    }),
  );
});
