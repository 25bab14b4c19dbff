/** What must hold after every step, read off the live state. */
import assert from "node:assert/strict";
import type { Broker } from "../../src/core/broker.ts";
import type { Session } from "../../src/core/session.ts";
import { sizeOf } from "../../src/delivery/outbound-window.ts";
import type { Message } from "../../src/protocol/message.ts";
import type { Oracle } from "./oracle.ts";

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
    assert.equal(group.queueBytes, sum(waiting), "queueBytes of a group");
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
  assert.deepEqual(filters.sort(), [...model.subs.keys()].sort(), "subscriptions");
  assert.ok(filters.length <= limits.subscriptionsPerSessionMax, "subscriptionsPerSessionMax");
  const shared = filters.filter((filter) => filter.startsWith("$share/")).length;
  assert.equal(session.shared?.size ?? 0, shared, "shared");
  assert.equal(session.inboundIfAny?.size ?? 0, model.held.size, "held identifiers");
  assert.ok((peer?.qos0Waiting ?? 0) <= limits.qos0MessagesMax, "qos0MessagesMax");
  const window = session.windowIfAny;
  if (window === undefined) return;
  const entries = window.entries();
  const queued = entries.filter(({ stage }) => stage === "queued");
  assert.equal(window.unfinished, entries.length, "unfinished");
  assert.equal(window.queued, queued.length, "queued");
  assert.equal(window.bytes, sum(entries.flatMap(({ message }) => message ?? [])), "bytes");
  assert.equal(entries.length - queued.length, model.inflight.size, "in flight");
  // One message may come by a Subscription of its own and by several groups.
  const slack = state.groups.size;
  assert.ok(queued.length <= limits.queueMessagesMax + slack, "queueMessagesMax");
  if (peer !== undefined) return;
  // Kept for long: no view into a chunk.
  for (const { message } of entries) if (message !== undefined) checkOwned(message);
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
