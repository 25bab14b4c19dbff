/**
 * The oracle: hears every packet that the broker takes or gives, every Op, every loss, and holds
 * them against the Model. What it cannot explain fails the run.
 */
import assert from "node:assert/strict";
import type { LossReason } from "../../src/core/ledger.ts";
import type { Op, PublishOp } from "../../src/core/ops.ts";
import type { Peer } from "../../src/core/peer.ts";
import type {
  ConnectedEvent,
  DisconnectedEvent,
  DivergenceEvent,
  Observer,
} from "../../src/core/ports.ts";
import type { BrokerState } from "../../src/core/state.ts";
import type { Stub } from "../../src/delivery/shelf.ts";
import type { Message } from "../../src/protocol/message.ts";
import type { AckType, OutgoingPacket, Packet } from "../../src/protocol/packets.ts";
import { SESSION_EXPIRY_NEVER } from "../../src/protocol/packets.ts";
import type { ProtocolError } from "../../src/protocol/protocol-error.ts";
import { claim } from "./claims.ts";
import { KnownMessages } from "./known-messages.ts";
import { Memento } from "./memento.ts";
import { forgetProcess } from "./oracle-death.ts";
import { OracleInput } from "./oracle-input.ts";
import { OracleOutput } from "./oracle-output.ts";
import {
  Conn,
  Model,
  ModelSession,
  type Obligation,
  obligationsText,
  type Publication,
  Seen,
} from "./oracle-state.ts";
import type { Settings } from "./settings.ts";
import { noteOf, receivedNote, type Trace } from "./trace.ts";
import type { WorldJournal } from "./world-journal.ts";

/** A deadline is met within two slots of the wheel. */
const LATE_MAX_MS = 500;

export class Oracle implements Observer {
  readonly model: Model;
  readonly output: OracleOutput;
  readonly input: OracleInput;
  readonly conns: Map<number, Conn> = new Map();
  /** Losses by reason, to be compared with the ledger's own counts. */
  readonly losses: Map<LossReason, number> = new Map();
  nowMs = 0;
  /** When the broker began: what was due before that is due then. */
  #bornMs = 0;
  readonly #settings: Settings;
  readonly #trace: Trace;
  readonly #journal: WorldJournal;
  readonly #known = new KnownMessages();
  /** The will that is being dispatched; whether it was refused is known after it. */
  #will: Publication | undefined = undefined;
  /** The delivery that turned out too large. */
  #tooLarge: Obligation | undefined = undefined;
  /** Sessions that must have ended by the end of this event, and those that a CONNECT discards. */
  readonly #ending = new Set<ModelSession>();
  readonly #discarded = new Set<string>();

