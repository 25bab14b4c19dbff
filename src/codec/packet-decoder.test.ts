import assert from "node:assert/strict";
import { test } from "node:test";
import { Message } from "../protocol/message.ts";
import {
  type AckPacket,
  type ConnectPacket,
  Delivery,
  type Packet,
  type PublishPacket,
  SESSION_EXPIRY_NEVER,
} from "../protocol/packets.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { decoderFor, drain } from "./drive.suite.ts";
import { encode } from "./encode.ts";
import { PacketDecoder } from "./packet-decoder.ts";
import { wire } from "./vectors.suite.ts";

function connectOf(notation: string): ConnectPacket {
  return drain(decoderFor("stranger", 5), wire(notation))[0] as ConnectPacket;
}

test("CONNECT of 5.0: every field [MQTT-3.1.3-1]", () => {
  const will = '(18 00000005 02 0000000a 01 01 03 "t" 08 "r" 09 "c" 26 "k" "v") "w" "x"';
  const properties = '(11 0000000a 21 0014 27 00010000 22 000a 19 01 17 00 15 "M" 16 "D")';
  const rest = `10 .. "MQTT" 05 ec 003c ${properties} "pump-3" ${will} "u" "p"`;
  assert.deepEqual(connectOf(rest), {
    type: "connect",
    protocolVersion: 5,
    clientId: "pump-3",
    cleanStart: false,
    keepAliveSec: 60,
    userName: "u",
    password: Buffer.from("p"),
    will: {
      topicName: "w",
      payload: Buffer.from("x"),
      qos: 1,
      retain: true,
      properties: {
        payloadFormatIndicator: 1,
        messageExpiryIntervalSec: 10,
        contentType: "t",
        responseTopic: "r",
        correlationData: Buffer.from("c"),
        userProperties: [["k", "v"]],
      },
      willDelayIntervalSec: 5,
    },
    sessionExpiryIntervalSec: 10,
    receiveMaximum: 20,
    maximumPacketSize: 65_536,
    topicAliasMaximum: 10,
    requestResponseInformation: true,
    requestProblemInformation: false,
    userProperties: [],
    authenticationMethod: "M",
    authenticationData: Buffer.from("D"),
  });
});

test("CONNECT of 5.0: what absent properties mean (§3.1.2.11)", () => {
  const connect = connectOf('10 .. "MQTT" 05 00 0000 () "a"');
  assert.equal(connect.sessionExpiryIntervalSec, 0);
  assert.equal(connect.receiveMaximum, 65_535);
  assert.equal(connect.maximumPacketSize, Number.POSITIVE_INFINITY);
  assert.equal(connect.topicAliasMaximum, 0);
  assert.equal(connect.requestResponseInformation, false);
  assert.equal(connect.requestProblemInformation, true);
});

test("CONNECT of 3.x: Clean Session becomes Clean Start and an expiry [3.1.1 MQTT-3.1.2-4]", () => {
  for (const name of ['"MQTT" 04', '"MQIsdp" 03']) {
    const kept = connectOf(`10 .. ${name} 00 003c "a"`);
    assert.equal(kept.cleanStart, false);
    assert.equal(kept.sessionExpiryIntervalSec, SESSION_EXPIRY_NEVER);
    const clean = connectOf(`10 .. ${name} 02 003c "a"`);
    assert.equal(clean.cleanStart, true);
    assert.equal(clean.sessionExpiryIntervalSec, 0);
  }
});

for (const [notation, version] of [
  ['10 .. "MQTT" 04 03 003c "a"', 4],
  ['10 .. "MQIsdp" 03 42 003c "a" "p"', 3],
  ['10 .. "MQTT" 05 03 003c () "a"', 5],
  ['10 .. "MQTT" 06 02 003c () "a"', 5],
  ['10 .. "MQTT" 03 02 003c "a"', 3],
  ['10 .. "MQTT" 84 02 003c "a"', 4],
  ['10 .. "MQIsdp" 83 02 003c "a"', 3],
  ['10 .. "HTTP" 04 02 003c "a"', 5],
] as const) {
  test(`a bad CONNECT leaves the version to answer in: ${notation} [MQTT-3.1.2-2]`, () => {
    const decoder = decoderFor("stranger", 5);
    assert.throws(() => drain(decoder, wire(notation)), ProtocolError);
    assert.equal(decoder.protocolVersion, version);
  });
}

test("a bad second CONNECT does not change the version of the connection", () => {
  const decoder = decoderFor("server", 4);
  assert.throws(() => drain(decoder, wire('10 .. "MQTT" 05 03 003c () "a"')), ProtocolError);
  assert.equal(decoder.protocolVersion, 4);
});

test("a packet too large is refused as soon as its length is there [MQTT-3.2.2-15]", () => {
  const decoder = decoderFor("server", 5);
  assert.deepEqual(drain(decoder, wire("30 ffff")), []);
  assert.throws(() => drain(decoder, wire("7f")), { reasonCode: 0x95 });
});

test("packetSizeMax can be raised, and counts the whole packet", () => {
  const options = { role: "server", packetSizeMax: 16, userPropertiesMax: 0 } as const;
  const decoder = new PacketDecoder(options);
  drain(decoder, wire('10 .. "MQTT" 04 02 003c "a"'));
  assert.equal(drain(decoder, wire("30 .. \"a\" 'x'*11")).length, 1);
  decoder.packetSizeMax = 17;
  assert.equal(drain(decoder, wire("30 .. \"a\" 'x'*12")).length, 1);
  assert.throws(() => drain(decoder, wire("30 .. \"a\" 'x'*13")), { reasonCode: 0x95 });
});

