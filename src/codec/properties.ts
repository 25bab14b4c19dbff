import type { ConnackProperties, ReplyProperties, UserProperties } from "../protocol/packets.ts";
import {
  PROPERTY_RULES,
  PropertyId,
  type PropertyPlace,
  type PropertyRule,
} from "../protocol/property.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { ReasonCode } from "../protocol/reason-code.ts";
import { type BodyReader, malformed, protocolError } from "./body-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";

export const NO_USER_PROPERTIES: UserProperties = Object.freeze([]);
export const NO_IDENTIFIERS: readonly number[] = Object.freeze([]);

/** How much of Reason String and User Property goes out; see `PacketWriter.add`. */
export const Detail = { none: 0, reasonString: 1, all: 2 } as const;
export type Detail = (typeof Detail)[keyof typeof Detail];

const P = PropertyId;

/** The property table by identifier. */
const RULES: ReadonlyArray<PropertyRule | undefined> = (() => {
  const rules: Array<PropertyRule | undefined> = new Array(0x2b).fill(undefined);
  for (const rule of PROPERTY_RULES) rules[rule.id] = rule;
  return rules;
})();

/** Numbers that may not be 0, and the statement that says so. */
const NEVER_ZERO: ReadonlyMap<number, string> = new Map([
  [P.receiveMaximum, "§3.1.2.11.3"],
  [P.maximumPacketSize, "§3.1.2.11.4"],
  [P.subscriptionIdentifier, "§3.8.2.1.2"],
  [P.topicAlias, "MQTT-3.3.2-8"],
]);

/**
 * The properties of one packet, by identifier.
 *
 * One object is filled anew for each packet: take what is needed before the next is read. That
 * `number` is asked for a number and `text` for text is up to the caller; the table knows.
 */
export class Properties {
  userProperties: UserProperties = NO_USER_PROPERTIES;
  subscriptionIdentifiers: readonly number[] = NO_IDENTIFIERS;
  readonly #values: Array<number | string | Uint8Array | undefined> = new Array(0x2b).fill(
    undefined,
  );

  number(id: PropertyId): number | undefined {
    return this.#values[id] as number | undefined;
  }

  /** A byte that is 0 or 1. */
  flag(id: PropertyId): boolean | undefined {
    const value = this.number(id);
    return value === undefined ? undefined : value === 1;
  }

  text(id: PropertyId): string | undefined {
    return this.#values[id] as string | undefined;
  }

  binary(id: PropertyId): Uint8Array | undefined {
    return this.#values[id] as Uint8Array | undefined;
  }

  /** Reason String and User Property, or undefined where there is neither. */
  reply(): ReplyProperties | undefined {
    const reasonString = this.text(P.reasonString);
    if (reasonString === undefined && this.userProperties.length === 0) return undefined;
    return { reasonString, userProperties: this.userProperties };
  }

  clear(): void {
    this.#values.fill(undefined);
    this.userProperties = NO_USER_PROPERTIES;
    this.subscriptionIdentifiers = NO_IDENTIFIERS;
  }

  /** Reads Property Length and Properties (§2.2.2). */
  read(reader: BodyReader, place: PropertyPlace): void {
    this.clear();
    const length = reader.varint("Property Length"); // [MQTT-2.2.2-1]
    if (length === 0) return;
    if (length > reader.bytesLeft) {
      throw malformed("§2.2.2.1", `Property Length: ${length}, but ${reader.bytesLeft} bytes left`);
    }
    const bodyEnd = reader.end;
    reader.end = reader.at + length;
    while (reader.bytesLeft > 0) this.#readOne(reader, place);
    reader.end = bodyEnd;
  }

  #readOne(reader: BodyReader, place: PropertyPlace): void {
    const id = reader.varint("Property Identifier");
    if (id === P.userProperty) {
      this.#readUserProperty(reader);
      return;
    }
    const rule = RULES[id];
    if (rule === undefined) throw malformed("§2.2.2.2", `no property has Identifier ${id}`);
    if (!rule.places.includes(place)) {
      throw malformed("§2.2.2.2", `${rule.name}: not allowed in ${place}`);
    }
    if (id === P.subscriptionIdentifier && place === "publish") {
      this.#readSubscriptionIdentifier(reader, rule);
      return;
    }
    if (this.#values[id] !== undefined) {
      throw protocolError("§2.2.2.2", `${rule.name}: more than once`);
    }
    this.#values[id] = readValue(reader, rule);
  }

  /** A name may appear repeatedly, and order is kept [MQTT-3.1.3-10] [MQTT-3.3.2-18]. */
  #readUserProperty(reader: BodyReader): void {
    const { userPropertiesMax } = reader;
    const name = reader.utf8("User Property name"); // [MQTT-1.5.7-1]
    const value = reader.utf8("User Property value");
    if (this.userProperties.length >= userPropertiesMax) {
      const { quotaExceeded } = ReasonCode;
      throw new ProtocolError(quotaExceeded, "§4.13", `over ${userPropertiesMax} User Properties`);
    }
    if (this.userProperties === NO_USER_PROPERTIES) this.userProperties = [];
    (this.userProperties as Array<readonly [string, string]>).push([name, value]);
  }

  #readSubscriptionIdentifier(reader: BodyReader, rule: PropertyRule): void {
    if (this.subscriptionIdentifiers === NO_IDENTIFIERS) this.subscriptionIdentifiers = [];
    (this.subscriptionIdentifiers as number[]).push(readValue(reader, rule) as number);
  }
}

