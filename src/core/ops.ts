/**
 * Every change of durable state, as a plain value (ARCHITECTURE § 1).
 *
 * Durable state is what `apply` makes of these, in order, and of nothing else. So an Op says what
 * happened, with every decision taken: no clock, no limit and no policy is asked at replay.
 * Sessions are named by Client Identifier, never by reference.
 */
import type { Grant, WindowEntry } from "../delivery/outbound-window.ts";
import type { Message } from "../protocol/message.ts";
import type { SubscriptionOptions, Will } from "../protocol/packets.ts";
import type { Principal } from "./ports.ts";

/** A new Session, or a new connection to a recorded one. */
export interface OpenOp {
  readonly type: "open";
  readonly clientId: string;
  readonly principal: Principal;
  readonly expiryIntervalSec: number;
  readonly will: Will | undefined;
}

/** The connection has gone; the Session waits. */
export interface LeaveOp {
  readonly type: "leave";
  readonly clientId: string;
  readonly expiryIntervalSec: number;
  /** On the core's clock; Infinity: never. */
  readonly expiresAtMs: number;
  /** When its Will Message is due; Infinity: it has none. */
  readonly willAtMs: number;
}

/** The Session and all that belonged to it is discarded [MQTT-4.1.0-2]. */
export interface EndOp {
  readonly type: "end";
  readonly clientId: string;
}

/** The Will Message was published, or discarded [MQTT-3.1.2-10]. */
export interface WillClearOp {
  readonly type: "will-clear";
  readonly clientId: string;
}

export interface SubscribeOp {
  readonly type: "subscribe";
  readonly clientId: string;
  readonly topicFilter: string;
  readonly options: SubscriptionOptions;
  readonly subscriptionIdentifier: number;
}

export interface UnsubscribeOp {
  readonly type: "unsubscribe";
  readonly clientId: string;
  readonly topicFilter: string;
}

/** One recorded Session that a message goes to. */
export interface Recipient {
  readonly clientId: string;
  readonly grant: Grant;
  /** It answers a SUBSCRIBE from the retained store. */
  readonly retained: boolean;
}

/** ONE record for a message, however many recorded Sessions queue it. */
export interface PublishOp {
  readonly type: "publish";
  readonly message: Message;
  readonly recipients: readonly Recipient[];
  /** Shared groups in whose queue it waits. */
  readonly shareKeys: readonly string[];
  /** It becomes, or with an empty payload removes, its topic's retained message. */
  readonly retain: boolean;
  /** Of a recorded publisher's QoS 2: identifier and message are stored as one (STORE § 8). */
  readonly heldBy: string;
  readonly heldPacketId: number;
}

/** The head of a shared group's queue went to a member; `clientId` "": to one not recorded. */
export interface AssignOp {
  readonly type: "assign";
  readonly shareKey: string;
  readonly clientId: string;
  readonly grant: Grant | undefined;
}

/** The subscriber's PUBREC has come. */
export interface ReleaseOp {
  readonly type: "release";
  readonly clientId: string;
  readonly seq: number;
}

/** A delivery is complete, or was given up; the loss ledger knows which. */
export interface FinishOp {
  readonly type: "finish";
  readonly clientId: string;
  readonly seq: number;
}

/** The publisher's PUBREL has come: its identifier is free again [MQTT-4.3.3-12]. */
export interface UnholdOp {
  readonly type: "unhold";
  readonly clientId: string;
  readonly packetId: number;
}

/** A retained message ran out (§3.3.2.3.3). */
export interface RetainedExpiredOp {
  readonly type: "retained-expired";
  readonly topicName: string;
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
  | RetainedExpiredOp;

/** All that survives of a Session; also what a checkpoint holds of it. */
export interface SessionSnapshot {
  readonly clientId: string;
  readonly principal: Principal;
  readonly expiryIntervalSec: number;
  readonly expiresAtMs: number;
  readonly will: Will | undefined;
  readonly willAtMs: number;
  readonly subscriptions: readonly Omit<SubscribeOp, "type" | "clientId">[];
  readonly entries: readonly WindowEntry[];
  readonly tail: number;
  readonly heldPacketIds: readonly number[];
}
