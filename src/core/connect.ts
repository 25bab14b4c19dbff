/** CONNECT: what is refused, and what CONNACK says (§3.1, §3.2). */
import type { ConnackPacket, ConnackProperties, ConnectPacket } from "../protocol/packets.ts";
import { UINT16_MAX } from "../protocol/packets.ts";
import { ReasonCode } from "../protocol/reason-code.ts";
import { isTopicName, topicLevels } from "../protocol/topic.ts";
import type { Refusal } from "./closing.ts";
import type { Context } from "./context.ts";
import type { Limits } from "./limits.ts";
import type { ListenerPolicy } from "./ports.ts";

/** Whether CONNECT asks for something that this broker, or this listener, does not give. */
export function refusalOf(
  connect: ConnectPacket,
  policy: ListenerPolicy,
  context: Context,
): Refusal | undefined {
  const { limits } = context;
  const { clientId, will, protocolVersion, cleanStart, userName } = connect;
  if (utf8Size(clientId) > limits.clientIdBytesMax || hasControlCharacter(clientId)) {
    return {
      reasonCode: ReasonCode.clientIdentifierNotValid, // [MQTT-3.1.3-8]
      reason: `Client Identifier: over ${limits.clientIdBytesMax} bytes, or a control character`,
    };
  }
  if (userName !== undefined && hasControlCharacter(userName)) {
    return { reasonCode: ReasonCode.badUserNameOrPassword, reason: "User Name: control character" };
  }
  if (clientId === "" && (protocolVersion === 3 || (protocolVersion === 4 && !cleanStart))) {
    return {
      // [3.1.1 MQTT-3.1.3-8] [3.1.1 MQTT-3.1.3-9] and 3.1 §3.1
      reasonCode: ReasonCode.clientIdentifierNotValid,
      reason: "Client Identifier: empty, with Clean Session 0 or in MQTT 3.1",
    };
  }
  if (will !== undefined) {
    const refusal = willRefusalOf(will.topicName, will.qos, will.retain, policy, limits);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function willRefusalOf(
  topicName: string,
  qos: number,
  retain: boolean,
  policy: ListenerPolicy,
  limits: Limits,
): Refusal | undefined {
  if (qos > policy.maximumQos) {
    return { reasonCode: ReasonCode.qosNotSupported, reason: "Will QoS" }; // [MQTT-3.2.2-12]
  }
  if (retain && !policy.retainAvailable) {
    return { reasonCode: ReasonCode.retainNotSupported, reason: "Will Retain" }; // [MQTT-3.2.2-13]
  }
  if (!isTopicAllowed(topicName, limits)) {
    return { reasonCode: ReasonCode.topicNameInvalid, reason: "Will Topic" };
  }
  return undefined;
}

/** Whether clients may publish to this topic at all: within limits, and no "$" topic (§4.7.2). */
export function isTopicAllowed(topicName: string, limits: Limits): boolean {
  return isTopicName(topicName) && !topicName.startsWith("$") && isWithin(topicName, limits);
}

/** Whether a Topic Name or Filter is within the limits on bytes [MQTT-4.7.3-3] and levels. */
export function isWithin(topic: string, limits: Limits): boolean {
  // A name of N UTF-16 units has at most 3 N bytes: most need no counting.
  if (topic.length * 3 > limits.topicBytesMax && utf8Size(topic) > limits.topicBytesMax) {
    return false;
  }
  return topic.length < limits.topicLevelsMax || topicLevels(topic) <= limits.topicLevelsMax;
}

/** What was settled while connecting, for CONNACK to tell. */
export interface Settled {
  readonly clientId: string;
  readonly sessionPresent: boolean;
  readonly expiryIntervalSec: number;
  readonly keepAliveSec: number;
  readonly authenticationData: Uint8Array | undefined;
}

/** The CONNACK of success [MQTT-3.1.4-5]; values that are the default on the wire are left out. */
export function connackOf(
  connect: ConnectPacket,
  settled: Settled,
  policy: ListenerPolicy,
  context: Context,
): ConnackPacket {
  const { limits } = context;
  const { clientId, sessionPresent, expiryIntervalSec, keepAliveSec } = settled;
  const properties: ConnackProperties = {
    sessionExpiryIntervalSec: differs(expiryIntervalSec, connect.sessionExpiryIntervalSec),
    receiveMaximum: differs(limits.receiveMaximum, UINT16_MAX),
    maximumQos: policy.maximumQos === 2 ? undefined : policy.maximumQos, // [MQTT-3.2.2-9]
    retainAvailable: policy.retainAvailable ? undefined : false,
    maximumPacketSize: limits.packetSizeMax,
    assignedClientIdentifier: differs(clientId, connect.clientId), // [MQTT-3.2.2-16]
    topicAliasMaximum: differs(limits.topicAliasMax, 0),
    wildcardSubscriptionAvailable: policy.wildcardSubscriptionAvailable ? undefined : false,
    subscriptionIdentifiersAvailable: policy.subscriptionIdentifiersAvailable ? undefined : false,
    sharedSubscriptionAvailable: policy.sharedSubscriptionAvailable ? undefined : false,
    serverKeepAliveSec: differs(keepAliveSec, connect.keepAliveSec), // [MQTT-3.2.2-21]
    // Only to those who ask [MQTT-3.1.2-28].
    responseInformation: connect.requestResponseInformation
      ? context.responseInformation
      : undefined,
    authenticationMethod: connect.authenticationMethod, // [MQTT-4.12.0-5] [MQTT-4.12.0-6]
    authenticationData: settled.authenticationData,
  };
  return { type: "connack", sessionPresent, reasonCode: ReasonCode.success, properties };
}

/** The Keep Alive that a client is held to. */
export function keepAliveWithin(
  maxSec: number,
  { keepAliveSec, protocolVersion }: ConnectPacket,
): number {
  if (maxSec === 0) return keepAliveSec;
  if (keepAliveSec === 0) return maxSec;
  // A client of 3.x cannot be told another one [3.1.1 MQTT-3.1.2-24].
  return protocolVersion < 5 ? keepAliveSec : Math.min(keepAliveSec, maxSec);
}

function differs<T>(value: T, usual: T): T | undefined {
  return value === usual ? undefined : value;
}

/** Bytes of `text` in UTF-8. */
export function utf8Size(text: string): number {
  let size = text.length;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) continue;
    // A surrogate pair is 2 units and 4 bytes; everything else from U+0800 up is 1 and 3.
    size += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return size;
}

/** U+0001..U+001F and U+007F..U+009F, which would end up in logs and headers (§1.5.4). */
export function hasControlCharacter(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit < 0x20 || (unit >= 0x7f && unit < 0xa0)) return true;
  }
  return false;
}
