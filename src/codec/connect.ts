import {
  type ConnectPacket,
  type ProtocolVersion,
  type PublishProperties,
  type Qos,
  SESSION_EXPIRY_NEVER,
  UINT16_MAX,
  type Will,
} from "../protocol/packets.ts";
import { PropertyId as P } from "../protocol/property.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { ReasonCode } from "../protocol/reason-code.ts";
import { isTopicName } from "../protocol/topic.ts";
import { type BodyReader, malformed, protocolError, quoted } from "./body-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import {
  NO_USER_PROPERTIES,
  type Properties,
  writeBinary,
  writeFlag,
  writeNumber,
  writeText,
  writeUserProperties,
} from "./properties.ts";
import { messageProperties, writeMessageProperties } from "./publish.ts";

/** Bits of the Connect Flags (§3.1.2.3). */
const RESERVED = 0x01;
const CLEAN_START = 0x02;
const WILL = 0x04;
const WILL_RETAIN = 0x20;
const PASSWORD = 0x40;
const USER_NAME = 0x80;
/** A bridge of mosquitto says so in the highest bit of a 3.x Protocol Version. */
const BRIDGE = 0x80;

/**
 * Protocol Name and Protocol Version (§3.1.2.1, §3.1.2.2).
 *
 * @param answerIn Told the version that a refusal is to be written in, before anything is thrown.
 */
export function readProtocolVersion(
  reader: BodyReader,
  answerIn: (version: ProtocolVersion) => void,
): ProtocolVersion {
  const name = reader.utf8("Protocol Name");
  if (name !== "MQTT" && name !== "MQIsdp") {
    // [3.1.1 MQTT-3.1.2-1]
    throw unsupported("MQTT-3.1.2-1", `Protocol Name: ${quoted(name)}`);
  }
  const level = reader.u8("Protocol Version");
  // Who speaks an unknown 3.x understands a CONNACK of 3.x, which is one byte shorter.
  const family = level & ~BRIDGE;
  const version = name === "MQIsdp" || family === 3 ? 3 : family === 4 ? 4 : 5;
  answerIn(version);
  if (level !== version || (level === 3) !== (name === "MQIsdp")) {
    throw unsupported("MQTT-3.1.2-2", `${name} with Protocol Version ${level}`);
  }
  return version;
}

function unsupported(spec: string, detail: string): ProtocolError {
  return new ProtocolError(ReasonCode.unsupportedProtocolVersion, spec, detail);
}

/** What follows the Protocol Version, which `reader.version` is, to the letter [MQTT-3.1.4-1]. */
export function decodeConnect(reader: BodyReader, properties: Properties): ConnectPacket {
  const protocolVersion = reader.version;
  const flags = reader.u8("Connect Flags");
  checkFlags(flags, protocolVersion);
  const keepAliveSec = reader.u16("Keep Alive");
  if (protocolVersion === 5) properties.read(reader, "connect");
  else properties.clear();
  const own = connectProperties(properties, protocolVersion, (flags & CLEAN_START) !== 0);

  // The order is fixed [MQTT-3.1.3-1]; Client Identifier is always there [MQTT-3.1.3-3].
  const clientId = reader.utf8("Client Identifier"); // [MQTT-3.1.3-4]
  const will = (flags & WILL) === 0 ? undefined : decodeWill(reader, flags, properties);
  // [MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT-3.1.3-12]
  const userName = (flags & USER_NAME) !== 0 ? reader.utf8("User Name") : undefined;
  // [MQTT-3.1.2-18] [MQTT-3.1.2-19]
  const password = (flags & PASSWORD) !== 0 ? reader.binary("Password") : undefined;
  return {
    type: "connect",
    protocolVersion,
    clientId,
    cleanStart: (flags & CLEAN_START) !== 0,
    keepAliveSec,
    userName,
    password,
    will,
    ...own,
  };
}

function checkFlags(flags: number, version: ProtocolVersion): void {
  const willQos = (flags >> 3) & 0b11;
  const withWill = (flags & WILL) !== 0;
  if (willQos === 3 && (withWill || version !== 3))
    throw malformed("MQTT-3.1.2-12", "Connect Flags: Will QoS 3");
  if ((flags & (PASSWORD | USER_NAME)) === PASSWORD && version !== 5) {
    throw malformed("3.1.1 MQTT-3.1.2-22", "Connect Flags: Password without User Name");
  }
  if (version === 3) return; // 3.1 says of the rest that it is disregarded.
  if ((flags & RESERVED) !== 0) throw malformed("MQTT-3.1.2-3", "Connect Flags: reserved bit set");
  if (withWill) return;
  if (willQos !== 0) throw malformed("MQTT-3.1.2-11", "Connect Flags: Will QoS without a Will");
  if ((flags & WILL_RETAIN) !== 0) {
    throw malformed("MQTT-3.1.2-13", "Connect Flags: Will Retain without a Will");
  }
}

type OwnProperties = Pick<
  ConnectPacket,
  | "sessionExpiryIntervalSec"
  | "receiveMaximum"
  | "maximumPacketSize"
  | "topicAliasMaximum"
  | "requestResponseInformation"
  | "requestProblemInformation"
  | "userProperties"
  | "authenticationMethod"
  | "authenticationData"
>;

