import { Buffer } from "node:buffer";
import { Message } from "../protocol/message.ts";
import type {
  Delivery,
  ProtocolVersion,
  PublishPacket,
  PublishProperties,
  Qos,
} from "../protocol/packets.ts";
import { PropertyId as P } from "../protocol/property.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { ReasonCode } from "../protocol/reason-code.ts";
import { isTopicName } from "../protocol/topic.ts";
import {
  type BodyReader,
  cutShort,
  isAsciiAt,
  malformed,
  protocolError,
  quoted,
  textAt,
  u16At,
} from "./body-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import {
  NO_IDENTIFIERS,
  type Properties,
  writeBinary,
  writeNumber,
  writeText,
  writeUserProperties,
} from "./properties.ts";

const NO_MESSAGE: Message = Message.of("", Buffer.alloc(0), 0, false, undefined);

type ReusedPublish = { -readonly [Field in keyof PublishPacket]: PublishPacket[Field] };

/**
 * Decodes the PUBLISH packets (§3.3) of one connection, in place.
 *
 * One Message is made for each; the packet around it is filled anew each time. A publisher tends
 * to name the same topic again, so the last name is kept: its bytes are compared, not decoded.
 */
export class PublishDecoder {
  readonly #packet: ReusedPublish = {
    type: "publish",
    message: NO_MESSAGE,
    dup: false,
    packetId: 0,
    topicAlias: 0,
    subscriptionIdentifiers: NO_IDENTIFIERS,
  };
  /** A valid Topic Name of ASCII characters only, or "". */
  #topicName = "";

  /** Lets go of the chunk that the last Message lies in. */
  release(): void {
    this.#packet.message = NO_MESSAGE;
  }

  /** @param reader Stands behind the fixed header, whose flags were checked. */
  decode(reader: BodyReader, properties: Properties): PublishPacket {
    const { bytes, frameAt, at: bodyAt, end, version } = reader;
    const topicAt = bodyAt + 2;
    if (topicAt > end) throw cutShort("Topic Name", 2, end - bodyAt);
    const topicSize = u16At(bytes, bodyAt);
    let at = topicAt + topicSize;
    if (at > end) throw cutShort("Topic Name", topicSize, end - topicAt);
    const topicName = this.#readTopicName(bytes, topicAt, at, version);

    const firstByte = bytes[frameAt] as number;
    const qos = ((firstByte >> 1) & 0b11) as Qos;
    let packetId = 0;
    let packetIdAt = -1; // [MQTT-2.2.1-2]
    if (qos > 0) {
      packetIdAt = at;
      at += 2;
      if (at > end) throw cutShort("Packet Identifier", 2, end - packetIdAt);
      packetId = u16At(bytes, packetIdAt);
      if (packetId === 0) {
        const spec = reader.fromClient ? "MQTT-2.2.1-3" : "MQTT-2.2.1-4";
        throw malformed(spec, "Packet Identifier: 0");
      }
    }
    const packet = this.#packet;
    packet.topicAlias = 0;
    packet.subscriptionIdentifiers = NO_IDENTIFIERS;
    let messageOnly: PublishProperties | undefined;
    if (version === 5 && at < end && bytes[at] === 0) {
      at += 1; // No properties, as mostly: no need to read them.
    } else if (version === 5) {
      reader.at = at;
      messageOnly = this.#readProperties(reader, properties);
      at = reader.at;
    }
    if (topicSize === 0 && packet.topicAlias === 0) throw noTopicName(version);

    const retain = (firstByte & 0b0001) !== 0;
    const message = new Message(topicName, qos, retain, messageOnly, bytes, at, end);
    // Alias and identifiers belong to this hop, and an expiry interval runs down: such a frame
    // cannot go on as it is.
    if (
      packet.topicAlias === 0 &&
      packet.subscriptionIdentifiers === NO_IDENTIFIERS &&
      messageOnly?.messageExpiryIntervalSec === undefined
    ) {
      message.frameAt = frameAt;
      message.packetIdAt = packetIdAt;
      message.frameVersion = version;
    }
    reader.at = end;
    packet.message = message;
    packet.dup = (firstByte & 0b1000) !== 0;
    packet.packetId = packetId;
    return packet;
  }

  #readTopicName(bytes: Buffer, at: number, end: number, version: ProtocolVersion): string {
    if (isAsciiAt(bytes, at, end, this.#topicName)) return this.#topicName;
    const size = end - at;
    const topicName = textAt(bytes, at, end, "Topic Name"); // [MQTT-3.3.2-1]
    if (size === 0) return topicName;
    if (!isTopicName(topicName)) {
      const reasonCode = version === 5 ? ReasonCode.topicNameInvalid : ReasonCode.malformedPacket;
      const detail = `Topic Name: wildcard in ${quoted(topicName)}`;
      throw new ProtocolError(reasonCode, "MQTT-3.3.2-2", detail);
    }
    // One character a byte: ASCII, so that comparing characters with bytes is right.
    if (topicName.length === size) this.#topicName = topicName;
    return topicName;
  }

  /** Fills in what is the packet's. @returns What is the Message's. */
  #readProperties(reader: BodyReader, properties: Properties): PublishProperties | undefined {
    properties.read(reader, "publish");
    const { subscriptionIdentifiers } = properties;
    if (subscriptionIdentifiers !== NO_IDENTIFIERS) {
      if (reader.fromClient) {
        throw protocolError("MQTT-3.3.4-6", "Subscription Identifier: sent by the Client");
      }
      this.#packet.subscriptionIdentifiers = subscriptionIdentifiers;
    }
    this.#packet.topicAlias = properties.number(P.topicAlias) ?? 0;
    return messageProperties(properties);
  }
}

