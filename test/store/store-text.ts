/** Durable state as text: quickly made, often compared. */
import assert from "node:assert/strict";
import type { Session } from "../../src/core/session.ts";
import { type BrokerState, isOthers } from "../../src/core/state.ts";
import type { Grant } from "../../src/delivery/outbound-window.ts";
import type { Message } from "../../src/protocol/message.ts";
import type { Will } from "../../src/protocol/packets.ts";

/** All that a message is, wherever its bytes lie. */
export function contentText(message: Message): string {
  const { topicName, qos, retain, expiresAtMs, publisherId, properties, payload } = message;
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  const more = properties === undefined ? "" : ` ${JSON.stringify(properties)}`;
  const head = `${topicName} q${qos}${retain ? "r" : ""} ${expiresAtMs} <${publisherId}>`;
  return `${head}${more} ${bytes.toString("latin1")}`;
}

function willText(will: Will | undefined): string {
  if (will === undefined) return "-";
  const { topicName, qos, retain, payload, properties, willDelayIntervalSec } = will;
  const more = properties === undefined ? "" : JSON.stringify(properties);
  const text = Buffer.from(payload).toString("latin1");
  return `${topicName} q${qos}${retain ? "r" : ""} ${willDelayIntervalSec} ${more} ${text}`;
}

function grantText({ qos, retainAsPublished, subscriptionIdentifiers, shareKey }: Grant): string {
  return `${qos}${retainAsPublished ? "p" : ""}[${subscriptionIdentifiers.join()}]${shareKey}`;
}

/** Counts what recorded state refers to. */
type Refs = Map<number, number>;

function count(refs: Refs, held: unknown): void {
  if (typeof held === "number") refs.set(held, (refs.get(held) ?? 0) + 1);
}

/**
 * While a client is connected, "sent" and "queued" are not told apart: that it was sent is
 * recorded when the connection goes.
 */
function sessionText(session: Session, { shelf }: BrokerState, refs: Refs): string {
  const { number, clientId, principal, isOpen, expiryIntervalSec, expiresAtMs } = session;
  const { will, willAtMs, subscriptions, inboundIfAny, windowIfAny } = session;
  let text = `session ${number} ${clientId} <${principal.name}> ${isOpen ? "open" : "left"}`;
  text += ` ${expiryIntervalSec} ${expiresAtMs} will ${willAtMs} ${willText(will)}`;
  text += ` held ${inboundIfAny?.packetIds().sort().join() ?? ""}`;
  for (const { topicFilter, options, subscriptionIdentifier } of subscriptions?.values() ?? []) {
    const { qos, noLocal, retainAsPublished, retainHandling } = options;
    const bits = `${qos}${noLocal ? "n" : ""}${retainAsPublished ? "p" : ""}${retainHandling}`;
    text += `\n  ${topicFilter} ${bits} ${subscriptionIdentifier}`;
  }
  let bytes = 0;
  for (const { seq, stage, qos, retained, held, size, grant } of windowIfAny?.entries() ?? []) {
    const shown = stage === "released" || !isOpen ? stage : "open";
    const position = typeof held === "number" ? shelf.position(held) : String(held);
    text += `\n  #${seq} ${shown} q${qos}${retained ? "r" : ""} @${position} ${size}`;
    text += ` ${grantText(grant)}`;
    bytes += size;
    count(refs, held);
  }
  if (windowIfAny !== undefined) {
    const { tail, unfinished } = windowIfAny;
    assert.equal(windowIfAny.bytes, bytes, `${clientId}: bytes of its window`);
    if (tail > 0) text += `\n  to ${tail}, ${unfinished} unfinished, ${bytes} bytes`;
  }
  return text;
}

function storedText({ shelf }: BrokerState, id: number, refs: number): string {
  const { topicName, qos, publisherId } = shelf.stub(id);
  const what = `${topicName} q${qos} <${publisherId}> ${shelf.chargeOf(id)}`;
  return `stored @${shelf.position(id)} ${shelf.size(id)} x${refs} ${what}`;
}

/** All that a replay of the log must bring back, in a fixed order. */
export function storeText(state: BrokerState): string {
  const refs: Refs = new Map();
  const lines: string[] = [];
  const sessions = [...state.recorded.values()].sort((a, b) => a.number - b.number);
  for (const session of sessions) lines.push(sessionText(session, state, refs));
  const others: string[] = [];
  for (const group of state.groups.values()) {
    if (!group.isRecorded) continue;
    const { key, queueBytes, queue } = group;
    const positions = queue.items().map((id) => {
      count(refs, id);
      return state.shelf.position(Number(id));
    });
    others.push(`group ${key} ${queueBytes} ${positions.join()}`);
  }
  for (const [id, times] of refs) others.push(storedText(state, id, times));
  for (const message of state.retained.all()) {
    if (isOthers(message.topicName)) others.push(`retained ${contentText(message)}`);
  }
  return [...lines, ...others.sort()].join("\n");
}

/** The first line in which two texts differ. */
export function differenceOf(actual: string, expected: string): string {
  if (actual === expected) return "";
  const [ours, theirs] = [actual.split("\n"), expected.split("\n")];
  const at = ours.findIndex((line, index) => line !== theirs[index]);
  const index = at < 0 ? ours.length : at;
  const session = ours.slice(0, index + 1).findLast((line) => !line.startsWith(" "));
  return `${session}\n  is       ${ours[index]}\n  and not  ${theirs[index]}`;
}
