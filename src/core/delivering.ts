/** What a client is sent next, apart from replies: its two lanes, then the retained store. */
import type { OutboundWindow } from "../delivery/outbound-window.ts";
import type { Delivery } from "../protocol/packets.ts";
import { ReasonCode } from "../protocol/reason-code.ts";
import type { Context } from "./context.ts";
import type { Peer } from "./peer.ts";
import type { Replay, Session } from "./session.ts";

/** Retained messages looked at in one turn that are not for the client, and replays that end. */
const SEARCH_STEPS_MAX = 64;

/** @returns The shared Delivery, filled, or undefined when there is nothing to send now. */
export function pollDelivery(
  peer: Peer,
  session: Session,
  context: Context,
  nowMs: number,
): Delivery | undefined {
  const { delivery } = context;
  delivery.topicAlias = 0;
  delivery.topicOmitted = false;
  delivery.messageExpiryIntervalSec = undefined;
  const found =
    pollLanes(peer, session, context, nowMs) ||
    // A member that has nothing to do asks its groups: what waits there is never forgotten.
    (session.shared !== undefined &&
      context.dispatcher.pull(session, nowMs) &&
      pollLanes(peer, session, context, nowMs)) ||
    pollRetained(peer, session, context, nowMs);
  if (!found) return undefined;
  complete(peer, delivery, context, nowMs);
  return delivery;
}

/** In turns, so that neither lane can starve the other. */
function pollLanes(peer: Peer, session: Session, context: Context, nowMs: number): boolean {
  peer.windowFirst = !peer.windowFirst;
  return peer.windowFirst
    ? pollWindow(peer, session, context, nowMs) || pollLane(peer, session, context, nowMs)
    : pollLane(peer, session, context, nowMs) || pollWindow(peer, session, context, nowMs);
}

function pollWindow(peer: Peer, session: Session, context: Context, nowMs: number): boolean {
  const window = session.windowIfAny;
  if (window === undefined) return false;
  const { committed } = context.journal;
  for (;;) {
    const result = window.poll(context.delivery, nowMs, committed);
    if (result === "send") return true;
    if (result === "uncommitted") peer.awaitCommit();
    else if (result === "cold") awaitRecall(peer, window, context);
    if (result !== "expired" && result !== "unreadable") return false;
    const seq = window.polledSeq;
    const message = window.stubAt(seq);
    if (message !== undefined) context.ledger.record(result, message, session.clientId, nowMs);
    context.recorder.finish(session, seq);
  }
}

/** What comes next has to be read back; only what is committed can be. */
function awaitRecall(peer: Peer, window: OutboundWindow, context: Context): void {
  const [next = -1] = window.coldNext(1);
  if (context.state.shelf.position(next) > context.journal.committed) peer.awaitCommit();
  else if (!peer.awaitsRecall) {
    peer.awaitsRecall = true;
    context.starving.push(peer);
  }
}

function pollLane(peer: Peer, session: Session, context: Context, nowMs: number): boolean {
  const { lane } = peer;
  const { delivery, ledger } = context;
  while (lane?.poll(delivery)) {
    if (delivery.message.expiresAtMs > nowMs) return true;
    ledger.record("expired", delivery.message, session.clientId, nowMs); // [MQTT-3.3.2-5]
  }
  return false;
}

/**
 * Retained messages for the SUBSCRIBEs that wait for them, one at each call: a hundred thousand of
 * them leave as the client takes them, over many turns, and nobody else waits. Nor does anybody
 * wait for a search among messages that are not for this client.
 */
function pollRetained(peer: Peer, session: Session, context: Context, nowMs: number): boolean {
  const { replays } = session;
  if (replays === undefined) return false;
  for (let step = 0; step < SEARCH_STEPS_MAX; step += 1) {
    const [topicFilter, replay] = replays.entries().next().value ?? [];
    if (topicFilter === undefined || replay === undefined) {
      session.replays = undefined;
      return false;
    }
    const { subscription, messages } = replay;
    const isCurrent = session.subscriptions?.get(topicFilter) === subscription;
    if (isCurrent && subscription.grant.qos > 0 && !session.hasRoom) return false;
    const next = isCurrent ? messages.next() : undefined;
    if (next === undefined || next.done === true) replays.delete(topicFilter);
    else if (next.value === undefined) break;
    else if (sendRetained(peer, session, replay, next.value, context, nowMs)) return true;
  }
  peer.markReady(); // The search goes on in the next turn.
  return false;
}

