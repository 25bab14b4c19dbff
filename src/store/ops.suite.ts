/** Ops of every type, as random values, with messages of every kind. */
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { encode } from "../codec/encode.ts";
import { PacketDecoder } from "../codec/packet-decoder.ts";
import type { Op } from "../core/ops.ts";
import type { Grant, Stage, WindowEntry } from "../delivery/outbound-window.ts";
import { Message } from "../protocol/message.ts";
import {
  Delivery,
  type PublishProperties,
  type Qos,
  type SubscriptionOptions,
  UINT16_MAX,
  type Will,
} from "../protocol/packets.ts";

function record<Fields>(model: { [Key in keyof Fields]: fc.Arbitrary<Fields[Key]> }) {
  return fc.record<Fields>(model, { noNullPrototype: true });
}

const is = <const Value>(value: Value): fc.Arbitrary<Value> => fc.constant(value);
const maybe = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.option(value, { nil: undefined });
const list = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value[]> =>
  fc.oneof(
    { weight: 9, arbitrary: fc.array(value, { maxLength: 5 }) },
    { weight: 1, arbitrary: fc.array(value, { minLength: 100, maxLength: 400 }) },
  );

const text = fc
  .oneof(
    { weight: 9, arbitrary: fc.string({ unit: "grapheme", maxLength: 12 }) },
    { weight: 1, arbitrary: fc.constant("long".repeat(4_000)) },
  )
  .map((value) => value.replaceAll("\0", "0"));
const topicName = text.map((value) => `t${value.replaceAll(/[+#]/g, "/")}`);
const shareKey = text.map((value) => `$share/${value}/t/#`);
const bytes = fc.oneof(
  { weight: 9, arbitrary: fc.uint8Array({ maxLength: 300 }) },
  { weight: 1, arbitrary: is(new Uint8Array(70_000).fill(7)) },
);
const qos = fc.constantFrom<Qos>(0, 1, 2);
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const packetId = fc.integer({ min: 1, max: UINT16_MAX });
/** Up to 2^53 - 1, with each power of two and what is next to it. */
const count = fc.oneof(
  fc.nat({ max: 300 }),
  fc.tuple(fc.nat({ max: 52 }), fc.constantFrom(-1, 0, 1)).map(([bit, by]) => 2 ** bit + by),
  fc.maxSafeNat(),
);
const time = fc.oneof(is(Number.POSITIVE_INFINITY), fc.double({ noNaN: true }), count);

const properties: fc.Arbitrary<PublishProperties | undefined> = record<PublishProperties>({
  payloadFormatIndicator: maybe(fc.constantFrom<0 | 1>(0, 1)),
  messageExpiryIntervalSec: maybe(uint32),
  contentType: maybe(text),
  responseTopic: maybe(topicName),
  correlationData: maybe(bytes.filter((value) => value.length <= UINT16_MAX)),
  userProperties: fc.array(fc.tuple(text, text), { maxLength: 4 }),
}).map((all) =>
  Object.values(all).every((value) => value === undefined || `${value}` === "") ? undefined : all,
);

/** As the broker makes them itself: no bytes of a packet around the payload. */
const madeMessage = fc
  .tuple(topicName, bytes, qos, fc.boolean(), properties)
  .map((args) => Message.of(...args));

/** As they come from a client: with the bytes of their packet, if those can go on as they are. */
const receivedMessage = fc
  .tuple(madeMessage, fc.constantFrom<3 | 4 | 5>(3, 4, 5), fc.boolean())
  .map(([message, version, dup]) => {
    const delivery = new Delivery(message);
    delivery.qos = message.qos;
    delivery.retain = message.retain;
    delivery.dup = dup && message.qos > 0;
    delivery.packetId = message.qos > 0 ? 0x1234 : 0;
    delivery.messageExpiryIntervalSec = message.properties?.messageExpiryIntervalSec;
    const limits = { packetSizeMax: 2 ** 28, userPropertiesMax: 9 };
    const decoder = new PacketDecoder({ role: "client", ...limits });
    decoder.protocolVersion = version;
    // Something is around it, as there is in what a socket brings.
    const pingresp = encode({ type: "pingresp" }, version);
    decoder.push(Buffer.concat([pingresp, encode(delivery, version), pingresp]));
    for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) {
      if (packet.type === "publish") return packet.message;
    }
    throw new Error("no PUBLISH was decoded");
  });

