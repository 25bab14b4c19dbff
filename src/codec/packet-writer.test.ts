import assert from "node:assert/strict";
import { test } from "node:test";
import { Message } from "../protocol/message.ts";
import {
  type ConnackPacket,
  Delivery,
  type OutgoingPacket,
  type ProtocolVersion,
  type PublishPacket,
  type Qos,
} from "../protocol/packets.ts";
import { ReasonCode } from "../protocol/reason-code.ts";
import { decoderFor, drain } from "./drive.suite.ts";
import { encode } from "./encode.ts";
import { type ByteSink, PacketWriter } from "./packet-writer.ts";
import { wire } from "./vectors.suite.ts";

/** A socket that keeps every write, as given, and says how much it still holds. */
class TestSink implements ByteSink {
  writes: Uint8Array[] = [];
  corked = 0;
  writableLength = 0;

  write(bytes: Uint8Array): void {
    this.writes.push(bytes);
  }

  cork(): void {
    this.corked += 1;
  }

  uncork(): void {
    this.corked -= 1;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.writes);
  }
}

/** Messages as they come out of one chunk. */
function received(version: ProtocolVersion, ...notations: string[]): Message[] {
  const packets = drain(decoderFor("server", version), Buffer.concat(notations.map(wire)));
  return packets.map((packet) => (packet as PublishPacket).message);
}

function delivery(message: Message, fields: Partial<Delivery> = {}): Delivery {
  return Object.assign(new Delivery(message), { qos: message.qos }, fields);
}

function written(version: ProtocolVersion, ...packets: OutgoingPacket[]): Buffer {
  const writer = new PacketWriter();
  const sink = new TestSink();
  for (const packet of packets)
    assert.equal(writer.add(packet, version, Number.POSITIVE_INFINITY), true);
  const { size } = writer;
  writer.flushTo(sink);
  assert.equal(sink.bytes.length, size);
  assert.equal(writer.size, 0);
  return sink.bytes;
}

function assertBytes(bytes: Buffer, ...notations: string[]): void {
  assert.equal(bytes.toString("hex"), Buffer.concat(notations.map(wire)).toString("hex"));
}

test("frames in a row go out as they came, flags and Packet Identifiers patched", () => {
  const [one, two, three] = received(
    4,
    "33 .. \"a\" 0001 'x'",
    "3a .. \"bb\" 0002 'yy'",
    "30 .. \"c\" 'z'",
  ) as [Message, Message, Message];
  const bytes = written(
    4,
    delivery(one, { packetId: 0x1234 }), // RETAIN is the receiver's matter [MQTT-3.3.1-12].
    delivery(two, { packetId: 0xffff, retain: true }), // DUP too [MQTT-3.3.1-3].
    delivery(three),
  );
  assertBytes(bytes, "32 .. \"a\" 1234 'x'", "33 .. \"bb\" ffff 'yy'", "30 .. \"c\" 'z'");
});

test("frames out of order, twice and between other packets", () => {
  const [one, two] = received(4, '30 .. "a" 31', '30 .. "b" 32') as [Message, Message];
  const bytes = written(
    4,
    delivery(two),
    delivery(one),
    delivery(one),
    { type: "pingresp" },
    delivery(two),
  );
  const [a, b] = ['30 .. "a" 31', '30 .. "b" 32'];
  assertBytes(bytes, b, a, a, "d000", b);
});

test("more frames than the list of patches held at first", () => {
  const count = 1000;
  const messages = received(4, ...Array.from({ length: count }, () => "32 .. \"a\" 0001 'x'"));
  const deliveries = messages.map((message, at) => delivery(message, { packetId: at + 1 }));
  const bytes = written(4, ...deliveries);
  const ids = drain(decoderFor("client", 4), bytes).map((p) => (p as PublishPacket).packetId);
  assert.deepEqual(
    ids,
    Array.from({ length: count }, (_, at) => at + 1),
  );
});

