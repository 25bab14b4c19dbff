/** What the broker sends, against what the model says that it owes. */
import assert from "node:assert/strict";
import type { Peer } from "../../src/core/peer.ts";
import type { Delivery, OutgoingPacket, PublishPacket, Qos } from "../../src/protocol/packets.ts";
import { claim, take } from "./claims.ts";
import type { KnownMessages } from "./known-messages.ts";
import {
  type Conn,
  type Expected,
  identifiersText,
  type Model,
  type ModelSession,
  type Obligation,
  obligationsText,
  type Publication,
  type SentAs,
  type SentRecord,
  type Terms,
} from "./oracle-state.ts";
import type { WorldJournal } from "./world-journal.ts";

/** Of a delivery: what tells its obligation from others for the same message. */
interface Found {
  readonly kind: Obligation["kind"] | undefined;
  readonly shareKey: string;
}

export class OracleOutput {
  readonly #model: Model;
  readonly #journal: WorldJournal;
  readonly #packetIdMax: number;
  readonly #known: KnownMessages;
  /** What clients were told is on record ends here. */
  toldTo = 0;

  constructor(model: Model, journal: WorldJournal, packetIdMax: number, known: KnownMessages) {
    this.#model = model;
    this.#journal = journal;
    this.#packetIdMax = packetIdMax;
    this.#known = known;
  }

  /** `peer.poll` gave `packet`: it is about to be written. */
  polled(conn: Conn, peer: Peer, packet: OutgoingPacket, nowMs: number): void {
    assert.ok(!conn.isOver, `nothing after DISCONNECT [MQTT-3.14.4-1]: ${packet.type}`);
    switch (packet.type) {
      case "publish":
        assert.ok(conn.hasConnack, "CONNACK first [MQTT-3.2.0-1]");
        this.#delivered(conn, peer, packet, nowMs);
        break;
      case "connack":
        if (packet.reasonCode >= 0x80) conn.isOver = true;
        else this.#replied(conn, "connack", 0, [packet.sessionPresent ? 1 : 0]);
        conn.hasConnack = true;
        break;
      case "disconnect":
        assert.ok(conn.hasConnack, "no DISCONNECT before CONNACK [MQTT-3.14.0-1]");
        assert.equal(conn.session, undefined, "DISCONNECT ends the connection [MQTT-3.14.4-1]");
        conn.isOver = true;
        break;
      case "puback":
      case "pubrec":
      case "pubrel":
      case "pubcomp":
        if (packet.type === "puback") conn.pubacksUnsent -= 1;
        this.#replied(conn, packet.type, packet.packetId, [packet.reasonCode]);
        break;
      case "suback":
      case "unsuback":
        this.#replied(conn, packet.type, packet.packetId, packet.reasonCodes);
        break;
      case "pingresp":
        this.#replied(conn, "pingresp", 0, []);
        break;
      default:
        assert.fail(`a server does not send ${packet.type}`);
    }
  }

