/**
 * What the core asks of the world, as interfaces only (ARCHITECTURE § 3). Each is of one kind:
 * `Authenticator` decides once per CONNECT or AUTH, whenever it likes; `Authorizer` answers at
 * once and has no effect; `Journal` records; `Observer` watches. None rewrites a packet.
 */
import type { Message } from "../protocol/message.ts";
import type { ConnectPacket, Qos } from "../protocol/packets.ts";
import type { ReasonCode } from "../protocol/reason-code.ts";
import type { LossReason } from "./ledger.ts";
import type { Op } from "./ops.ts";

/** What a full queue does with one more message. */
export type QueueFullPolicy = "drop-oldest" | "drop-newest" | "reject";

/** What one listener lets its clients do. */
export interface ListenerPolicy {
  /** As configured, e.g. `tcp://127.0.0.1:1883`. */
  readonly name: string;
  readonly queueFullPolicy: QueueFullPolicy;
  /** Highest QoS that clients may publish (§3.2.2.3.4). */
  readonly maximumQos: Qos;
  readonly retainAvailable: boolean;
  readonly wildcardSubscriptionAvailable: boolean;
  readonly sharedSubscriptionAvailable: boolean;
  readonly subscriptionIdentifiersAvailable: boolean;
  /** Refuse a PUBLISH whose payload belies its Payload Format Indicator (§3.3.2.3.2). */
  readonly validatePayloadFormat: boolean;
}

/** A Network Connection as the core sees it: facts only, and the way back to its owner. */
export interface Link {
  readonly remoteAddress: string;
  readonly policy: ListenerPolicy;
}

/** Who a client turned out to be. */
export interface Principal {
  /** User name, certificate name, token subject; "" for an anonymous client. */
  readonly name: string;
}

export type AuthDecision =
  | { readonly verdict: "accept"; readonly principal: Principal; readonly data?: Uint8Array }
  | { readonly verdict: "continue"; readonly data: Uint8Array }
  | { readonly verdict: "refuse"; readonly reasonCode: ReasonCode; readonly reasonString?: string };

/** One question to the Authenticator. A later AUTH of the same exchange is another request. */
export interface AuthRequest {
  readonly connect: ConnectPacket;
  readonly link: Link;
  /** Authentication Data of this CONNECT or AUTH (§4.12). */
  readonly data: Uint8Array | undefined;
  /** True for a re-authentication (§4.12.1). */
  readonly reauthentication: boolean;
  /** Same object through one exchange: a method keeps what it must remember here. */
  readonly exchange: { state: unknown };
  /** To be called once, now or later; a call after the connection has gone does nothing. */
  decide(decision: AuthDecision, nowMs: number): void;
}

export interface Authenticator {
  /** Authentication Methods of AUTH that it knows; any other is refused with 0x8C. */
  readonly methods: ReadonlySet<string>;
  authenticate(request: AuthRequest, nowMs: number): void;
}

export type Action = "publish" | "subscribe" | "receive";

export interface Authorizer {
  /** `topic` is a Topic Name, or for "subscribe" a Topic Filter without `$share/…/`. */
  authorize(principal: Principal, clientId: string, action: Action, topic: string): boolean;
}

/** Why a Journal takes nothing more to keep, if it does not. */
export type Trouble = "none" | "full" | "failed";

/** The log of Ops. Positions are whole numbers that grow; 0 is before the first Op. */
export interface Journal {
  /** @returns The position of `op`; it is durable once `committed` has reached that. */
  append(op: Op): number;
  /** Position of the latest Op, and what it takes in the log, in bytes. */
  readonly appended: number;
  readonly appendedSize: number;
  readonly committed: number;
  /**
   * The message of a record that was written lately, if it is still at hand: good for this turn.
   *
   * @param position Where the record ends.
   * @param size Bytes of it.
   */
  recent?(position: number, size: number): Message | undefined;
  /** Undefined: it keeps nothing that could be played back. */
  readonly playback?: Playback | undefined;
  /**
   * The disk is full, or has failed. Ops that follow from what is stored already are still taken;
   * nothing is acknowledged that is not stored, and what needs no disk goes on.
   */
  readonly trouble: Trouble;
}

/** A log that can be read as a recovery would read it; see `Rehearsal`. */
export interface Playback {
  /** `op` as the log has it, in bytes of its own. */
  encode(op: Op): Uint8Array;
  decode(bytes: Uint8Array): Op;
  /**
   * Reads records that were written lately, from the log's own bytes.
   *
   * @param from Where a record ended; those behind it are read.
   * @param to Where one ended that is committed.
   * @param most How many are read, at most.
   * @param visit The bytes of a message are valid until it returns.
   * @returns Up to where they were read, in the end `to`; undefined: they are not at hand any more.
   */
  play(
    from: number,
    to: number,
    most: number,
    visit: (op: Op, position: number, size: number) => void,
  ): number | undefined;
}

/** Every method is optional: one that is missing costs nothing. */
export interface Observer {
  connected?(event: ConnectedEvent): void;
  disconnected?(event: DisconnectedEvent): void;
  subscribed?(event: { clientId: string; topicFilter: string; qos: Qos }): void;
  unsubscribed?(event: { clientId: string; topicFilter: string }): void;
  sessionEnded?(event: { clientId: string }): void;
  lost?(event: LossEvent): void;
  /** A peer broke the protocol or a limit; `message` says what and which rule. */
  violated?(event: { clientId: string; remoteAddress: string; message: string }): void;
  /** A restart would bring back something else than what is live: a mistake of the broker's. */
  diverged?(event: DivergenceEvent): void;
}

export interface ConnectedEvent {
  readonly clientId: string;
  readonly principal: Principal;
  readonly remoteAddress: string;
  readonly listener: string;
  readonly protocolVersion: number;
  readonly sessionPresent: boolean;
}

export interface DisconnectedEvent {
  readonly clientId: string;
  readonly remoteAddress: string;
  /** Why the connection ended: "client", "network", or what the broker held against it. */
  readonly why: string;
}

export interface LossEvent {
  readonly reason: LossReason;
  readonly topicName: string;
  readonly qos: Qos;
  /** Who did not get it; "" when nobody in particular. */
  readonly clientId: string;
  readonly publisherId: string;
  readonly atMs: number;
}

export interface DivergenceEvent {
  /** What of which session, retained message or shared group, and how it differs. */
  readonly what: string;
  /** How many of them differ. */
  readonly count: number;
  /** Between these positions of the log it went wrong. */
  readonly from: number;
  readonly to: number;
}
