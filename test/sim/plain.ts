/** Ops as text and back, with no reference shared; durable state as text, to be compared. */
import type { Op } from "../../src/core/ops.ts";
import type { Session } from "../../src/core/session.ts";
import type { BrokerState } from "../../src/core/state.ts";
import { Message } from "../../src/protocol/message.ts";

/** Bytes as base64, a Message as its fields, Infinity as a word: what JSON has no notation for. */
function toPlain(_key: string, value: unknown): unknown {
  if (value === Number.POSITIVE_INFINITY) return { $: "infinity" };
  if (value instanceof Message) {
    const { topicName, qos, retain, properties, expiresAtMs, publisherId, payload } = value;
    const bytes = Buffer.from(payload).toString("base64");
    return { $: "message", topicName, qos, retain, properties, expiresAtMs, publisherId, bytes };
  }
  if (value instanceof Uint8Array) {
    return { $: "bytes", bytes: Buffer.from(value).toString("base64") };
  }
  // JSON.stringify has asked a Buffer for its own notation before it comes here.
  if (isObject(value) && value["type"] === "Buffer" && Array.isArray(value["data"])) {
    return { $: "bytes", bytes: Buffer.from(value["data"] as number[]).toString("base64") };
  }
  return value;
}

function fromPlain(_key: string, value: unknown): unknown {
  if (!isObject(value)) return value;
  switch (value["$"]) {
    case "infinity":
      return Number.POSITIVE_INFINITY;
    case "bytes":
      return new Uint8Array(Buffer.from(value["bytes"] as string, "base64"));
    case "message": {
      const from = value as unknown as Message & { bytes: unknown };
      const payload = new Uint8Array(Buffer.from(String(from.bytes), "base64"));
      const message = Message.of(from.topicName, payload, from.qos, from.retain, from.properties);
      message.expiresAtMs = from.expiresAtMs;
      message.publisherId = from.publisherId;
      return message;
    }
    default:
      return value;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

export function opToText(op: Op): string {
  return JSON.stringify(op, toPlain);
}

export function opFromText(text: string): Op {
  return JSON.parse(text, fromPlain) as Op;
}

/** One Session, except that "sent" and "queued" are not told apart: sending is not recorded. */
export function sessionText(session: Session): string {
  const snapshot = session.snapshot();
  const entries = snapshot.entries.map((entry) => ({
    ...entry,
    stage: entry.stage === "released" ? "released" : "queued or sent",
  }));
  return JSON.stringify({ ...snapshot, entries }, toPlain);
}

/** All that a replay of the journal must bring back, a line each, in a fixed order. */
export function durableText(state: BrokerState): string[] {
  const lines: string[] = [];
  for (const session of state.sessions.values()) {
    if (session.isRecorded) lines.push(`session ${sessionText(session)}`);
  }
  for (const message of state.retained.all()) {
    lines.push(`retained ${JSON.stringify(message, toPlain)}`);
  }
  for (const group of state.groups.values()) {
    if (!group.isRecorded) continue;
    const { key, queueBytes } = group;
    const clientIds = [...state.sessions.values()]
      .filter(({ subscriptions, isRecorded }) => isRecorded && subscriptions?.has(key))
      .map(({ clientId }) => clientId)
      .sort();
    const queue = group.queue.items();
    lines.push(`group ${JSON.stringify({ key, queueBytes, queue, clientIds }, toPlain)}`);
  }
  return lines.sort();
}