  /** Replies leave in the order they were asked for [MQTT-4.6.0-2], and not before their commit. */
  #replied(conn: Conn, type: Expected["type"], packetId: number, codes: readonly number[]): void {
    const expected = conn.expected.shift();
    const { position = 0 } = expected ?? {};
    const owed = `${expected?.type} ${expected?.packetId} ${expected?.codes}`;
    assert.equal(`${type} ${packetId} ${codes}`, owed, "reply");
    assert.ok(
      position <= this.#journal.committed,
      `invariant 2: ${type} ${packetId} left before its commit (${position})`,
    );
    this.toldTo = Math.max(this.toldTo, position);
  }

  #delivered(conn: Conn, peer: Peer, delivery: Delivery, nowMs: number): void {
    const { session } = conn;
    assert.ok(session !== undefined, "a stale connection receives nothing (invariant 4)");
    const publication = this.#known.of(delivery.message);
    assert.ok(publication !== undefined, `nobody published ${delivery.message.topicName}`);
    const owed = this.#find(session, publication, delivery, peer);
    const left = publication.expiresAtMs - nowMs;
    const expirySec = left === Number.POSITIVE_INFINITY ? undefined : Math.ceil(left / 1_000);
    assert.equal(
      delivery.messageExpiryIntervalSec,
      expirySec === undefined ? undefined : Math.max(expirySec, 0),
      "Message Expiry Interval [MQTT-3.3.2-6]",
    );
    if (!delivery.dup) assert.ok(left > 0, "expired before its first send [MQTT-3.3.2-5]");
    // Were it lost, another message would get its identifier.
    const mustWait = delivery.qos === 2 && peer.session?.isRecorded === true;
    const isFirst = delivery.qos > 0 && !delivery.dup;
    const placedAt = isFirst ? (publication.placedAt.get(session.clientId)?.shift() ?? 0) : 0;
    if (mustWait) {
      assert.ok(placedAt <= this.#journal.committed, "QoS 2 before its commit [MQTT-2.2.1-4]");
      this.toldTo = Math.max(this.toldTo, placedAt);
    }
    this.#inOrder(conn, session, owed, delivery);
    if (delivery.qos > 0) this.#inFlight(conn, session, owed, delivery);
    else {
      assert.equal(delivery.packetId, 0, "[MQTT-2.2.1-2]");
    }
    const as = sentAs(delivery);
    this.#have(owed, session, as);
    const { dup, packetId, messageExpiryIntervalSec } = delivery;
    const record: SentRecord = {
      ...{ obligation: owed, session, ...as, dup, packetId },
      expirySec: messageExpiryIntervalSec,
    };
    conn.sent.push(record);
  }

  #find(
    session: ModelSession,
    publication: Publication,
    delivery: Delivery,
    peer: Peer,
  ): Obligation {
    const { packetId, dup } = delivery;
    const holder = session.inflight.get(packetId);
    const what = `${publication.topicName} #${publication.order} to ${session.clientId}`;
    if (dup && holder !== undefined) {
      assert.equal(holder.publication, publication, `DUP under its old identifier: ${what}`);
      assert.equal(holder.state, "sent", `no PUBLISH after PUBREC [MQTT-4.3.3-6]: ${what}`);
      assert.equal(holder.qos, delivery.qos, `the same QoS again: ${what}`);
      return holder;
    }
    assert.equal(holder, undefined, `Packet Identifier ${packetId} in use [MQTT-2.2.1-4]`);
    const hint = hintOf(peer, packetId);
    const may = this.#model.mayReceive(session.clientId, publication.topicName);
    assert.ok(may, `not authorized: ${what}`);
    const as = sentAs(delivery);
    const fits = (owed: Obligation): boolean =>
      isLike(owed, hint) &&
      mayHave(owed, session) &&
      onTerms(owed, session, as) &&
      (owed.isDoubtful || !dup); // [MQTT-3.3.1-1]
    const apply = (owed: Obligation): void => {
      owed.state = "done";
      this.#have(owed, session, as);
    };
    // What the client has had already is what it had then.
    const again = (owed: Obligation): boolean => owed.seen.times > 0 && fits(owed);
    const found =
      packetId === 0
        ? claim(publication, { fits, apply })
        : ((dup ? take(publication, again) : undefined) ?? take(publication, fits));
    if (found !== undefined) return found;
    const from = `from ${hint.kind} ${hint.shareKey}`;
    const how = `QoS ${as.qos}, DUP ${dup}, retain ${as.retain}`;
    assert.fail(`not owed: ${what}, ${how}, ${from}${obligationsText(publication)}`);
  }

  #have(owed: Obligation, session: ModelSession, as: SentAs): void {
    owed.sentAs = as;
    owed.qos = as.qos;
    if (owed.kind === "shared") owed.session = session;
    this.#model.close(owed);
  }

  /** Resends in their old order before all that is new; live messages as they were published. */
  #inOrder(conn: Conn, session: ModelSession, owed: Obligation, { qos, dup }: Delivery): void {
    if (qos === 0) {
      // Only if it is certain that this is the copy from a Subscription of its own.
      const copies = owed.publication.obligations.filter((copy) => mayHave(copy, session));
      if (owed.kind !== "live" || copies.length > 1) return;
      assert.ok(owed.publication.order > conn.laneOrder, "order [MQTT-4.6.0-6]");
      conn.laneOrder = owed.publication.order;
      return;
    }
    if (owed.sendOrder === 0 || !dup) {
      session.sendCount += 1;
      owed.sendOrder = session.sendCount;
      if (owed.kind === "live") {
        assert.ok(owed.publication.order > session.liveOrder, "order [MQTT-4.6.0-6]");
        session.liveOrder = owed.publication.order;
      }
    }
    assert.ok(owed.sendOrder > conn.sendOrder, "resent in order [MQTT-4.6.0-1]");
    conn.sendOrder = owed.sendOrder;
  }

  #inFlight(conn: Conn, session: ModelSession, owed: Obligation, { packetId }: Delivery): void {
    assert.ok(packetId > 0 && packetId <= this.#packetIdMax, `Packet Identifier ${packetId}`);
    owed.state = "sent";
    owed.packetId = packetId;
    session.inflight.set(packetId, owed);
    conn.counted.add(packetId);
    const { receiveMaximum } = conn;
    assert.ok(conn.counted.size <= receiveMaximum, `over ${receiveMaximum} [MQTT-3.3.4-9]`);
  }

  /** The delivery polled last was not written. @returns Its obligation, open again. */
  tooLarge(conn: Conn): Obligation {
    const record = conn.sent.pop();
    assert.ok(record !== undefined);
    const { obligation, session, packetId, dup, qos } = record;
    assert.ok((conn.connect?.maximumPacketSize ?? 0) < 1_000, "[MQTT-3.1.2-24]");
    if (dup && qos === 2) {
      // The client may hold the identifier, until PUBREL. Nobody else gets it [MQTT-4.8.2-5].
      obligation.isGivenUp = true;
      obligation.state = "released";
      return obligation;
    }
    // Of QoS 0 it remains claimed, whichever copy it was.
    if (packetId === 0) return obligation;
    session.inflight.delete(packetId);
    conn.counted.delete(packetId);
    obligation.publication.claims.delete(obligation);
    obligation.state = "pending";
    obligation.packetId = 0;
    if (obligation.kind === "shared") this.#model.reopen(obligation);
    else session.open.add(obligation);
    return obligation;
  }

  /**
   * A rude client acknowledges what it was never sent. If a broker that has died may have sent it,
   * that counts as sent.
   */
  assumeSent(session: ModelSession, peer: Peer, packetId: number): void {
    const window = peer.session?.windowIfAny;
    if (window === undefined || session.inflight.has(packetId)) return;
    const seq = window.find(packetId);
    const stub = seq < 0 ? undefined : window.stubAt(seq);
    const publication = stub === undefined ? undefined : this.#known.of(stub);
    if (publication === undefined) return;
    const hint = hintOf(peer, packetId);
    const owed = take(
      publication,
      (one) => one.isDoubtful && isLike(one, hint) && mayHave(one, session),
    );
    if (owed === undefined) return;
    if (owed.kind === "shared") owed.session = session;
    this.#model.close(owed);
    owed.state = "sent";
    owed.qos = window.qosAt(seq);
    owed.packetId = packetId;
    session.inflight.set(packetId, owed);
  }

  /** The client has decoded the `index`th PUBLISH of its connection. */
  arrived(conn: Conn, index: number, packet: PublishPacket, topicName: string): SentRecord {
    const record = conn.sent[index];
    assert.ok(record !== undefined, "a PUBLISH that nobody sent");
    const { publication } = record.obligation;
    const { message } = packet;
    const properties = message.properties;
    const is5 = conn.connect?.protocolVersion === 5;
    assert.deepEqual(
      {
        topicName,
        payload: Buffer.from(message.payload).toString("latin1"),
        qos: message.qos,
        dup: packet.dup,
        retain: message.retain,
        packetId: packet.packetId,
        identifiers: identifiersText(packet.subscriptionIdentifiers),
        expirySec: properties?.messageExpiryIntervalSec,
      },
      {
        topicName: publication.topicName,
        payload: publication.payload.toString("latin1"),
        qos: record.qos,
        dup: record.dup,
        retain: record.retain,
        packetId: record.packetId,
        identifiers: is5 ? record.identifiers : "",
        expirySec: is5 ? record.expirySec : undefined,
      },
      "on the wire as it was sent",
    );
    return record;
  }

  /** The client passes a message on to its application. */
  application({ obligation, session, qos }: SentRecord): void {
    const { seen } = obligation;
    seen.times += 1;
    if (qos !== 2 || session.isTainted) return;
    seen.timesQos2 += 1;
    assert.equal(seen.timesQos2, 1, "QoS 2: exactly once [MQTT-4.3.3-10]");
  }
}

