/** What holds for any packet and any bytes, not only for the vectors. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Message } from "../protocol/message.ts";
import {
  type ConnackProperties,
  type ConnectPacket,
  Delivery,
  type OutgoingPacket,
  type Packet,
  type ProtocolVersion,
  type PublishProperties,
  type Qos,
  SESSION_EXPIRY_NEVER,
  type Will,
} from "../protocol/packets.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { decodeChunks, decoderFor, drain, meaning } from "./drive.suite.ts";
import { encode } from "./encode.ts";
import { type ByteSink, PacketWriter } from "./packet-writer.ts";
import { ACCEPTED, REFUSED, type VectorRole } from "./vectors.suite.ts";

/** With a prototype, as the decoder's objects have one. */
function record<Fields>(model: { [Key in keyof Fields]: fc.Arbitrary<Fields[Key]> }) {
  return fc.record<Fields>(model, { noNullPrototype: true });
}

const VERSIONS: readonly ProtocolVersion[] = [3, 4, 5];
const version = fc.constantFrom(...VERSIONS);
const text = fc
  .string({ unit: "grapheme", maxLength: 12 })
  .map((value) => value.replaceAll("\0", "0"));
const topicName = text.map((value) => `t${value.replaceAll(/[+#]/g, "/")}`);
const bytes = fc.uint8Array({ maxLength: 40 }).map((value) => Buffer.from(value));
const uint16 = fc.integer({ min: 0, max: 0xffff });
const packetId = fc.integer({ min: 1, max: 0xffff });
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const identifier = fc.integer({ min: 1, max: 268_435_455 });
const qos = fc.constantFrom<Qos>(0, 1, 2);
const userProperties = fc.array(fc.tuple(text, text), { maxLength: 3 });
const maybe = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });
const replyProperties = record({ reasonString: maybe(text), userProperties }).map((reply) =>
  reply.reasonString === undefined && reply.userProperties.length === 0 ? undefined : reply,
);

const publishProperties: fc.Arbitrary<PublishProperties | undefined> = record({
  payloadFormatIndicator: maybe(fc.constantFrom<0 | 1>(0, 1)),
  messageExpiryIntervalSec: maybe(uint32),
  contentType: maybe(text),
  responseTopic: maybe(topicName),
  correlationData: maybe(bytes),
  userProperties,
}).map((properties) =>
  Object.values(properties).every((value) => value === undefined || `${value}` === "")
    ? undefined
    : properties,
);

const will: fc.Arbitrary<Will> = record({
  topicName,
  payload: bytes,
  qos,
  retain: fc.boolean(),
  properties: publishProperties,
  willDelayIntervalSec: uint32,
});

const connect5: fc.Arbitrary<ConnectPacket> = record({
  type: fc.constant("connect" as const),
  protocolVersion: fc.constant<ProtocolVersion>(5),
  clientId: text,
  cleanStart: fc.boolean(),
  keepAliveSec: uint16,
  userName: maybe(text),
  password: maybe(bytes),
  will: maybe(will),
  sessionExpiryIntervalSec: uint32,
  receiveMaximum: packetId,
  maximumPacketSize: fc.oneof(
    fc.integer({ min: 1, max: 0xffff_ffff }),
    fc.constant(Number.POSITIVE_INFINITY),
  ),
  topicAliasMaximum: uint16,
  requestResponseInformation: fc.boolean(),
  requestProblemInformation: fc.boolean(),
  userProperties,
  authenticationMethod: fc.constant("M"),
  authenticationData: maybe(bytes),
});

/** The same, with what 3.x cannot say left out. */
function connect3(packet: ConnectPacket, protocolVersion: 3 | 4): ConnectPacket {
  return {
    ...packet,
    protocolVersion,
    password: packet.userName === undefined ? undefined : packet.password,
    will: packet.will && { ...packet.will, properties: undefined, willDelayIntervalSec: 0 },
    sessionExpiryIntervalSec: packet.cleanStart ? 0 : SESSION_EXPIRY_NEVER,
    receiveMaximum: 65_535,
    maximumPacketSize: Number.POSITIVE_INFINITY,
    topicAliasMaximum: 0,
    requestResponseInformation: false,
    requestProblemInformation: true,
    userProperties: [],
    authenticationMethod: undefined,
    authenticationData: undefined,
  };
}