  constructor(settings: Settings, journal: WorldJournal, trace: Trace) {
    this.#settings = settings;
    this.#trace = trace;
    this.#journal = journal;
    this.model = new Model(settings.authorizer);
    this.output = new OracleOutput(this.model, journal, settings.packetIdMax, this.#known);
    this.input = new OracleInput(this.model, settings, this.#known, journal);
    journal.onAppend = (op, position) => this.#recorded(op, position);
  }

  // What the broker takes.

  receives(conn: Conn, peer: Peer, packet: Packet, nowMs: number): void {
    this.#trace.note(`${nowMs} ${conn.number} > ${packet.type} ${receivedNote(packet)}`);
    conn.heardMs = nowMs;
    const { session, isRude } = conn;
    const isAck = packet.type === "puback" || packet.type === "pubrec" || packet.type === "pubcomp";
    if (isRude && isAck && session) this.output.assumeSent(session, peer, packet.packetId);
    this.input.before(conn, packet, nowMs);
  }

  received(conn: Conn, packet: Packet, nowMs: number): void {
    this.input.after(conn, packet);
    this.settled(nowMs);
  }

  broke(conn: Conn, error: ProtocolError, nowMs: number): void {
    this.#trace.note(`${nowMs} ${conn.number} ! ${error.message}`);
    this.input.violated(conn, error);
  }

  /** A reply was queued, just now. */
  answered(conn: Conn, type: AckType, packetId: number, reasonCode: number): void {
    this.#trace.note(`${conn.number} = ${type} ${packetId} ${reasonCode}`);
    conn.answer = { type, packetId, reasonCode };
    if (type === "puback") conn.pubacksUnsent += 1;
  }

  // What it gives.

  polled(conn: Conn, peer: Peer, packet: OutgoingPacket, nowMs: number): void {
    this.#trace.note(`${nowMs} ${conn.number} < ${packet.type} ${noteOf(packet)}`);
    this.output.polled(conn, peer, packet, nowMs);
  }

  tooLarge(conn: Conn, packet: OutgoingPacket, nowMs: number): void {
    this.#trace.note(`${nowMs} ${conn.number} too large`);
    assert.equal(packet.type, "publish", "a reply never is too large here");
    this.#tooLarge = this.output.tooLarge(conn);
  }

  /** After that, `broker.undeliverable` was called. */
  gaveUp(conn: Conn): void {
    if (this.#tooLarge?.isGivenUp) this.input.gaveUp(conn, this.#tooLarge);
  }

  // Sessions come and go.

  connected({ clientId, remoteAddress, sessionPresent }: ConnectedEvent): void {
    const conn = this.conns.get(Number(remoteAddress)) as Conn;
    const connect = conn.connect;
    assert.ok(connect !== undefined, "CONNACK without CONNECT");
    this.#trace.note(`connected ${clientId} ${conn.number} ${sessionPresent}`);
    if (connect.cleanStart) this.#discarded.delete(clientId);
    const old = this.model.sessions.get(clientId);
    assert.equal(sessionPresent, old !== undefined, "Session Present [MQTT-3.2.2-3]");
    assert.ok(!(connect.cleanStart && sessionPresent), "Clean Start [MQTT-3.1.2-4]");
    assert.equal(old?.conn, undefined, "one live connection a client (invariant 4)");
    const session = old ?? new ModelSession(clientId);
    this.model.sessions.set(clientId, session);
    session.isTainted ||= conn.isRude;
    const isLasting = connect.sessionExpiryIntervalSec > 0 || connect.will !== undefined;
    const hasFailed = this.#journal.trouble === "failed";
    assert.ok(
      !hasFailed || !(isLasting || session.isRecorded),
      "the store cannot keep its Session",
    );
    session.isRecorded ||= isLasting;
    session.conn = conn;
    conn.session = session;
    conn.opened = session;
    const { limits } = this.#settings;
    session.expirySec = Math.min(connect.sessionExpiryIntervalSec, limits.sessionExpiryMaxSec);
    session.expiresAtMs = Number.POSITIVE_INFINITY;
    session.will = connect.will;
    session.willAtMs = Number.POSITIVE_INFINITY;
    conn.receiveMaximum = Math.min(connect.receiveMaximum, limits.inflightMax);
    const { keepAliveMaxSec: max } = limits;
    const asked = connect.keepAliveSec;
    // A client of 3.x cannot be told another one.
    const most = connect.protocolVersion === 5 ? Math.min(asked, max) : asked;
    conn.keepAliveMs = 1_500 * (max === 0 ? asked : asked === 0 ? max : most);
    conn.heardMs = this.nowMs;
    this.input.accepted(conn, session, sessionPresent);
  }

  disconnected({ clientId, remoteAddress, why }: DisconnectedEvent): void {
    const conn = this.conns.get(Number(remoteAddress)) as Conn;
    const session = conn.session;
    this.#trace.note(`disconnected ${clientId} ${conn.number} ${why}`);
    assert.ok(session !== undefined && session.conn === conn, "it was connected");
    session.conn = undefined;
    conn.session = undefined;
    if (why === "keep alive timeout") {
      const idleMs = this.nowMs - conn.heardMs;
      assert.ok(idleMs >= conn.keepAliveMs, "keep alive: early [MQTT-3.1.2-22]");
    }
    for (const { kind, qos, state } of session.open) {
      assert.ok(kind !== "live" || qos > 0 || state !== "pending", "QoS 0 lost in silence");
    }
    this.#left(session);
  }

  /** Nobody is connected to it any more. */
  #left(session: ModelSession): void {
    this.#handOn(session);
    const { expirySec, will } = session;
    if (expirySec === 0) this.#ending.add(session);
    session.expiresAtMs =
      expirySec === SESSION_EXPIRY_NEVER
        ? Number.POSITIVE_INFINITY
        : this.nowMs + expirySec * 1_000;
    if (will === undefined) return;
    const willAtMs = this.nowMs + will.willDelayIntervalSec * 1_000;
    session.willAtMs = Math.min(willAtMs, session.expiresAtMs);
  }

  /** A leaving member's unacknowledged QoS 1 messages of shared groups are owed again. */
  #handOn(session: ModelSession): void {
    if (![...session.subs.values()].some(({ shareKey }) => shareKey !== "")) return;
    for (const [packetId, owed] of session.inflight) {
      if (owed.kind !== "shared" || owed.state !== "sent" || owed.qos !== 1) continue;
      const members = this.model.members(owed.shareKey);
      if (members.length === 0) continue;
      session.inflight.delete(packetId);
      this.model.reopen(owed);
    }
  }

  sessionEnded({ clientId }: { clientId: string }): void {
    this.#trace.note(`ended ${clientId}`);
    const session = this.model.sessions.get(clientId);
    assert.ok(session !== undefined && session.conn === undefined, "only one that was left ends");
    const isDue = session.expirySec === 0 || this.nowMs >= session.expiresAtMs;
    if (!isDue && !this.#makesRoom(session)) this.#discarded.add(clientId);
    assert.equal(session.will, undefined, "the will goes before the Session [MQTT-3.1.2-8]");
    for (const owed of [...session.open, ...session.inflight.values()]) {
      const { publication, kind, state } = owed;
      if (kind === "retained" && owed.packetId === 0) owed.state = "void";
      else if (state === "released") owed.state = "done";
      else {
        const what = `${publication.topicName} #${publication.order} to ${clientId}`;
        assert.ok(state !== "pending" && state !== "sent", `lost in silence: ${what}`);
      }
    }
    this.#ending.delete(session);
    this.model.sessions.delete(clientId);
  }

  /** With as many Sessions as there may be, an empty one ends for a newcomer. */
  #makesRoom({ subs, inflight, held, open }: ModelSession): boolean {
    const isOwed = [...open].some(({ state }) => state === "pending");
    const isEmpty = !isOwed && subs.size + inflight.size + held.size === 0;
    return isEmpty && this.model.sessions.size >= this.#settings.limits.sessionsMax;
  }

  // The journal and the ledger.

  #recorded(op: Op, position: number): void {
    this.#trace.note(`op ${position} ${op.type}`);
    this.#known.recorded(op, position);
    this.input.recorded(op, position);
    if (op.type === "publish") this.#queued(op);
    if (op.type === "will-clear") this.#willCleared(this.#known.clientIdOf(op.session));
  }