/** Which lane and which group it comes from, where that can be looked up: identity, not rights. */
function hintOf(peer: Peer, packetId: number): Found {
  const window = packetId === 0 ? undefined : peer.session?.windowIfAny;
  if (window === undefined) return { kind: undefined, shareKey: "" };
  const seq = window.find(packetId);
  const { shareKey } = window.grantAt(seq);
  const isRetained = window.entries().find((entry) => entry.seq === seq)?.retained === true;
  return { kind: shareKey !== "" ? "shared" : isRetained ? "retained" : "live", shareKey };
}

function isLike({ kind, shareKey }: Obligation, hint: Found): boolean {
  return hint.kind === undefined || (kind === hint.kind && shareKey === hint.shareKey);
}

function mayHave(owed: Obligation, session: ModelSession): boolean {
  return owed.kind === "shared" ? owed.eligible.has(session) : owed.session === session;
}

function sentAs({ qos, retain, subscriptionIdentifiers }: Delivery): SentAs {
  return { qos, retain, identifiers: identifiersText(subscriptionIdentifiers) };
}

function onTerms(owed: Obligation, session: ModelSession, as: SentAs): boolean {
  const all = owed.kind === "shared" ? (owed.eligible.get(session) ?? []) : owed.terms;
  return all.some((terms) => fits(owed, terms, as));
}

function fits({ publication, kind }: Obligation, terms: Terms, as: SentAs): boolean {
  const qos = Math.min(publication.qos, terms.qos) as Qos; // [MQTT-3.8.4-8]
  // [MQTT-3.3.1-12] [MQTT-3.3.1-13]
  const retain = kind === "retained" || (terms.retainAsPublished && publication.retain);
  return as.qos === qos && as.retain === retain && as.identifiers === terms.identifiers;
}
