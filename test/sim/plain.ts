/** Ops as text and back, with no reference shared; durable state as text, to be compared. */
import type { Op, SessionSnapshot } from "../../src/core/ops.ts";
import type { Session } from "../../src/core/session.ts";
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
  if (op.type === "publish") return JSON.stringify({ ...op, message: plainMessage(op.message) });
  if (op.type === "open") return JSON.stringify({ ...op, will: plainWill(op.will) });
  return JSON.stringify(op);
}

export function opFromText(text: string): Op {
  const op = JSON.parse(text) as Op;
  if (op.type === "publish") return { ...op, message: messageOf(op.message) };
  if (op.type === "open") return { ...op, will: willOf(op.will) };
  if (op.type !== "leave") return op;
  const { expiresAtMs, willAtMs } = op;
  const never = Number.POSITIVE_INFINITY;
  return { ...op, expiresAtMs: expiresAtMs ?? never, willAtMs: willAtMs ?? never };
}

/** One Session, except that "sent" and "queued" are not told apart: sending is not recorded. */
export function snapshotText(snapshot: SessionSnapshot): string {
  const entries = snapshot.entries.map((entry) => ({
    ...entry,
    message: plainMessage(entry.message),
    stage: entry.stage === "released" ? "released" : "queued or sent",
  }));
  return JSON.stringify({ ...snapshot, will: plainWill(snapshot.will), entries });
}

/** The recorded Sessions, a line each. */
export function sessionsText(sessions: Iterable<Session>): string[] {
  const lines: string[] = [];
  for (const session of sessions) {
    if (session.isRecorded) lines.push(`session ${snapshotText(session.snapshot())}`);
  }
  return lines.sort();
}

/** All that a replay of the journal must bring back, a line each, in a fixed order. */
export function durableText(state: BrokerState): string {
  const lines: string[] = [];
  for (const message of state.retained.all()) {
    lines.push(`retained ${JSON.stringify(plainMessage(message))}`);
  }
  for (const group of state.groups.values()) {
    if (!group.isRecorded) continue;
    const { key, queueBytes } = group;
    const clientIds = [...state.sessions.values()]
      .filter(({ subscriptions, isRecorded }) => isRecorded && subscriptions?.has(key))
      .map(({ clientId }) => clientId)
      .sort();
    const queue = group.queue.items().map((message) => plainMessage(message));
    lines.push(`group ${JSON.stringify({ key, queueBytes, queue, clientIds })}`);
  }
  return [...sessionsText(state.sessions.values()), ...lines.sort()].join("\n");
}
