/** What the broker takes, packet by packet: what it must make of each, and answer. */
import assert from "node:assert/strict";
import type { Op } from "../../src/core/ops.ts";
import type {
  AckPacket,
  DisconnectPacket,
  Packet,
  PublishPacket,
  SubscribePacket,
  UnsubscribePacket,
} from "../../src/protocol/packets.ts";
import type { ProtocolError } from "../../src/protocol/protocol-error.ts";
import { ReasonCode } from "../../src/protocol/reason-code.ts";
import { parseFilter, topicLevels } from "../../src/protocol/topic.ts";
import type { KnownMessages } from "./known-messages.ts";
import {
  ANYBODY,
  type Conn,
  type Expected,
  type Model,
  type ModelSession,
  type Obligation,
  type Publication,
  type Sub,
} from "./oracle-state.ts";
import type { Settings } from "./settings.ts";
import type { WorldJournal } from "./world-journal.ts";

export class OracleInput {
  /** The PUBLISH that is being received. */
  current: Publication | undefined = undefined;
  /** What the acknowledgement that is being received is for. */
  acknowledged: Obligation | undefined = undefined;
  readonly #model: Model;
  readonly #settings: Settings;
  readonly #known: KnownMessages;
  readonly #journal: WorldJournal;
  /** Reason Code that this packet must be thrown out with; 0: none. */
  #mustThrow = 0;
  /** Reason Code that PUBACK or PUBREC must refuse this PUBLISH with; 0: none. */
  #mustRefuse = 0;
  /** The store takes nothing more, and would have to take this PUBLISH. */
  #isUnkeepable = false;
  #isRepeated = false;
  #discardsWillOf = "";
  /** Of this event: the position of the latest Op of each type. */
  readonly #positions = new Map<Op["type"], number>();

  constructor(model: Model, settings: Settings, known: KnownMessages, journal: WorldJournal) {
    this.#journal = journal;
    this.#model = model;
    this.#settings = settings;
    this.#known = known;
  }

  discardsWillOf(clientId: string): boolean {
    return this.#discardsWillOf === clientId;
  }

  before(conn: Conn, packet: Packet, nowMs: number): void {
    const { session } = conn;
    conn.answer = undefined;
    if (packet.type === "connect") conn.connect ??= packet;
    if (session === undefined) return;
    switch (packet.type) {
      case "publish":
        this.#beforePublish(conn, session, packet, nowMs);
        break;
      case "puback":
      case "pubrec":
      case "pubcomp":
        this.#beforeAck(session, packet);
        break;
      case "disconnect":
        this.#beforeDisconnect(conn, session, packet);
        break;
      case "connect":
      case "connack":
      case "auth":
        this.#mustThrow = ReasonCode.protocolError;
        break;
    }
  }

