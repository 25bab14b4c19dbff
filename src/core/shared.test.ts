import assert from "node:assert/strict";
import { test } from "node:test";
import { Message } from "../protocol/message.ts";
import { type Client, World } from "./bench.suite.ts";
import type { Op } from "./ops.ts";
import type { Authorizer } from "./ports.ts";
import { Replay } from "./replay.ts";
import { BrokerState } from "./state.ts";

const LASTING = { sessionExpiryIntervalSec: 60, cleanStart: false } as const;
const FILTER = "$share/g/t/#";

function member(world: World, clientId: string, options: object = {}): Client {
  return world.connect({ ...LASTING, clientId, ...options }).subscribe(FILTER);
}

/** Payloads that each client was sent, and empties their inboxes. */
function payloads(...clients: Client[]): string[] {
  return clients.map((client) => {
    const texts = client.inbox.map((text) => /^publish.*"(.*)"/.exec(text)?.[1] ?? "");
    client.inbox = [];
    return texts.join("");
  });
}

test("members take turns, whatever their version (§4.8.2)", () => {
  const world = new World();
  const [a, b, c] = [
    member(world, "a"),
    member(world, "b", { protocolVersion: 4 }),
    member(world, "c", { protocolVersion: 3 }),
  ];
  for (const text of "123456") world.publish("t/1", text);
  assert.deepEqual(payloads(a, b, c), ["14", "25", "36"]);
});

test("the one with the least in flight comes first", () => {
  const world = new World();
  const [a, b] = [member(world, "a"), member(world, "b")];
  for (const text of "12345") world.publish("t", text, { qos: 1 });
  assert.deepEqual(payloads(a, b), ["135", "24"]);
  b.ack("puback", 1).ack("puback", 2);
  for (const text of "678") world.publish("t", text, { qos: 1 });
  assert.deepEqual(payloads(a, b), ["", "678"]);
});

test("each group gets a copy, and so do others", () => {
  const world = new World();
  const a = member(world, "a").subscribe("$share/h/t/1").subscribe("t/1");
  a.inbox = [];
  world.publish("t/1", "x");
  assert.deepEqual(payloads(a), ["xxx"]);
});

test("it keeps to the QoS granted to the member [MQTT-4.8.2-3]", () => {
  const world = new World();
  const a = world.connect({ clientId: "a" }).subscribe(FILTER, {
    ...{ qos: 1, subscriptionIdentifier: 9 },
  });
  world.publish("t", "x", { qos: 2 });
  a.takes("suback 1: 1", 'publish t "x" qos1 id1 subs9');
});

test("a subscription gets no retained messages (§4.8.2)", () => {
  const world = new World();
  world.publish("t", "x", { retain: true });
  member(world, "a").takes("suback 1: 2");
});

test("nothing goes to an offline member while one is online", () => {
  const world = new World();
  const [a, b] = [member(world, "a"), member(world, "b", { receiveMaximum: 1 })];
  a.drops();
  for (const text of "123") world.publish("t", text, { qos: 1 });
  assert.deepEqual(payloads(b), ["1"]);
  b.ack("puback", 1);
  assert.deepEqual(payloads(b), ["2"]);
  const back = world.connect({ ...LASTING, clientId: "a" });
  assert.deepEqual(payloads(back, b), ["3", ""]);
});

test("a message waits while all are offline, and expires there [MQTT-3.3.2-5]", () => {
  const world = new World();
  member(world, "a").drops();
  world.publish("t", "0");
  world.publish("t", "1", { qos: 1 });
  world.publish("t", "2", { qos: 1, messageExpiryIntervalSec: 5 });
  world.publish("t", "3", { qos: 2 });
  world.pass(6_000);
  assert.deepEqual(payloads(member(world, "b")), ["13"]);
  world.lost(`qos0-offline t → ${FILTER}`, `expired t → ${FILTER}`);
});

test("what a leaving member had not acknowledged at QoS 1 goes to another at once", () => {
  const world = new World();
  const [a, b] = [member(world, "a"), member(world, "b")];
  world.publish("t", "1", { qos: 1 });
  world.publish("t", "2", { qos: 1 });
  assert.deepEqual(payloads(a, b), ["1", "2"]);
  a.drops();
  b.takes('publish t "1" qos1 id2');
  world.connect({ ...LASTING, clientId: "a" }).takes();
});

