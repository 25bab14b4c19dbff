/** What another implementation, mqtt-packet, makes of the same bytes, where it is right. */
import assert from "node:assert/strict";
import { test } from "node:test";
import mqttPacket from "mqtt-packet";
import type { Packet, PublishPacket } from "../protocol/packets.ts";
import { decoderFor, drain } from "./drive.suite.ts";
import { ACCEPTED, type Vector } from "./vectors.suite.ts";

/** What it refuses although the specification allows it. */
const WRONGLY_REFUSED: ReadonlySet<string> = new Set([
  "3.1 disregards what has no Will",
  "PUBREL again",
  "SUBSCRIBE again",
  "UNSUBSCRIBE again",
  "AUTH, Success",
]);

function theirs(vector: Vector): Record<string, unknown> {
  const parser = mqttPacket.parser({ protocolVersion: vector.version });
  const packets: mqttPacket.Packet[] = [];
  parser.on("packet", (packet) => packets.push(packet));
  parser.on("error", (error) => {
    throw error;
  });
  parser.parse(vector.bytes);
  assert.equal(packets.length, 1);
  return packets[0] as unknown as Record<string, unknown>;
}

/** What a packet of ours says, in the words of mqtt-packet. */
function inTheirWords(packet: Packet, vector: Vector): Record<string, unknown> {
  const is5 = vector.version === 5;
  switch (packet.type) {
    case "connect": {
      const { will } = packet;
      return {
        cmd: "connect",
        protocolVersion: packet.protocolVersion,
        clientId: packet.clientId,
        clean: packet.cleanStart,
        keepalive: packet.keepAliveSec,
        username: packet.userName,
        password: packet.password,
        "will.topic": will?.topicName,
        "will.payload": will?.payload,
        "will.qos": will?.qos,
        "will.retain": will?.retain,
      };
    }
    case "publish":
      return publishInTheirWords(packet);
    case "connack":
      return { cmd: "connack", sessionPresent: packet.sessionPresent };
    case "subscribe":
      return {
        cmd: "subscribe",
        messageId: packet.packetId,
        subscriptions: packet.subscriptions.map(({ topicFilter: topic, qos, ...options }) => {
          if (!is5) return { topic, qos };
          const { noLocal: nl, retainAsPublished: rap, retainHandling: rh } = options;
          return { topic, qos, nl, rap, rh };
        }),
        "properties.subscriptionIdentifier": packet.subscriptionIdentifier || undefined,
      };
    case "unsubscribe":
      return {
        cmd: "unsubscribe",
        messageId: packet.packetId,
        unsubscriptions: packet.topicFilters,
      };
    case "suback":
    case "unsuback": {
      const granted = is5 || packet.type === "suback" ? packet.reasonCodes : undefined;
      return { cmd: packet.type, messageId: packet.packetId, granted };
    }
    case "pingreq":
    case "pingresp":
      return { cmd: packet.type };
    case "disconnect":
    case "auth":
      return {
        cmd: packet.type,
        reasonCode: is5 ? packet.reasonCode : undefined,
        "properties.reasonString": packet.properties?.reasonString,
      };
    default:
      return {
        cmd: packet.type,
        messageId: packet.packetId,
        reasonCode: is5 ? packet.reasonCode : undefined,
        "properties.reasonString": packet.properties?.reasonString,
      };
  }
}

function publishInTheirWords(packet: PublishPacket): Record<string, unknown> {
  const { message } = packet;
  const { properties } = message;
  const indicator = properties?.payloadFormatIndicator;
  const identifiers = packet.subscriptionIdentifiers;
  return {
    cmd: "publish",
    topic: message.topicName,
    payload: Buffer.from(message.payload),
    qos: message.qos,
    dup: packet.dup,
    retain: message.retain,
    messageId: packet.packetId || undefined,
    "properties.topicAlias": packet.topicAlias || undefined,
    "properties.payloadFormatIndicator": indicator === undefined ? undefined : indicator === 1,
    "properties.messageExpiryInterval": properties?.messageExpiryIntervalSec,
    "properties.contentType": properties?.contentType,
    "properties.responseTopic": properties?.responseTopic,
    "properties.correlationData": properties?.correlationData,
    "properties.subscriptionIdentifier": identifiers.length > 1 ? identifiers : identifiers[0],
  };
}

/** `will.qos` of a packet of theirs. */
function lookUp(packet: Record<string, unknown>, path: string): unknown {
  let value: unknown = packet;
  for (const key of path.split(".")) value = (value as Record<string, unknown> | undefined)?.[key];
  return value;
}

for (const vector of ACCEPTED) {
  const name = `${vector.role} ${vector.version}: ${vector.note}`;
  if (WRONGLY_REFUSED.has(vector.note)) {
    test(`mqtt-packet wrongly refuses ${name}`, () => {
      assert.throws(() => theirs(vector));
    });
    continue;
  }
  test(`mqtt-packet agrees on ${name}`, () => {
    const [packet] = drain(decoderFor(vector.role, vector.version), vector.bytes);
    assert.ok(packet !== undefined, "a packet");
    const their = theirs(vector);
    for (const [path, value] of Object.entries(inTheirWords(packet, vector))) {
      assert.deepEqual(lookUp(their, path), value, path);
    }
  });
}
