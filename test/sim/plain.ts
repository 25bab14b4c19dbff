/** Ops as text and back, with no reference shared; durable state as text, to be compared. */
import type { Op, SessionSnapshot } from "../../src/core/ops.ts";
import type { Session } from "../../src/core/session.ts";
import { snapshotOf } from "../../src/core/snapshot.ts";
import type { BrokerState } from "../../src/core/state.ts";
import { Message } from "../../src/protocol/message.ts";
import type { PublishProperties, Will } from "../../src/protocol/packets.ts";

/** JSON has no bytes and no Infinity: base64, and null. */
type Plain = Record<string, unknown>;

function plainBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}

function bytesOf(plain: unknown): Uint8Array {
  return new Uint8Array(Buffer.from(String(plain), "base64"));
}

function plainProperties(properties: PublishProperties | undefined): Plain | undefined {
  if (properties?.correlationData === undefined) return properties as Plain | undefined;
  return { ...properties, correlationData: plainBytes(properties.correlationData) };
}

function propertiesOf(plain: unknown): PublishProperties | undefined {
  const properties = plain as PublishProperties | undefined;
  if (properties?.correlationData === undefined) return properties;
  return { ...properties, correlationData: bytesOf(properties.correlationData) };
}

function plainMessage(message: Message | undefined): Plain | undefined {
  if (message === undefined) return undefined;
  const { topicName, qos, retain, expiresAtMs, publisherId, payload } = message;
  const properties = plainProperties(message.properties);
  const bytes = plainBytes(payload);
  return { topicName, qos, retain, properties, expiresAtMs, publisherId, bytes };
}

function messageOf(plain: unknown): Message {
  const from = plain as Message;
  const { topicName, qos, retain, expiresAtMs, publisherId } = from;
  const properties = propertiesOf(from.properties);
  const message = Message.of(topicName, bytesOf(from.bytes), qos, retain, properties);
  message.expiresAtMs = expiresAtMs ?? Number.POSITIVE_INFINITY;
  message.publisherId = publisherId;
  return message;
}

function plainWill(will: Will | undefined): Plain | undefined {
  if (will === undefined) return undefined;
  const properties = plainProperties(will.properties);
  return { ...will, properties, payload: plainBytes(will.payload) };
}

function willOf(plain: Will | undefined): Will | undefined {
  if (plain === undefined) return undefined;
  return { ...plain, properties: propertiesOf(plain.properties), payload: bytesOf(plain.payload) };
}

export function opToText(op: Op): string {
  if (op.type === "publish") {
    const message = op.storedAt > 0 ? undefined : plainMessage(op.message);
    const recipients = op.recipients.map(({ to, ...recipient }) => recipient);
    return JSON.stringify({ ...op, recipients, message });
  }
  if (op.type === "move") return JSON.stringify({ ...op, message: plainMessage(op.message) });
  if (op.type === "open") return JSON.stringify({ ...op, will: plainWill(op.will) });
  if (op.type === "session") return snapshotText(op);
  return JSON.stringify(op);
}

export function opFromText(text: string): Op {
  const op = JSON.parse(text) as Op;
  if (op.type === "publish") {
    return op.storedAt > 0 ? op : { ...op, message: messageOf(op.message) };
  }
  if (op.type === "move") return { ...op, message: messageOf(op.message) };
  if (op.type === "open") return { ...op, will: willOf(op.will) };
  const never = Number.POSITIVE_INFINITY;
  if (op.type === "leave") {
    return { ...op, expiresAtMs: op.expiresAtMs ?? never, willAtMs: op.willAtMs ?? never };
  }
  if (op.type !== "session") return op;
  const { expiresAtMs, willAtMs, will } = op;
  const times = { expiresAtMs: expiresAtMs ?? never, willAtMs: willAtMs ?? never };
  return { ...op, ...times, will: willOf(will) };
}

function snapshotText(snapshot: SessionSnapshot): string {
  return JSON.stringify({ ...snapshot, will: plainWill(snapshot.will) });
}

/**
 * One Session. While a client is connected "sent" and "queued" are not told apart: that it was
 * sent is recorded when the connection goes.
 */
function sessionText(session: Session, state: BrokerState): string {
  const snapshot = snapshotOf(session, state);
  const entries = snapshot.entries.map((entry) => ({
    ...entry,
    stage: entry.stage === "released" || !session.isOpen ? entry.stage : "queued or sent",
  }));
  return snapshotText({ ...snapshot, entries: entries as unknown as typeof snapshot.entries });
}

/** How often what is recorded refers to each stored message. */
function recordedRefs({ recorded, groups }: BrokerState): Map<number, number> {
  const refs = new Map<number, number>();
  const count = (held: unknown): void => {
    if (typeof held === "number") refs.set(held, (refs.get(held) ?? 0) + 1);
  };
  for (const { windowIfAny: window } of recorded.values()) {
    for (const { held } of window?.entries() ?? []) count(held);
  }
  for (const { queue, isRecorded } of groups.values()) {
    if (isRecorded) for (const waiting of queue.items()) count(waiting);
  }
  return refs;
}

/** The recorded Sessions, a line each. */
export function sessionsText(state: BrokerState): string[] {
  const lines = [...state.recorded.values()].map((session) => sessionText(session, state));
  return lines.map((line) => `session ${line}`).sort();
}

/** All that a replay of the journal must bring back, a line each, in a fixed order. */
export function durableText(state: BrokerState): string {
  const lines: string[] = [];
  for (const message of state.retained.all()) {
    lines.push(`retained ${JSON.stringify(plainMessage(message))}`);
  }
  const { shelf } = state;
  for (const [id, refs] of recordedRefs(state)) {
    const message = plainMessage(shelf.messageAt(id));
    lines.push(`stored ${JSON.stringify({ at: shelf.position(id), refs, message })}`);
  }
  for (const group of state.groups.values()) {
    if (!group.isRecorded) continue;
    const { key, queueBytes } = group;
    const clientIds = [...state.recorded.values()]
      .filter(({ subscriptions }) => subscriptions?.has(key))
      .map(({ clientId }) => clientId)
      .sort();
    const queue = group.queue.items().map((id) => shelf.position(Number(id)));
    lines.push(`group ${JSON.stringify({ key, queueBytes, queue, clientIds })}`);
  }
  return [...sessionsText(state), ...lines.sort()].join("\n");
}