  #beforePublish(conn: Conn, session: ModelSession, packet: PublishPacket, nowMs: number): void {
    const { message, packetId, topicAlias } = packet;
    const { limits } = this.#settings;
    if (topicAlias > limits.topicAliasMax) {
      this.#mustThrow = ReasonCode.topicAliasInvalid;
      return;
    }
    if (topicAlias > 0 && message.topicName !== "") conn.aliases.set(topicAlias, message.topicName);
    const topicName = message.topicName || conn.aliases.get(topicAlias);
    if (topicName === undefined) {
      this.#mustThrow = ReasonCode.protocolError;
      return;
    }
    this.#isRepeated = message.qos === 2 && session.held.has(packetId);
    if (this.#isRepeated) {
      conn.inboundCounted.add(packetId);
      return;
    }
    const unanswered = conn.inboundCounted.size + conn.pubacksUnsent;
    const is5 = conn.connect?.protocolVersion === 5;
    if (message.qos > 0 && is5 && unanswered >= limits.receiveMaximum) {
      this.#mustThrow = ReasonCode.receiveMaximumExceeded;
      return;
    }
    const intervalSec = message.properties?.messageExpiryIntervalSec;
    const publication = this.#model.publication({
      topicName,
      payload: Buffer.from(message.payload),
      qos: message.qos,
      retain: message.retain,
      expiresAtMs:
        intervalSec === undefined ? Number.POSITIVE_INFINITY : nowMs + intervalSec * 1_000,
      publisherId: session.clientId,
    });
    this.#known.know(message, publication);
    this.current = publication;
    this.#mustRefuse = this.#refusal(session, topicName);
    if (this.#mustRefuse > 0) return;
    this.#model.dispatch(publication, session);
    const isInTrouble = this.#journal.trouble !== "none" && message.qos > 0;
    this.#isUnkeepable = isInTrouble && this.#model.mustKeep(publication, session);
  }

  /** The ledger says that the store takes nothing more. */
  storeUnavailable(publication: Publication): void {
    assert.notEqual(this.#journal.trouble, "none", "the store is in no trouble");
    if (publication !== this.current || publication.qos === 0) {
      publication.isNotKept = true;
      return;
    }
    assert.ok(this.#isUnkeepable, "what needs no store goes on");
    publication.verdict = "refused";
    this.#mustRefuse = this.#troubleCode;
  }

  /** What refuses somebody whom the store has no room for, or that it fails. */
  get #troubleCode(): number {
    const { trouble } = this.#journal;
    if (trouble === "none") return 0;
    return trouble === "full" ? ReasonCode.quotaExceeded : ReasonCode.implementationSpecificError;
  }

  #refusal(session: ModelSession, topicName: string): number {
    const { authorizer } = this.#model;
    if (topicName.startsWith("$")) return ReasonCode.notAuthorized;
    if (!this.#isWithin(topicName)) return ReasonCode.topicNameInvalid;
    const may = authorizer?.authorize(ANYBODY, session.clientId, "publish", topicName);
    return may === false ? ReasonCode.notAuthorized : 0;
  }

  #isWithin(topic: string): boolean {
    const { topicBytesMax, topicLevelsMax } = this.#settings.limits;
    return Buffer.byteLength(topic) <= topicBytesMax && topicLevels(topic) <= topicLevelsMax;
  }

  #beforeAck(session: ModelSession, { type, packetId }: AckPacket): void {
    const owed = session.inflight.get(packetId);
    this.acknowledged = owed;
    if (owed === undefined) return;
    const isOfOther = (type === "puback") !== (owed.qos === 1);
    if (isOfOther || (type === "pubcomp" && owed.state !== "released")) {
      this.#mustThrow = ReasonCode.protocolError;
    }
  }

  #beforeDisconnect(conn: Conn, session: ModelSession, packet: DisconnectPacket): void {
    const { sessionExpiryIntervalSec: expirySec, reasonCode } = packet;
    if (expirySec !== undefined) {
      if (conn.connect?.sessionExpiryIntervalSec === 0 && expirySec > 0) {
        this.#mustThrow = ReasonCode.protocolError;
        return;
      }
      session.expirySec = Math.min(expirySec, this.#settings.limits.sessionExpiryMaxSec);
    }
    if (reasonCode === ReasonCode.success) this.#discardsWillOf = session.clientId;
  }

  /** The core took the packet: `conn.answer` is what it queued as an acknowledgement. */
  after(conn: Conn, packet: Packet): void {
    assert.equal(this.#mustThrow, 0, `${packet.type} should have ended the connection`);
    // A DISCONNECT takes its Session away.
    const { session } = conn;
    if (session === undefined) return;
    switch (packet.type) {
      case "publish":
        this.#afterPublish(conn, session, packet);
        break;
      case "puback":
      case "pubrec":
      case "pubcomp":
        this.#afterAck(conn, session, packet);
        break;
      case "pubrel": {
        const isHeld = session.held.delete(packet.packetId);
        conn.inboundCounted.delete(packet.packetId);
        const code = isHeld ? 0 : ReasonCode.packetIdentifierNotFound;
        this.#expect(conn, "pubcomp", packet.packetId, [code], "unhold");
        break;
      }
      case "subscribe":
        this.#afterSubscribe(conn, session, packet);
        break;
      case "unsubscribe":
        this.#afterUnsubscribe(conn, session, packet);
        break;
      case "pingreq":
        this.#expect(conn, "pingresp", 0, [], undefined);
        break;
    }
  }

  #expect(
    conn: Conn,
    type: Expected["type"],
    packetId: number,
    codes: readonly number[],
    waitsFor: Op["type"] | undefined,
  ): void {
    const position = waitsFor === undefined ? 0 : (this.#positions.get(waitsFor) ?? 0);
    conn.expected.push({ type, packetId, codes, position });
  }

  #afterPublish(conn: Conn, session: ModelSession, { message, packetId }: PublishPacket): void {
    const { answer } = conn;
    const publication = this.current;
    const type = message.qos === 1 ? "puback" : "pubrec";
    const reasonCode = answer?.reasonCode ?? 0;
    if (message.qos === 0) assert.equal(answer, undefined, "QoS 0 is not answered");
    else
      assert.equal(`${answer?.type} ${answer?.packetId}`, `${type} ${packetId}`, "[MQTT-3.3.4-1]");
    const expect = (position: number): void => {
      if (message.qos === 0) return;
      conn.expected.push({ type, packetId, codes: [reasonCode], position });
    };
    if (this.#isRepeated || publication === undefined) {
      assert.equal(reasonCode, 0, "again: answered as before [MQTT-4.3.3-10]");
      expect(session.held.get(packetId) ?? 0);
      return;
    }
    if (publication.verdict === "refused" || reasonCode >= 0x80) {
      assert.ok(isRefusable(publication), "refused: in the ledger (invariant 7)");
      const code = this.#mustRefuse || ReasonCode.quotaExceeded;
      if (message.qos > 0) assert.equal(reasonCode, code, "refused: why");
      this.#model.refuse(publication);
      expect(0);
      return;
    }
    assert.equal(this.#mustRefuse, 0, "it should have been refused");
    assert.ok(!this.#isUnkeepable, "the store is in trouble: it should have been refused");
    const hasNobody = publication.matched === 0;
    const code = hasNobody && message.qos > 0 ? ReasonCode.noMatchingSubscribers : 0;
    assert.equal(reasonCode, code, "No matching subscribers (§3.4.2.1)");
    const isDropped = publication.verdict === "no-subscriber";
    const { isUnwanted, denied } = publication;
    assert.equal(isDropped, isUnwanted && !message.retain, "nobody subscribes: in the ledger");
    assert.equal(denied.length, 0, `not authorized: in the ledger: ${publication.denied}`);
    if (message.qos === 2) {
      session.held.set(packetId, publication.position);
      conn.inboundCounted.add(packetId);
    }
    this.#model.retain(publication);
    expect(publication.position);
  }

  #afterAck(conn: Conn, session: ModelSession, packet: AckPacket): void {
    const { type, packetId, reasonCode } = packet;
    const owed = this.acknowledged;
    if (owed === undefined) {
      const code = ReasonCode.packetIdentifierNotFound;
      if (type === "pubrec") this.#expect(conn, "pubrel", packetId, [code], undefined);
      return;
    }
    if (type === "pubrec" && reasonCode < 0x80) {
      owed.state = "released";
      this.#expect(conn, "pubrel", packetId, [0], "release");
      return;
    }
    if (reasonCode >= 0x80 && owed.state === "sent") {
      assert.fail("refused by the client: in the ledger (invariant 7)");
    }
    if (owed.state !== "lost") owed.state = "done";
    session.inflight.delete(packetId);
    conn.counted.delete(packetId);
  }

  #afterSubscribe(conn: Conn, session: ModelSession, packet: SubscribePacket): void {
    const codes = packet.subscriptions.map((request, index) => {
      const { topicFilter } = request;
      if (index >= this.#settings.limits.subscriptionsPerSessionMax) {
        return ReasonCode.quotaExceeded;
      }
      if (session.isRecorded && this.#troubleCode > 0) return this.#troubleCode;
      const parsed = parseFilter(topicFilter);
      if (parsed === undefined || !this.#isWithin(topicFilter)) {
        return ReasonCode.topicFilterInvalid;
      }
      const { clientId, subs } = session;
      const { topicFilter: filter, shareName } = parsed;
      const may = this.#model.authorizer?.authorize(ANYBODY, clientId, "subscribe", filter);
      if (may === false) return ReasonCode.notAuthorized;
      const { subscriptionsPerSessionMax } = this.#settings.limits;
      if (!subs.has(topicFilter) && subs.size >= subscriptionsPerSessionMax) {
        return ReasonCode.quotaExceeded;
      }
      const shareKey = shareName === "" ? "" : topicFilter;
      const identifier = packet.subscriptionIdentifier;
      const sub: Sub = Object.freeze({ request, identifier, shareKey, filter });
      this.#model.subscribe(session, sub);
      return request.qos;
    });
    this.#expect(conn, "suback", packet.packetId, codes, "subscribe");
  }

  #afterUnsubscribe(conn: Conn, session: ModelSession, packet: UnsubscribePacket): void {
    const codes = packet.topicFilters.map((topicFilter) => {
      const sub = session.subs.get(topicFilter);
      if (sub === undefined) return ReasonCode.noSubscriptionExisted;
      session.subs.delete(topicFilter);
      if (sub.shareKey === "") this.#model.excuseReplay(session, topicFilter);
      return ReasonCode.success;
    });
    this.#expect(conn, "unsuback", packet.packetId, codes, "unsubscribe");
  }

  /** What the client may hold was given up: PUBREL is owed. */
  gaveUp(conn: Conn, { packetId }: Obligation): void {
    this.#expect(conn, "pubrel", packetId, [0], "release");
  }

  /** CONNECT was accepted: CONNACK is owed, and PUBREL for each PUBREC that was seen. */
  accepted(conn: Conn, session: ModelSession, sessionPresent: boolean): void {
    this.#expect(conn, "connack", 0, [sessionPresent ? 1 : 0], "open");
    const released = [...session.inflight.values()].filter(({ state }) => state === "released");
    released.sort((a, b) => a.sendOrder - b.sendOrder);
    for (const { packetId } of released) this.#expect(conn, "pubrel", packetId, [0], undefined);
  }

  /** The packet broke a rule. A client that is not rude breaks none. */
  violated(conn: Conn, error: ProtocolError): void {
    const { reasonCode } = error;
    if (this.#mustThrow > 0) assert.equal(reasonCode, this.#mustThrow, error.message);
    const isOfRoom = reasonCode === ReasonCode.quotaExceeded || reasonCode === this.#troubleCode;
    const isNoRoom = isOfRoom && isRefusable(this.current);
    const isRude = conn.isRude || conn.session?.isTainted === true;
    assert.ok(isRude || isNoRoom, `a polite client is thrown out: ${error.message}`);
    conn.hadNoRoom = isNoRoom;
    if (this.current !== undefined) this.#model.refuse(this.current);
  }

  recorded(op: Op, position: number): void {
    this.#positions.set(op.type, position);
    if (op.type !== "publish" || op.message === undefined) return;
    if (this.current === undefined) return;
    if (this.#known.of(op.message) === this.current) this.current.position ||= position;
  }

  settled(): void {
    this.#positions.clear();
    this.current = undefined;
    this.acknowledged = undefined;
    this.#mustThrow = 0;
    this.#mustRefuse = 0;
    this.#isUnkeepable = false;
    this.#isRepeated = false;
    this.#discardsWillOf = "";
  }
}

/** The ledger has said why it may be refused. */
function isRefusable(publication: Publication | undefined): boolean {
  return publication?.verdict === "refused" || publication?.verdict === "queue-full";
}