test("a sent QoS 2 message stays with its member [MQTT-4.8.2-4]", () => {
  const world = new World();
  const [a, b] = [member(world, "a", { receiveMaximum: 2 }), member(world, "b")];
  b.drops();
  for (const text of "123") world.publish("t", text, { qos: 2 });
  assert.deepEqual(payloads(a), ["12"]);
  a.ack("pubrec", 1).takes("pubrel 1");
  const back = world.connect({ ...LASTING, clientId: "b" });
  assert.deepEqual(payloads(back), ["3"]);
  a.drops();
  back.takes();
  const again = world.connect({ ...LASTING, clientId: "a" });
  again.takes("pubrel 1", 'publish t "2" qos2 id2 dup');
});

test("if that member's Session ends, nobody gets it [MQTT-4.8.2-5]", () => {
  const world = new World();
  const [a, b] = [member(world, "a"), member(world, "b")];
  world.publish("t", "1", { qos: 2 });
  assert.deepEqual(payloads(a, b), ["1", ""]);
  a.drops();
  world.pass(61_000);
  b.takes();
  world.lost("session-ended t → a");
});

test("a failing PUBACK or PUBREC discards it for all [MQTT-4.8.2-6]", () => {
  const world = new World();
  const [a, b] = [member(world, "a"), member(world, "b")];
  world.publish("t", "1", { qos: 1 });
  world.publish("t", "2", { qos: 2 });
  assert.deepEqual(payloads(a, b), ["1", "2"]);
  a.ack("puback", 1, 0x80);
  b.ack("pubrec", 1, 0x80);
  a.takes();
  b.takes();
  a.drops();
  b.takes();
  world.lost("refused-by-client t → a", "refused-by-client t → b");
});

test("a message too large for one member goes to another, without going round", () => {
  const world = new World();
  const small = member(world, "small", { maximumPacketSize: 5 });
  const large = member(world, "large", { maximumPacketSize: 100 });
  const topic = "t";
  for (const text of ["ok", "too large", "ok", "too large"]) world.publish(topic, text, { qos: 1 });
  const seen = [...small.inbox, ...large.inbox].filter((text) => text.includes("too large"));
  assert.equal(seen.length, 2);
  assert.ok(small.inbox.every((text) => !text.includes("too large")));
  large.drops();
  world.publish(topic, "also too large", { qos: 1 });
  assert.equal(world.broker.ledger.count("packet-too-large") >= 1, true);
});

test("room that opens without an acknowledgement is used: expiry in the window", () => {
  const world = new World();
  const a = member(world, "a", { receiveMaximum: 1 });
  a.reads = false;
  world.publish("t", "1", { qos: 1, messageExpiryIntervalSec: 5 });
  world.publish("t", "2", { qos: 1 });
  world.pass(6_000);
  a.reads = true;
  a.peer.markReady();
  world.turn();
  assert.deepEqual(payloads(a), ["2"]);
});

test("a QoS 0 member takes from the queue as much as its lane holds, and then the rest", () => {
  const world = new World({ limits: { qos0MessagesMax: 3 } });
  member(world, "gone").drops();
  for (const text of "12345678") world.publish("t", text, { qos: 1 });
  const a = world.connect({ clientId: "a" }).subscribe(FILTER, { qos: 0 });
  assert.deepEqual(payloads(a), ["12345678"]);
  world.lost();
});

test("a slow QoS 0 member is passed over while another has room", () => {
  const world = new World({ limits: { qos0MessagesMax: 2 } });
  const [slow, quick] = [member(world, "slow"), member(world, "quick")];
  slow.reads = false;
  for (const text of "12345678") world.publish("t", text);
  assert.equal(payloads(quick)[0]?.length, 7); // It has nothing in flight.
  quick.drops();
  for (const text of "xy") world.publish("t", text);
  world.lost(`qos0-slow-consumer t → ${FILTER}`);
});

test("the group's queue is bounded, and drops its oldest", () => {
  const world = new World({ limits: { queueMessagesMax: 2 } });
  member(world, "a").drops();
  for (const text of "123") world.publish("t", text, { qos: 1 });
  assert.deepEqual(payloads(member(world, "b")), ["23"]);
  world.lost(`queue-full t → ${FILTER}`);
});

