/**
 * The 15 MQTT Control Packets as data (§3), whatever the protocol version on the wire.
 *
 * The codec translates 3.1 and 3.1.1 at its border: Clean Session becomes `cleanStart` with a
 * Session Expiry Interval, return codes become Reason Codes. Everything above speaks 5.0 only.
 *
 * Optional properties are `undefined`, never left out: all objects of a kind have one shape.
 */
import type { Message } from "./message.ts";

/** Protocol Level byte of CONNECT: 3 = "MQIsdp" 3.1, 4 = 3.1.1, 5 = 5.0. */
export type ProtocolVersion = 3 | 4 | 5;
export type Qos = 0 | 1 | 2;
/** In the order of the wire, repeats kept [MQTT-3.3.2-18]. */
export type UserProperties = ReadonlyArray<readonly [name: string, value: string]>;

/** Session Expiry Interval that never ends (§3.1.2.11.2). */
export const SESSION_EXPIRY_NEVER = 0xffff_ffff;
/** Receive Maximum, Packet Identifier and Topic Alias all end here. */
export const UINT16_MAX = 65_535;

/** A Will Message with its two own fields (§3.1.3.2). */
export interface Will {
  readonly topicName: string;
  readonly payload: Uint8Array;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly properties: PublishProperties | undefined;
  readonly willDelayIntervalSec: number;
}

export interface ConnectPacket {
  readonly type: "connect";
  readonly protocolVersion: ProtocolVersion;
  readonly clientId: string;
  readonly cleanStart: boolean;
  readonly keepAliveSec: number;
  readonly userName: string | undefined;
  readonly password: Uint8Array | undefined;
  readonly will: Will | undefined;
  /** 0 when absent (5.0); 3.x: 0 with Clean Session 1, else SESSION_EXPIRY_NEVER. */
  readonly sessionExpiryIntervalSec: number;
  /** 65,535 when absent, and in 3.x. */
  readonly receiveMaximum: number;
  /** Infinity when absent, and in 3.x. */
  readonly maximumPacketSize: number;
  /** 0 when absent, and in 3.x. */
  readonly topicAliasMaximum: number;
  readonly requestResponseInformation: boolean;
  readonly requestProblemInformation: boolean;
  readonly userProperties: UserProperties;
  readonly authenticationMethod: string | undefined;
  readonly authenticationData: Uint8Array | undefined;
}

/** Properties of CONNACK (§3.2.2.3). Undefined ones are not sent. */
export interface ConnackProperties {
  sessionExpiryIntervalSec?: number | undefined;
  receiveMaximum?: number | undefined;
  maximumQos?: 0 | 1 | undefined;
  retainAvailable?: boolean | undefined;
  maximumPacketSize?: number | undefined;
  assignedClientIdentifier?: string | undefined;
  topicAliasMaximum?: number | undefined;
  reasonString?: string | undefined;
  userProperties?: UserProperties | undefined;
  wildcardSubscriptionAvailable?: boolean | undefined;
  subscriptionIdentifiersAvailable?: boolean | undefined;
  sharedSubscriptionAvailable?: boolean | undefined;
  serverKeepAliveSec?: number | undefined;
  responseInformation?: string | undefined;
  serverReference?: string | undefined;
  authenticationMethod?: string | undefined;
  authenticationData?: Uint8Array | undefined;
}

export interface ConnackPacket {
  readonly type: "connack";
  readonly sessionPresent: boolean;
  /** A 5.0 Reason Code; the codec turns it into a 3.x return code where that is what goes out. */
  readonly reasonCode: number;
  readonly properties: ConnackProperties | undefined;
}

/** Properties of a Message that travel unaltered from publisher to subscribers (§3.3.2.3). */
export interface PublishProperties {
  readonly payloadFormatIndicator: 0 | 1 | undefined;
  /** As received; what is left of it is worked out when a PUBLISH goes out [MQTT-3.3.2-6]. */
  readonly messageExpiryIntervalSec: number | undefined;
  readonly contentType: string | undefined;
  readonly responseTopic: string | undefined;
  readonly correlationData: Uint8Array | undefined;
  readonly userProperties: UserProperties;
}

