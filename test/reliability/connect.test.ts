/** CONNECT, AUTH and DISCONNECT gone wrong: rows F11 to F15, F24 and F25. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startBroker } from "./harness.ts";
import { besideNeighbours } from "./neighbours.ts";
import { assertAnswered, assertRefused, assertRefusedAtTheDoor } from "./refusals.ts";
import { connectBytes, WireClient, wire } from "./wire-client.ts";

test("F11 a second CONNECT: refused, and the first session is not touched before", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    await assertRefused(broker, [
      { what: "the same", version: 5, send: connectBytes(5, "refused"), reasonCode: 0x82 },
      { what: "another", version: 5, send: connectBytes(5, "other"), reasonCode: 0x82 },
      {
        what: "a neighbour's",
        version: 5,
        send: connectBytes(5, "neighbour-subscriber"),
        reasonCode: 0x82,
      },
      { what: "the same", version: 4, send: connectBytes(4, "refused"), reasonCode: undefined },
      { what: "the same", version: 3, send: connectBytes(3, "refused"), reasonCode: undefined },
    ]);
    const client = await WireClient.open(broker.port);
    client.send(Buffer.concat([connectBytes(5, "twice"), connectBytes(5, "twice")]));
    const types = (await client.closed()).map((packet) => packet.type);
    assert.deepEqual(types, ["connack", "disconnect"]); // In one segment.
  });
});

test("F12 CONNECT flags, levels and names that are none", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    const malformed = { version: 5, reasonCode: 0x81 } as const;
    await assertRefusedAtTheDoor(broker, [
      { ...malformed, what: "reserved flag", send: '10 .. "MQTT" 05 03 003c () "a"' },
      { ...malformed, what: "Will QoS 3", send: '10 .. "MQTT" 05 1e 003c () "a" () "w" "x"' },
      { ...malformed, what: "Will QoS without Will", send: '10 .. "MQTT" 05 0a 003c () "a"' },
      { ...malformed, what: "Will Retain without Will", send: '10 .. "MQTT" 05 22 003c () "a"' },
      { ...malformed, what: "User Name announced, absent", send: '10 .. "MQTT" 05 82 003c () "a"' },
    ]);
    const v4 = { version: 4, reasonCode: undefined } as const;
    await assertRefusedAtTheDoor(broker, [
      { ...v4, what: "reserved flag", send: '10 .. "MQTT" 04 03 003c "a"' },
      { ...v4, what: "Will QoS 3", send: '10 .. "MQTT" 04 1e 003c "a" "w" "x"' },
      { ...v4, what: "Will QoS without Will", send: '10 .. "MQTT" 04 0a 003c "a"' },
      { ...v4, what: "Will Retain without Will", send: '10 .. "MQTT" 04 22 003c "a"' },
      { ...v4, what: "Password alone", send: '10 .. "MQTT" 04 42 003c "a" "pw"' },
      { ...v4, what: "Password alone, 3.1", send: '10 .. "MQIsdp" 03 42 003c "a" "pw"' },
    ]);
    const unsupported = { version: 5, reasonCode: 0x84 } as const;
    await assertRefusedAtTheDoor(broker, [
      { ...unsupported, what: "level 7", send: '10 .. "MQTT" 07 02 003c () "a"' },
      { ...unsupported, what: "level 0", send: '10 .. "MQTT" 00 02 003c () "a"' },
      { ...unsupported, what: "MQTx", send: '10 .. "MQTx" 05 02 003c () "a"' },
      { ...unsupported, what: "no name", send: '10 .. "" 05 02 003c () "a"' },
    ]);
    // Who may speak a 3.x is told in 3.x: return code 1.
    const client = await WireClient.open(broker.port, 4);
    client.send('10 .. "MQIsdp" 04 02 003c "a"');
    const [connack] = await client.closed();
    assert.ok(connack?.type === "connack" && !connack.sessionPresent);
    assert.equal(connack.reasonCode, 0x84);
  });
});

test("F13 an empty Client Identifier: refused in 3.1.1, assigned in 5.0", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    const refused = await WireClient.open(broker.port, 4);
    refused.send('10 .. "MQTT" 04 00 003c ""');
    const [connack] = await refused.closed();
    assert.ok(connack?.type === "connack", "a connack");
    assert.equal(connack.reasonCode, 0x85);
    const tooOld = await WireClient.open(broker.port, 3);
    tooOld.send('10 .. "MQIsdp" 03 02 003c ""');
    assert.equal((await tooOld.closed()).length, 1);
    const clean = await WireClient.connect(broker.port, "", 4);
    const ids = new Set<string>();
    for (let count = 0; count < 3; count += 1) {
      const client = await WireClient.open(broker.port);
      client.send(connectBytes(5, ""));
      const { properties } = await client.expect("connack");
      ids.add(properties?.assignedClientIdentifier ?? "");
      await client.destroy();
    }
    assert.equal(ids.size, 3);
    assert.ok(!ids.has(""));
    await clean.destroy();
  });
});

/** Not UTF-8, each in a way of its own. */
const ILL_FORMED = {
  "cut short": "c328",
  overlong: "c080",
  "a surrogate": "eda080",
  "a lone continuation": "80",
  "over U+10FFFF": "f5808080",
  "the end missing": "e282",
} as const;

