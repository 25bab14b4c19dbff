/**
 * Ops as bytes: how each lies in a frame of the log. `op-reader.ts` is the way back; the two are
 * the log's format, and what was once written must be read for ever: types and fields are added,
 * never changed.
 *
 * A message is kept as a whole PUBLISH packet, in the version that it came in, so that it is
 * copied here and can go out as it is once it is read back.
 */
import type { ByteWriter } from "../codec/byte-writer.ts";
import { writePublishHead } from "../codec/publish.ts";
import type {
  AssignOp,
  GroupOp,
  LeaveOp,
  Op,
  OpenOp,
  PublishOp,
  SessionOp,
  SubscribeOp,
} from "../core/ops.ts";
import type { Grant, WindowEntry } from "../delivery/outbound-window.ts";
import { Message } from "../protocol/message.ts";
import { Delivery, type SubscriptionOptions, type Will } from "../protocol/packets.ts";

/** The first byte of a record. 0 is the log's own. */
export const OpCode: Readonly<Record<Op["type"], number>> = {
  open: 1,
  leave: 2,
  end: 3,
  "will-clear": 4,
  subscribe: 5,
  unsubscribe: 6,
  publish: 7,
  assign: 8,
  release: 9,
  finish: 10,
  unhold: 11,
  "retained-expired": 12,
  group: 13,
  slot: 14,
  session: 15,
  move: 16,
};

/** Bits of a `publish` record that say what follows. */
export const PublishBit = { stored: 1, retain: 2, held: 4, shared: 8 } as const;
/** Bits of a message. */
export const MessageBit = { is5: 1, expires: 2, publisher: 4 } as const;
/** Bits of a grant, above its QoS. */
export const GrantBit = { retainAsPublished: 4, retained: 8, identifiers: 16, shared: 32 } as const;
/** Bits of an entry's stage, above its QoS and RETAINED. */
export const STAGES: readonly WindowEntry["stage"][] = ["queued", "sent", "released"];

const NO_BYTES = new Uint8Array(0);

export function writeOp(writer: ByteWriter, op: Op): void {
  writer.u8(OpCode[op.type]);
  switch (op.type) {
    case "publish":
      writePublish(writer, op);
      break;
    case "finish":
    case "release":
      writeCount(writer, op.session);
      writeCount(writer, op.seq);
      break;
    case "unhold":
      writeCount(writer, op.session);
      writeCount(writer, op.packetId);
      break;
    case "open":
      writeOpen(writer, op);
      break;
    case "leave":
      writeLeave(writer, op);
      break;
    case "end":
    case "will-clear":
      writeCount(writer, op.session);
      break;
    case "subscribe":
      writeCount(writer, op.session);
      writeSubscription(writer, op);
      break;
    case "unsubscribe":
      writeCount(writer, op.session);
      writer.utf8(op.topicFilter);
      break;
    default:
      writeRare(writer, op);
  }
}

type RareOp = Extract<
  Op,
  { type: "assign" | "retained-expired" | "group" | "slot" | "session" | "move" }
>;

function writeRare(writer: ByteWriter, op: RareOp): void {
  switch (op.type) {
    case "assign":
      writeAssign(writer, op);
      break;
    case "retained-expired":
      writer.utf8(op.topicName);
      break;
    case "group":
      writeGroup(writer, op);
      break;
    case "slot":
      writeCount(writer, op.slot);
      break;
    case "session":
      writeSession(writer, op);
      break;
    case "move":
      writeCount(writer, op.from);
      writeMessage(writer, op.message);
      break;
  }
}

/** A whole number up to 2^53, seven bits a byte, the lowest first. */
export function writeCount(writer: ByteWriter, value: number): void {
  writer.ensure(8);
  const { bytes } = writer;
  let { at } = writer;
  let rest = value;
  while (rest >= 0x80) {
    bytes[at] = (rest % 0x80) | 0x80;
    rest = rest < 0x8000_0000 ? rest >>> 7 : Math.floor(rest / 0x80);
    at += 1;
  }
  bytes[at] = rest;
  writer.at = at + 1;
}

function writeNumber(writer: ByteWriter, value: number): void {
  writer.ensure(8);
  writer.at = writer.bytes.writeDoubleLE(value, writer.at);
}

function writePublish(writer: ByteWriter, op: PublishOp): void {
  const { message, storedAt, recipients, shareKeys, retain, heldPacketId } = op;
  const isStored = storedAt > 0;
  writer.u8(
    (isStored ? PublishBit.stored : 0) |
      (retain ? PublishBit.retain : 0) |
      (heldPacketId > 0 ? PublishBit.held : 0) |
      (shareKeys.length > 0 ? PublishBit.shared : 0),
  );
  if (isStored || message === undefined) {
    writeCount(writer, storedAt);
    writeCount(writer, op.charge);
  } else writeMessage(writer, message);
  if (heldPacketId > 0) {
    writeCount(writer, op.heldBy);
    writeCount(writer, heldPacketId);
  }
  if (shareKeys.length > 0) {
    writeCount(writer, shareKeys.length);
    for (const key of shareKeys) writer.utf8(key);
  }
  writeCount(writer, recipients.length);
  for (const { session, grant, retained } of recipients) {
    writeCount(writer, session);
    writeGrant(writer, grant, retained);
  }
}