test("a Message owned by the core keeps its frame", () => {
  const [, two] = received(4, '30 .. "a" 31', '32 .. "b" 0001 32') as [Message, Message];
  two.own();
  assertBytes(written(4, delivery(two, { packetId: 9 })), '32 .. "b" 0009 32');
});

const QOS: readonly Qos[] = [0, 1, 2];
for (const from of [4, 5] as const) {
  for (const to of [3, 4, 5] as const) {
    test(`each QoS to each QoS, from ${from} to ${to}, the third time as the first`, () => {
      for (const qos of QOS) {
        const id = qos === 0 ? "" : "0001";
        const header = (0x30 | (qos << 1)).toString(16);
        const notation = `${header} .. "a/b" ${id} ${from === 5 ? '(03 "t" 26 "k" "v")' : ""} 'x'`;
        const [message] = received(from, notation) as [Message];
        for (const qosOut of [...QOS, ...QOS, ...QOS].filter((out) => out <= qos)) {
          const packetId = qosOut === 0 ? 0 : 0x1234;
          const bytes = written(to, delivery(message, { qos: qosOut, packetId, retain: true }));
          const first = (0x31 | (qosOut << 1)).toString(16);
          const properties = to !== 5 ? "" : from === 5 ? '(03 "t" 26 "k" "v")' : "()";
          assertBytes(bytes, `${first} .. "a/b" ${qosOut === 0 ? "" : "1234"} ${properties} 'x'`);
        }
      }
    });
  }
}

test("what a receiver has of its own is encoded for it alone [MQTT-3.3.4-3] [MQTT-3.3.2-6]", () => {
  const [message] = received(5, '30 .. "a" (26 "k" "v") \'x\'') as [Message];
  const alias = { topicAlias: 7, topicOmitted: true };
  assertBytes(written(5, delivery(message, alias)), '30 .. "" (23 0007 26 "k" "v") \'x\'');
  const identifiers = { subscriptionIdentifiers: [1, 128] };
  assertBytes(
    written(5, delivery(message, identifiers)),
    '30 .. "a" (0b 01 0b 8001 26 "k" "v") \'x\'',
  );
  const expiry = { messageExpiryIntervalSec: 0 };
  assertBytes(written(5, delivery(message, expiry)), '30 .. "a" (02 00000000 26 "k" "v") \'x\'');
  assertBytes(written(5, delivery(message)), '30 .. "a" (26 "k" "v") \'x\'');
  // 3.x knows none of them.
  assertBytes(written(4, delivery(message, { ...identifiers, ...expiry })), "30 .. \"a\" 'x'");
});

test("a large payload goes by reference, in order, corked", () => {
  const notation = "32 .. \"a\" 0001 'x'*20000";
  const [large, small, none] = received(
    4,
    notation,
    "30 .. \"b\" 'y'",
    '30 .. "c"',
  ) as Message[] as [Message, Message, Message];
  for (const version of [4, 5] as const) {
    const writer = new PacketWriter();
    for (let round = 0; round < 3; round += 1) {
      const sink = new TestSink();
      for (const each of [delivery(small), delivery(large, { packetId: 5 }), delivery(none)]) {
        assert.equal(writer.add(each, version, Number.POSITIVE_INFINITY), true);
      }
      const { size } = writer;
      writer.flushTo(sink);
      const p = version === 5 ? "()" : "";
      const sent = [`30 .. "b" ${p} 'y'`, `32 .. "a" 0005 ${p} 'x'*20000`, `30 .. "c" ${p}`];
      assertBytes(sink.bytes, ...sent);
      assert.equal(sink.bytes.length, size);
      assert.equal(sink.corked, 0);
      assert.ok(
        sink.writes.some((bytes) => bytes.buffer === large.bytes.buffer),
        "by reference",
      );
    }
  }
});

