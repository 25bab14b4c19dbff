/** Flow control and handshakes gone wrong: rows F23 and F29 to F31. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertGrewLess, memoryInUse, startBroker } from "./harness.ts";
import { besideNeighbours } from "./neighbours.ts";
import { assertAnswered } from "./refusals.ts";
import { hex16, publishBytes, WireClient } from "./wire-client.ts";

const MIB = 1024 * 1024;

test("F23 a message over the client's Maximum Packet Size is left out and counted", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    const small = await WireClient.connectWith(
      broker.port,
      '10 .. "MQTT" 05 02 0000 (27 00000064) "small"',
    );
    small.send('82 .. 0001 () "sizes/#" 02');
    await small.expect("suback");
    const publisher = await WireClient.connect(broker.port, "publisher");
    for (const qos of [0, 1, 2] as const) {
      publisher.send(publishBytes(5, "sizes/big", "x".repeat(1_000), qos, 1));
      publisher.send(publishBytes(5, "sizes/small", `QoS ${qos}`, qos, 2));
      if (qos === 2) publisher.send("62 .. 0001 62 .. 0002");
      const { message, packetId } = await small.expect("publish");
      assert.equal(Buffer.from(message.payload).toString(), `QoS ${qos}`);
      if (qos === 1) small.send(`40 .. ${hex16(packetId)}`);
    }
    assert.equal(broker.broker.ledger.count("packet-too-large"), 3);
    assert.equal(small.isClosed, false);
    await Promise.all([small.destroy(), publisher.destroy()]);
  });
});

test("F23 a shared subscription: the member that takes packets of that size gets it", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    const small = await WireClient.connectWith(
      broker.port,
      '10 .. "MQTT" 05 02 0000 (27 00000064) "small"',
    );
    const large = await WireClient.connect(broker.port, "large");
    for (const member of [small, large]) {
      member.send('82 .. 0001 () "$share/g/sizes" 01');
      await member.expect("suback");
    }
    const publisher = await WireClient.connect(broker.port, "publisher");
    for (let count = 1; count <= 10; count += 1) {
      publisher.send(publishBytes(5, "sizes", "x".repeat(1_000), 1, count));
      const { packetId } = await large.expect("publish");
      large.send(`40 .. ${hex16(packetId)}`);
    }
    assert.equal(broker.broker.ledger.total, 0);
    await Promise.all([small, large, publisher].map((client) => client.destroy()));
  });
});

test("F29 QoS 2 without PUBREL: 0x93 beyond Receive Maximum, of each connection", async (t) => {
  const broker = await startBroker(t, { limits: { receiveMaximum: 10 } });
  const flood = (count: number) =>
    Array.from({ length: count }, (_, at) => publishBytes(5, "flood", "x", 2, at + 1));
  await besideNeighbours(broker, async () => {
    const qos1 = await WireClient.connect(broker.port, "at-once");
    const ids = Array.from({ length: 11 }, (_, at) => at + 1);
    qos1.send(Buffer.concat(ids.map((id) => publishBytes(5, "flood", "x", 1, id))));
    const last = (await qos1.closed()).at(-1);
    assert.ok(last?.type === "disconnect", "a disconnect");
    assert.equal(last.reasonCode, 0x93);

    const connect = '10 .. "MQTT" 05 00 0000 (11 00000064) "flooder"';
    const first = await WireClient.connectWith(broker.port, connect);
    first.send(Buffer.concat(flood(10)));
    const answers = await first.settled();
    assert.deepEqual(new Set(answers.map((packet) => packet.type)), new Set(["pubrec"]));
    await first.destroy();
    const second = await WireClient.connectWith(broker.port, connect);
    const more = Array.from({ length: 11 }, (_, at) => publishBytes(5, "flood", "x", 2, at + 11));
    second.send(Buffer.concat(more));
    const disconnect = (await second.closed()).at(-1);
    assert.ok(disconnect?.type === "disconnect", "a disconnect");
    assert.equal(disconnect.reasonCode, 0x93);
  });
});

test("F29 QoS 2 without PUBREL in 3.1.1: the 65,535 identifiers, no more", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    const client = await WireClient.connect(broker.port, "flooder", 4);
    const before = memoryInUse();
    for (let round = 0; round < 2; round += 1) {
      for (let from = 1; from <= 65_535; from += 5_000) {
        const ids = Array.from({ length: Math.min(5_000, 65_536 - from) }, (_, at) => from + at);
        client.send(Buffer.concat(ids.map((id) => publishBytes(4, "flood", "x", 2, id))));
        assert.equal((await client.settled()).length, ids.length);
      }
    }
    assert.equal(broker.broker.ledger.count("no-subscriber"), 65_535); // Each was taken once.
    assertGrewLess(before, 12 * MIB);
    await client.destroy();
  });
});

test("F30 one QoS 2 identifier 20,000 times: delivered once, one PUBREC for each", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    for (const version of [5, 4, 3] as const) {
      const client = await WireClient.connect(broker.port, "again", version);
      client.send(`82 .. 0001 ${version === 5 ? "()" : ""} "again" 00`);
      await client.expect("suback");
      const before = memoryInUse();
      const one = publishBytes(version, "again", "x", 2, 1);
      client.send(Buffer.concat(Array.from({ length: 20_000 }, () => one)));
      let pubrecs = 0;
      let messages = 0;
      while (pubrecs < 20_000 || messages < 1) {
        const { type } = await client.next();
        if (type === "pubrec") pubrecs += 1;
        if (type === "publish") messages += 1;
      }
      client.send("62 .. 0001");
      await client.expect("pubcomp");
      assert.deepEqual(await client.settled(), []);
      assert.equal(messages, 1);
      assertGrewLess(before, 8 * MIB);
      await client.destroy();
    }
  });
});

test("F31 acknowledgements for nothing: 0x92, or let pass", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    await assertAnswered(broker, [
      { what: "PUBREC", version: 5, send: "50 .. 1234", reasonCodes: [0x92] }, // In a PUBREL.
      { what: "PUBREL", version: 5, send: "62 .. 1234", reasonCodes: [0x92] }, // In a PUBCOMP.
      { what: "PUBACK", version: 5, send: "40 .. 1234", reasonCodes: [] },
      { what: "PUBCOMP", version: 5, send: "70 .. 1234", reasonCodes: [] },
      { what: "PUBREC", version: 4, send: "50 .. 1234", reasonCodes: [0] },
      { what: "PUBREL", version: 4, send: "62 .. 1234", reasonCodes: [0] },
      { what: "PUBACK", version: 4, send: "40 .. 1234", reasonCodes: [] },
      { what: "PUBCOMP", version: 3, send: "70 .. ffff", reasonCodes: [] },
    ]);
  });
});

test("F31 acknowledgements of another exchange than the one there is: closed", async (t) => {
  const broker = await startBroker(t);
  const mismatches = [
    { what: "PUBACK for QoS 2", qos: 2, send: (id: string) => `40 .. ${id}` },
    { what: "PUBREC for QoS 1", qos: 1, send: (id: string) => `50 .. ${id}` },
    { what: "PUBCOMP for QoS 1", qos: 1, send: (id: string) => `70 .. ${id}` },
    { what: "PUBCOMP before PUBREC", qos: 2, send: (id: string) => `70 .. ${id}` },
  ] as const;
  await besideNeighbours(broker, async () => {
    for (const { what, qos, send } of mismatches) {
      for (const version of [5, 4] as const) {
        const client = await WireClient.connect(broker.port, "mismatched", version);
        client.send(`82 .. 0001 ${version === 5 ? "()" : ""} "mine" 0${qos}`);
        await client.expect("suback");
        broker.broker.publish("mine", "x", { qos });
        const { packetId } = await client.expect("publish");
        client.send(send(hex16(packetId)));
        const codes = (await client.closed()).map(
          (packet) => packet.type === "disconnect" && packet.reasonCode,
        );
        assert.deepEqual(codes, version === 5 ? [0x82] : [], what);
      }
    }
  });
});