/** The properties of CONNECT, and what stands for those that are absent (§3.1.2.11). */
function connectProperties(
  properties: Properties,
  version: ProtocolVersion,
  cleanStart: boolean,
): OwnProperties {
  const authenticationMethod = properties.text(P.authenticationMethod);
  const authenticationData = properties.binary(P.authenticationData);
  if (authenticationData !== undefined && authenticationMethod === undefined) {
    throw protocolError("§3.1.2.11.10", "Authentication Data without Authentication Method");
  }
  const expiryAbsent = version === 5 || cleanStart ? 0 : SESSION_EXPIRY_NEVER;
  return {
    sessionExpiryIntervalSec: properties.number(P.sessionExpiryInterval) ?? expiryAbsent,
    receiveMaximum: properties.number(P.receiveMaximum) ?? UINT16_MAX,
    maximumPacketSize: properties.number(P.maximumPacketSize) ?? Number.POSITIVE_INFINITY,
    topicAliasMaximum: properties.number(P.topicAliasMaximum) ?? 0,
    requestResponseInformation: properties.flag(P.requestResponseInformation) ?? false,
    requestProblemInformation: properties.flag(P.requestProblemInformation) ?? true,
    userProperties: properties.userProperties,
    authenticationMethod,
    authenticationData,
  };
}

/** Will Properties, Will Topic and Will Payload [MQTT-3.1.2-9]. */
function decodeWill(reader: BodyReader, flags: number, properties: Properties): Will {
  const { version } = reader;
  if (version === 5) properties.read(reader, "will");
  else properties.clear();
  const willProperties: PublishProperties | undefined = messageProperties(properties);
  const willDelayIntervalSec = properties.number(P.willDelayInterval) ?? 0;
  const topicName = reader.utf8("Will Topic"); // [MQTT-3.1.3-11]
  if (!isTopicName(topicName)) {
    const reasonCode = version === 5 ? ReasonCode.topicNameInvalid : ReasonCode.malformedPacket;
    const spec = topicName === "" ? "MQTT-4.7.3-1" : "MQTT-4.7.0-1";
    throw new ProtocolError(reasonCode, spec, `Will Topic: ${quoted(topicName)}`);
  }
  return {
    topicName,
    payload: reader.binary("Will Payload"),
    qos: ((flags >> 3) & 0b11) as Qos,
    retain: (flags & WILL_RETAIN) !== 0,
    properties: willProperties,
    willDelayIntervalSec,
  };
}

export function encodeConnect(writer: ByteWriter, packet: ConnectPacket): void {
  const { protocolVersion, will, userName, password } = packet;
  const start = writer.beginPacket();
  writer.utf8(protocolVersion === 3 ? "MQIsdp" : "MQTT");
  writer.u8(protocolVersion);
  let flags = packet.cleanStart ? CLEAN_START : 0;
  if (will !== undefined) flags |= WILL | (will.qos << 3) | (will.retain ? WILL_RETAIN : 0);
  if (password !== undefined) flags |= PASSWORD;
  if (userName !== undefined) flags |= USER_NAME;
  writer.u8(flags);
  writer.u16(packet.keepAliveSec);
  if (protocolVersion === 5) writeConnectProperties(writer, packet);
  writer.utf8(packet.clientId);
  if (will !== undefined) {
    if (protocolVersion === 5) writeWillProperties(writer, will);
    writer.utf8(will.topicName);
    writer.binary(will.payload);
  }
  if (userName !== undefined) writer.utf8(userName);
  if (password !== undefined) writer.binary(password);
  writer.endPacket(start, 0x10, 0);
}

/** What stands for an absent property anyway is left out. */
function writeConnectProperties(writer: ByteWriter, packet: ConnectPacket): void {
  const { sessionExpiryIntervalSec, receiveMaximum, maximumPacketSize } = packet;
  const lengthAt = writer.beginProperties();
  if (sessionExpiryIntervalSec !== 0) {
    writeNumber(writer, P.sessionExpiryInterval, sessionExpiryIntervalSec);
  }
  if (receiveMaximum !== UINT16_MAX) writeNumber(writer, P.receiveMaximum, receiveMaximum);
  if (maximumPacketSize !== Number.POSITIVE_INFINITY) {
    writeNumber(writer, P.maximumPacketSize, maximumPacketSize);
  }
  if (packet.topicAliasMaximum !== 0) {
    writeNumber(writer, P.topicAliasMaximum, packet.topicAliasMaximum);
  }
  if (packet.requestResponseInformation) writeFlag(writer, P.requestResponseInformation, true);
  if (!packet.requestProblemInformation) writeFlag(writer, P.requestProblemInformation, false);
  writeText(writer, P.authenticationMethod, packet.authenticationMethod);
  writeBinary(writer, P.authenticationData, packet.authenticationData);
  writeUserProperties(writer, packet.userProperties);
  writer.endProperties(lengthAt);
}

function writeWillProperties(writer: ByteWriter, will: Will): void {
  const lengthAt = writer.beginProperties();
  if (will.willDelayIntervalSec !== 0) {
    writeNumber(writer, P.willDelayInterval, will.willDelayIntervalSec);
  }
  const { properties } = will;
  writeNumber(writer, P.messageExpiryInterval, properties?.messageExpiryIntervalSec);
  if (properties !== undefined) writeMessageProperties(writer, properties);
  writeUserProperties(writer, properties?.userProperties ?? NO_USER_PROPERTIES);
  writer.endProperties(lengthAt);
}