const message: fc.Arbitrary<Message> = fc
  .tuple(fc.oneof(madeMessage, receivedMessage), time, fc.oneof(is(""), text))
  .map(([made, expiresAtMs, publisherId]) => {
    made.expiresAtMs = expiresAtMs;
    made.publisherId = publisherId;
    return made;
  });

const will: fc.Arbitrary<Will> = record<Will>({
  ...{ topicName, qos, properties, retain: fc.boolean(), willDelayIntervalSec: uint32 },
  payload: bytes,
});

const grant: fc.Arbitrary<Grant> = record<Grant>({
  qos,
  retainAsPublished: fc.boolean(),
  subscriptionIdentifiers: list(fc.integer({ min: 1, max: 268_435_455 })),
  shareKey: fc.oneof(is(""), shareKey),
});

const recipient = record({ session: count, grant, retained: fc.boolean() });

const options: fc.Arbitrary<SubscriptionOptions> = record<SubscriptionOptions>({
  qos,
  ...{ noLocal: fc.boolean(), retainAsPublished: fc.boolean() },
  retainHandling: fc.constantFrom<0 | 1 | 2>(0, 1, 2),
});

const subscription = record({ topicFilter: text, options, subscriptionIdentifier: count });

const entry: fc.Arbitrary<WindowEntry> = record<WindowEntry>({
  ...{ seq: count, qos, retained: fc.boolean(), size: count, grant },
  stage: fc.constantFrom<Stage>("queued", "sent", "released"),
  held: count,
}).map((all) => (all.stage === "released" ? { ...all, held: undefined } : all));

const publish: fc.Arbitrary<Op> = fc
  .tuple(
    record({
      ...{ type: is("publish"), message, recipients: list(recipient), shareKeys: list(shareKey) },
      ...{ retain: fc.boolean(), heldBy: count, heldPacketId: fc.oneof(is(0), packetId) },
    }),
    fc.oneof(is(0), count),
    count,
  )
  .map(([op, storedAt, charge]) => ({
    ...op,
    ...{ storedAt, charge: storedAt > 0 ? charge : 0 },
    message: storedAt > 0 ? undefined : op.message,
    heldBy: op.heldPacketId > 0 ? op.heldBy : 0,
  }));

const opening = { clientId: text, principal: record({ name: text }), will: maybe(will) };
const session = count;

/** One for each type, by its name: the compiler finds the one that is missing. */
const BY_TYPE: { readonly [Type in Op["type"]]: fc.Arbitrary<Op> } = {
  open: record({ type: is("open"), session, expiryIntervalSec: uint32, ...opening }),
  leave: record({
    ...{ type: is("leave"), session, expiryIntervalSec: uint32 },
    ...{ expiresAtMs: time, willAtMs: time, sentTo: count },
  }),
  end: record({ type: is("end"), session }),
  "will-clear": record({ type: is("will-clear"), session }),
  subscribe: fc
    .tuple(session, subscription)
    .map(([number, rest]) => ({ type: "subscribe", session: number, ...rest })),
  unsubscribe: record({ type: is("unsubscribe"), session, topicFilter: text }),
  publish,
  assign: record({
    ...{ type: is("assign"), shareKey, storedAt: count, charge: count },
    ...{ session, grant: maybe(grant) },
  }),
  release: record({ type: is("release"), session, seq: count }),
  finish: record({ type: is("finish"), session, seq: count }),
  unhold: record({ type: is("unhold"), session, packetId: count }),
  "retained-expired": record({ type: is("retained-expired"), topicName }),
  group: record({
    ...{ type: is("group"), shareKey },
    waiting: list(record({ storedAt: count, charge: count })),
  }),
  slot: record({ type: is("slot"), slot: count }),
  session: record({
    ...{ type: is("session"), session, isOpen: fc.boolean(), expiryIntervalSec: uint32 },
    ...{ expiresAtMs: time, willAtMs: time, subscriptions: list(subscription), ...opening },
    ...{ heldPacketIds: list(packetId), tail: count, entries: list(entry) },
  }),
  move: record({ type: is("move"), from: count, message }),
};

export const OP_TYPES: readonly Op["type"][] = Object.keys(BY_TYPE) as Op["type"][];

export function opOf(type: Op["type"]): fc.Arbitrary<Op> {
  return BY_TYPE[type];
}

export const anyOp: fc.Arbitrary<Op> = fc.oneof(...Object.values(BY_TYPE));
