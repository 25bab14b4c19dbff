/** Topic Names, Topic Filters, Shared Subscriptions and aliases: rows F16 to F22. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startBroker } from "./harness.ts";
import { besideNeighbours } from "./neighbours.ts";
import { assertAnswered, assertRefused } from "./refusals.ts";
import { hex16, publishBytes, WireClient, wire } from "./wire-client.ts";

test("F16 Topic Names that are empty or have wildcards", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    await assertRefused(broker, [
      { what: "empty, no alias", version: 5, send: '30 .. "" ()', reasonCode: 0x82 },
      { what: "empty, QoS 1", version: 5, send: '32 .. "" 0001 ()', reasonCode: 0x82 },
      ...["#", "+", "a/#", "a/+/b", "a+", "#a"].map((name) => ({
        what: name,
        version: 5 as const,
        send: `30 .. "${name}" ()`,
        reasonCode: 0x90,
      })),
      { what: "empty", version: 4, send: '30 .. ""', reasonCode: undefined },
      { what: "a/#", version: 4, send: '30 .. "a/#"', reasonCode: undefined },
      { what: "+", version: 3, send: '30 .. "+"', reasonCode: undefined },
    ]);
  });
});

test("F17 names and filters of very many levels: refused over the limit", async (t) => {
  const broker = await startBroker(t);
  const levels = (count: number) => Array.from({ length: count }, () => "a").join("/");
  const publish = (name: string) => publishBytes(5, name, "", 1);
  const subscribe = (filter: string) => `82 .. 0001 () "${filter}" 01`;
  await besideNeighbours(broker, async () => {
    await assertAnswered(broker, [
      {
        what: "65,535 slashes",
        version: 5,
        send: publish("/".repeat(65_535)),
        reasonCodes: [0x90],
      },
      { what: "129 levels", version: 5, send: publish(levels(129)), reasonCodes: [0x90] },
      { what: "128 levels", version: 5, send: publish(levels(128)), reasonCodes: [0x10] },
      { what: "101 levels", version: 5, send: publish(levels(101)), reasonCodes: [0x10] },
      { what: "over 4 KiB", version: 5, send: publish("x".repeat(4_097)), reasonCodes: [0x90] },
      {
        what: "32,767 times +/",
        version: 5,
        send: subscribe("+/".repeat(32_767)),
        reasonCodes: [0x8f],
      },
      { what: "129 levels", version: 5, send: subscribe(levels(129)), reasonCodes: [0x8f] },
      { what: "128 levels", version: 5, send: subscribe(levels(128)), reasonCodes: [1] },
      {
        what: "65,535 slashes, 3.1.1",
        version: 4,
        send: publishBytes(4, "/".repeat(65_535), "", 1),
        reasonCodes: [0], // 3.1.1 has no other word; the loss ledger has.
      },
    ]);
    assert.equal(broker.broker.ledger.count("topic-not-allowed"), 4);
  });
});

test("F17 names and filters of 65,535 levels where they are allowed: no recursion", async (t) => {
  const broker = await startBroker(t, { limits: { topicLevels: 65_535, topicBytes: 65_535 } });
  await besideNeighbours(broker, async () => {
    const client = await WireClient.connect(broker.port, "deep");
    const name = "/".repeat(65_534);
    const filters = [
      name,
      "+/".repeat(32_767),
      `${"+/".repeat(32_767)}#`,
      `${"/".repeat(65_533)}#`,
    ];
    for (const filter of filters) {
      client.send(`82 .. 0001 () "${filter}" 01`);
      assert.deepEqual((await client.expect("suback")).reasonCodes, [1]);
    }
    client.send(publishBytes(5, name, "x", 1, 1, true));
    await client.expect("puback");
    await client.expect("publish");
    client.send(`82 .. 0002 () "${name}" 01`); // From the retained store.
    await client.expect("suback");
    assert.equal((await client.expect("publish")).message.retain, true);
    client.send(publishBytes(5, name, "", 0, 1, true));
    for (const filter of filters) client.send(`a2 .. 0001 () "${filter}"`);
    await client.settled();
    await client.destroy();
  });
});

const BAD_FILTERS = ["", "a/#/b", "a#", "+a", "a+", "#/a", "a/b+", "a/+b/c", "##", "++"];
const BAD_SHARES = [
  "$share",
  "$share/",
  "$share/g",
  "$share/g/",
  "$share//t",
  "$share/a+/t",
  "$share/a#/t",
  "$share/g/a#",
  "$share/g/a/#/b",
];

test("F18 F20 filters and shared filters that are none: refused alone", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    for (const filter of [...BAD_FILTERS, ...BAD_SHARES]) {
      await assertAnswered(broker, [
        {
          what: filter,
          version: 5,
          send: `82 .. 0001 () "good" 01 "${filter}" 01 "good/too" 00`,
          reasonCodes: [1, 0x8f, 0],
        },
        {
          what: filter,
          version: 4,
          send: `82 .. 0001 "good" 01 "${filter}" 01`,
          reasonCodes: [1, 0x80],
        },
        {
          what: filter,
          version: 3,
          send: `82 .. 0001 "${filter}" 01 "good" 02`,
          reasonCodes: [0x80, 2],
        },
        { what: filter, version: 5, send: `a2 .. 0001 () "${filter}"`, reasonCodes: [0x11] },
      ]);
    }
    const noLocal = '82 .. 0001 () "$share/g/t" 05';
    await assertRefused(broker, [
      { what: "No Local on shared", version: 5, send: noLocal, reasonCode: 0x82 },
    ]);
  });
});

test("F19 SUBSCRIBE and UNSUBSCRIBE without a filter, or with options that are none", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    await assertRefused(broker, [
      { what: "SUBSCRIBE, no filter", version: 5, send: "82 .. 0001 ()", reasonCode: 0x82 },
      { what: "UNSUBSCRIBE, no filter", version: 5, send: "a2 .. 0001 ()", reasonCode: 0x82 },
      { what: "no options", version: 5, send: '82 .. 0001 () "a"', reasonCode: 0x81 },
      { what: "reserved bits", version: 5, send: '82 .. 0001 () "a" 40', reasonCode: 0x81 },
      { what: "reserved bits", version: 5, send: '82 .. 0001 () "a" 81', reasonCode: 0x81 },
      { what: "QoS 3", version: 5, send: '82 .. 0001 () "a" 03', reasonCode: 0x82 },
      { what: "Retain Handling 3", version: 5, send: '82 .. 0001 () "a" 31', reasonCode: 0x82 },
      { what: "identifier 0", version: 5, send: '82 .. 0001 (0b00) "a" 00', reasonCode: 0x82 },
      {
        what: "identifier 268,435,456",
        version: 5,
        send: '82 .. 0001 (0b80808080 01) "a" 00',
        reasonCode: 0x81,
      },
      {
        what: "identifier twice",
        version: 5,
        send: '82 .. 0001 (0b010b01) "a" 00',
        reasonCode: 0x82,
      },
      { what: "SUBSCRIBE, no filter", version: 4, send: "82 .. 0001", reasonCode: undefined },
      { what: "UNSUBSCRIBE, no filter", version: 4, send: "a2 .. 0001", reasonCode: undefined },
      { what: "QoS 3", version: 4, send: '82 .. 0001 "a" 03', reasonCode: undefined },
      { what: "reserved bits", version: 4, send: '82 .. 0001 "a" 04', reasonCode: undefined },
    ]);
  });
});

test("F21 Response Topic with a wildcard, client's identifier, no text", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    await assertRefused(broker, [
      { what: "Response Topic a/#", version: 5, send: '30 .. "a" (08 "a/#")', reasonCode: 0x82 },
      { what: "Response Topic +", version: 5, send: '32 .. "a" 0001 (08 "+")', reasonCode: 0x82 },
      { what: "Response Topic empty", version: 5, send: '30 .. "a" (08 "")', reasonCode: 0x82 },
      { what: "Subscription Identifier", version: 5, send: '30 .. "a" (0b01)', reasonCode: 0x82 },
    ]);
    await assertAnswered(broker, [
      { what: "not UTF-8", version: 5, send: '32 .. "a" 0001 (0101) c328', reasonCodes: [0x99] },
      { what: "not UTF-8", version: 5, send: '34 .. "a" 0001 (0101) 80', reasonCodes: [0x99] },
      { what: "bytes", version: 5, send: '32 .. "a" 0001 (0100) c328', reasonCodes: [0x10] },
    ]);
    assert.equal(broker.broker.ledger.count("payload-format-invalid"), 2);
  });
});

test("F22 Topic Alias 0, over the maximum, unknown, or of an earlier connection", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    await assertRefused(broker, [
      { what: "0", version: 5, send: '30 .. "a" (230000)', reasonCode: 0x94 },
      { what: "65, one too many", version: 5, send: '30 .. "a" (230041)', reasonCode: 0x94 },
      { what: "65,535", version: 5, send: '30 .. "a" (23ffff)', reasonCode: 0x94 },
      { what: "unknown", version: 5, send: '30 .. "" (230001)', reasonCode: 0x82 },
      {
        what: "another is known",
        version: 5,
        send: Buffer.concat([wire('30 .. "a" (230001)'), wire('30 .. "" (230002)')]),
        reasonCode: 0x82,
      },
    ]);
    const before = await WireClient.connect(broker.port, "aliased");
    for (let alias = 1; alias <= 64; alias += 1) {
      before.send(`32 .. "topic/${alias}" 0001 (23 ${hex16(alias)})`);
      before.send(`32 .. "" 0002 (23 ${hex16(alias)})`);
      assert.equal((await before.settled()).length, 2);
    }
    await before.destroy();
    await assertRefused(broker, [
      { what: "of the connection before", version: 5, send: '30 .. "" (230001)', reasonCode: 0x82 },
    ]);
  });
});
