/** What a hostile client sends: broken bytes, broken rules, and other people's names. */
import { encode } from "../../src/codec/encode.ts";
import type { Packet, ProtocolVersion } from "../../src/protocol/packets.ts";
import type { Random } from "./prng.ts";

const NOTHING = { userProperties: [] };

/** Bytes to send next: well-formed packets out of place, or no packets at all. */
export function rudeBytes(random: Random, version: ProtocolVersion): Buffer {
  switch (random.below(9)) {
    case 0:
      return random.bytes(random.between(1, 40));
    case 1: // A plausible first byte, a small Remaining Length, then anything.
      return Buffer.concat([
        Buffer.from([random.pick([0x30, 0x32, 0x34, 0x62, 0x82, 0xa2, 0xe0, 0xf0]), 9]),
        random.bytes(9),
      ]);
    case 2: // Larger than the limit.
      return Buffer.from([0x30, 0xff, 0xff, 0x7f, 0, 1, 0x61]);
    case 3: // Not for a client to send.
      return Buffer.from(
        random.pick([
          [0x20, 2, 0, 0],
          [0xd0, 0],
          [0x90, 3, 0, 1, 0],
          [0xf0, 0],
        ]),
      );
    case 4:
      return Buffer.from([0xc0, 0]); // Only a ping.
    default:
      return rudeAck(random, version);
  }
}

/** An acknowledgement of something, or of nothing. */
function rudeAck(random: Random, version: ProtocolVersion): Buffer {
  const type = random.pick(["puback", "pubrec", "pubrel", "pubcomp"] as const);
  const reasonCode = version === 5 && type !== "pubrel" && random.chance(20) ? 0x92 : 0;
  const packetId = random.between(1, 8);
  const code = type === "pubcomp" || reasonCode === 0 ? reasonCode : 0x97;
  return encode({ type, packetId, reasonCode: code, properties: undefined }, version);
}

/** A DISCONNECT that may ask for what it may not have (§3.14.2.2.2). */
export function rudeDisconnect(random: Random): Packet {
  return {
    type: "disconnect",
    reasonCode: random.pick([0, 4, 0x81]),
    sessionExpiryIntervalSec: random.pick([undefined, 0, 5]),
    serverReference: undefined,
    properties: { reasonString: undefined, ...NOTHING },
  };
}