/** A PUBLISH as it was received: its Message, and what concerns this one hop only. */
export interface PublishPacket {
  readonly type: "publish";
  /** `message.topicName` is "" when only a Topic Alias stands for it. */
  readonly message: Message;
  readonly dup: boolean;
  /** 1..65535 when `message.qos` > 0, else 0. */
  readonly packetId: number;
  /** 0 when absent. */
  readonly topicAlias: number;
  /** Empty unless a server sent it [MQTT-3.3.4-6]. */
  readonly subscriptionIdentifiers: readonly number[];
}

/** Reason String and User Property, which most replies may carry. */
export interface ReplyProperties {
  readonly reasonString: string | undefined;
  readonly userProperties: UserProperties;
}

export type AckType = "puback" | "pubrec" | "pubrel" | "pubcomp";

export interface AckPacket {
  readonly type: AckType;
  readonly packetId: number;
  /** 0 in 3.x. */
  readonly reasonCode: number;
  readonly properties: ReplyProperties | undefined;
}

export interface SubscriptionOptions {
  /** Maximum QoS that the subscriber wants (§3.8.3.1). */
  readonly qos: Qos;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: 0 | 1 | 2;
}

export interface SubscriptionRequest extends SubscriptionOptions {
  /** Well-formed UTF-8, but not checked against §4.7: a bad filter is refused alone. */
  readonly topicFilter: string;
}

export interface SubscribePacket {
  readonly type: "subscribe";
  readonly packetId: number;
  readonly subscriptions: readonly SubscriptionRequest[];
  /** 0 when absent. */
  readonly subscriptionIdentifier: number;
  readonly userProperties: UserProperties;
}

export interface SubackPacket {
  readonly type: "suback";
  readonly packetId: number;
  readonly reasonCodes: readonly number[];
  readonly properties: ReplyProperties | undefined;
}

export interface UnsubscribePacket {
  readonly type: "unsubscribe";
  readonly packetId: number;
  readonly topicFilters: readonly string[];
  readonly userProperties: UserProperties;
}

export interface UnsubackPacket {
  readonly type: "unsuback";
  readonly packetId: number;
  /** Not sent in 3.x. */
  readonly reasonCodes: readonly number[];
  readonly properties: ReplyProperties | undefined;
}

export interface PingreqPacket {
  readonly type: "pingreq";
}

export interface PingrespPacket {
  readonly type: "pingresp";
}

export interface DisconnectPacket {
  readonly type: "disconnect";
  readonly reasonCode: number;
  /** Undefined when absent: the interval of CONNECT goes on (§3.14.2.2.2). */
  readonly sessionExpiryIntervalSec: number | undefined;
  readonly serverReference: string | undefined;
  readonly properties: ReplyProperties | undefined;
}

export interface AuthPacket {
  readonly type: "auth";
  readonly reasonCode: number;
  readonly authenticationMethod: string | undefined;
  readonly authenticationData: Uint8Array | undefined;
  readonly properties: ReplyProperties | undefined;
}

/** What a decoder gives. */
export type Packet =
  | ConnectPacket
  | ConnackPacket
  | PublishPacket
  | AckPacket
  | SubscribePacket
  | SubackPacket
  | UnsubscribePacket
  | UnsubackPacket
  | PingreqPacket
  | PingrespPacket
  | DisconnectPacket
  | AuthPacket;

/**
 * One PUBLISH to send: a Message and what is particular to this receiver.
 *
 * A class with all fields always there, because one object is filled anew for each delivery.
 */
export class Delivery {
  readonly type = "publish" as const;
  message: Message;
  qos: Qos = 0;
  dup = false;
  retain = false;
  /** 0 for QoS 0. */
  packetId = 0;
  /** 0: none. */
  topicAlias = 0;
  /** The alias alone names the topic: Topic Name goes out empty (§3.3.2.3.4). */
  topicOmitted = false;
  subscriptionIdentifiers: readonly number[] = [];
  /** Seconds left, or undefined when the Message has no expiry [MQTT-3.3.2-6]. */
  messageExpiryIntervalSec: number | undefined = undefined;

  constructor(message: Message) {
    this.message = message;
  }
}

/** What an encoder takes. */
export type OutgoingPacket = Exclude<Packet, PublishPacket> | Delivery;