test("what is announced is not allocated before it arrives", () => {
  const decoders = Array.from({ length: 200 }, () => {
    const options = { role: "server", packetSizeMax: 268_435_460, userPropertiesMax: 0 } as const;
    return new PacketDecoder(options);
  });
  const before = process.memoryUsage().arrayBuffers;
  for (const decoder of decoders)
    assert.deepEqual(drain(decoder, wire("10 ffffff7f 0004 'M'")), []);
  const grown = process.memoryUsage().arrayBuffers - before;
  assert.ok(grown < 1_000_000, `${grown} bytes for 200 connections`);
  assert.equal(decoders.length, 200);
});

test("a packet of 8,000 chunks ends up in a buffer of its own size", () => {
  const size = 8_000_000;
  const options = { role: "client", packetSizeMax: 2 * size, userPropertiesMax: 0 } as const;
  const decoder = new PacketDecoder(options);
  const payload = Buffer.alloc(size, "x");
  const bytes = encode(new Delivery(Message.of("a", payload, 0, false, undefined)), 5);
  const packets: Packet[] = [];
  for (let at = 0; at < bytes.length; at += 1000) {
    packets.push(...drain(decoder, bytes.subarray(at, at + 1000)));
  }
  const { message } = packets[0] as PublishPacket;
  assert.equal(message.payloadSize, size);
  // Keeping it needs no further copy.
  assert.equal(message.bytes.buffer.byteLength, bytes.length);
});

test("30,000 User Properties are refused at the first too many (§4.13)", () => {
  const options = { role: "client", packetSizeMax: 1e6, userPropertiesMax: 20_000 } as const;
  const many = (count: number) => wire(`30 .. "a" (${'26 "" ""'.repeat(count)})`);
  const decoder = new PacketDecoder(options);
  assert.equal(drain(decoder, many(20_000)).length, 1);
  assert.throws(() => drain(decoder, many(30_000)), { reasonCode: 0x97 });
});

test("the same Topic Name is the same string, and no other is taken for it", () => {
  const decoder = decoderFor("server", 4);
  const names = ["a/b", "a/b", "a/c", "a/b/c", "é", "é", "ab", "Ã©", "é"].map((name) => {
    const [packet] = drain(decoder, wire(`30 .. "${name}" 00`));
    return (packet as PublishPacket).message.topicName;
  });
  assert.deepEqual(names, ["a/b", "a/b", "a/c", "a/b/c", "é", "é", "ab", "Ã©", "é"]);
});

test("only a frame that may be sent on as it is gets a place (§3.3.2.3)", () => {
  const decoder = decoderFor("server", 5);
  const frameAt = (notation: string) => {
    const [packet] = drain(decoder, Buffer.concat([wire("c000"), wire(notation)])).slice(1);
    return (packet as PublishPacket).message.frameAt;
  };
  assert.equal(frameAt('30 .. "a" ()'), 2);
  assert.equal(frameAt('30 .. "a" (01 01 26 "k" "v")'), 2);
  assert.equal(frameAt('30 .. "a" (23 0001)'), -1);
  assert.equal(frameAt('30 .. "a" (02 00000001)'), -1);
  const client = decoderFor("client", 5);
  const [received] = drain(client, wire('30 .. "a" (0b 01)'));
  assert.equal((received as PublishPacket).message.frameAt, -1);
});

test("what is kept is copied out of the chunk, a payload is not", () => {
  const decoder = decoderFor("server", 5);
  const chunk = wire('30 .. "a" (09 "corr") \'payload\'');
  decoder.push(chunk);
  const packet = decoder.next() as PublishPacket;
  assert.equal(packet.message.bytes, chunk);
  chunk.fill(0);
  assert.equal(`${packet.message.properties?.correlationData}`, "corr");
});

test("one object serves all acks, and one all PUBLISH", () => {
  const decoder = decoderFor("server", 5);
  decoder.push(wire('40020001 50020002 30 04 "a" 00'));
  const first = decoder.next() as AckPacket;
  assert.equal(first.packetId, 1);
  const second = decoder.next();
  assert.equal(second, first);
  assert.equal(first.type, "pubrec");
});

test("an ack says nothing of the one before", () => {
  const decoder = decoderFor("server", 5);
  const [, second] = drain(decoder, wire('40 0a 0001 87 06 1f "why" 40020002'));
  assert.deepEqual(second, { type: "puback", packetId: 2, reasonCode: 0, properties: undefined });
});

test("a drained decoder holds no Message", () => {
  const decoder = decoderFor("server", 4);
  decoder.push(wire("30 .. \"a\" 'x'"));
  const packet = decoder.next() as PublishPacket;
  const { message } = packet;
  assert.equal(decoder.next(), undefined);
  assert.notEqual(packet.message, message);
});

test("chunks may be pushed before the last one is drained", () => {
  const decoder = decoderFor("server", 4);
  decoder.push(wire("c000 40"));
  decoder.push(wire("0200"));
  decoder.push(wire("07 c0"));
  assert.equal(decoder.next()?.type, "pingreq");
  assert.equal((decoder.next() as AckPacket).packetId, 7);
  assert.equal(decoder.next(), undefined);
  assert.deepEqual(drain(decoder, wire("00")), [{ type: "pingreq" }]);
});