const delivery = new Delivery(Message.of("", NO_BYTES, 0, false, undefined));

function writeMessage(writer: ByteWriter, message: Message): void {
  const { frameAt, expiresAtMs, publisherId, properties } = message;
  const isFrame = frameAt >= 0;
  const expires = expiresAtMs !== Number.POSITIVE_INFINITY;
  const is5 = !isFrame || message.frameVersion === 5;
  writer.u8(
    (is5 ? MessageBit.is5 : 0) |
      (expires ? MessageBit.expires : 0) |
      (publisherId !== "" ? MessageBit.publisher : 0),
  );
  if (expires) writeNumber(writer, expiresAtMs);
  if (publisherId !== "") writer.utf8(publisherId);
  if (isFrame) {
    writer.copy(message.bytes, frameAt, message.end);
    return;
  }
  delivery.message = message;
  delivery.qos = message.qos;
  delivery.retain = message.retain;
  delivery.packetId = message.qos === 0 ? 0 : 1;
  delivery.messageExpiryIntervalSec = properties?.messageExpiryIntervalSec;
  writePublishHead(writer, delivery, 5);
  writer.copy(message.bytes, message.payloadAt, message.end);
}

function writeGrant(writer: ByteWriter, grant: Grant, retained: boolean): void {
  const { qos, retainAsPublished, subscriptionIdentifiers, shareKey } = grant;
  writer.u8(
    qos |
      (retainAsPublished ? GrantBit.retainAsPublished : 0) |
      (retained ? GrantBit.retained : 0) |
      (subscriptionIdentifiers.length > 0 ? GrantBit.identifiers : 0) |
      (shareKey !== "" ? GrantBit.shared : 0),
  );
  if (subscriptionIdentifiers.length > 0) {
    writeCount(writer, subscriptionIdentifiers.length);
    for (const identifier of subscriptionIdentifiers) writeCount(writer, identifier);
  }
  if (shareKey !== "") writer.utf8(shareKey);
}

function writeOpen(writer: ByteWriter, op: OpenOp): void {
  writeCount(writer, op.session);
  writer.utf8(op.clientId);
  writer.utf8(op.principal.name);
  writeCount(writer, op.expiryIntervalSec);
  writeWill(writer, op.will);
}

function writeWill(writer: ByteWriter, will: Will | undefined): void {
  writer.u8(will === undefined ? 0 : 1);
  if (will === undefined) return;
  const { topicName, payload, qos, retain, properties, willDelayIntervalSec } = will;
  writeCount(writer, willDelayIntervalSec);
  writeMessage(writer, Message.of(topicName, payload, qos, retain, properties));
}

function writeLeave(writer: ByteWriter, op: LeaveOp): void {
  writeCount(writer, op.session);
  writeCount(writer, op.expiryIntervalSec);
  writeNumber(writer, op.expiresAtMs);
  writeNumber(writer, op.willAtMs);
  writeCount(writer, op.sentTo);
}

type Filter = Pick<SubscribeOp, "topicFilter" | "options" | "subscriptionIdentifier">;

function writeSubscription(writer: ByteWriter, { topicFilter, ...rest }: Filter): void {
  writer.utf8(topicFilter);
  writer.u8(optionBits(rest.options));
  writeCount(writer, rest.subscriptionIdentifier);
}

/** As in SUBSCRIBE (§3.8.3.1). */
function optionBits(options: SubscriptionOptions): number {
  const { qos, noLocal, retainAsPublished, retainHandling } = options;
  return qos | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4);
}

function writeAssign(writer: ByteWriter, op: AssignOp): void {
  const { shareKey, storedAt, charge, session, grant } = op;
  writer.utf8(shareKey);
  writeCount(writer, storedAt);
  writeCount(writer, charge);
  writeCount(writer, session);
  writer.u8(grant === undefined ? 0 : 1);
  if (grant !== undefined) writeGrant(writer, grant, false);
}

function writeGroup(writer: ByteWriter, { shareKey, waiting }: GroupOp): void {
  writer.utf8(shareKey);
  writeCount(writer, waiting.length);
  for (const { storedAt, charge } of waiting) {
    writeCount(writer, storedAt);
    writeCount(writer, charge);
  }
}

function writeSession(writer: ByteWriter, op: SessionOp): void {
  writeOpen(writer, { ...op, type: "open" });
  writer.u8(op.isOpen ? 1 : 0);
  writeNumber(writer, op.expiresAtMs);
  writeNumber(writer, op.willAtMs);
  writeCount(writer, op.subscriptions.length);
  for (const subscription of op.subscriptions) writeSubscription(writer, subscription);
  writeCount(writer, op.heldPacketIds.length);
  for (const packetId of op.heldPacketIds) writeCount(writer, packetId);
  writeCount(writer, op.tail);
  writeCount(writer, op.entries.length);
  for (const entry of op.entries) {
    writer.u8(STAGES.indexOf(entry.stage) * 4 + entry.qos);
    writeCount(writer, entry.seq);
    writeCount(writer, Number(entry.held ?? 0));
    writeCount(writer, entry.size);
    writeGrant(writer, entry.grant, entry.retained);
  }
}