test("a fan-out through one writer: each version and QoS keeps its own bytes", () => {
  const [before, message] = received(4, "32 .. \"b\" 0001 'y'", "34 .. \"a\" 0001 'x'") as [
    Message,
    Message,
  ];
  const writer = new PacketWriter();
  for (let round = 0; round < 5; round += 1) {
    for (const version of [4, 5] as const) {
      for (const qos of [1, 0] as const) {
        const packetId = 7 * qos;
        const sink = new TestSink();
        writer.add(delivery(before, { packetId: 9 }), version, 100);
        writer.add(delivery(message, { qos, packetId }), version, 100);
        writer.add(delivery(message, { packetId: 8 }), version, 100);
        writer.flushTo(sink);
        const p = version === 5 ? "()" : "";
        const at = qos === 1 ? `32 .. "a" 0007 ${p} 'x'` : `30 .. "a" ${p} 'x'`;
        assertBytes(sink.bytes, `32 .. "b" 0009 ${p} 'y'`, at, `34 .. "a" 0008 ${p} 'x'`);
      }
    }
  }
});

test("a writer that grows keeps what it gathered behind bytes that a socket holds", () => {
  const writer = new PacketWriter();
  const sink = new TestSink();
  sink.writableLength = 1;
  const expected: Buffer[] = [];
  for (const [count, size] of [
    [1, 20_000],
    [30, 9_000],
    [2, 5],
  ] as const) {
    for (let at = 0; at < count; at += 1) {
      const message = Message.of("a", Buffer.alloc(size / 2, at + size), 0, false, undefined);
      writer.add(delivery(message), 4, 1e6);
      expected.push(encode(delivery(message), 4));
    }
    writer.flushTo(sink);
  }
  assert.ok(sink.bytes.equals(Buffer.concat(expected)), "bytes as added");
});

test("over Maximum Packet Size nothing is added [MQTT-3.1.2-24]", () => {
  const [message] = received(5, "32 .. \"a\" 0001 () 'payload'") as [Message];
  const writer = new PacketWriter();
  const over = [
    delivery(message, { packetId: 1 }),
    delivery(message, { packetId: 1, subscriptionIdentifiers: [1] }),
    delivery(message, { qos: 0 }),
  ];
  const sizes = [15, 17, 13];
  for (const [at, each] of over.entries()) {
    const size = sizes[at] as number;
    for (let round = 0; round < 4; round += 1) {
      assert.equal(writer.add(each, 5, size - 1), false);
      assert.equal(writer.size, 0);
      assert.equal(writer.add(each, 5, size), true);
      assert.equal(writer.size, size);
      writer.flushTo(new TestSink());
    }
  }
  assert.equal(writer.add({ type: "pingresp" }, 5, 1), false);
  assert.equal(writer.size, 0);
});