function sendRetained(
  peer: Peer,
  session: Session,
  { subscription: { grant, options } }: Replay,
  message: Delivery["message"],
  context: Context,
  nowMs: number,
): boolean {
  const { authorizer, delivery, ledger, recorder, journal } = context;
  const { clientId, principal } = session;
  if (message.expiresAtMs <= nowMs) return false; // Its own deadline removes and records it.
  if (options.noLocal && message.publisherId === clientId) return false; // [MQTT-3.8.3-3]
  if (authorizer?.authorize(principal, clientId, "receive", message.topicName) === false) {
    ledger.record("not-authorized", message, clientId, nowMs);
    return false;
  }
  if (grant.qos === 0 || message.qos === 0) {
    delivery.message = message;
    delivery.qos = 0;
    delivery.dup = false;
    delivery.retain = true; // In answer to a SUBSCRIBE [3.1.1 MQTT-3.3.1-8].
    delivery.packetId = 0;
    delivery.subscriptionIdentifiers = grant.subscriptionIdentifiers;
    return true;
  }
  if (session.isRecorded && journal.trouble !== "none") {
    ledger.record("store-unavailable", message, clientId, nowMs);
    return false;
  }
  recorder.enqueue(session, message, grant, true);
  return pollWindow(peer, session, context, nowMs);
}

/** What is worked out anew for each sending: time left, alias; and the counters. */
function complete(peer: Peer, delivery: Delivery, { stats }: Context, nowMs: number): void {
  const { message } = delivery;
  const intervalSec = message.properties?.messageExpiryIntervalSec;
  if (intervalSec !== undefined) {
    // [MQTT-3.3.2-6]; a Message can be younger than the turn that it is sent in.
    const leftSec = Math.ceil((message.expiresAtMs - nowMs) / 1_000);
    delivery.messageExpiryIntervalSec = Math.min(Math.max(leftSec, 0), intervalSec);
  }
  const aliases = peer.outboundAliases;
  if (aliases !== undefined) {
    const known = aliases.known(message.topicName); // [MQTT-3.3.2-8] [MQTT-3.3.2-11]
    delivery.topicOmitted = known !== 0;
    delivery.topicAlias = known !== 0 ? known : aliases.assign(message.topicName);
  }
  stats.messagesSent += 1;
  stats.publishSent += 1;
  stats.publishBytesSent += message.payloadSize;
}

/**
 * The delivery that was polled last is larger than the client's Maximum Packet Size: it is dropped
 * as if it had been sent [MQTT-3.1.2-25], or given to another member of its shared group.
 */
export function undeliverable(peer: Peer, session: Session, context: Context, nowMs: number): void {
  const { delivery, ledger, recorder, dispatcher, state } = context;
  const { message, packetId } = delivery;
  if (delivery.topicAlias !== 0 && !delivery.topicOmitted) {
    peer.outboundAliases?.forget(message.topicName);
  }
  const seq = packetId === 0 ? -1 : session.window.find(packetId);
  if (delivery.dup && delivery.qos === 2) {
    // An earlier connection took it, and the client may hold its identifier: only PUBREL frees
    // that. Nobody else gets it either, if it came by a shared group [MQTT-4.8.2-5].
    const position = recorder.release(session, seq);
    peer.replies.acknowledge("pubrel", packetId, ReasonCode.success, position);
    ledger.record("packet-too-large", message, session.clientId, nowMs);
    return;
  }
  const shareKey = seq < 0 ? "" : session.window.grantAt(seq).shareKey;
  if (seq >= 0) recorder.finish(session, seq);
  const { maximumPacketSize } = peer;
  const group = state.groups.get(shareKey);
  if (group !== undefined && dispatcher.pick(group, message, session, maximumPacketSize)) {
    dispatcher.redispatch(group, message, session, maximumPacketSize, nowMs);
  } else ledger.record("packet-too-large", message, session.clientId, nowMs);
}
