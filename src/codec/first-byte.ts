import type { ProtocolVersion } from "../protocol/packets.ts";
import type { ProtocolError } from "../protocol/protocol-error.ts";
import { malformed, protocolError } from "./body-reader.ts";

/**
 * The first byte of a packet, type and flags (§2.1), as tables: 1 where it may come.
 *
 * One look answers for type, direction, version and reserved flags; why a byte is refused is
 * worked out when one is.
 */
export type FirstBytes = Uint8Array;

/** All but two QoS bits [MQTT-3.3.1-4] and DUP on QoS 0 [MQTT-3.3.1-2]. */
const PUBLISH = [0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x3a, 0x3b, 0x3c, 0x3d];
/** PUBACK, PUBREC, PUBREL [MQTT-3.6.1-1], PUBCOMP. */
const ACKS = [0x40, 0x50, 0x62, 0x70];
/** CONNECT, SUBSCRIBE [MQTT-3.8.1-1], UNSUBSCRIBE [MQTT-3.10.1-1], PINGREQ. */
const FROM_CLIENT = [0x10, ...PUBLISH, ...ACKS, 0x82, 0xa2, 0xc0];
/** CONNACK, SUBACK, UNSUBACK, PINGRESP. */
const FROM_SERVER = [0x20, ...PUBLISH, ...ACKS, 0x90, 0xb0, 0xd0];
const DISCONNECT = 0xe0; // [MQTT-3.14.1-1]
const AUTH = 0xf0; // [MQTT-3.15.1-1]
/** In 3.1 a PUBREL, SUBSCRIBE or UNSUBSCRIBE sent again says so with DUP. */
const SENT_AGAIN = [0x6a, 0x8a, 0xaa];

/** What a server takes before all else [MQTT-3.1.0-1]. */
export const CONNECT_ONLY: FirstBytes = firstBytes([0x10]);

const TABLES = {
  server: {
    3: firstBytes([...FROM_CLIENT, ...SENT_AGAIN, DISCONNECT]),
    4: firstBytes([...FROM_CLIENT, DISCONNECT]),
    5: firstBytes([...FROM_CLIENT, DISCONNECT, AUTH]),
  },
  client: {
    3: firstBytes([...FROM_SERVER, 0x6a]),
    4: firstBytes(FROM_SERVER),
    5: firstBytes([...FROM_SERVER, DISCONNECT, AUTH]),
  },
} as const;

export function allowedFirstBytes(role: "server" | "client", version: ProtocolVersion): FirstBytes {
  return TABLES[role][version];
}

function firstBytes(allowed: readonly number[]): FirstBytes {
  const table = new Uint8Array(256);
  for (const byte of allowed) table[byte] = 1;
  return table;
}

/** Statements on reserved flags that are a packet type's own; the others share [MQTT-2.1.3-1]. */
const FLAGS_SPEC: ReadonlyMap<number, string> = new Map([
  [6, "MQTT-3.6.1-1"],
  [8, "MQTT-3.8.1-1"],
  [10, "MQTT-3.10.1-1"],
  [14, "MQTT-3.14.1-1"],
  [15, "MQTT-3.15.1-1"],
]);

/** Why `firstByte` is not in `allowed`. */
export function refusedFirstByte(
  firstByte: number,
  allowed: FirstBytes,
  version: ProtocolVersion,
): ProtocolError {
  const typeNumber = firstByte >> 4;
  const hex = `first byte 0x${firstByte.toString(16).padStart(2, "0")}`;
  if (typeNumber === 3 && allowed !== CONNECT_ONLY) {
    return (firstByte & 0b0110) === 0b0110
      ? malformed("MQTT-3.3.1-4", `${hex}: PUBLISH with both QoS bits set`)
      : malformed("MQTT-3.3.1-2", `${hex}: PUBLISH with DUP set on QoS 0`);
  }
  if (allowed.subarray(typeNumber << 4, (typeNumber + 1) << 4).includes(1)) {
    return malformed(FLAGS_SPEC.get(typeNumber) ?? "MQTT-2.1.3-1", `${hex}: reserved flags`);
  }
  if (allowed === CONNECT_ONLY) return protocolError("MQTT-3.1.0-1", `${hex}: not a CONNECT`);
  if (typeNumber === 0 || (typeNumber === 15 && version !== 5)) {
    return malformed("§2.1.2", `${hex}: reserved packet type`);
  }
  return protocolError("§2.1.2", `${hex}: a packet type that only the other side sends`);
}