  /** Retained messages in answer to a SUBSCRIBE are on record before they are sent. */
  #queued({ recipients, message }: PublishOp): void {
    const publication = message === undefined ? undefined : this.#known.of(message);
    for (const { session, retained } of recipients) {
      if (!retained) continue;
      for (const owed of publication?.obligations ?? []) {
        const isIts = owed.session?.clientId === this.#known.clientIdOf(session);
        if (owed.kind === "retained" && isIts) owed.isQueued = true;
      }
    }
  }

  /** A will is published, or discarded: which of the two, and when, is checked here. */
  #willCleared(clientId: string): void {
    this.#willDispatched();
    const session = this.model.sessions.get(clientId);
    const will = session?.will;
    assert.ok(session !== undefined && will !== undefined, "a will is published once");
    session.will = undefined;
    assert.equal(session.conn, undefined, "a will only after the connection");
    if (this.input.discardsWillOf(clientId)) return; // [MQTT-3.14.4-3]
    // Before its time only because the Session ends: by the end of this event.
    if (this.nowMs < session.willAtMs) this.#ending.add(session);
    const { messageExpiryIntervalSec } = will.properties ?? {};
    const publication = this.model.publication({
      ...{ topicName: will.topicName, qos: will.qos, retain: will.retain, publisherId: clientId },
      payload: Buffer.from(will.payload),
      expiresAtMs:
        messageExpiryIntervalSec === undefined
          ? Number.POSITIVE_INFINITY
          : this.nowMs + messageExpiryIntervalSec * 1_000,
    });
    this.#known.expectWill(publication);
    this.#will = publication;
    this.model.dispatch(publication, session);
  }

  /** A message from inside the broker's process is about to be published. */
  publishes(message: Message): void {
    const { topicName, qos, retain, publisherId } = message;
    const publication = this.model.publication({
      ...{ topicName, qos, retain, publisherId, expiresAtMs: Number.POSITIVE_INFINITY },
      payload: Buffer.from(message.payload),
    });
    this.#known.know(message, publication);
    this.#will = publication;
    this.model.dispatch(publication, undefined);
  }

  #willDispatched(): void {
    const will = this.#will;
    this.#will = undefined;
    if (will === undefined) return;
    if (will.verdict === "refused") this.model.refuse(will);
    else this.model.retain(will);
  }

  /** Invariant 3, as it is looked at in production. */
  diverged({ what, from, to }: DivergenceEvent): void {
    assert.fail(`rehearsed from ${from} to ${to}: ${what}`);
  }

  lost(): void {
    // The ledger itself is listened to: see `lose`.
  }

  /** `Ledger.record` was called. */
  lose(reason: LossReason, message: Stub, clientId: string, nowMs: number): void {
    this.#trace.note(`lost ${reason} ${message.topicName} ${clientId}`);
    this.losses.set(reason, (this.losses.get(reason) ?? 0) + 1);
    const publication = this.#known.of(message);
    assert.ok(publication !== undefined, `${reason}: a message that nobody published`);
    if (this.#verdict(publication, reason, clientId, nowMs)) {
      if (publication.verdict === "refused") this.model.refuse(publication);
      return;
    }
    const what = `${reason}: ${publication.topicName} #${publication.order} to ${clientId}`;
    if (reason === "expired") assert.ok(publication.expiresAtMs <= nowMs, `${what}: early`);
    const apply = (owed: Obligation): void => {
      if (!owed.isGivenUp) owed.state = "lost";
      this.model.close(owed);
    };
    const known = this.#knownLoss(publication, reason, clientId);
    if (known !== undefined) {
      const claimed = publication.claims.get(known);
      if (claimed !== undefined) publication.claims.set(known, { fits: claimed.fits, apply });
      apply(known);
      return;
    }
    const fits = fitsLoss(reason, clientId);
    if (claim(publication, { fits, apply }) === undefined)
      assert.fail(`${what}: not owed${obligationsText(publication)}`);
  }

  /** Losses that concern the whole message, or somebody who is owed nothing. */
  #verdict(publication: Publication, reason: LossReason, clientId: string, nowMs: number): boolean {
    const { topicName, obligations } = publication;
    switch (reason) {
      case "no-subscriber":
        publication.verdict = reason;
        return true;
      case "not-authorized":
        if (clientId.startsWith("$share/")) return false;
        if (clientId === "") publication.verdict = "refused";
        else {
          assert.ok(!this.model.mayReceive(clientId, topicName), "it may receive it");
          const at = publication.denied.indexOf(clientId);
          if (at >= 0) publication.denied.splice(at, 1);
        }
        return true;
      case "store-unavailable":
        if (clientId !== "") return false;
        this.input.storeUnavailable(publication);
        return true;
      case "topic-not-allowed":
      case "payload-format-invalid":
      case "retained-full":
      case "will-not-authorized":
        publication.verdict = "refused";
        return true;
      case "expired":
        if (clientId !== "") return false;
        assert.equal(this.model.retained.get(topicName), publication, "it was retained");
        assert.ok(publication.expiresAtMs <= nowMs, "expired early");
        this.model.unretain(topicName);
        return true;
      case "queue-full": {
        const rejects = this.#settings.policy.queueFullPolicy === "reject";
        const isTarget = obligations.some(
          ({ kind, session }) => kind === "live" && session?.clientId === clientId,
        );
        // By itself it is a loss; with the answer that refuses, it is the reason for that.
        if (rejects && isTarget) publication.verdict = "queue-full";
        return false;
      }
      default:
        return false;
    }
  }

  /** Losses of which it is known which obligation they end. */
  #knownLoss(
    publication: Publication,
    reason: LossReason,
    clientId: string,
  ): Obligation | undefined {
    switch (reason) {
      case "packet-too-large":
        return this.#tooLarge;
      case "refused-by-client":
        return this.input.acknowledged;
      case "session-ended": {
        const inflight = this.model.sessions.get(clientId)?.inflight.values() ?? [];
        return [...inflight].find(
          (owed) => owed.publication === publication && owed.state === "sent",
        );
      }
      default:
        return undefined;
    }
  }

  // The broker dies.

  /** What is known now, apart from what clients know: a broker that dies may go back to that. */
  remember(): Memento {
    this.model.closeBooks();
    return new Memento(this.model, (thing) => {
      return (
        thing instanceof Conn ||
        thing instanceof Seen ||
        ("isClosed" in thing && thing.isClosed === true)
      );
    });
  }

  /** A broker begins with `state`. */
  adopt(state: BrokerState): void {
    this.#known.adopt(state, this.model.retained);
  }

  /** The broker has died, and begins with what was on record when the model was as it is. */
  died(nowMs: number): void {
    this.nowMs = nowMs;
    this.#bornMs = nowMs;
    this.losses.clear();
    const orphans = [...this.model.sessions.values()].filter(({ conn }) => conn !== undefined);
    forgetProcess(this.model);
    for (const conn of this.conns.values()) conn.session = undefined;
    for (const session of orphans) {
      session.conn = undefined;
      if (session.isRecorded) this.#left(session);
    }
  }

  // After each event.

  /** The broker has returned: what was to happen within this event has happened. */
  settled(nowMs: number): void {
    this.nowMs = nowMs;
    this.#willDispatched();
    this.input.settled();
    const tooLarge = this.#tooLarge;
    this.#tooLarge = undefined;
    const isHandedOn = tooLarge?.kind === "shared" && tooLarge.qos > 0;
    if (tooLarge !== undefined && !isHandedOn && !tooLarge.isGivenUp) {
      assert.equal(tooLarge.state, "lost", "too large: in the ledger [MQTT-3.1.2-25]");
    }
    for (const { clientId } of this.#ending) assert.fail(`${clientId}: its Session should end`);
    for (const clientId of this.#discarded) assert.fail(`${clientId}: its Session ended early`);
  }

  /** After `broker.tick`: nothing is overdue. */
  ticked(nowMs: number): void {
    this.settled(nowMs);
    for (const { clientId, expiresAtMs, will, willAtMs, conn } of this.model.sessions.values()) {
      if (conn !== undefined) {
        const late = conn.keepAliveMs > 0 ? nowMs - conn.heardMs - conn.keepAliveMs : 0;
        assert.ok(late <= LATE_MAX_MS, `${clientId}: keep alive ran out [MQTT-3.1.2-22]`);
        continue;
      }
      const lateMs = nowMs - Math.max(expiresAtMs, this.#bornMs);
      assert.ok(lateMs <= LATE_MAX_MS, `${clientId}: expired [MQTT-4.1.0-2]`);
      const willLate = will === undefined ? 0 : nowMs - Math.max(willAtMs, this.#bornMs);
      assert.ok(willLate <= LATE_MAX_MS, `${clientId}: its will is due [MQTT-3.1.2-8]`);
    }
  }

  compareLedger(counts: ReadonlyMap<LossReason, number>): void {
    assert.deepEqual(new Map([...counts].sort()), new Map([...this.losses].sort()), "ledger");
  }

  /** At the very end: what was owed was had, or is in the ledger (invariant 7). */
  compare(counts: ReadonlyMap<LossReason, number>): void {
    this.compareLedger(counts);
    for (const { topicName, payload, expiresAtMs, obligations } of this.model.publications) {
      for (const owed of obligations) {
        const { state, kind, session, shareKey } = owed;
        const what = `${topicName} ${payload} (${kind}) to ${session?.clientId ?? shareKey}`;
        if (kind === "retained" && state === "pending" && expiresAtMs <= this.nowMs) continue;
        assert.ok(state !== "pending", `invariant 7: ${what} was lost in silence`);
        assert.ok(state !== "sent" && state !== "released", `${what} was never acknowledged`);
        if (state !== "done" || owed.isGivenUp || owed.qos === 0 || session?.isTainted) continue;
        assert.ok(owed.seen.times > 0, `${what} was acknowledged and not received`);
      }
    }
  }
}

/** Whether an obligation may be the one that the ledger says is lost. */
function fitsLoss(reason: LossReason, clientId: string): (owed: Obligation) => boolean {
  const isQos0 = reason === "qos0-offline" || reason === "qos0-slow-consumer";
  return ({ kind, qos, shareKey, session, eligible, packetId }) => {
    if (packetId !== 0 || (isQos0 && kind !== "shared" && qos > 0)) return false;
    if (kind !== "shared") return session?.clientId === clientId;
    return shareKey === clientId || [...eligible.keys()].some((one) => one.clientId === clientId);
  };
}