const connackProperties: fc.Arbitrary<ConnackProperties> = record({
  sessionExpiryIntervalSec: maybe(uint32),
  receiveMaximum: maybe(packetId),
  maximumQos: maybe(fc.constantFrom<0 | 1>(0, 1)),
  retainAvailable: maybe(fc.boolean()),
  maximumPacketSize: fc.integer({ min: 1, max: 0xffff_ffff }),
  assignedClientIdentifier: maybe(text),
  topicAliasMaximum: maybe(uint16),
  reasonString: maybe(text),
  userProperties: maybe(fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 3 })),
  wildcardSubscriptionAvailable: maybe(fc.boolean()),
  subscriptionIdentifiersAvailable: maybe(fc.boolean()),
  sharedSubscriptionAvailable: maybe(fc.boolean()),
  serverKeepAliveSec: maybe(uint16),
  responseInformation: maybe(text),
  serverReference: maybe(text),
  authenticationMethod: maybe(text),
  authenticationData: maybe(bytes),
});

type Sent = readonly [role: VectorRole, packet: OutgoingPacket];
const from = <Value extends OutgoingPacket>(role: VectorRole, packet: fc.Arbitrary<Value>) =>
  packet.map((value): Sent => [role, value]);
const is = <const Value>(value: Value) => fc.constant(value);
const ack = <Type extends "puback" | "pubrec" | "pubrel" | "pubcomp">(
  type: Type,
  ...codes: number[]
) =>
  record({
    type: is(type),
    packetId,
    reasonCode: fc.constantFrom(...codes),
    properties: replyProperties,
  });
const codes = (...of: number[]) => fc.array(fc.constantFrom(...of), { minLength: 1, maxLength: 5 });

/** Packets of 5.0 other than CONNECT and PUBLISH, with who reads them. */
const packet5: fc.Arbitrary<Sent> = fc.oneof(
  from(
    "client",
    record({
      type: is("connack"),
      sessionPresent: fc.boolean(),
      reasonCode: is(0),
      properties: connackProperties,
    }),
  ),
  from("server", ack("puback", 0, 0x10, 0x87)),
  from("client", ack("pubrec", 0, 0x91)),
  from("server", ack("pubrel", 0, 0x92)),
  from("client", ack("pubcomp", 0, 0x92)),
  from(
    "server",
    record({
      type: is("subscribe"),
      packetId,
      subscriptions: fc.array(
        record({
          topicFilter: text,
          qos,
          noLocal: fc.boolean(),
          retainAsPublished: fc.boolean(),
          retainHandling: fc.constantFrom<0 | 1 | 2>(0, 1, 2),
        }),
        { minLength: 1, maxLength: 4 },
      ),
      subscriptionIdentifier: fc.oneof(is(0), identifier),
      userProperties,
    }),
  ),
  from(
    "client",
    record({
      type: is("suback"),
      packetId,
      reasonCodes: codes(0, 1, 2, 0x80, 0x87, 0xa2),
      properties: replyProperties,
    }),
  ),
  from(
    "server",
    record({
      type: is("unsubscribe"),
      packetId,
      topicFilters: fc.array(text, { minLength: 1, maxLength: 4 }),
      userProperties,
    }),
  ),
  from(
    "client",
    record({
      type: is("unsuback"),
      packetId,
      reasonCodes: codes(0, 0x11, 0x87),
      properties: replyProperties,
    }),
  ),
  from(
    "server",
    record({
      type: is("disconnect"),
      reasonCode: fc.constantFrom(0, 4, 0x99),
      sessionExpiryIntervalSec: maybe(uint32),
      serverReference: is(undefined),
      properties: replyProperties,
    }),
  ),
  from(
    "client",
    record({
      type: is("disconnect"),
      reasonCode: fc.constantFrom(0x8e, 0x9c),
      sessionExpiryIntervalSec: is(undefined),
      serverReference: maybe(text),
      properties: replyProperties,
    }),
  ),
  from(
    "server",
    record({
      type: is("auth"),
      reasonCode: fc.constantFrom(0x18, 0x19),
      authenticationMethod: text,
      authenticationData: maybe(bytes),
      properties: replyProperties,
    }),
  ),
);

