/** The property table (§2.2.2.2): identifier, name, type, and where each may stand. */

export type PropertyType =
  | "byte"
  | "uint16"
  | "uint32"
  | "varint"
  | "binary"
  | "utf8"
  | "utf8-pair";

/** Packet types that carry properties, and the Will Properties of CONNECT. */
export type PropertyPlace =
  | "connect"
  | "will"
  | "connack"
  | "publish"
  | "puback"
  | "pubrec"
  | "pubrel"
  | "pubcomp"
  | "subscribe"
  | "suback"
  | "unsubscribe"
  | "unsuback"
  | "disconnect"
  | "auth";

export interface PropertyRule {
  readonly id: number;
  /** Name in the specification, as errors say it. */
  readonly name: string;
  readonly type: PropertyType;
  readonly places: readonly PropertyPlace[];
  /** May stand more than once: User Property; Subscription Identifier in a server's PUBLISH. */
  readonly repeatable: boolean;
}

const REPLIES: readonly PropertyPlace[] = [
  "connack",
  "puback",
  "pubrec",
  "pubrel",
  "pubcomp",
  "suback",
  "unsuback",
  "disconnect",
  "auth",
];
const MESSAGE: readonly PropertyPlace[] = ["publish", "will"];
const EVERYWHERE: readonly PropertyPlace[] = [
  ...REPLIES,
  ...MESSAGE,
  "connect",
  "subscribe",
  "unsubscribe",
];

/** Identifiers by name. */
export const PropertyId = {
  payloadFormatIndicator: 0x01,
  messageExpiryInterval: 0x02,
  contentType: 0x03,
  responseTopic: 0x08,
  correlationData: 0x09,
  subscriptionIdentifier: 0x0b,
  sessionExpiryInterval: 0x11,
  assignedClientIdentifier: 0x12,
  serverKeepAlive: 0x13,
  authenticationMethod: 0x15,
  authenticationData: 0x16,
  requestProblemInformation: 0x17,
  willDelayInterval: 0x18,
  requestResponseInformation: 0x19,
  responseInformation: 0x1a,
  serverReference: 0x1c,
  reasonString: 0x1f,
  receiveMaximum: 0x21,
  topicAliasMaximum: 0x22,
  topicAlias: 0x23,
  maximumQos: 0x24,
  retainAvailable: 0x25,
  userProperty: 0x26,
  maximumPacketSize: 0x27,
  wildcardSubscriptionAvailable: 0x28,
  subscriptionIdentifierAvailable: 0x29,
  sharedSubscriptionAvailable: 0x2a,
} as const;

export type PropertyId = (typeof PropertyId)[keyof typeof PropertyId];

function rule(
  id: PropertyId,
  name: string,
  type: PropertyType,
  places: readonly PropertyPlace[],
  repeatable = false,
): PropertyRule {
  return { id, name, type, places, repeatable };
}

const P = PropertyId;

export const PROPERTY_RULES: readonly PropertyRule[] = [
  rule(P.payloadFormatIndicator, "Payload Format Indicator", "byte", MESSAGE),
  rule(P.messageExpiryInterval, "Message Expiry Interval", "uint32", MESSAGE),
  rule(P.contentType, "Content Type", "utf8", MESSAGE),
  rule(P.responseTopic, "Response Topic", "utf8", MESSAGE),
  rule(P.correlationData, "Correlation Data", "binary", MESSAGE),
  rule(
    P.subscriptionIdentifier,
    "Subscription Identifier",
    "varint",
    ["publish", "subscribe"],
    true,
  ),
  rule(P.sessionExpiryInterval, "Session Expiry Interval", "uint32", [
    "connect",
    "connack",
    "disconnect",
  ]),
  rule(P.assignedClientIdentifier, "Assigned Client Identifier", "utf8", ["connack"]),
  rule(P.serverKeepAlive, "Server Keep Alive", "uint16", ["connack"]),
  rule(P.authenticationMethod, "Authentication Method", "utf8", ["connect", "connack", "auth"]),
  rule(P.authenticationData, "Authentication Data", "binary", ["connect", "connack", "auth"]),
  rule(P.requestProblemInformation, "Request Problem Information", "byte", ["connect"]),
  rule(P.willDelayInterval, "Will Delay Interval", "uint32", ["will"]),
  rule(P.requestResponseInformation, "Request Response Information", "byte", ["connect"]),
  rule(P.responseInformation, "Response Information", "utf8", ["connack"]),
  rule(P.serverReference, "Server Reference", "utf8", ["connack", "disconnect"]),
  rule(P.reasonString, "Reason String", "utf8", REPLIES),
  rule(P.receiveMaximum, "Receive Maximum", "uint16", ["connect", "connack"]),
  rule(P.topicAliasMaximum, "Topic Alias Maximum", "uint16", ["connect", "connack"]),
  rule(P.topicAlias, "Topic Alias", "uint16", ["publish"]),
  rule(P.maximumQos, "Maximum QoS", "byte", ["connack"]),
  rule(P.retainAvailable, "Retain Available", "byte", ["connack"]),
  rule(P.userProperty, "User Property", "utf8-pair", EVERYWHERE, true),
  rule(P.maximumPacketSize, "Maximum Packet Size", "uint32", ["connect", "connack"]),
  rule(P.wildcardSubscriptionAvailable, "Wildcard Subscription Available", "byte", ["connack"]),
  rule(P.subscriptionIdentifierAvailable, "Subscription Identifiers Available", "byte", [
    "connack",
  ]),
  rule(P.sharedSubscriptionAvailable, "Shared Subscription Available", "byte", ["connack"]),
];