const REPLY = { reasonString: "why", userProperties: [["k", "v"]] as const };
const WITH_DETAIL: ReadonlyArray<readonly [string, OutgoingPacket, string, string, string]> = [
  [
    "[MQTT-3.2.2-19] [MQTT-3.2.2-20]",
    { type: "connack", sessionPresent: false, reasonCode: 0x87, properties: { ...REPLY } },
    '20 .. 00 87 (1f "why" 26 "k" "v")',
    '20 .. 00 87 (1f "why")',
    "20 .. 00 87 ()",
  ],
  [
    "[MQTT-3.4.2-2] [MQTT-3.4.2-3]",
    { type: "puback", packetId: 1, reasonCode: 0x87, properties: REPLY },
    '40 .. 0001 87 (1f "why" 26 "k" "v")',
    '40 .. 0001 87 (1f "why")',
    "40 .. 0001 87",
  ],
  [
    "[MQTT-3.5.2-2] [MQTT-3.5.2-3]",
    { type: "pubrec", packetId: 1, reasonCode: 0, properties: REPLY },
    '50 .. 0001 00 (1f "why" 26 "k" "v")',
    '50 .. 0001 00 (1f "why")',
    "50 .. 0001",
  ],
  [
    "[MQTT-3.6.2-2] [MQTT-3.6.2-3]",
    { type: "pubrel", packetId: 1, reasonCode: 0x92, properties: REPLY },
    '62 .. 0001 92 (1f "why" 26 "k" "v")',
    '62 .. 0001 92 (1f "why")',
    "62 .. 0001 92",
  ],
  [
    "[MQTT-3.7.2-2] [MQTT-3.7.2-3]",
    { type: "pubcomp", packetId: 1, reasonCode: 0x92, properties: REPLY },
    '70 .. 0001 92 (1f "why" 26 "k" "v")',
    '70 .. 0001 92 (1f "why")',
    "70 .. 0001 92",
  ],
  [
    "[MQTT-3.9.2-1] [MQTT-3.9.2-2]",
    { type: "suback", packetId: 1, reasonCodes: [0, 0x87], properties: REPLY },
    '90 .. 0001 (1f "why" 26 "k" "v") 00 87',
    '90 .. 0001 (1f "why") 00 87',
    "90 .. 0001 () 00 87",
  ],
  [
    "[MQTT-3.11.2-1] [MQTT-3.11.2-2]",
    { type: "unsuback", packetId: 1, reasonCodes: [0, 0x11], properties: REPLY },
    'b0 .. 0001 (1f "why" 26 "k" "v") 00 11',
    'b0 .. 0001 (1f "why") 00 11',
    "b0 .. 0001 () 00 11",
  ],
  [
    "[MQTT-3.14.2-3] [MQTT-3.14.2-4]",
    {
      type: "disconnect",
      reasonCode: 0x8e,
      sessionExpiryIntervalSec: undefined,
      serverReference: undefined,
      properties: REPLY,
    },
    'e0 .. 8e (1f "why" 26 "k" "v")',
    'e0 .. 8e (1f "why")',
    "e0 .. 8e",
  ],
  [
    "[MQTT-3.15.2-2] [MQTT-3.15.2-3]",
    {
      type: "auth",
      reasonCode: 0x18,
      authenticationMethod: "M",
      authenticationData: undefined,
      properties: REPLY,
    },
    'f0 .. 18 (15 "M" 1f "why" 26 "k" "v")',
    'f0 .. 18 (15 "M" 1f "why")',
    'f0 .. 18 (15 "M")',
  ],
];

for (const [spec, packet, all, reasonString, none] of WITH_DETAIL) {
  test(`${packet.type}: User Property, then Reason String are dropped to fit ${spec}`, () => {
    const writer = new PacketWriter();
    const sizeOf = (notation: string) => wire(notation).length;
    const expected = (maximum: number) => {
      if (maximum >= sizeOf(all)) return all;
      if (maximum >= sizeOf(reasonString)) return reasonString;
      return maximum >= sizeOf(none) ? none : "";
    };
    for (let maximum = sizeOf(none) - 1; maximum <= sizeOf(all); maximum += 1) {
      const notation = expected(maximum);
      assert.equal(writer.add(packet, 5, maximum), notation !== "");
      const sink = new TestSink();
      writer.flushTo(sink);
      assertBytes(sink.bytes, notation);
    }
  });
}

function connack(reasonCode: number): ConnackPacket {
  return { type: "connack", sessionPresent: reasonCode === 0, reasonCode, properties: undefined };
}

test("CONNACK of 3.x: Reason Codes become return codes [3.1.1 MQTT-3.2.2-6]", () => {
  const returnCode = (reasonCode: ReasonCode, version: ProtocolVersion) =>
    encode(connack(reasonCode), version).at(3);
  assert.equal(returnCode(ReasonCode.success, 4), 0);
  assert.equal(returnCode(ReasonCode.unsupportedProtocolVersion, 4), 1);
  assert.equal(returnCode(ReasonCode.clientIdentifierNotValid, 3), 2);
  assert.equal(returnCode(ReasonCode.serverUnavailable, 4), 3);
  assert.equal(returnCode(ReasonCode.serverBusy, 4), 3);
  assert.equal(returnCode(ReasonCode.quotaExceeded, 4), 3);
  assert.equal(returnCode(ReasonCode.badUserNameOrPassword, 4), 4);
  assert.equal(returnCode(ReasonCode.notAuthorized, 4), 5);
  assert.equal(returnCode(ReasonCode.banned, 4), 5);
  // None applies: no CONNACK at all, the broker closes.
  assert.equal(encode(connack(ReasonCode.malformedPacket), 4).length, 0);
  // 3.1 has no Session Present.
  assertBytes(encode(connack(0), 4), "20 02 01 00");
  assertBytes(encode(connack(0), 3), "20 02 00 00");
});