const publish = record({
  topicName,
  payload: fc.oneof(bytes, is(Buffer.alloc(17_000, 7))),
  qos,
  retain: fc.boolean(),
  properties: publishProperties,
  dup: fc.boolean(),
  packetId,
  topicAlias: fc.oneof(is(0), packetId),
  subscriptionIdentifiers: fc.array(identifier, { maxLength: 3 }),
});

interface Published {
  readonly delivery: Delivery;
  readonly is5: boolean;
}

const delivery = (to: ProtocolVersion): fc.Arbitrary<Published> =>
  publish.map((fields) => {
    const is5 = to === 5;
    const { payload, retain, properties } = fields;
    const message = Message.of(fields.topicName, payload, fields.qos, retain, properties);
    const sent = new Delivery(message);
    sent.qos = fields.qos;
    sent.retain = retain;
    sent.dup = fields.dup && fields.qos > 0;
    sent.packetId = fields.qos === 0 ? 0 : fields.packetId;
    sent.topicAlias = is5 ? fields.topicAlias : 0;
    sent.subscriptionIdentifiers = is5 ? fields.subscriptionIdentifiers : [];
    sent.messageExpiryIntervalSec = is5 ? properties?.messageExpiryIntervalSec : undefined;
    return { delivery: sent, is5 };
  });

function published({ delivery: sent, is5 }: Published): unknown {
  const { message } = sent;
  return {
    type: "publish",
    dup: sent.dup,
    packetId: sent.packetId,
    topicAlias: sent.topicAlias,
    subscriptionIdentifiers: sent.subscriptionIdentifiers,
    topicName: message.topicName,
    qos: sent.qos,
    retain: sent.retain,
    properties: is5 ? message.properties : undefined,
    payload: Buffer.from(message.payload),
  };
}

test("decode(encode(packet)) is the packet, in 5.0", () => {
  fc.assert(
    fc.property(packet5, ([role, packet]) => {
      const decoded = drain(decoderFor(role, 5), encode(packet, 5));
      assert.deepEqual(decoded, [packet]);
    }),
    { numRuns: 500 },
  );
});

test("decode(encode(CONNECT)) is the CONNECT, in all versions", () => {
  fc.assert(
    fc.property(connect5, version, (packet, to) => {
      const sent = to === 5 ? packet : connect3(packet, to);
      const decoder = decoderFor("stranger", 5);
      assert.deepEqual(drain(decoder, encode(sent, to)), [sent]);
      assert.equal(decoder.protocolVersion, to);
    }),
    { numRuns: 300 },
  );
});

/** Random sizes of chunks, 0 included. */
function cut(stream: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    chunks.push(stream.subarray(at, at + size));
    at += size;
  }
  chunks.push(stream.subarray(at));
  return chunks;
}

const chunkSizes = fc.array(fc.nat({ max: 60 }), { maxLength: 40 });

