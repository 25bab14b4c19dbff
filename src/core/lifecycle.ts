/** Sessions begin, are left, are taken up again and end; wills are published on the way. */
import { Message } from "../protocol/message.ts";
import { SESSION_EXPIRY_NEVER, type Will } from "../protocol/packets.ts";
import { ReasonCode } from "../protocol/reason-code.ts";

import type { Refusal } from "./closing.ts";
import type { Context } from "./context.ts";
import type { Peer } from "./peer.ts";
import type { Principal } from "./ports.ts";
import type { Session } from "./session.ts";
import { TakeOvers } from "./take-overs.ts";

/** What CONNECT asks of the Session. */
export interface Opening {
  readonly clientId: string;
  readonly principal: Principal;
  readonly cleanStart: boolean;
  readonly expiryIntervalSec: number;
  readonly receiveMaximum: number;
  readonly will: Will | undefined;
}

/** The Session that a connection got. */
export interface Opened {
  readonly session: Session;
  readonly sessionPresent: boolean;
  /** What CONNACK must wait for. */
  readonly position: number;
}

export class Lifecycle {
  readonly #context: Context;
  /** Sessions that wait for their client with nothing in them, the longest waiting first. */
  readonly #empty = new Set<Session>();
  readonly #takeOvers = new TakeOvers();

  constructor(context: Context) {
    this.#context = context;
  }

  /**
   * Why there may not be a Session of `clientId` for one more client, lasting or not. When there
   * are as many as there may be, one that would not be missed ends: random identifiers lock nobody
   * out.
   */
  refusalOf(clientId: string, isLasting: boolean, nowMs: number): Refusal | undefined {
    const { sessionsMax, takeOversPerMinuteMax } = this.#context.limits;
    const { sessions } = this.#context.state;
    const { trouble } = this.#context.journal;
    const isKnown = sessions.get(clientId)?.isRecorded === true;
    if (trouble === "failed" && (isLasting || isKnown)) {
      return { reasonCode: ReasonCode.serverUnavailable, reason: "the store has failed" };
    }
    // Who comes back for what waits for him makes room.
    if (trouble === "full" && isLasting && !isKnown) {
      return { reasonCode: ReasonCode.quotaExceeded, reason: "the store is full" };
    }
    const isTaken = sessions.get(clientId)?.peer !== undefined;
    if (isTaken && this.#takeOvers.count(clientId, nowMs) >= takeOversPerMinuteMax) {
      const reason = `Client Identifier: taken over ${takeOversPerMinuteMax} times this minute`;
      return { reasonCode: ReasonCode.connectionRateExceeded, reason };
    }
    if (sessions.size < sessionsMax || sessions.has(clientId)) return undefined;
    const [oldest] = this.#empty;
    if (oldest === undefined) {
      return { reasonCode: ReasonCode.quotaExceeded, reason: `${sessionsMax} sessions` };
    }
    this.end(oldest, nowMs);
    return undefined;
  }

