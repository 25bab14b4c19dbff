import assert from "node:assert/strict";
import { test } from "node:test";
import { World } from "./bench.suite.ts";

const LASTING = { sessionExpiryIntervalSec: 3_600, cleanStart: false } as const;

test("one SUBACK with a code for each filter, in order [MQTT-3.8.4-1] [MQTT-3.8.4-2]", () => {
  // [MQTT-3.8.4-5] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1]
  const world = new World({ limits: { subscriptionsPerSessionMax: 3 } });
  const a = world.connect({ clientId: "a" });
  a.subscribe(["a", "b/+", "#"], { qos: 1 }).takes("suback 1: 1 1 1");
  a.subscribe(["d", "a"], { qos: 2 }).takes("suback 2: 0x97 2");
});

test("filters that are wrong are refused alone [MQTT-4.7.1-1] [MQTT-4.7.1-2]", () => {
  // [MQTT-4.7.3-1] [MQTT-4.8.2-1] [MQTT-4.8.2-2] [MQTT-3.9.3-2]
  const world = new World();
  const wrong = [
    ...["", "a/#/b", "a#", "#/a", "a+", "+a/b", "a/b+/c"],
    ...["$share", "$share/", "$share/g", "$share/g/", "$share//a", "$share/g+/a", "$share/#/a"],
  ];
  for (const filter of wrong) {
    world.connect({ clientId: "a" }).subscribe(filter).takes("suback 1: 0x8f");
  }
  const right = ["a", "/", "//", "+", "#", "+/+", "a/+/#", "/#", "$SYS/#", "$share/g/#", "$shared"];
  world
    .connect({ clientId: "a" })
    .subscribe(right)
    .takes(`suback 1:${" 2".repeat(right.length)}`);
});

test("a long filter, or one of many levels, is refused [MQTT-4.7.3-3]", () => {
  const world = new World({ limits: { topicBytesMax: 10, topicLevelsMax: 3 } });
  const a = world.connect({ clientId: "a" }).subscribe(["a/b/c", "a/b/c/d", "ääääää", "äääää"]);
  a.takes("suback 1: 2 0x8f 0x8f 2");
  a.publish("ääääää", "", { qos: 1 }).publish("a/b/c/d", "", { qos: 1 });
  a.takes("puback 2 0x90", "puback 3 0x90");
});

test("what a listener does not offer is refused [MQTT-3.2.2-10] [3.1.1 MQTT-3.8.3-2]", () => {
  const world = new World({
    policy: {
      ...{ maximumQos: 0, wildcardSubscriptionAvailable: false },
      ...{ sharedSubscriptionAvailable: false, subscriptionIdentifiersAvailable: false },
    },
  });
  const a = world.connect({ clientId: "a" });
  const told = a.connack?.properties;
  assert.equal(told?.maximumQos, 0); // [MQTT-3.2.2-9]
  assert.equal(told?.wildcardSubscriptionAvailable, false);
  assert.equal(told?.sharedSubscriptionAvailable, false);
  assert.equal(told?.subscriptionIdentifiersAvailable, false);
  a.subscribe(["a", "a/+", "a/#", "$share/g/a"]).takes("suback 1: 2 0xa2 0xa2 0x9e");
  a.subscribe("b", { subscriptionIdentifier: 1 }).takes("disconnect 0xa1", "closed");
});

test("PUBLISH beyond Maximum QoS or with RETAIN is closed: 0x9B, 0x9A", () => {
  const world = new World({ policy: { maximumQos: 1, retainAvailable: false } });
  const a = world.connect({ clientId: "a" }).publish("t", "", { qos: 2 });
  a.takes("disconnect 0x9b", "closed");
  const b = world.connect({ clientId: "b" }).publish("t", "", { retain: true });
  b.takes("disconnect 0x9a", "closed");
});

test("a subscriber gets what matches, and nothing else [MQTT-3.3.2-3]", () => {
  const world = new World();
  const a = world.connect({ clientId: "a" }).subscribe(["a/+/c", "x/#"]).takes("suback 1: 2 2");
  for (const topic of ["a/b/c", "a//c", "a/b", "a/b/c/d", "x", "x/y/z", "y/x"]) {
    world.publish(topic, "");
  }
  a.takes('publish a/b/c ""', 'publish a//c ""', 'publish x ""', 'publish x/y/z ""');
});

test("the same filter replaces, and loses nothing [MQTT-3.8.4-3] [MQTT-3.8.4-4]", () => {
  const world = new World();
  const a = world.connect({ clientId: "a", receiveMaximum: 1 });
  a.subscribe("t", { qos: 1 }).takes("suback 1: 1");
  world.publish("t", "1", { qos: 1 });
  world.publish("t", "2", { qos: 1, retain: true });
  a.subscribe("t", { qos: 0, subscriptionIdentifier: 5 });
  a.takes('publish t "1" qos1 id1', "suback 2: 0", 'publish t "2" retain subs5');
  a.ack("puback", 1).takes('publish t "2" qos1 id2');
  world.publish("t", "3", { qos: 2 });
  a.takes('publish t "3" subs5');
  assert.equal(world.broker.state.subscriptionsTotal, 1);
});

