import assert from "node:assert/strict";
import { test } from "node:test";
import { World } from "./bench.suite.ts";

/** What mosquitto 2.0 publishes, apart from its heap. */
const COUNTERS = [
  ...["version", "uptime", "clients/total", "clients/connected", "clients/active"],
  ...["clients/disconnected", "clients/inactive", "clients/maximum", "clients/expired"],
  ...["messages/received", "messages/sent", "messages/stored", "store/messages/count"],
  ...["store/messages/bytes", "publish/messages/received", "publish/messages/sent"],
  ...["publish/messages/dropped", "publish/bytes/received", "publish/bytes/sent"],
  ...["bytes/received", "bytes/sent", "retained messages/count", "subscriptions/count"],
  "shared_subscriptions/count",
];
const LOADS = [
  ...["messages/received", "messages/sent", "publish/received", "publish/sent"],
  ...["publish/dropped", "bytes/received", "bytes/sent", "sockets", "connections"],
].flatMap((name) => [1, 5, 15].map((minutes) => `load/${name}/${minutes}min`));

function said(world: World): Map<string, string> {
  const values = new Map<string, string>();
  for (const message of world.broker.state.retained.all()) {
    const name = message.topicName.replace("$SYS/broker/", "");
    values.set(name, new TextDecoder().decode(message.payload));
  }
  return values;
}

test("$SYS has mosquitto's names", () => {
  const world = new World({ sysIntervalMs: 10_000 });
  world.pass(1_000);
  assert.deepEqual([...said(world).keys()].sort(), [...COUNTERS, ...LOADS].sort());
  assert.equal(said(world).get("version"), "nightjar version 1.2.3");
});

test("$SYS has mosquitto's meanings", () => {
  const world = new World({ sysIntervalMs: 10_000, limits: { queueMessagesMax: 2 } });
  const lasting = { sessionExpiryIntervalSec: 3_600, cleanStart: false };
  const a = world.connect({ ...lasting, clientId: "a" }).subscribe(["t", "$share/g/u"]);
  a.drops();
  const b = world.connect({ clientId: "b" });
  for (const text of ["1", "22", "333"]) b.publish("t", text, { qos: 1 });
  b.publish("nobody", "x");
  b.publish("kept", "x", { retain: true });
  world.pass(21_000);
  const values = said(world);
  const of = (name: string): string | undefined => values.get(name);
  assert.equal(of("uptime"), "20 seconds");
  assert.deepEqual(
    ["total", "connected", "disconnected", "maximum"].map((name) => of(`clients/${name}`)),
    ["2", "1", "1", "1"],
  );
  assert.equal(of("publish/messages/received"), "5");
  assert.equal(of("publish/bytes/received"), "8");
  assert.equal(of("publish/messages/dropped"), "1"); // Queue full; not that nobody wanted it.
  assert.equal(of("messages/received"), "8");
  assert.equal(of("subscriptions/count"), "2");
  assert.equal(of("shared_subscriptions/count"), "1");
  assert.equal(of("load/connections/1min"), of("load/sockets/1min"));
  assert.ok(Number(of("load/publish/received/1min")) > 0);
});

test("$SYS topics are retained, and published only when they have changed", () => {
  const world = new World({ sysIntervalMs: 10_000 });
  world.pass(1_000);
  const a = world.connect({ clientId: "a" }).subscribe("$SYS/broker/version");
  a.takes("suback 1: 2", 'publish $SYS/broker/version "nightjar version 1.2.3" retain');
  a.subscribe("$SYS/broker/uptime", { retainHandling: 2 }).takes("suback 2: 2");
  world.pass(20_000);
  a.takes('publish $SYS/broker/uptime "10 seconds"', 'publish $SYS/broker/uptime "20 seconds"');
});

test("an interval of 0 publishes nothing", () => {
  const world = new World({ sysIntervalMs: 0 });
  world.pass(60_000);
  assert.equal(world.broker.state.retained.count, 0);
});