function noTopicName(version: ProtocolVersion): ProtocolError {
  return version === 5
    ? protocolError("§3.3.2.1", "Topic Name: empty, and no Topic Alias")
    : malformed("MQTT-4.7.3-1", "Topic Name: empty");
}

/** What belongs to a Message, of a PUBLISH or a Will; undefined where there is nothing. */
export function messageProperties(properties: Properties): PublishProperties | undefined {
  const payloadFormatIndicator = properties.number(P.payloadFormatIndicator) as 0 | 1 | undefined;
  const messageExpiryIntervalSec = properties.number(P.messageExpiryInterval);
  const contentType = properties.text(P.contentType); // [MQTT-3.3.2-19]
  const responseTopic = properties.text(P.responseTopic); // [MQTT-3.3.2-13]
  const correlationData = properties.binary(P.correlationData);
  const { userProperties } = properties;
  if (responseTopic !== undefined && !isTopicName(responseTopic)) {
    throw protocolError("MQTT-3.3.2-14", `Response Topic: ${quoted(responseTopic)}`);
  }
  if (
    payloadFormatIndicator === undefined &&
    messageExpiryIntervalSec === undefined &&
    contentType === undefined &&
    responseTopic === undefined &&
    correlationData === undefined &&
    userProperties.length === 0
  ) {
    return undefined;
  }
  return {
    payloadFormatIndicator,
    messageExpiryIntervalSec,
    contentType,
    responseTopic,
    correlationData,
    userProperties,
  };
}

/** First byte of a PUBLISH (§3.3.1). */
export function publishFirstByte(qos: Qos, dup: boolean, retain: boolean): number {
  return 0x30 | (dup ? 0b1000 : 0) | (qos << 1) | (retain ? 0b0001 : 0);
}

/**
 * Writes a PUBLISH up to its payload.
 *
 * @returns Where its Packet Identifier stands, counted from the start of the packet; QoS 0: -1.
 */
export function writePublishHead(
  writer: ByteWriter,
  delivery: Delivery,
  version: ProtocolVersion,
): number {
  const { message, qos } = delivery;
  const start = writer.beginPacket();
  const headSize = writer.at - start;
  writer.utf8(delivery.topicOmitted ? "" : message.topicName);
  const packetIdAt = qos === 0 ? -1 : writer.at; // [MQTT-2.2.1-2]
  if (qos > 0) writer.u16(delivery.packetId);
  if (version === 5) writePublishProperties(writer, delivery);
  const bodySize = writer.at - start - headSize;
  writer.endPacket(
    start,
    publishFirstByte(qos, delivery.dup, delivery.retain),
    message.payloadSize,
  );
  // A Remaining Length over 127 has moved the body.
  return qos === 0 ? -1 : packetIdAt + (writer.at - bodySize - headSize - start) - start;
}

function writePublishProperties(writer: ByteWriter, delivery: Delivery): void {
  const { properties } = delivery.message;
  const lengthAt = writer.beginProperties();
  writeNumber(writer, P.messageExpiryInterval, delivery.messageExpiryIntervalSec);
  if (delivery.topicAlias > 0) writeNumber(writer, P.topicAlias, delivery.topicAlias);
  for (const identifier of delivery.subscriptionIdentifiers) {
    writeNumber(writer, P.subscriptionIdentifier, identifier);
  }
  if (properties !== undefined) {
    writeMessageProperties(writer, properties);
    writeUserProperties(writer, properties.userProperties); // [MQTT-3.3.2-17] [MQTT-3.3.2-18]
  }
  writer.endProperties(lengthAt);
}

/** All but the expiry interval, which runs down, and User Property, which ends a packet. */
export function writeMessageProperties(writer: ByteWriter, properties: PublishProperties): void {
  // [MQTT-3.3.2-4]
  writeNumber(writer, P.payloadFormatIndicator, properties.payloadFormatIndicator);
  writeText(writer, P.contentType, properties.contentType); // [MQTT-3.3.2-20]
  writeText(writer, P.responseTopic, properties.responseTopic); // [MQTT-3.3.2-15]
  writeBinary(writer, P.correlationData, properties.correlationData); // [MQTT-3.3.2-16]
}