test("overlapping filters: one copy, highest QoS, all identifiers [MQTT-3.3.4-2]", () => {
  // [MQTT-3.3.4-3] [MQTT-3.3.4-4]
  const world = new World();
  const a = world.connect({ clientId: "a" });
  a.subscribe("t/#", { qos: 0, subscriptionIdentifier: 1 });
  a.subscribe("t/1", { qos: 2, subscriptionIdentifier: 2 });
  a.subscribe("+/1", { qos: 1 });
  a.subscribe("other", { qos: 1, subscriptionIdentifier: 4 }).inbox = [];
  world.publish("t/1", "x", { qos: 2 });
  const [text = "", ...more] = a.inbox;
  assert.match(text, /^publish t\/1 "x" qos2 id1 subs(1\+2|2\+1)$/);
  assert.deepEqual(more, []);
});

test("No Local leaves out one's own, also in part and after a take-over [MQTT-3.8.3-3]", () => {
  const world = new World();
  const a = world.connect({ ...LASTING, clientId: "a" });
  a.subscribe("t/#", { noLocal: true, qos: 2, subscriptionIdentifier: 1 });
  a.subscribe("t/1", { qos: 0, subscriptionIdentifier: 2 }).inbox = [];
  a.publish("t/1", "own", { qos: 1 }).publish("t/2", "own", { qos: 1 });
  a.takes("puback 3", 'publish t/1 "own" subs2', "puback 4");
  world.connect({ clientId: "b" }).publish("t/2", "b");
  a.takes('publish t/2 "b" subs1');
});

test("No Local holds for retained messages of one's own [MQTT-3.8.3-3]", () => {
  const world = new World();
  const a = world.connect({ clientId: "a" }).publish("t", "own", { retain: true });
  a.subscribe("t", { noLocal: true }).takes("suback 1: 2");
});

test("$ topics are hidden from wildcards in the first level [MQTT-4.7.2-1]", () => {
  const world = new World();
  const a = world.connect({ clientId: "a" }).subscribe(["#", "+/x", "$a/#"], { qos: 0 });
  world.publish("$a/x", "1", { retain: true });
  world.publish("$b/x", "2", { retain: true });
  a.takes("suback 1: 0 0 0", 'publish $a/x "1"');
  const b = world.connect({ clientId: "b" }).subscribe(["#", "+/x"]).takes("suback 1: 2 2");
  b.subscribe("$b/+").takes("suback 2: 2", 'publish $b/x "2" retain');
});

test("clients publish to no $ topic: 0x87, and it is in the ledger", () => {
  const world = new World();
  const spy = world.connect({ clientId: "spy" }).subscribe("$SYS/#").takes("suback 1: 2");
  const a = world.connect({ clientId: "a" });
  a.publish("$SYS/broker/uptime", "0", { retain: true }).publish("$SYS/x", "", { qos: 1 });
  a.publish("$SYS/x", "", { qos: 2 }).takes("puback 1 0x87", "pubrec 2 0x87");
  spy.takes();
  world.lost(
    ...Array(3)
      .fill(0)
      .map((_, n) => `topic-not-allowed ${n === 0 ? "$SYS/broker/uptime" : "$SYS/x"} → nobody`),
  );
});

test("UNSUBSCRIBE compares the filter as it is, and is always answered [MQTT-3.10.4-1]", () => {
  // [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6] [MQTT-3.11.3-1] [MQTT-3.11.3-2]
  const world = new World();
  const a = world.connect({ clientId: "a" }).subscribe(["t/#", "t/1", "$share/g/t"]);
  a.takes("suback 1: 2 2 2");
  a.unsubscribe("T/#", "t/#", "t/+", "t", "$share/h/t").takes("unsuback 2: 0x11 0 0x11 0x11 0x11");
  world.publish("t/1", "x");
  world.publish("t/2", "x");
  a.takes('publish t/1 "x"');
  a.unsubscribe("t/1", "$share/g/t").takes("unsuback 3: 0 0");
  world.publish("t/1", "y"); // [MQTT-3.10.4-2]
  world.publish("t", "y");
  a.takes();
  assert.equal(world.broker.state.subscriptionsTotal, 0);
  assert.equal(world.broker.state.groups.size, 0);
});