test("PUBLISH: any stream, any chunking, sent on to any version [MQTT-6.0.0-2]", () => {
  const cases = version.chain((to) =>
    fc.tuple(is(to), fc.array(delivery(to), { maxLength: 6 }), chunkSizes),
  );
  fc.assert(
    fc.property(cases, version, ([to, sent, sizes], onwards) => {
      const stream = Buffer.concat(sent.map((each) => encode(each.delivery, to)));
      const packets = decodeChunks(decoderFor("client", to), cut(stream, sizes));
      assert.deepEqual(packets.map(meaning), sent.map(published));

      // And sent on, some of it as the frames that came in.
      const writer = new PacketWriter();
      const written: Buffer[] = [];
      const sink: ByteSink = {
        write: (part) => written.push(Buffer.from(part)),
        cork: () => undefined,
        uncork: () => undefined,
        writableLength: 0,
      };
      const again = packets.flatMap((packet) => (packet.type === "publish" ? [packet] : []));
      const sentOn = again.map(({ message }, at): Published => {
        const next = new Delivery(message);
        next.qos = Math.min(message.qos, at % 3) as Qos;
        next.packetId = next.qos === 0 ? 0 : at + 1;
        const is5 = onwards === 5;
        if (is5) next.messageExpiryIntervalSec = message.properties?.messageExpiryIntervalSec;
        assert.equal(writer.add(next, onwards, Number.POSITIVE_INFINITY), true);
        return { delivery: next, is5 };
      });
      writer.flushTo(sink);
      const received = drain(decoderFor("client", onwards), Buffer.concat(written));
      assert.deepEqual(received.map(meaning), sentOn.map(published));
    }),
    { numRuns: 300 },
  );
});

test("chunking never matters, whatever the packets [MQTT-6.0.0-2]", () => {
  const stream = fc.array(packet5, { maxLength: 8 });
  fc.assert(
    fc.property(stream, chunkSizes, (sent, sizes) => {
      const packets = sent.filter(([role]) => role === "server").map(([, packet]) => packet);
      const bytesSent = Buffer.concat(packets.map((packet) => encode(packet, 5)));
      assert.deepEqual(decodeChunks(decoderFor("server", 5), cut(bytesSent, sizes)), packets);
    }),
    { numRuns: 200 },
  );
});

/** Packets, more bytes wanted, or ProtocolError: there is nothing else. */
function outcome(role: VectorRole, to: ProtocolVersion, chunks: readonly Buffer[]): unknown {
  const decoder = decoderFor(role, to);
  const packets: Packet[] = [];
  try {
    for (const chunk of chunks) packets.push(...drain(decoder, chunk));
    return packets.map(meaning);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return `${error.reasonCode} ${error.spec}`;
  }
}

const role = fc.constantFrom<VectorRole>("stranger", "server", "client");

test("random bytes give packets, wait for more or throw ProtocolError", () => {
  fc.assert(
    fc.property(role, version, fc.uint8Array({ maxLength: 200 }), (who, to, noise) => {
      outcome(who, to, [Buffer.from(noise)]);
    }),
    { numRuns: 2000 },
  );
});

test("mutated vectors likewise, the same in one chunk and in many", () => {
  const small = [...ACCEPTED, ...REFUSED].filter((vector) => vector.bytes.length < 300);
  const mutation = record({
    at: fc.nat({ max: 299 }),
    byte: fc.integer({ min: 0, max: 255 }),
    kind: fc.constantFrom("set", "insert", "delete", "cut"),
  });
  const cases = fc.tuple(
    fc.constantFrom(...small),
    fc.array(mutation, { minLength: 1, maxLength: 3 }),
    chunkSizes,
  );
  fc.assert(
    fc.property(cases, ([vector, mutations, sizes]) => {
      const mutated = [...vector.bytes];
      for (const { at, byte, kind } of mutations) {
        const place = at % (mutated.length + 1);
        if (kind === "set") mutated[place] = byte;
        else if (kind === "insert") mutated.splice(place, 0, byte);
        else mutated.splice(place, kind === "cut" ? 300 : 1);
      }
      const stream = Buffer.concat([Buffer.from(mutated), vector.bytes]);
      const whole = outcome(vector.role, vector.version, [stream]);
      const parts = outcome(vector.role, vector.version, cut(stream, sizes));
      assert.deepEqual(parts, whole);
    }),
    { numRuns: 3000 },
  );
});
