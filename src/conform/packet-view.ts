/**
 * What stands where in a packet that a server sent: for messages to people, and to compare packets
 * that mean the same.
 *
 * Written apart from `codec/`, which it judges: this one only needs to read, and may be slow.
 */
import type { ProtocolVersion } from "../protocol/packets.ts";
import { PROPERTY_RULES, type PropertyPlace, type PropertyRule } from "../protocol/property.ts";
import { describeReasonCode } from "../protocol/reason-code.ts";
import { Difference } from "./difference.ts";
import { formatHex } from "./hex.ts";

/** `bytes[from]` up to, not including, `bytes[to]`. */
export interface Field {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

export interface Property extends Field {
  readonly id: number;
  /** Of the number types; 0 for the others. */
  readonly number: number;
  /** Of the text types, and of binary as hex; both halves of a pair joined by "=". */
  readonly text: string;
}

export interface PacketView {
  readonly bytes: Uint8Array;
  /** "PUBACK" */
  readonly name: string;
  readonly type: number;
  readonly fields: readonly Field[];
  readonly properties: readonly Property[];
  /** Where the Property Length stands, or -1. */
  readonly propertyLengthAt: number;
  /** 0 when it has none. */
  readonly packetId: number;
  /** The same as hex, to be used in an answer. */
  readonly id: string;
  /** Reason or return codes; empty when it has none. */
  readonly reasonCodes: readonly number[];
  /** Of a PUBLISH, else "". */
  readonly topicName: string;
}

/** Index is the packet type. */
const PACKET_NAMES = [
  "reserved type 0",
  "CONNECT",
  "CONNACK",
  "PUBLISH",
  "PUBACK",
  "PUBREC",
  "PUBREL",
  "PUBCOMP",
  "SUBSCRIBE",
  "SUBACK",
  "UNSUBSCRIBE",
  "UNSUBACK",
  "PINGREQ",
  "PINGRESP",
  "DISCONNECT",
  "AUTH",
] as const;

export const PacketType = {
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  suback: 9,
  unsuback: 11,
  pingresp: 13,
  disconnect: 14,
  auth: 15,
} as const;

const RULES: ReadonlyMap<number, PropertyRule> = new Map(
  PROPERTY_RULES.map((rule) => [rule.id, rule]),
);
const SESSION_EXPIRY_INTERVAL = 0x11;

/** Packets that only a client sends (§2.1.2); the last two exist in 5.0 only, from a server. */
const CLIENT_ONLY: ReadonlySet<number> = new Set([0, 1, 8, 10, 12]);
const SERVER_IN_5_ONLY: ReadonlySet<number> = new Set([PacketType.disconnect, PacketType.auth]);

/** Reads one packet from front to back. Each `take` leaves a named field behind. */
class Cursor {
  readonly bytes: Uint8Array;
  readonly fields: Field[] = [];
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  take(size: number, name: string): Uint8Array {
    if (size > this.left) {
      throw new Difference(
        `the broker sent a packet that ends within ${name}: ${formatHex(this.bytes)}`,
      );
    }
    const from = this.at;
    this.at += size;
    if (size > 0) this.fields.push({ name, from, to: this.at });
    return this.bytes.subarray(from, this.at);
  }

  number(size: number, name: string): number {
    return this.take(size, name).reduce((value, byte) => value * 256 + byte, 0);
  }

  varint(name: string): number {
    const from = this.at;
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.number(1, name);
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (byte === 0 && this.at - from > 1) {
          throw new Difference(`${name} in more bytes than it needs [MQTT-1.5.5-1]`);
        }
        return value;
      }
      if (this.at - from === 4) throw new Difference(`${name} of more than 4 bytes`);
    }
  }

  text(name: string): string {
    const bytes = this.take(this.number(2, `${name} (length)`), name);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (cause) {
      throw new Difference(`${name} is not UTF-8 [MQTT-1.5.4-1]: ${formatHex(bytes)}`, { cause });
    }
  }
}

/**
 * Takes a packet of the server apart.
 *
 * @throws Difference where no server may send such a packet.
 */
export function viewPacket(bytes: Uint8Array, version: ProtocolVersion): PacketView {
  const cursor = new Cursor(bytes);
  const first = cursor.number(1, "packet type and flags");
  const type = first >> 4;
  const name = PACKET_NAMES[type] ?? "?";
  checkFirstByte(first, name, version);
  cursor.varint("Remaining Length");
  const view = {
    bytes,
    name,
    type,
    fields: cursor.fields,
    properties: [] as readonly Property[],
    propertyLengthAt: -1,
    packetId: 0,
    id: "",
    reasonCodes: [] as number[],
    topicName: "",
  };
  const takeProperties = (): void => {
    if (version !== 5) return;
    view.propertyLengthAt = cursor.at;
    view.properties = properties(cursor, name);
  };
  switch (type) {
    case PacketType.connack:
      cursor.number(1, "Connect Acknowledge Flags");
      view.reasonCodes.push(cursor.number(1, "Reason Code"));
      takeProperties();
      break;
    case PacketType.publish:
      view.topicName = cursor.text("Topic Name");
      if ((first & 0x06) !== 0) view.packetId = cursor.number(2, "Packet Identifier");
      takeProperties();
      cursor.take(cursor.left, "payload");
      break;
    case PacketType.suback:
    case PacketType.unsuback:
      view.packetId = cursor.number(2, "Packet Identifier");
      takeProperties();
      while (cursor.left > 0) view.reasonCodes.push(cursor.number(1, "Reason Code"));
      break;
    case PacketType.pingresp:
      break;
    default:
      if (type !== PacketType.disconnect && type !== PacketType.auth) {
        view.packetId = cursor.number(2, "Packet Identifier");
      }
      if (version === 5 && cursor.left > 0) view.reasonCodes.push(cursor.number(1, "Reason Code"));
      if (cursor.left > 0) takeProperties();
  }
  if (cursor.left > 0) {
    throw new Difference(`${name} with ${cursor.left} bytes too many: ${formatHex(bytes)}`);
  }
  if (view.packetId > 0) view.id = view.packetId.toString(16).padStart(4, "0");
  return view;
}