  /** For a client that has none. */
  newClientId(): string {
    for (;;) {
      const clientId = this.#context.randomId(); // [MQTT-3.1.3-6] [3.1.1 MQTT-3.1.3-6]
      if (!this.#context.state.sessions.has(clientId)) return clientId;
    }
  }

  /** Gives `peer` its Session (§3.1.4): takes over, discards, resumes or creates. */
  open(peer: Peer, opening: Opening, nowMs: number): Opened {
    const { state, recorder, stats, wheel } = this.#context;
    const { clientId } = opening;
    const connected = state.sessions.get(clientId)?.peer;
    if (connected !== undefined) {
      stats.takeovers += 1;
      this.#takeOvers.happened(clientId, nowMs);
      // [MQTT-3.1.4-3] [3.1.1 MQTT-3.1.4-2]
      connected.close(ReasonCode.sessionTakenOver, "session taken over", nowMs);
    }
    // After the take-over: a Session without expiry has ended with its connection.
    const old = state.sessions.get(clientId);
    // [MQTT-3.1.4-4] [MQTT-3.1.2-4] [3.1.1 MQTT-3.1.2-6]
    const endedAt = old !== undefined && opening.cleanStart ? this.end(old, nowMs) : 0;
    // [MQTT-3.2.2-2] [MQTT-3.2.2-3]; resumed [MQTT-3.1.2-5] or new [MQTT-3.1.2-6].
    const sessionPresent = state.sessions.has(clientId);
    const { principal, expiryIntervalSec, will, receiveMaximum } = opening;
    // A will that was delayed is now never sent [MQTT-3.1.3-9]: `open` replaces it.
    const openedAt = recorder.open(clientId, principal, expiryIntervalSec, will);
    const session = state.sessions.get(clientId) as Session;
    session.peer = peer;
    this.#empty.delete(session);
    session.expiresAtMs = Number.POSITIVE_INFINITY;
    wheel.delete(session);
    session.queueFullPolicy = peer.link.policy.queueFullPolicy;
    session.connected(receiveMaximum);
    for (const key of session.shared?.keys() ?? []) state.groups.get(key)?.connected(session);
    // Who may read what depends on the principal.
    if (this.#context.authorizer !== undefined) state.epoch += 1;
    // A new Session that is not recorded still waits for the end of the one before it.
    return { session, sessionPresent, position: Math.max(endedAt, openedAt) };
  }

  /**
   * The Network Connection of `session` is gone, or given up.
   *
   * @param discardWill After DISCONNECT 0x00 [MQTT-3.14.4-3].
   */
  leave(session: Session, discardWill: boolean, nowMs: number): void {
    const { recorder, state } = this.#context;
    session.peer = undefined;
    session.disconnected();
    for (const key of session.shared?.keys() ?? []) state.groups.get(key)?.disconnected(session);
    this.#handOnShared(session, nowMs);
    if (discardWill) recorder.clearWill(session);
    const { will, expiryIntervalSec } = session;
    if (expiryIntervalSec === 0) {
      this.end(session, nowMs);
      return;
    }
    const expiresAtMs =
      expiryIntervalSec === SESSION_EXPIRY_NEVER
        ? Number.POSITIVE_INFINITY
        : nowMs + expiryIntervalSec * 1_000;
    // After the delay, or when the Session ends: whichever comes first [MQTT-3.1.2-8]. In 3.x
    // there is no delay [3.1.1 MQTT-3.1.2-8], and without a will nothing [3.1.1 MQTT-3.1.2-12].
    const willAtMs =
      will === undefined
        ? Number.POSITIVE_INFINITY
        : Math.min(nowMs + will.willDelayIntervalSec * 1_000, expiresAtMs);
    // [MQTT-3.1.2-23] [3.1.1 MQTT-3.1.2-4]
    recorder.leave(session, expiryIntervalSec, expiresAtMs, willAtMs);
    if (willAtMs <= nowMs) this.#publishWill(session, nowMs);
    this.resume(session);
  }

  /**
   * The process ended while a client was connected to `session`: what was queued may have been
   * sent, so all of it goes out as a repetition, and is not dropped for something newer.
   */
  orphaned({ windowIfAny }: Session): void {
    windowIfAny?.markSent(windowIfAny.tail);
  }

  /** A deadline that `resume` has set has come. */
  due(session: Session, nowMs: number): void {
    const { state, stats } = this.#context;
    if (state.sessions.get(session.clientId) !== session || session.peer !== undefined) return;
    if (session.willAtMs <= nowMs) this.#publishWill(session, nowMs);
    if (session.expiresAtMs > nowMs) {
      this.resume(session);
      return;
    }
    stats.sessionsExpired += 1;
    this.end(session, nowMs); // [MQTT-4.1.0-2]
  }

  /** Watches the deadlines of a Session that nobody is connected to; also after a recovery. */
  resume(session: Session): void {
    if (isEmpty(session)) this.#empty.add(session);
    this.#context.wheel.set(session, Math.min(session.willAtMs, session.expiresAtMs));
  }

  /**
   * Discards a Session without a connection [MQTT-4.1.0-1], and says what was lost with it.
   *
   * @returns The position of its record; 0 without one.
   */
  end(session: Session, nowMs: number): number {
    const { ledger, recorder, observer, wheel } = this.#context;
    wheel.delete(session);
    this.#empty.delete(session);
    if (session.will !== undefined) this.#publishWill(session, nowMs);
    // Also a sent QoS 2 message of a shared group: nobody else gets it [MQTT-4.8.2-5].
    for (const { seq } of session.windowIfAny?.entries() ?? []) {
      const message = session.windowIfAny?.stubAt(seq);
      if (message !== undefined) {
        ledger.record("session-ended", message, session.clientId, nowMs);
      }
    }
    for (const key of session.shared?.keys() ?? []) this.leaveGroup(key, nowMs);
    const position = recorder.end(session);
    observer.sessionEnded?.({ clientId: session.clientId });
    return position;
  }

  /** Messages are lost, by their numbers on the shelf: nobody waits for them any more. */
  loseUnreadable(ids: ReadonlySet<number>, nowMs: number): void {
    const { state, ledger, recorder } = this.#context;
    for (const session of state.recorded.values()) {
      for (const { held, seq, stage, qos } of session.windowIfAny?.entries() ?? []) {
        if (typeof held !== "number" || !ids.has(held)) continue;
        ledger.record("unreadable", state.shelf.stub(held), session.clientId, nowMs);
        // What was sent by QoS 2 may be held by the client, and only PUBREL frees it there.
        if (stage === "sent" && qos === 2) recorder.release(session, seq);
        else recorder.finish(session, seq);
      }
    }
  }

  /** Before the last member of a group goes: what waits there has nobody to go to. */
  leaveGroup(key: string, nowMs: number): void {
    const { ledger, state } = this.#context;
    const group = state.groups.get(key);
    if (group === undefined || group.size > 1) return;
    for (const waiting of group.queue.items()) {
      const message = typeof waiting === "number" ? state.shelf.stub(waiting) : waiting;
      ledger.record("share-without-member", message, key, nowMs);
    }
  }

  /**
   * What a leaving member of shared groups had not acknowledged goes to others at once. A QoS 2
   * message that was sent stays with it [MQTT-4.8.2-4].
   */
  #handOnShared(session: Session, nowMs: number): void {
    if (session.shared === undefined || session.windowIfAny === undefined) return;
    for (const entry of session.windowIfAny.entries()) {
      const { grant, stage, seq } = entry;
      const group = this.#context.state.groups.get(grant.shareKey);
      const message = session.windowIfAny.messageAt(seq); // Pinned, if it came by a group.
      if (group === undefined || message === undefined) continue;
      if (stage === "sent" && entry.qos === 2) continue;
      this.#context.recorder.finish(session, seq);
      this.#context.dispatcher.redispatch(group, message, session, 0, nowMs);
    }
  }

  #publishWill(session: Session, nowMs: number): void {
    const { recorder, dispatcher, authorizer, ledger } = this.#context;
    const { will, clientId, principal } = session;
    if (will === undefined) return;
    recorder.clearWill(session); // [MQTT-3.1.2-10]
    const { topicName, payload, qos, retain, properties } = will;
    // [MQTT-3.1.2-14] [MQTT-3.1.2-15]
    const message = Message.of(topicName, payload, qos, retain, properties);
    message.publisherId = clientId;
    setExpiry(message, nowMs);
    if (authorizer?.authorize(principal, clientId, "publish", topicName) === false) {
      ledger.record("will-not-authorized", message, "", nowMs);
      return;
    }
    dispatcher.dispatch(message, session, 0, nowMs);
  }
}

/** Only that it was there before would be missed. */
function isEmpty({ subscriptions, windowIfAny, inboundIfAny, will }: Session): boolean {
  const things = [subscriptions?.size, windowIfAny?.unfinished, inboundIfAny?.size];
  return will === undefined && things.every((count) => (count ?? 0) === 0);
}

/** Turns the interval that a Message came with into the moment it expires. */
export function setExpiry(message: Message, nowMs: number): void {
  const intervalSec = message.properties?.messageExpiryIntervalSec;
  if (intervalSec !== undefined) message.expiresAtMs = nowMs + intervalSec * 1_000;
}