test("F14 strings that are not UTF-8, wherever there are strings", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    for (const [kind, bytes] of Object.entries(ILL_FORMED)) {
      const text = `${(bytes.length / 2).toString(16).padStart(4, "0")} ${bytes}`;
      const malformed = { version: 5, reasonCode: 0x81 } as const;
      await assertRefusedAtTheDoor(broker, [
        { ...malformed, what: `id: ${kind}`, send: `10 .. "MQTT" 05 02 003c () ${text}` },
        { ...malformed, what: `user: ${kind}`, send: `10 .. "MQTT" 05 82 003c () "a" ${text}` },
        {
          ...malformed,
          what: `will topic: ${kind}`,
          send: `10 .. "MQTT" 05 06 003c () "a" () ${text} "x"`,
        },
        {
          ...malformed,
          what: `method: ${kind}`,
          send: `10 .. "MQTT" 05 02 003c (15 ${text}) "a"`,
        },
        {
          version: 4,
          reasonCode: undefined,
          what: `id: ${kind}`,
          send: `10 .. "MQTT" 04 02 003c ${text}`,
        },
      ]);
      await assertRefused(broker, [
        { ...malformed, what: `topic: ${kind}`, send: `30 .. ${text} ()` },
        { ...malformed, what: `filter: ${kind}`, send: `82 .. 0001 () ${text} 00` },
        { ...malformed, what: `name: ${kind}`, send: `30 .. "a" (26 ${text} "v")` },
        { ...malformed, what: `value: ${kind}`, send: `30 .. "a" (26 "k" ${text})` },
        { ...malformed, what: `response topic: ${kind}`, send: `30 .. "a" (08 ${text})` },
        { ...malformed, what: `content type: ${kind}`, send: `30 .. "a" (03 ${text})` },
        { ...malformed, what: `reason: ${kind}`, send: `e0 .. 00 (1f ${text})` },
        { version: 4, reasonCode: undefined, what: `topic: ${kind}`, send: `30 .. ${text}` },
      ]);
    }
  });
});

