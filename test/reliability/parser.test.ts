/**
 * What breaks parsers: rows F1 to F10 of the failure catalogue, each beside neighbours at work.
 *
 * The rows are spread over the files of this folder: parser F1–F10, connect F11–F15 and F24–F25,
 * topics F16–F22, transport F26 and F38, delivery F23 and F29–F31, floods F27 and F32–F36,
 * time F27, F28, F37 and F41, posture F42 and the defaults. F39 (TLS) and F40 (PROXY protocol)
 * come with what they are about.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertGrewLess, memoryInUse, startBroker } from "./harness.ts";
import { besideNeighbours } from "./neighbours.ts";
import { assertAnswered, assertRefused, assertRefusedAtTheDoor } from "./refusals.ts";
import { variableByteInteger, WireClient, wire } from "./wire-client.ts";

const MIB = 1024 * 1024;
const REMAINING_LENGTH_MAX = "ffffff7f";

test("F1 a PUBLISH first, announcing 256 MB: closed, nothing allocated", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    const before = memoryInUse();
    const clients = [];
    for (let count = 0; count < 20; count += 1) {
      const client = await WireClient.open(broker.port);
      client.send(`30${REMAINING_LENGTH_MAX} 'x'*1000`);
      clients.push(client);
    }
    for (const client of clients) {
      assert.deepEqual(await client.closed(), []); // Nobody knows what it would understand.
    }
    assertGrewLess(before, 4 * MIB);
    const first = ["30", "82", "c0", "e0", "f0", "00", "20", "'GET / HTTP/1.1'", "1603010200"];
    await assertRefusedAtTheDoor(
      broker,
      first.map((send) => ({ what: `${send} first`, version: 5, send, reasonCode: undefined })),
    );
  });
});

test("F2 a CONNECT of 256 MB: closed at its fixed header", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    await assertRefusedAtTheDoor(broker, [
      { what: "256 MB", version: 5, send: `10${REMAINING_LENGTH_MAX}`, reasonCode: undefined },
      { what: "over 16 KiB", version: 5, send: "10 fe7f", reasonCode: undefined },
      {
        what: "256 MB, then a trickle",
        version: 5,
        send: `10${REMAINING_LENGTH_MAX} 0004 'M'`,
        reasonCode: undefined,
      },
    ]);
  });
});

test("F2 a CONNECT that trickles in: the deadline is one for all of it", async (t) => {
  const broker = await startBroker(t, { limits: { connectTimeout: "500ms" } });
  await besideNeighbours(broker, async (neighbours) => {
    const client = await WireClient.open(broker.port);
    const connect = wire(`10 .. "MQTT" 05 02 003c () 3fff 'x'*16000`);
    for (let at = 0; !client.isClosed; at += 1) {
      assert.ok(at < connect.length, "it was let finish");
      client.send(connect.subarray(at, at + 1));
      for (let count = 0; count < 3; count += 1) await neighbours.turn();
    }
    assert.deepEqual(await client.closed(), []);
  });
});

test("F3 lengths of 5 bytes, not minimal, or past the end: malformed", async (t) => {
  const broker = await startBroker(t);
  const malformed = { version: 5, reasonCode: 0x81 } as const;
  await besideNeighbours(broker, async () => {
    await assertRefused(broker, [
      { ...malformed, what: "Remaining Length of 5 bytes", send: "30 8080808001" },
      { ...malformed, what: "Remaining Length not minimal", send: "c0 8000" },
      { ...malformed, what: "Property Length of 5 bytes", send: '30 .. "a" ffffffff7f' },
      { ...malformed, what: "Property Length not minimal", send: '30 .. "a" 8000' },
      { ...malformed, what: "Property Length past the end", send: '30 .. "a" 80' },
      { ...malformed, what: "Property Identifier of 5 bytes", send: '30 .. "a" 05 ffffffff01' },
      {
        ...malformed,
        what: "Subscription Identifier of 5 bytes",
        send: '82 .. 0001 (0bffffffff01) "a" 00',
      },
      {
        what: "Remaining Length of 5 bytes",
        version: 4,
        send: "30 8080808001",
        reasonCode: undefined,
      },
      {
        what: "Remaining Length of 5 bytes",
        version: 3,
        send: "c0 8080808000",
        reasonCode: undefined,
      },
    ]);
    await assertRefusedAtTheDoor(broker, [
      {
        version: 5,
        reasonCode: undefined,
        what: "Remaining Length of 5 bytes",
        send: "10 8080808001",
      },
      { version: 5, reasonCode: undefined, what: "Remaining Length not minimal", send: "10 8000" },
    ]);
  });
});

test("F5 properties: too long, cut off, unknown, in the wrong packet", async (t) => {
  const broker = await startBroker(t);
  const malformed = { version: 5, reasonCode: 0x81 } as const;
  await besideNeighbours(broker, async () => {
    await assertRefused(broker, [
      { ...malformed, what: "longer than the packet", send: '30 .. "a" 0a 0101' },
      { ...malformed, what: "a number cut off", send: '30 .. "a" (020000)' },
      { ...malformed, what: "a string cut off", send: `30 .. "a" (030005 'ab')` },
      { ...malformed, what: "a pair cut off", send: '30 .. "a" (26 "k")' },
      { ...malformed, what: "unknown, 0x7e", send: '30 .. "a" (7e00)' },
      { ...malformed, what: "unknown, 0x00", send: '30 .. "a" (0000)' },
      { ...malformed, what: "of CONNECT in PUBLISH", send: '30 .. "a" (2100ff)' },
      { ...malformed, what: "of PUBLISH in SUBSCRIBE", send: '82 .. 0001 (230001) "a" 00' },
      { ...malformed, what: "of CONNACK in DISCONNECT", send: "e0 .. 00 (130001)" },
      { ...malformed, what: "of PUBLISH in PUBREL", send: "62 .. 0001 00 (230001)" },
    ]);
    await assertRefusedAtTheDoor(broker, [
      {
        ...malformed,
        what: "of PUBLISH in a Will",
        send: '10 .. "MQTT" 05 06 003c () "a" (23 0001) "w" "x"',
      },
      {
        ...malformed,
        what: "of CONNECT in a Will",
        send: '10 .. "MQTT" 05 06 003c () "a" (11 00000001) "w" "x"',
      },
    ]);
  });
});

test("F6 properties twice, or with a value that is none", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    const connect = (what: string, properties: string) => ({
      what,
      version: 5 as const,
      send: `10 .. "MQTT" 05 02 003c (${properties}) "a"`,
      reasonCode: 0x82,
    });
    await assertRefusedAtTheDoor(broker, [
      connect("Session Expiry Interval twice", "11 00000001 11 00000001"),
      connect("Receive Maximum 0", "21 0000"),
      connect("Maximum Packet Size 0", "27 00000000"),
      connect("Request Problem Information 2", "17 02"),
      connect("Request Response Information 2", "19 02"),
      connect("Authentication Data alone", '16 "x"'),
    ]);
    await assertRefused(broker, [
      { what: "Topic Alias twice", version: 5, send: '30 .. "a" (230001230001)', reasonCode: 0x82 },
      { what: "Payload Format 2", version: 5, send: '30 .. "a" (0102)', reasonCode: 0x82 },
    ]);
  });
});

test("F7 30,000 User Properties: refused by number or by size", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    const many = `26 "k" "v" `.repeat(30_000);
    await assertRefused(broker, [
      { what: "PUBLISH", version: 5, send: `30 .. "a" (${many})`, reasonCode: 0x97 },
      { what: "SUBSCRIBE", version: 5, send: `82 .. 0001 (${many}) "a" 00`, reasonCode: 0x97 },
      { what: "DISCONNECT", version: 5, send: `e0 .. 00 (${many})`, reasonCode: 0x97 },
    ]);
    await assertRefusedAtTheDoor(broker, [
      {
        what: "CONNECT",
        version: 5,
        send: `10 .. "MQTT" 05 02 003c (${many}) "a"`,
        reasonCode: undefined,
      },
      {
        what: "CONNECT, 101 of them",
        version: 5,
        send: `10 .. "MQTT" 05 02 003c (${'26 "k" "v" '.repeat(101)}) "a"`,
        reasonCode: 0x97,
      },
    ]);
  });
});

test("F7 30,000 User Properties where they are allowed: all of them, and quickly", async (t) => {
  const broker = await startBroker(t, { limits: { userProperties: 65_535 } });
  await besideNeighbours(broker, async () => {
    const client = await WireClient.connect(broker.port, "talkative");
    client.send('82 .. 0001 () "a" 00');
    await client.expect("suback");
    client.send(`30 .. "a" (${'26 "k" "v" '.repeat(30_000)}) 'x'`);
    const { message } = await client.expect("publish");
    assert.equal(message.properties?.userProperties.length, 30_000);
    await client.destroy();
  });
});

test("F8 wrong flags, packet type 0, QoS 3: malformed", async (t) => {
  const broker = await startBroker(t);
  const frames = [
    ["SUBSCRIBE 0x80", '80 .. 0001 () "a" 00'],
    ["UNSUBSCRIBE 0xa0", 'a0 .. 0001 () "a"'],
    ["PUBREL 0x60", "60 .. 0001"],
    ["PUBACK 0x41", "41 .. 0001"],
    ["PINGREQ 0xc1", "c100"],
    ["DISCONNECT 0xe1", "e100"],
    ["packet type 0", "0000"],
    ["PUBLISH QoS 3", '36 .. "a" 0001 ()'],
    ["PUBLISH QoS 3, DUP, RETAIN", '3f .. "a" 0001 ()'],
  ] as const;
  await besideNeighbours(broker, async () => {
    for (const [what, send] of frames) {
      await assertRefused(broker, [
        { what, version: 5, send, reasonCode: 0x81 },
        { what, version: 4, send, reasonCode: undefined },
        { what, version: 3, send, reasonCode: undefined },
      ]);
    }
  });
});

test("F9 DUP on QoS 0, Packet Identifier 0", async (t) => {
  const broker = await startBroker(t);
  const frames = [
    ["PUBLISH QoS 0 with DUP", '38 .. "a" 00'],
    ["PUBLISH QoS 1, identifier 0", '32 .. "a" 0000 00'],
    ["PUBLISH QoS 2, identifier 0", '34 .. "a" 0000 00'],
    ["PUBACK, identifier 0", "40 .. 0000"],
    ["PUBREL, identifier 0", "62 .. 0000"],
  ] as const;
  await besideNeighbours(broker, async () => {
    for (const [what, send] of frames) {
      await assertRefused(broker, [
        { what, version: 5, send, reasonCode: 0x81 },
        { what, version: 4, send, reasonCode: undefined },
      ]);
    }
    await assertRefused(broker, [
      { what: "SUBSCRIBE", version: 5, send: '82 .. 0000 () "a" 00', reasonCode: 0x81 },
      { what: "UNSUBSCRIBE", version: 5, send: 'a2 .. 0000 () "a"', reasonCode: 0x81 },
      { what: "SUBSCRIBE", version: 4, send: '82 .. 0000 "a" 00', reasonCode: undefined },
      { what: "UNSUBSCRIBE", version: 4, send: 'a2 .. 0000 "a"', reasonCode: undefined },
    ]);
  });
});

test("F10 packets with a body that have none, and packets that only servers send", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    await assertRefused(broker, [
      { what: "PINGREQ with a body", version: 5, send: "c0 .. 00", reasonCode: 0x81 },
      { what: "PINGREQ with a body", version: 4, send: "c0 .. 00", reasonCode: undefined },
      { what: "DISCONNECT with a body", version: 4, send: "e0 .. 00", reasonCode: undefined },
      { what: "DISCONNECT with a body", version: 3, send: "e0 .. 00", reasonCode: undefined },
      { what: "AUTH", version: 4, send: "f000", reasonCode: undefined },
    ]);
    const fromServers = [
      ["CONNACK", "20 .. 0000 00", "20 .. 0000"],
      ["SUBACK", "90 .. 0001 00 00", "90 .. 0001 00"],
      ["UNSUBACK", "b0 .. 0001 00 00", "b0 .. 0001"],
      ["PINGRESP", "d000", "d000"],
    ] as const;
    for (const [what, v5, v4] of fromServers) {
      await assertRefused(broker, [
        { what, version: 5, send: v5, reasonCode: 0x82 },
        { what, version: 4, send: v4, reasonCode: undefined },
        { what, version: 3, send: v4, reasonCode: undefined },
      ]);
    }
  });
});

test("F3 F5 a good packet cut short anywhere: waited for or refused, not read past", async (t) => {
  const broker = await startBroker(t);
  const whole = wire(`32 .. "a/b" 0001 (01 01 02 0000000a 08 "r" 26 "k" "v") 'payload'`);
  await besideNeighbours(broker, async () => {
    for (let size = 2; size < whole.length; size += 1) {
      const rest = whole.subarray(2, size);
      const cut = Buffer.concat([
        whole.subarray(0, 1),
        Buffer.from(variableByteInteger(rest.length)),
        rest,
      ]);
      const client = await WireClient.connect(broker.port, "cut");
      client.send(Buffer.concat([cut, wire("c000")]));
      // Cut in its payload it is a good packet still.
      const first = (await client.next()).type;
      assert.equal(first, size < whole.length - 7 ? "disconnect" : "puback", `cut to ${size}`);
      await client.destroy();
    }
    await assertAnswered(broker, [{ what: "whole", version: 5, send: whole, reasonCodes: [0x10] }]);
  });
});
