/**
 * What the core is to one Network Connection: packets and the time are pushed in with `receive`,
 * packets to send are pulled out with `poll`. All of it is synchronous; none of it does I/O.
 */
import type { Grant } from "../delivery/outbound-window.ts";
import { Qos0Lane } from "../delivery/qos0-lane.ts";
import { ReplyLane } from "../delivery/reply-lane.ts";
import type { InboundAliases } from "../delivery/topic-aliases.ts";
import { OutboundAliases } from "../delivery/topic-aliases.ts";
import type { Message } from "../protocol/message.ts";
import type {
  AuthPacket,
  ConnectPacket,
  DisconnectPacket,
  OutgoingPacket,
  Packet,
  ProtocolVersion,
} from "../protocol/packets.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { describeReasonCode, ReasonCode } from "../protocol/reason-code.ts";
import { acknowledged } from "./acknowledging.ts";
import { Authentication } from "./authentication.ts";
import { connackRefusing, disconnectFor, type Refusal, shortened } from "./closing.ts";
import { connackOf, keepAliveWithin, refusalOf } from "./connect.ts";
import type { Context } from "./context.ts";
import { pollDelivery } from "./delivering.ts";
import type { Limits } from "./limits.ts";
import type { Link, Principal } from "./ports.ts";
import { publishReceived, pubrelReceived } from "./publishing.ts";
import type { Session } from "./session.ts";
import { subscribe, unsubscribe } from "./subscribing.ts";
import { NOT_ON_WHEEL } from "./wheel.ts";

type PeerState =
  | { readonly at: "connecting"; readonly deadlineMs: number }
  | {
      readonly at: "authenticating";
      readonly deadlineMs: number;
      readonly connect: ConnectPacket;
      readonly authentication: Authentication;
    }
  | Connected
  /** It may still have something to send; then the connection is to be closed. */
  | { readonly at: "closing" };

interface Connected {
  readonly at: "connected";
  readonly connect: ConnectPacket;
  readonly session: Session;
  readonly authentication: Authentication | undefined;
}

/** Answers that may wait; a client that sends and never reads would grow them without end. */
const REPLIES_MAX = 10_000;

const CLOSING: PeerState = { at: "closing" };

export class Peer {
  readonly link: Link;
  readonly #context: Context;
  readonly replies: ReplyLane = new ReplyLane();
  /** Protocol version of the client; 5 until CONNECT has said. */
  version: ProtocolVersion = 5;
  /** The client's Maximum Packet Size [MQTT-3.1.2-24]. */
  maximumPacketSize: number = Number.POSITIVE_INFINITY;
  /** As they were when it connected: what CONNACK has said holds [MQTT-3.3.2-12]. */
  limits: Limits;
  /** Aliases that the client has set, and those set towards it; neither until one is used. */
  inboundAliases: InboundAliases | undefined = undefined;
  outboundAliases: OutboundAliases | undefined = undefined;
  /** The topic it published to last: what is asked of a name need not be asked again. */
  topicAllowed = "";
  /** Which of the two lanes of deliveries is asked first next time. */
  windowFirst = false;
  /** It is on the broker's list of peers that may have something to send. */
  isReady = false;
  /** It is on the list of peers whose next packet waits for a commit. */
  awaitsCommit = false;
  /** It is on the list of peers whose next delivery is to be read back. */
  awaitsRecall = false;
  wheelSlot: number = NOT_ON_WHEEL;
  #state: PeerState;
  #lane: Qos0Lane | undefined = undefined;
  #heardMs: number;
  #keepAliveMs = 0;

  constructor(link: Link, context: Context, nowMs: number) {
    this.link = link;
    this.#context = context;
    this.#heardMs = nowMs;
    this.limits = context.limits;
    const deadlineMs = nowMs + context.limits.connectTimeoutMs;
    this.#state = { at: "connecting", deadlineMs };
    context.wheel.set(this, deadlineMs);
  }