function readValue(reader: BodyReader, rule: PropertyRule): number | string | Uint8Array {
  const { id, name, type } = rule;
  switch (type) {
    case "utf8":
      return reader.utf8(name);
    case "binary":
      return reader.binary(name);
    case "byte": {
      const value = reader.u8(name);
      // All of them are flags, or a Maximum QoS below 2.
      if (value > 1) throw protocolError("§2.2.2.2", `${name}: ${value} is neither 0 nor 1`);
      return value;
    }
    default: {
      const value = readNumber(reader, name, type);
      const spec = value === 0 ? NEVER_ZERO.get(id) : undefined;
      if (spec === undefined) return value;
      const { topicAliasInvalid } = ReasonCode;
      if (id === P.topicAlias) throw new ProtocolError(topicAliasInvalid, spec, `${name}: 0`);
      throw protocolError(spec, `${name}: 0`);
    }
  }
}

function readNumber(reader: BodyReader, name: string, type: PropertyRule["type"]): number {
  if (type === "uint16") return reader.u16(name);
  return type === "uint32" ? reader.u32(name) : reader.varint(name);
}

/** Writes a property whose value is a number, as wide as the table says; undefined: nothing. */
export function writeNumber(writer: ByteWriter, id: PropertyId, value: number | undefined): void {
  if (value === undefined) return;
  writer.u8(id);
  switch (RULES[id]?.type) {
    case "byte":
      writer.u8(value);
      return;
    case "uint16":
      writer.u16(value);
      return;
    case "uint32":
      writer.u32(value);
      return;
    default:
      writer.varint(value);
  }
}

export function writeFlag(writer: ByteWriter, id: PropertyId, value: boolean | undefined): void {
  if (value !== undefined) writeNumber(writer, id, value ? 1 : 0);
}

export function writeText(writer: ByteWriter, id: PropertyId, value: string | undefined): void {
  if (value === undefined) return;
  writer.u8(id);
  writer.utf8(value);
}

export function writeBinary(
  writer: ByteWriter,
  id: PropertyId,
  value: Uint8Array | undefined,
): void {
  if (value === undefined) return;
  writer.u8(id);
  writer.binary(value);
}

export function writeUserProperties(writer: ByteWriter, userProperties: UserProperties): void {
  for (const [name, value] of userProperties) {
    writer.u8(P.userProperty);
    writer.utf8(name);
    writer.utf8(value);
  }
}

/** Whether `detail` leaves anything of `properties` to send. */
export function hasReply(properties: ReplyProperties | undefined, detail: Detail): boolean {
  if (properties === undefined || detail === Detail.none) return false;
  if (properties.reasonString !== undefined) return true;
  return detail === Detail.all && properties.userProperties.length > 0;
}

/** Reason String and User Property, as far as `detail` goes. */
export function writeReply(
  writer: ByteWriter,
  properties: Pick<ConnackProperties, "reasonString" | "userProperties"> | undefined,
  detail: Detail,
): void {
  if (properties === undefined || detail === Detail.none) return;
  writeText(writer, P.reasonString, properties.reasonString);
  if (detail === Detail.all) {
    writeUserProperties(writer, properties.userProperties ?? NO_USER_PROPERTIES);
  }
}