test("SUBACK and UNSUBACK of 3.x [3.1.1 MQTT-3.9.3-2]", () => {
  const reply = { packetId: 1, properties: REPLY };
  const suback = { type: "suback", reasonCodes: [0, 1, 2, 0x87, 0x97], ...reply } as const;
  assertBytes(encode(suback, 4), "90 .. 0001 00 01 02 80 80");
  assertBytes(encode({ type: "unsuback", reasonCodes: [0, 0x11], ...reply }, 4), "b0 .. 0001");
});

test("acks of 3.x carry nothing but the Packet Identifier", () => {
  const ack = { packetId: 258, reasonCode: 0x97, properties: REPLY };
  assertBytes(encode({ type: "puback", ...ack }, 4), "40 02 0102");
  assertBytes(encode({ type: "pubrec", ...ack }, 3), "50 02 0102");
});

test("3.x has no AUTH and no DISCONNECT with a reason: asking for one is a bug", () => {
  const disconnect = {
    type: "disconnect",
    reasonCode: 0x8e,
    sessionExpiryIntervalSec: undefined,
    serverReference: undefined,
    properties: undefined,
  } as const;
  assert.throws(() => encode(disconnect, 4), /3\.x has no DISCONNECT/);
  const auth = {
    type: "auth",
    reasonCode: 0x18,
    authenticationMethod: "M",
    authenticationData: undefined,
    properties: undefined,
  } as const;
  assert.throws(() => encode(auth, 4), /3\.x has no AUTH/);
});

test("strings over 65,535 bytes are a bug of ours (§1.5.4)", () => {
  const tooLong = Message.of("a".repeat(65_536), Buffer.alloc(0), 0, false, undefined);
  assert.throws(() => encode(delivery(tooLong), 4), RangeError);
  const longest = Message.of("é".repeat(32_767), Buffer.alloc(0), 0, false, undefined);
  assert.equal(encode(delivery(longest), 4).length, 4 + 2 + 65_534);
});

test("bytes that a socket still holds are never written over", () => {
  const writer = new PacketWriter();
  const slow = new TestSink();
  slow.writableLength = 1;
  const fast = new TestSink();
  const expected: Buffer[] = [];
  for (let round = 0; round < 300; round += 1) {
    const payload = Buffer.alloc(700, round);
    const packet = delivery(Message.of("a", payload, 0, false, undefined));
    for (const sink of [slow, fast]) {
      writer.add(packet, 4, Number.POSITIVE_INFINITY);
      writer.flushTo(sink);
    }
    expected.push(encode(packet, 4));
  }
  assert.ok(slow.bytes.equals(Buffer.concat(expected)), "bytes as added");
  // What a fast socket took is written over at once.
  const buffers = new Set(fast.writes.map((bytes) => bytes.buffer));
  assert.ok(buffers.size < 10, `${buffers.size} buffers`);
});

test("a writer that held much does not keep it", () => {
  const writer = new PacketWriter();
  const sink = new TestSink();
  const message = Message.of("a", Buffer.alloc(10_000), 0, false, undefined);
  for (let total = 0; total < 300; total += 1) writer.add(delivery(message), 4, 1e6);
  assert.equal(writer.size, 300 * 10_006);
  writer.flushTo(sink);
  sink.writes = [];
  writer.add({ type: "pingresp" }, 4, 1e6);
  writer.flushTo(sink);
  assert.equal(sink.writes[0]?.buffer.byteLength, 64 * 1024);
});

test("nothing added, nothing written", () => {
  const sink = new TestSink();
  new PacketWriter().flushTo(sink);
  assert.deepEqual(sink.writes, []);
});