test("F15 U+0000 is refused everywhere, control characters in Client Identifiers", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    const nul = "0003 610062";
    const malformed = { version: 5, reasonCode: 0x81 } as const;
    await assertRefused(broker, [
      { ...malformed, what: "topic", send: `30 .. ${nul} ()` },
      { ...malformed, what: "filter", send: `82 .. 0001 () ${nul} 00` },
      { ...malformed, what: "User Property", send: `30 .. "a" (26 "k" ${nul})` },
      { ...malformed, what: "Response Topic", send: `30 .. "a" (08 ${nul})` },
      { version: 4, reasonCode: undefined, what: "topic", send: `30 .. ${nul}` },
    ]);
    await assertRefusedAtTheDoor(broker, [
      { ...malformed, what: "id", send: `10 .. "MQTT" 05 02 003c () ${nul}` },
      { ...malformed, what: "user", send: `10 .. "MQTT" 05 82 003c () "a" ${nul}` },
      { ...malformed, what: "will", send: `10 .. "MQTT" 05 06 003c () "a" () ${nul} "x"` },
    ]);
    for (const control of ["01", "0a", "0d", "1b", "1f", "7f", "c280", "c29f"]) {
      const text = `000${1 + control.length / 2} 61 ${control}`;
      await assertRefusedAtTheDoor(broker, [
        {
          what: `id with ${control}`,
          version: 5,
          send: `10 .. "MQTT" 05 02 003c () ${text}`,
          reasonCode: 0x85,
        },
        {
          what: `User Name with ${control}`,
          version: 5,
          send: `10 .. "MQTT" 05 82 003c () "a" ${text}`,
          reasonCode: 0x86,
        },
      ]);
    }
  });
});

test("F15 names that mean something to JavaScript are names", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
      const client = await WireClient.connect(broker.port, name);
      client.send(`82 .. 0001 () "${name}/${name}" 01 "${name}" 01`);
      assert.deepEqual((await client.expect("suback")).reasonCodes, [1, 1]);
      client.send(`33 .. "${name}/${name}" 0001 (26 "${name}" "${name}") 'x'`);
      await client.expect("puback");
      const { message } = await client.expect("publish");
      assert.deepEqual(message.properties?.userProperties, [[name, name]]);
      await client.destroy();
    }
  });
});

test("F24 AUTH without a method, of another method, or before CONNECT", async (t) => {
  const broker = await startBroker(t, {
    authenticator: ({ connect }) =>
      connect.authenticationMethod === undefined || {
        verdict: "continue" as const,
        data: Buffer.from("who?"),
      },
    authenticationMethods: ["TALK"],
    allowAnonymous: true,
  });
  await besideNeighbours(broker, async () => {
    await assertRefused(broker, [
      { what: "no method", version: 5, send: "f000", reasonCode: 0x82 },
      { what: "a method of its own", version: 5, send: 'f0 .. 19 (15 "TALK")', reasonCode: 0x82 },
      { what: "in the middle", version: 5, send: 'f0 .. 18 (15 "TALK")', reasonCode: 0x82 },
    ]);
    await assertRefusedAtTheDoor(broker, [
      { what: "AUTH first", version: 5, send: 'f0 .. 18 (15 "TALK")', reasonCode: undefined },
      {
        what: "a method that nobody knows",
        version: 5,
        send: '10 .. "MQTT" 05 02 003c (15 "OTHER") "a"',
        reasonCode: 0x8c,
      },
    ]);
    for (const wrong of ['f0 .. 18 (15 "OTHER")', 'f0 .. 19 (15 "TALK")', '30 .. "a" ()', "c000"]) {
      const client = await WireClient.open(broker.port);
      client.send('10 .. "MQTT" 05 02 003c (15 "TALK") "talker"');
      assert.equal((await client.expect("auth")).reasonCode, 0x18);
      client.send(wrong);
      const [connack, ...more] = await client.closed();
      assert.ok(connack?.type === "connack" && connack.reasonCode === 0x82, wrong);
      assert.deepEqual(more, []);
    }
  });
});

test("F25 DISCONNECT that sets a Session Expiry where CONNECT had none", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    await assertRefused(broker, [
      { what: "was 0", version: 5, send: "e0 .. 00 (11 0000000a)", reasonCode: 0x82 },
    ]);
    const client = await WireClient.connectWith(
      broker.port,
      '10 .. "MQTT" 05 02 0000 (11 0000000a) "lasting"',
    );
    client.send("e0 .. 00 (11 00000005)");
    assert.deepEqual(await client.closed(), []);
    await assertAnswered(broker, [
      { what: "nothing", version: 5, send: wire(""), reasonCodes: [] },
    ]);
  });
});