test("the last member that goes takes the queue with it, and the ledger says so", () => {
  const world = new World();
  member(world, "a").drops();
  world.publish("t", "1", { qos: 1 });
  world.pass(61_000);
  world.lost(`share-without-member t → ${FILTER}`);
  assert.equal(world.broker.state.groups.size, 0);

  const b = member(world, "b", { receiveMaximum: 1 });
  world.publish("t", "1", { qos: 1 });
  world.publish("t", "2", { qos: 1 });
  b.unsubscribe(FILTER);
  world.lost(`share-without-member t → ${FILTER}`);
});

test("who may not receive a topic is no member for it", () => {
  const authorizer: Authorizer = {
    authorize: (_principal, clientId, action, topic) =>
      action !== "receive" || (topic !== "t/none" && (topic !== "t/b" || clientId === "b")),
  };
  const world = new World({ authorizer });
  const [a, b] = [member(world, "a"), member(world, "b")];
  for (const text of "12") world.publish("t/b", text, { qos: 1 });
  assert.deepEqual(payloads(a, b), ["", "12"]);
  b.drops();
  assert.deepEqual(payloads(a), [""]); // They wait for b.
  world.publish("t/none", "x", { qos: 1 });
  world.lost(`not-authorized t/none → ${FILTER}`);
  a.ping().takes("pingresp");
  assert.deepEqual(payloads(world.connect({ ...LASTING, clientId: "b" })), ["12"]);
});

test("a very large group with many offline members", () => {
  const world = new World();
  for (let n = 0; n < 3_000; n += 1) member(world, `off-${n}`).drops();
  const on = [member(world, "x"), member(world, "y")] as const;
  for (const client of on) client.inbox = [];
  for (let n = 0; n < 1_000; n += 1) world.publish("t", ".");
  assert.deepEqual(
    payloads(...on).map((text) => text.length),
    [500, 500],
  );
});

test("members come and go, and each online one has its turn", () => {
  const world = new World();
  const clients = ["a", "b", "c", "d"].map((id) => member(world, id));
  const [a, b, c, d] = clients as [Client, Client, Client, Client];
  b.unsubscribe(FILTER);
  d.drops();
  c.subscribe(FILTER, { qos: 0 });
  const e = member(world, "e");
  for (const client of [a, b, c, d, e]) client.inbox = [];
  for (const text of "123456") world.publish("t", text);
  const got = payloads(a, b, c, d, e).map((text) => text.length);
  assert.deepEqual(got, [2, 0, 2, 0, 2]);
});

test("replay of the ops gives the same queues, also after a group of transient members", () => {
  const world = new World();
  const transient = world.connect({ clientId: "t", receiveMaximum: 1 }).subscribe(FILTER);
  for (const text of "123") world.publish("t", text, { qos: 1 });
  const lasting = member(world, "lasting", { receiveMaximum: 1 });
  assert.deepEqual(payloads(lasting), ["2"]);
  transient.drops();
  world.publish("t", "4", { qos: 1 });
  const replayed = new BrokerState();
  const replay = new Replay(replayed);
  world.journal.ops.forEach((op, index) => {
    replay.apply(unseen(op), index + 1, 1);
  });
  assert.deepEqual(replay.end(), []);
  const live = world.broker.state;
  const shape = (state: BrokerState): unknown => {
    const session = state.sessions.get("lasting");
    return {
      waiting: state.groups
        .get(FILTER)
        ?.queue.items()
        .map((id) => state.shelf.messageAt(Number(id))?.payload[0]),
      entries: session?.windowIfAny
        ?.entries()
        .map(({ seq }) => [seq, session.windowIfAny?.messageAt(seq)?.payload[0]]),
    };
  };
  assert.deepEqual(shape(replayed), shape(live));
  lasting.ack("puback", 1).ack("puback", 2).ack("puback", 3);
  assert.deepEqual(payloads(lasting), ["314"]);
});

/** An Op as it comes out of a log: its message is another object. */
function unseen(op: Op): Op {
  if (op.type !== "publish" || op.message === undefined) return op;
  if (op.storedAt > 0) return { ...op, message: undefined };
  const { topicName, payload, qos, retain, properties } = op.message;
  return { ...op, message: Message.of(topicName, payload.slice(), qos, retain, properties) };
}
