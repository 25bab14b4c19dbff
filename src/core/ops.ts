/**
 * Every change of durable state, as a plain value (ARCHITECTURE § 1).
 *
 * Durable state is what `apply` makes of these, in order, and of nothing else. So an Op says what
 * happened, with every decision taken: no clock, no limit and no policy is asked at replay.
 * Sessions are named by the number that their `open` gave them, which no other ever gets.
 */
import type { Grant, WindowEntry } from "../delivery/outbound-window.ts";
import type { Message } from "../protocol/message.ts";
import type { SubscriptionOptions, Will } from "../protocol/packets.ts";
import type { Principal } from "./ports.ts";
import type { Session } from "./session.ts";

/** A new Session, or a new connection to a recorded one. */
export interface OpenOp {
  readonly type: "open";
  readonly session: number;
  readonly clientId: string;
  readonly principal: Principal;
  readonly expiryIntervalSec: number;
  readonly will: Will | undefined;
}

/** The connection has gone; the Session waits. */
export interface LeaveOp {
  readonly type: "leave";
  readonly session: number;
  readonly expiryIntervalSec: number;
  /** On the core's clock; Infinity: never. */
  readonly expiresAtMs: number;
  /** When its Will Message is due; Infinity: it has none. */
  readonly willAtMs: number;
  /** Everything before this `seq` has been sent at least once. */
  readonly sentTo: number;
}

/** The Session and all that belonged to it is discarded [MQTT-4.1.0-2]. */
export interface EndOp {
  readonly type: "end";
  readonly session: number;
}

/** The Will Message was published, or discarded [MQTT-3.1.2-10]. */
export interface WillClearOp {
  readonly type: "will-clear";
  readonly session: number;
}

export interface SubscribeOp {
  readonly type: "subscribe";
  readonly session: number;
  readonly topicFilter: string;
  readonly options: SubscriptionOptions;
  readonly subscriptionIdentifier: number;
}

export interface UnsubscribeOp {
  readonly type: "unsubscribe";
  readonly session: number;
  readonly topicFilter: string;
}

/** One recorded Session that a message goes to. */
export interface Recipient {
  readonly session: number;
  readonly grant: Grant;
  /** It answers a SUBSCRIBE from the retained store. */
  readonly retained: boolean;
  /** The Session of that number, where it is at hand; no part of the record. */
  readonly to?: Session | undefined;
}

/** ONE record for a message, however many recorded Sessions queue it. */
export interface PublishOp {
  readonly type: "publish";
  /** Undefined only at replay, when `storedAt` says where it is. */
  readonly message: Message | undefined;
  /** Position of an earlier record that has the message, or 0: this one has it. */
  readonly storedAt: number;
  /** What such a message is in a queue: its charge (`chargeOf`), plus its QoS; else 0. */
  readonly charge: number;
  readonly recipients: readonly Recipient[];
  /** Shared groups in whose queue it waits. */
  readonly shareKeys: readonly string[];
  /** It becomes, or with an empty payload removes, its topic's retained message. */
  readonly retain: boolean;
  /** Of a recorded publisher's QoS 2: identifier and message are stored as one (STORE § 8). */
  readonly heldBy: number;
  readonly heldPacketId: number;
}

/** The head of a shared group's queue went to a member; `session` 0: to one not recorded. */
export interface AssignOp {
  readonly type: "assign";
  readonly shareKey: string;
  /** Position of that message, and what it is in a queue: its charge, plus its QoS. */
  readonly storedAt: number;
  readonly charge: number;
  readonly session: number;
  readonly grant: Grant | undefined;
}

/** The subscriber's PUBREC has come. */
export interface ReleaseOp {
  readonly type: "release";
  readonly session: number;
  readonly seq: number;
}

/** A delivery is complete, or was given up; the loss ledger knows which. */
export interface FinishOp {
  readonly type: "finish";
  readonly session: number;
  readonly seq: number;
}

/** The publisher's PUBREL has come: its identifier is free again [MQTT-4.3.3-12]. */
export interface UnholdOp {
  readonly type: "unhold";
  readonly session: number;
  readonly packetId: number;
}

/** A retained message ran out (§3.3.2.3.3). */
export interface RetainedExpiredOp {
  readonly type: "retained-expired";
  readonly topicName: string;
}

/** What waits in a shared group's queue from now on, oldest first. */
export interface GroupOp {
  readonly type: "group";
  readonly shareKey: string;
  /** Positions of the messages, and what each is in a queue: its charge, plus its QoS. */
  readonly waiting: ReadonlyArray<{ readonly storedAt: number; readonly charge: number }>;
}

/**
 * A checkpoint: all that is in one hash slot follows, and nothing before it matters to the slot.
 * It and the next two change nothing: they say again what is so already, further on in the log.
 */
export interface SlotOp {
  readonly type: "slot";
  readonly slot: number;
}

/** A Session as it is. */
export interface SessionOp extends SessionSnapshot {
  readonly type: "session";
}

/** A stored message that something still refers to. */
export interface MoveOp {
  readonly type: "move";
  /** Position of the record that had it until now. */
  readonly from: number;
  readonly message: Message;
}

export type Op =
  | OpenOp
  | LeaveOp
  | EndOp
  | WillClearOp
  | SubscribeOp
  | UnsubscribeOp
  | PublishOp
  | AssignOp
  | ReleaseOp
  | FinishOp
  | UnholdOp
  | RetainedExpiredOp
  | GroupOp
  | SlotOp
  | SessionOp
  | MoveOp;

/** All that survives of a Session. */
export interface SessionSnapshot {
  readonly session: number;
  readonly clientId: string;
  readonly principal: Principal;
  /** A client is connected to it. */
  readonly isOpen: boolean;
  readonly expiryIntervalSec: number;
  readonly expiresAtMs: number;
  readonly will: Will | undefined;
  readonly willAtMs: number;
  readonly subscriptions: readonly Omit<SubscribeOp, "type" | "session">[];
  /** What each `held` is here is the position of the message. */
  readonly entries: readonly WindowEntry[];
  readonly tail: number;
  readonly heldPacketIds: readonly number[];
}
