import type { AckType, OutgoingPacket, ReplyProperties } from "../protocol/packets.ts";

const ACK_TYPES: readonly AckType[] = ["puback", "pubrec", "pubrel", "pubcomp"];
const ACK_NUMBER: Readonly<Record<AckType, number>> = {
  puback: 0,
  pubrec: 1,
  pubrel: 2,
  pubcomp: 3,
};

/** Replies that have left are forgotten, this many at least at a time. */
const FORGET_MIN = 64;

/** An AckPacket that is filled anew: valid until the next `poll`. */
interface MutableAck {
  type: AckType;
  packetId: number;
  reasonCode: number;
  properties: ReplyProperties | undefined;
}

/**
 * What answers the other side's packets, in the order of the answers [MQTT-4.6.0-2], each with
 * the journal position that it must wait for.
 *
 * An acknowledgement is kept as one number: identifier, Reason Code and type packed together.
 */
export class ReplyLane {
  #replies: (number | OutgoingPacket)[] = [];
  #positions: number[] = [];
  #head = 0;
  #pubacks = 0;
  #holdsConnack = false;
  readonly #ack: MutableAck = { type: "puback", packetId: 0, reasonCode: 0, properties: undefined };

  get length(): number {
    return this.#replies.length - this.#head;
  }

  /** PUBACKs that have not left: their messages still count against our Receive Maximum. */
  get pubacks(): number {
    return this.#pubacks;
  }

  /** CONNACK has not left: nothing else but AUTH may. */
  get holdsConnack(): boolean {
    return this.#holdsConnack;
  }

  push(packet: OutgoingPacket, position: number): void {
    if (packet.type === "connack") this.#holdsConnack = true;
    this.#replies.push(packet);
    this.#positions.push(position);
  }

  acknowledge(type: AckType, packetId: number, reasonCode: number, position: number): void {
    if (type === "puback") this.#pubacks += 1;
    this.#replies.push((packetId * 256 + reasonCode) * 4 + ACK_NUMBER[type]);
    this.#positions.push(position);
  }

  /** The next reply, if what it depends on is committed (invariant 2). */
  poll(committed: number): OutgoingPacket | undefined {
    const reply = this.#replies[this.#head];
    if (reply === undefined || (this.#positions[this.#head] as number) > committed)
      return undefined;
    this.#head += 1;
    if (this.#head === this.#replies.length) this.clear();
    else if (this.#head >= FORGET_MIN && this.#head * 2 >= this.#replies.length) this.#forget();
    if (typeof reply !== "number") {
      if (reply.type === "connack") this.#holdsConnack = false;
      return reply;
    }
    const ack = this.#ack;
    ack.type = ACK_TYPES[reply & 3] as AckType;
    ack.reasonCode = (reply >>> 2) & 0xff;
    ack.packetId = reply >>> 10;
    if (ack.type === "puback" && this.#pubacks > 0) this.#pubacks -= 1;
    return ack;
  }

  /** A lane that always waits for some commit is never empty: each reply moves at most once. */
  #forget(): void {
    this.#replies = this.#replies.slice(this.#head);
    this.#positions = this.#positions.slice(this.#head);
    this.#head = 0;
  }

  clear(): void {
    this.#replies = [];
    this.#positions = [];
    this.#head = 0;
  }
}