  /**
   * False while the Authenticator thinks, or too many answers wait for the client to read them:
   * what has come stays where it is.
   */
  get takesPackets(): boolean {
    if (this.replies.length >= REPLIES_MAX) return false;
    return this.#state.at !== "authenticating" || !this.#state.authentication.isPending;
  }

  /** The connection is to be closed once `poll` has nothing more. */
  get isClosing(): boolean {
    return this.#state.at === "closing";
  }

  /** CONNECT was accepted: the client is known. */
  get isConnected(): boolean {
    return this.#state.at === "connected";
  }

  get clientId(): string {
    const state = this.#state;
    if (state.at === "connected") return state.session.clientId;
    return state.at === "authenticating" ? state.connect.clientId : "";
  }

  /** The Session of a connected client. */
  get session(): Session | undefined {
    return this.#state.at === "connected" ? this.#state.session : undefined;
  }

  /** QoS 0 messages that wait for this connection to take them. */
  get qos0Waiting(): number {
    return this.#lane === undefined ? 0 : this.#lane.length;
  }

  get lane(): Qos0Lane | undefined {
    return this.#lane;
  }

  /** It would take one more QoS 0 message now. */
  get takesQos0(): boolean {
    const lane = this.#lane;
    if (lane === undefined) return true;
    const { qos0MessagesMax, qos0BytesMax } = this.#context.limits;
    return lane.length < qos0MessagesMax && lane.bytes < qos0BytesMax;
  }

  /** @returns false when the lane is full. */
  offerQos0(message: Message, grant: Grant): boolean {
    if (!this.takesQos0) return false;
    this.#lane ??= new Qos0Lane();
    this.#lane.push(message, grant);
    this.markReady();
    return true;
  }

  markReady(): void {
    if (this.isReady) return;
    this.isReady = true;
    this.#context.ready.push(this);
  }

  /**
   * A packet arrived. Afterwards this peer, or others, may have packets to `poll`.
   *
   * @throws ProtocolError to be given back to `violated`.
   */
  receive(packet: Packet, nowMs: number): void {
    const state = this.#state;
    this.#context.stats.messagesReceived += 1;
    this.#heardMs = nowMs;
    switch (state.at) {
      case "connected":
        this.#receiveConnected(packet, state, nowMs);
        break;
      case "connecting":
        // [MQTT-3.1.0-1]
        if (packet.type !== "connect") throw protocolError("MQTT-3.1.0-1", `${packet.type} first`);
        this.#connect(packet, nowMs);
        break;
      case "authenticating":
        this.#receiveAuthenticating(packet, state.authentication, nowMs);
        break;
      case "closing":
        // A stale connection can neither receive nor consume (invariant 4), and what comes behind
        break; // a CONNECT that was refused is not looked at [MQTT-3.1.4-6].
    }
  }

