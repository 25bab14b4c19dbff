/** What must hold after every step, read off the live state. */
import assert from "node:assert/strict";
import type { Broker } from "../../src/core/broker.ts";
import type { Session } from "../../src/core/session.ts";
import type { BrokerState } from "../../src/core/state.ts";
import { chargeOf, sizeOf } from "../../src/delivery/outbound-window.ts";
import type { Message } from "../../src/protocol/message.ts";
import type { Oracle } from "./oracle.ts";
import type { ModelSession } from "./oracle-state.ts";
import { FILTERS } from "./settings.ts";

const GROUPS_MAX = FILTERS.filter((filter) => filter.startsWith("$share/")).length;

export function checkInvariants(broker: Broker, oracle: Oracle): void {
  const { state, limits } = broker;
  assert.ok(state.sessions.size <= limits.sessionsMax, "sessionsMax");
  assert.equal(state.sessions.size, oracle.model.sessions.size, "sessions");
  let subscriptions = 0;
  for (const session of state.sessions.values()) {
    subscriptions += session.subscriptions?.size ?? 0;
    checkSession(session, broker, oracle);
  }
  assert.equal(state.subscriptionsTotal, subscriptions, "subscriptionsTotal");
  checkRetained(broker, oracle);
  for (const group of state.groups.values()) {
    const members = oracle.model.members(group.key);
    assert.ok(members.length > 0, "a group without members is gone");
    assert.equal(group.size, members.length, `members of ${group.key}`);
    const isOnline = members.some(([{ conn }]) => conn !== undefined);
    assert.equal(group.hasOnline, isOnline, `connected members of ${group.key}`);
    const waiting = group.queue.items();
    assert.equal(group.queueBytes, charge(state, waiting), "queueBytes of a group");
    assert.ok(waiting.length <= limits.queueMessagesMax, "a group's queue is bounded");
  }
}

function checkSession(session: Session, broker: Broker, oracle: Oracle): void {
  const { clientId, peer } = session;
  const { limits, state } = broker;
  const model = oracle.model.sessions.get(clientId);
  assert.ok(model !== undefined, `${clientId}: a Session that nobody opened`);
  assert.equal(peer?.link.remoteAddress, model.conn?.number.toString(), "the live connection");
  assert.equal(peer?.session, peer === undefined ? undefined : session, "peer and Session");
  const filters = [...(session.subscriptions?.keys() ?? [])];
  assert.equal(filters.join(), [...model.subs.keys()].join(), "subscriptions");
  assert.ok(filters.length <= limits.subscriptionsPerSessionMax, "subscriptionsPerSessionMax");
  const shared = filters.filter((filter) => filter.startsWith("$share/")).length;
  assert.equal(session.shared?.size ?? 0, shared, "shared");
  assert.equal(session.inboundIfAny?.size ?? 0, model.held.size, "held identifiers");
  assert.ok((peer?.qos0Waiting ?? 0) <= limits.qos0MessagesMax, "qos0MessagesMax");
  const window = session.windowIfAny;
  const entries = window?.entries() ?? [];
  const isReplaying = session.replays !== undefined;
  const waiting = entries.filter(({ stage, retained }) => stage === "queued" && retained).length;
  const missing = isReplaying ? 0 : retainedOwed(model, oracle.nowMs);
  assert.ok(missing <= waiting, `${clientId}: no replay for retained messages it is owed`);
  if (window === undefined) return;
  const queued = entries.filter(({ stage }) => stage === "queued");
  assert.equal(window.unfinished, entries.length, "unfinished");
  assert.equal(window.queued, queued.length, "queued");
  const messages = entries.flatMap(({ held }) => held ?? []);
  assert.equal(window.bytes, charge(state, messages), "bytes");
  const sent = entries.length - queued.length;
  const doubtful = sent === model.inflight.size ? 0 : doubtfulFor(model, oracle);
  assert.ok(sent >= model.inflight.size, "in flight");
  assert.ok(sent <= model.inflight.size + doubtful, "in flight, but for what was in doubt");
  // One message may come by a Subscription of its own and by each of several groups.
  const slack = GROUPS_MAX;
  assert.ok(queued.length <= limits.queueMessagesMax + slack, "queueMessagesMax");
  if (peer !== undefined) return;
  // Kept for long: no view into a chunk. What was read from a log lies among others of it.
  if (!state.shelf.keepsAll) return;
  for (const held of messages) {
    const message = typeof held === "number" ? state.shelf.messageAt(held) : held;
    assert.ok(message !== undefined, "a message that nothing is left of");
    checkOwned(message);
  }
}

/** What may have been sent to it by a broker that has died since. */
function doubtfulFor(session: ModelSession, { model }: Oracle): number {
  const owed = model.publications.flatMap(({ obligations }) => obligations);
  return owed.filter(
    (one) => one.isDoubtful && (one.session === session || one.eligible.has(session)),
  ).length;
}

/** Retained messages that it has not had for certain: no other copy can have been taken for it. */
function retainedOwed(session: ModelSession, nowMs: number): number {
  let total = 0;
  for (const owed of session.open) {
    const { kind, state, publication } = owed;
    if (kind !== "retained" || state !== "pending" || publication.expiresAtMs <= nowMs) continue;
    const isOnly = publication.obligations.every(
      (other) => other === owed || !(other.session === session || other.eligible.has(session)),
    );
    if (isOnly) total += 1;
  }
  return total;
}

function checkRetained({ state: { retained }, limits }: Broker, oracle: Oracle): void {
  const messages = [...retained.all()];
  assert.equal(retained.count, messages.length, "count of retained messages");
  assert.equal(retained.bytes, sum(messages), "bytes of retained messages");
  assert.ok(messages.length <= limits.retainedMessagesMax, "retainedMessagesMax");
  for (const message of messages) {
    checkOwned(message);
    const expected = oracle.model.retained.get(message.topicName);
    assert.equal(Buffer.from(message.payload).toString(), expected?.payload.toString(), "retained");
  }
  assert.equal(messages.length, oracle.model.retained.size, "retained topics");
}

function checkOwned({ bytes, end }: Message): void {
  assert.equal(bytes.buffer.byteLength, end, "what is kept is copied out of its chunk");
}

function sum(messages: readonly Message[]): number {
  return messages.reduce((total, message) => total + sizeOf(message), 0);
}

function charge({ shelf }: BrokerState, messages: readonly (Message | number)[]): number {
  return messages.reduce<number>(
    (total, held) => total + (typeof held === "number" ? shelf.chargeOf(held) : chargeOf(held)),
    0,
  );
}