/** `PUBLISH "a/b" id 7: 32 …`, for failure messages. */
export function describePacket(bytes: Uint8Array, version: ProtocolVersion): string {
  const hex = bytes.length > 96 ? `${formatHex(bytes.subarray(0, 96))} …` : formatHex(bytes);
  let words: string;
  try {
    const view = viewPacket(bytes, version);
    const codes = view.reasonCodes.map((code) =>
      version === 5 ? describeReasonCode(code) : `0x${code.toString(16).padStart(2, "0")}`,
    );
    words = [
      view.name,
      view.topicName === "" ? "" : `"${view.topicName}"`,
      view.packetId === 0 ? "" : `id ${view.packetId}`,
      codes.join(", "),
      ...view.properties.map((property) => `${property.name}=${property.text || property.number}`),
    ]
      .filter((word) => word !== "")
      .join(" ");
  } catch {
    words = PACKET_NAMES[(bytes[0] ?? 0) >> 4] ?? "?"; // The hex says the rest.
  }
  return `${words}: ${hex}`;
}

function checkFirstByte(first: number, name: string, version: ProtocolVersion): void {
  const type = first >> 4;
  if (CLIENT_ONLY.has(type) || (SERVER_IN_5_ONLY.has(type) && version !== 5)) {
    throw new Difference(`the broker sent ${name}, which no server may send`);
  }
  const flags = first & 0x0f;
  if (type === PacketType.publish) {
    if ((flags & 0x06) === 0x06) throw new Difference("the broker sent QoS 3 [MQTT-3.3.1-4]");
    if ((flags & 0x0e) === 0x08) {
      throw new Difference("the broker sent DUP with QoS 0 [MQTT-3.3.1-2]");
    }
    return;
  }
  // 3.1 had DUP, QoS and RETAIN in every packet and said for most of them: "not used".
  if (version !== 3 && flags !== (type === PacketType.pubrel ? 2 : 0)) {
    throw new Difference(`the broker sent ${name} with reserved flags set [MQTT-2.1.3-1]`);
  }
}

function properties(cursor: Cursor, packetName: string): Property[] {
  const end = cursor.varint("Property Length") + cursor.at;
  if (end > cursor.bytes.length) {
    throw new Difference(`${packetName}: Property Length runs past the packet`);
  }
  const found: Property[] = [];
  while (cursor.at < end) {
    const property = readProperty(cursor);
    checkProperty(property, found, packetName);
    found.push(property);
  }
  if (cursor.at > end) throw new Difference(`${packetName}: a property runs past Property Length`);
  return found;
}

function readProperty(cursor: Cursor): Property {
  const from = cursor.at;
  const id = cursor.varint("property identifier");
  const rule = RULES.get(id);
  if (rule === undefined) throw new Difference(`unknown property 0x${id.toString(16)}`);
  const { name } = rule;
  const value = (number: number, text: string): Property => {
    return { id, name, from, to: cursor.at, number, text };
  };
  switch (rule.type) {
    case "byte":
      return value(cursor.number(1, name), "");
    case "uint16":
      return value(cursor.number(2, name), "");
    case "uint32":
      return value(cursor.number(4, name), "");
    case "varint":
      return value(cursor.varint(name), "");
    case "binary":
      return value(0, formatHex(cursor.take(cursor.number(2, `${name} (length)`), name)));
    case "utf8":
      return value(0, cursor.text(name));
    case "utf8-pair":
      return value(0, `${cursor.text(`${name} (name)`)}=${cursor.text(`${name} (value)`)}`);
  }
}

function checkProperty(property: Property, before: Property[], packetName: string): void {
  const rule = RULES.get(property.id) as PropertyRule;
  const place = packetName.toLowerCase() as PropertyPlace;
  if (!rule.places.includes(place)) {
    throw new Difference(`${packetName} with ${rule.name}, which does not belong there`);
  }
  if (place === "disconnect" && property.id === SESSION_EXPIRY_INTERVAL) {
    throw new Difference("a server's DISCONNECT with Session Expiry Interval [MQTT-3.14.2-2]");
  }
  if (!rule.repeatable && before.some(({ id }) => id === property.id)) {
    throw new Difference(`${packetName} with ${rule.name} twice (§2.2.2.2)`);
  }
}