  #receiveConnected(packet: Packet, { connect, session }: Connected, nowMs: number): void {
    this.markReady();
    switch (packet.type) {
      case "publish":
        publishReceived(this, session, packet, this.#context, nowMs);
        break;
      case "puback":
      case "pubrec":
      case "pubcomp":
        acknowledged(this, session, packet, this.#context, nowMs);
        break;
      case "pubrel":
        pubrelReceived(this, session, packet, this.#context);
        break;
      case "subscribe": {
        const answer = subscribe(session, packet, this.link.policy, this.#context);
        this.replies.push(answer.packet, answer.position);
        this.#context.dispatcher.pull(session, nowMs);
        break;
      }
      case "unsubscribe": {
        const answer = unsubscribe(session, packet, this.#context, nowMs);
        this.replies.push(answer.packet, answer.position);
        break;
      }
      case "pingreq":
        this.replies.push({ type: "pingresp" }, 0); // [MQTT-3.12.4-1]
        break;
      case "disconnect":
        this.#disconnected(packet, connect, session, nowMs);
        break;
      case "auth":
        this.#reauthenticate(packet, nowMs);
        break;
      case "connect":
        // Hence no second CONNACK either [MQTT-3.2.0-2].
        throw protocolError("MQTT-3.1.0-2", "a second CONNECT");
      default:
        throw protocolError("§2.1.2", `${packet.type} from a client`);
    }
  }

  #receiveAuthenticating(packet: Packet, authentication: Authentication, nowMs: number): void {
    if (packet.type === "disconnect") this.#closeNow("client", nowMs);
    else if (packet.type === "auth") authentication.continued(packet, nowMs);
    else throw protocolError("MQTT-3.1.2-30", `${packet.type} before CONNACK`); // [MQTT-3.1.2-30]
  }

  #connect(connect: ConnectPacket, nowMs: number): void {
    this.version = connect.protocolVersion;
    this.maximumPacketSize = connect.maximumPacketSize;
    const refusal = refusalOf(connect, this.link.policy, this.#context);
    if (refusal !== undefined) {
      this.refuse(refusal, nowMs);
      return;
    }
    const { authenticator, limits } = this.#context;
    const method = connect.authenticationMethod;
    if (method !== undefined && authenticator?.methods.has(method) !== true) {
      const reason = `Authentication Method: ${method} is not supported`;
      // [MQTT-4.12.0-1]
      this.refuse({ reasonCode: ReasonCode.badAuthenticationMethod, reason }, nowMs);
      return;
    }
    if (authenticator === undefined) {
      this.accept(connect, ANONYMOUS, undefined, undefined, nowMs);
      return;
    }
    const authentication = new Authentication(this, connect, authenticator);
    const deadlineMs = nowMs + limits.connectTimeoutMs;
    this.#state = { at: "authenticating", deadlineMs, connect, authentication };
    this.#context.wheel.set(this, deadlineMs);
    authentication.begin(connect.authenticationData, nowMs);
  }

  /** The client is who it says: it gets its Session and CONNACK. */
  accept(
    connect: ConnectPacket,
    principal: Principal,
    authenticationData: Uint8Array | undefined,
    authentication: Authentication | undefined,
    nowMs: number,
  ): void {
    if (this.#state.at === "closing") return;
    const context = this.#context;
    const { limits, lifecycle, observer, stats, authorizer } = context;
    const { will, cleanStart } = connect;
    this.limits = limits;
    // [MQTT-3.1.3-7]
    const clientId = connect.clientId === "" ? lifecycle.newClientId() : connect.clientId;
    if (
      will !== undefined &&
      authorizer?.authorize(principal, clientId, "publish", will.topicName) === false
    ) {
      this.refuse({ reasonCode: ReasonCode.notAuthorized, reason: "Will Topic" }, nowMs);
      return;
    }
    const isLasting = connect.sessionExpiryIntervalSec > 0 || will !== undefined;
    const refusal = lifecycle.refusalOf(clientId, isLasting, nowMs);
    if (refusal !== undefined) {
      this.refuse(refusal, nowMs);
      return;
    }
    const expiryIntervalSec = Math.min(
      connect.sessionExpiryIntervalSec,
      limits.sessionExpiryMaxSec,
    );
    const keepAliveSec = keepAliveWithin(limits.keepAliveMaxSec, connect);
    const receiveMaximum = Math.min(connect.receiveMaximum, limits.inflightMax);
    const opening = { clientId, principal, cleanStart, expiryIntervalSec, receiveMaximum, will };
    const { session, sessionPresent, position } = lifecycle.open(this, opening, nowMs);
    this.#state = { at: "connected", connect, session, authentication };
    // Without a maximum no alias is ever sent [MQTT-3.1.2-27].
    if (connect.topicAliasMaximum > 0 && limits.topicAliasOutboundMax > 0) {
      const max = Math.min(connect.topicAliasMaximum, limits.topicAliasOutboundMax);
      this.outboundAliases = new OutboundAliases(max);
    }
    this.#keepAliveMs = keepAliveSec * 1_500; // [MQTT-3.1.2-22] [MQTT-3.2.2-22]
    if (this.#keepAliveMs > 0) context.wheel.set(this, nowMs + this.#keepAliveMs);
    const settled = {
      clientId,
      sessionPresent,
      expiryIntervalSec,
      keepAliveSec,
      authenticationData,
    };
    this.replies.push(connackOf(connect, settled, this.link.policy, context), position);
    this.#resendPubrels(session);
    context.dispatcher.pull(session, nowMs);
    stats.connectsAccepted += 1;
    stats.clientsConnected += 1;
    stats.clientsMaximum = Math.max(stats.clientsMaximum, stats.clientsConnected);
    this.markReady();
    observer.connected?.({
      clientId,
      principal,
      remoteAddress: this.link.remoteAddress,
      listener: this.link.policy.name,
      protocolVersion: this.version,
      sessionPresent,
    });
  }

  /** A re-authentication found that the client is (now) this one. */
  identified(principal: Principal): void {
    const { session } = this;
    if (session === undefined) return;
    session.principal = principal;
    this.#context.state.epoch += 1; // Who may read what has changed.
  }

  /** PUBREL for what had got its PUBREC on an earlier connection [MQTT-4.4.0-1]. */
  #resendPubrels(session: Session): void {
    for (const seq of session.windowIfAny?.released() ?? []) {
      const packetId = session.window.packetIdOf(seq); // [MQTT-2.2.1-5]
      this.replies.acknowledge("pubrel", packetId, ReasonCode.success, 0);
    }
  }

  /** CONNACK with a Reason Code of failure, and the end [MQTT-3.2.2-7]. */
  refuse(refusal: Refusal, nowMs: number): void {
    if (this.#state.at === "closing") return;
    this.replies.push(connackRefusing(refusal), 0);
    this.#report(`refused: ${refusal.reason}, ${describeReasonCode(refusal.reasonCode)}`);
    this.#closeNow(refusal.reason, nowMs);
  }

  #reauthenticate(packet: AuthPacket, nowMs: number): void {
    const state = this.#state;
    if (state.at !== "connected") return;
    if (state.authentication === undefined) {
      throw protocolError("MQTT-4.12.0-7", "AUTH without an Authentication Method");
    }
    state.authentication.reauthenticate(packet, nowMs); // [MQTT-4.12.1-1]
  }

  #disconnected(
    packet: DisconnectPacket,
    connect: ConnectPacket,
    session: Session,
    nowMs: number,
  ): void {
    const { sessionExpiryIntervalSec } = packet;
    if (sessionExpiryIntervalSec !== undefined) {
      if (connect.sessionExpiryIntervalSec === 0 && sessionExpiryIntervalSec > 0) {
        throw protocolError("§3.14.2.2.2", "Session Expiry Interval: was 0 in CONNECT");
      }
      const { sessionExpiryMaxSec } = this.#context.limits;
      session.expiryIntervalSec = Math.min(sessionExpiryIntervalSec, sessionExpiryMaxSec);
    }
    this.replies.clear();
    // [MQTT-3.14.4-3] 0x00 alone discards the will; 3.x has no other [3.1.1 MQTT-3.14.4-3].
    this.#leave(session, packet.reasonCode === ReasonCode.success, "client", nowMs);
  }

  /** The connection broke a rule, or the decoder says so: DISCONNECT or CONNACK, then the end. */
  violated(error: ProtocolError, version: ProtocolVersion | undefined, nowMs: number): void {
    this.#context.stats.protocolErrors += 1;
    const state = this.#state;
    if (state.at === "closing") return;
    this.#report(`${error.message}, ${describeReasonCode(error.reasonCode)}`);
    if (state.at === "connected") {
      // [MQTT-4.13.1-1] [3.1.1 MQTT-4.8.0-1]
      this.close(error.reasonCode, error.message, nowMs);
      return;
    }
    if (state.at === "connecting") this.version = version ?? 5;
    // 3.x names one reason for a CONNECT that cannot be read, a version not supported
    // [3.1.1 MQTT-3.1.2-2]; else it is closed without a word [3.1.1 MQTT-3.1.4-1], as is what
    // has not said that it speaks MQTT at all.
    if (version === 5 || error.reasonCode === ReasonCode.unsupportedProtocolVersion) {
      const { reasonCode, message } = error;
      this.replies.push(connackRefusing({ reasonCode, reason: message }), 0);
    }
    this.#closeNow(error.message, nowMs);
  }

  /**
   * Ends the connection for a reason of the broker's: DISCONNECT where 5.0 has it, and no other
   * packet after it [MQTT-3.14.4-1]. The will stays due.
   */
  close(reasonCode: ReasonCode, why: string, nowMs: number): void {
    const state = this.#state;
    if (state.at !== "connected") {
      this.#closeNow(why, nowMs); // [MQTT-3.14.0-1] No DISCONNECT before CONNACK.
      return;
    }
    this.#leave(state.session, false, why, nowMs);
    if (this.version < 5) return;
    const { requestProblemInformation } = state.connect;
    // Behind CONNACK, and whatever else still waits for a commit [MQTT-3.14.0-1].
    this.replies.push(disconnectFor(reasonCode, why, requestProblemInformation), 0);
  }

  /** The Network Connection is gone, whatever came before. */
  lost(nowMs: number): void {
    this.#closeNow("network", nowMs);
    this.replies.clear();
  }

  #closeNow(why: string, nowMs: number): void {
    const state = this.#state;
    if (state.at === "connected") this.#leave(state.session, false, why, nowMs);
    this.#state = CLOSING;
    this.#context.wheel.delete(this);
    this.markReady();
  }

  #leave(session: Session, discardWill: boolean, why: string, nowMs: number): void {
    const { lifecycle, observer, ledger, stats, delivery, wheel } = this.#context;
    this.#state = CLOSING;
    wheel.delete(this);
    this.markReady();
    stats.clientsConnected -= 1;
    while (this.#lane?.poll(delivery)) {
      ledger.record("qos0-offline", delivery.message, session.clientId, nowMs);
    }
    const { remoteAddress } = this.link;
    observer.disconnected?.({ clientId: session.clientId, remoteAddress, why });
    lifecycle.leave(session, discardWill, nowMs);
  }

  /**
   * The next packet to send, or undefined. Asked only while the socket takes bytes. What it gives
   * may be the same object again: it is valid until the next `poll`.
   */
  poll(nowMs: number): OutgoingPacket | undefined {
    const state = this.#state;
    // Replies wait for no quota [MQTT-3.3.4-10] [MQTT-4.9.0-3].
    const reply = this.replies.poll(this.#context.journal.committed);
    if (reply !== undefined) {
      this.#context.stats.messagesSent += 1;
      return reply;
    }
    if (this.replies.length > 0) this.awaitCommit();
    if (state.at !== "connected") return undefined;
    if (this.replies.holdsConnack) return undefined; // [MQTT-3.2.0-1]
    return pollDelivery(this, state.session, this.#context, nowMs);
  }

  awaitCommit(): void {
    if (this.awaitsCommit) return;
    this.awaitsCommit = true;
    this.#context.uncommitted.push(this);
  }

  /** Deadlines: CONNECT has not come, authentication takes too long, or keep alive ran out. */
  due(nowMs: number): void {
    const state = this.#state;
    if (state.at === "connecting" || state.at === "authenticating") {
      if (nowMs >= state.deadlineMs) this.#closeNow("no CONNECT in time", nowMs);
      else this.#context.wheel.set(this, state.deadlineMs);
    } else if (state.at === "connected" && this.#keepAliveMs > 0) {
      const deadlineMs = this.#heardMs + this.#keepAliveMs;
      if (nowMs < deadlineMs) this.#context.wheel.set(this, deadlineMs);
      else this.close(ReasonCode.keepAliveTimeout, "keep alive timeout", nowMs);
    }
  }

  #report(message: string): void {
    const { observer } = this.#context;
    const { remoteAddress } = this.link;
    observer.violated?.({ clientId: this.clientId, remoteAddress, message: shortened(message) });
  }
}

const ANONYMOUS: Principal = { name: "" };

function protocolError(spec: string, detail: string): ProtocolError {
  return new ProtocolError(ReasonCode.protocolError, spec, detail);
}
