/** What the broker says when it ends a connection, or does not begin one (§3.2.2.2, §3.14). */
import type { ConnackPacket, DisconnectPacket, ReplyProperties } from "../protocol/packets.ts";
import { ReasonCode } from "../protocol/reason-code.ts";

/** Why a packet is refused: the code for the wire, the sentence for people. */
export interface Refusal {
  readonly reasonCode: ReasonCode;
  readonly reason: string;
}

const R = ReasonCode;
/** A Reason String quotes what the client sent, which may fill a whole packet. */
const REASON_LENGTH_MAX = 256;

/** Reason Codes of failure that CONNACK may carry. */
const CONNACK_CODES: ReadonlySet<ReasonCode> = new Set<ReasonCode>([
  ...[R.unspecifiedError, R.malformedPacket, R.protocolError, R.implementationSpecificError],
  ...[R.unsupportedProtocolVersion, R.clientIdentifierNotValid, R.badUserNameOrPassword],
  ...[R.notAuthorized, R.serverUnavailable, R.serverBusy, R.banned, R.badAuthenticationMethod],
  ...[R.topicNameInvalid, R.packetTooLarge, R.quotaExceeded, R.payloadFormatInvalid],
  ...[R.retainNotSupported, R.qosNotSupported, R.useAnotherServer, R.serverMoved],
  R.connectionRateExceeded,
]);

/** Codes that DISCONNECT does not know, and what it says instead. */
const DISCONNECT_INSTEAD: ReadonlyMap<ReasonCode, ReasonCode> = new Map<ReasonCode, ReasonCode>([
  [R.unsupportedProtocolVersion, R.protocolError],
  [R.clientIdentifierNotValid, R.protocolError],
  [R.badUserNameOrPassword, R.notAuthorized],
  [R.badAuthenticationMethod, R.notAuthorized],
  [R.banned, R.notAuthorized],
  [R.serverUnavailable, R.serverBusy],
]);

/** The CONNACK that refuses; Session Present is 0 [MQTT-3.2.2-6]. */
export function connackRefusing({ reasonCode, reason }: Refusal): ConnackPacket {
  return {
    type: "connack",
    sessionPresent: false,
    reasonCode: CONNACK_CODES.has(reasonCode) ? reasonCode : R.notAuthorized, // [MQTT-3.2.2-8]
    properties: { reasonString: shortened(reason) },
  };
}

/**
 * @param withReason The client takes a Reason String; no other packet but CONNACK ever has one
 *   from this broker [MQTT-3.1.2-29].
 */
export function disconnectFor(
  reasonCode: ReasonCode,
  why: string,
  withReason: boolean,
): DisconnectPacket {
  const properties: ReplyProperties = { reasonString: shortened(why), userProperties: [] };
  return {
    type: "disconnect",
    reasonCode: DISCONNECT_INSTEAD.get(reasonCode) ?? reasonCode, // [MQTT-3.14.2-1]
    sessionExpiryIntervalSec: undefined, // [MQTT-3.14.2-2]
    serverReference: undefined,
    properties: withReason ? properties : undefined,
  };
}

export function shortened(text: string): string {
  return text.length <= REASON_LENGTH_MAX ? text : `${text.slice(0, REASON_LENGTH_MAX)}…`;
}