test("what was begun goes on after UNSUBSCRIBE [MQTT-3.10.4-3]", () => {
  const world = new World();
  const lasting = { ...LASTING, clientId: "a" };
  const a = world.connect(lasting).subscribe("t").takes("suback 1: 2");
  world.publish("t", "1", { qos: 1 });
  world.publish("t", "2", { qos: 2 });
  a.takes('publish t "1" qos1 id1', 'publish t "2" qos2 id2');
  a.unsubscribe("t").ack("pubrec", 2).takes("unsuback 2: 0", "pubrel 2");
  a.drops();
  const back = world.connect(lasting).takes("pubrel 2", 'publish t "1" qos1 id1 dup');
  back.ack("puback", 1).ack("pubcomp", 2).takes();
});

test("nothing is normalised [MQTT-4.7.3-4]", () => {
  const world = new World();
  const a = world.connect({ clientId: "a" }).subscribe(["a", "Å", "/a"]).takes("suback 1: 2 2 2");
  for (const topic of ["A", "A\u030a", "a/", "//a", "Å"]) world.publish(topic, "");
  a.takes('publish Å ""');
});

test("payloads and properties reach subscribers unaltered, User Properties in order", () => {
  // [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20]
  // [MQTT-3.1.3-10]
  const world = new World();
  const sub = world.connect({ clientId: "sub" }).subscribe("t").takes("suback 1: 2");
  const properties = {
    payloadFormatIndicator: 1,
    contentType: "text/plain",
    responseTopic: "answer",
    correlationData: new Uint8Array([1, 2, 3]),
    userProperties: [
      ["b", "1"],
      ["a", "2"],
      ["b", "1"],
    ],
  } as const;
  sub.reads = false;
  world.connect({ clientId: "a" }).publish("t", "x", properties);
  const sent = sub.peer.poll(world.nowMs);
  assert.equal(sent?.type, "publish");
  const expected = { ...properties, messageExpiryIntervalSec: undefined };
  assert.deepEqual(sent.message.properties, expected);
});

test("a payload that is not what its indicator says: 0x99, where that is checked", () => {
  const world = new World({ policy: { validatePayloadFormat: true } });
  const a = world.connect({ clientId: "a" });
  a.publish("t", "ä", { qos: 1, payloadFormatIndicator: 1 }).takes("puback 1 0x99");
  a.publish("t", "ä", { qos: 1, payloadFormatIndicator: 0 }).takes("puback 2 0x10");
  world.lost("payload-format-invalid t → nobody", "no-subscriber t → nobody");
});

test("Topic Aliases from a client [MQTT-3.3.2-12] [MQTT-3.3.2-9] [MQTT-3.3.2-7]", () => {
  const world = new World({ limits: { topicAliasMax: 2 } });
  const sub = world.connect({ clientId: "sub" }).subscribe("#").takes("suback 1: 2");
  const lasting = { ...LASTING, clientId: "a" };
  const a = world.connect(lasting);
  assert.equal(a.connack?.properties?.topicAliasMaximum, 2);
  a.publish("one", "1", { topicAlias: 1 }).publish("two", "2", { topicAlias: 2 });
  a.publish("", "3", { topicAlias: 1 }).publish("new", "4", { topicAlias: 1 });
  a.publish("", "5", { topicAlias: 1, retain: true });
  sub.takes(
    ...['publish one "1"', 'publish two "2"', 'publish one "3"', 'publish new "4"'],
    'publish new "5"',
  );
  world.broker.limits = { ...world.broker.limits, topicAliasMax: 1 };
  a.publish("", "6", { topicAlias: 2 }); // It was granted.
  sub.takes('publish two "6"');
  a.publish("x", "", { topicAlias: 3 }).takes("disconnect 0x94", "closed");
  const back = world.connect(lasting).publish("", "7", { topicAlias: 1 });
  back.takes("disconnect 0x82", "closed");
  const late = world.connect({ clientId: "late" }).subscribe("new");
  late.takes("suback 1: 2", 'publish new "5" retain');
});

test("Topic Aliases to a client, within its maximum [MQTT-3.3.2-11] [MQTT-3.1.2-26]", () => {
  // [MQTT-3.1.2-27] [MQTT-3.3.2-8]
  const world = new World();
  const none = world.connect({ clientId: "none" }).subscribe("#").takes("suback 1: 2");
  const sub = world.connect({ clientId: "sub", topicAliasMaximum: 1 });
  sub.subscribe("#").takes("suback 1: 2");
  for (const topic of ["topic/1", "topic/1", "topic/2", "topic/2", "topic/2"]) {
    world.publish(topic, "");
  }
  assert.ok(none.inbox.every((text) => !text.includes("alias")));
  sub.takes(
    ...['publish topic/1 "" alias1', 'publish  "" alias1'],
    ...['publish topic/2 ""', 'publish topic/2 "" alias1', 'publish  "" alias1'],
  );
});
