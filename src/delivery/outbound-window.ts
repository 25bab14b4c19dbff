/**
 * The sending half of QoS 1 and 2 for one Session: queue, Packet Identifiers, quota, resends.
 *
 *      sent ring                         queue ring
 *      | acked, unacked ...  |           | waiting for the first send ... |
 *     base       resend ->   sentTail   nextSeq                          tail
 *
 * A message's number in that line is its `seq`, which only grows. Its Packet Identifier is
 * `seq % packetIdMax + 1`: after a recovery the same message has the same identifier without its
 * having been stored. One is free again when `base` has moved past it [MQTT-2.2.1-4].
 *
 * No I/O and no clock. PUBLISH packets are PULLED with `poll` while the socket takes them, so a
 * slow subscriber fills its own queue and nothing else. Survives reconnection (it is Session
 * State, §4.1); only the count against Receive Maximum belongs to the connection.
 */
import type { Message } from "../protocol/message.ts";
import type { Delivery, Qos } from "../protocol/packets.ts";
import { Ring } from "./ring.ts";

/** On what terms one Subscription, or several overlapping ones, get a message. */
export interface Grant {
  readonly qos: Qos;
  readonly retainAsPublished: boolean;
  /** Of all matching subscriptions that have one [MQTT-3.3.4-4]. */
  readonly subscriptionIdentifiers: readonly number[];
  /** The shared group that gave it, or "". */
  readonly shareKey: string;
}

/** Bounds of a window. A simulation makes them tiny, so that it meets them. */
export interface WindowLimits {
  readonly queueMessagesMax: number;
  readonly queueBytesMax: number;
}

/** `expired`: the next message is past its expiry; `finish(nextSeq)` before polling on. */
export type PollResult = "none" | "send" | "expired";

/** How far the exchange of a message has come. */
export type Stage = "queued" | "sent" | "released";

/** One unfinished message, for snapshots. */
export interface WindowEntry {
  readonly seq: number;
  readonly stage: Stage;
  /** What it is delivered with: the lower of the message's own and the one granted. */
  readonly qos: Qos;
  /** It answers a SUBSCRIBE from the retained store. */
  readonly retained: boolean;
  /** Undefined once released: PUBREL needs no message. */
  readonly message: Message | undefined;
  readonly grant: Grant;
}

/** Highest Packet Identifier on the wire (§2.2.1). */
const PACKET_ID_MAX = 65_535;
/** Messages that may stay views into socket chunks; from there on each is copied out. */
const VIEWS_MAX = 256;
/** Counted for each message beside its bytes. */
const ENTRY_BYTES = 64;

// An entry's flags: QoS in bits 0-1, then one bit each.
const QOS_BITS = 3;
/** PUBREC has come; PUBCOMP is awaited. */
const RELEASED = 1 << 2;
/** It was sent on the present connection, so it counts against Receive Maximum. */
const COUNTED = 1 << 3;
/** It answers a SUBSCRIBE from the retained store: RETAIN goes out as 1. */
const RETAINED = 1 << 4;

export class OutboundWindow {
  readonly #packetIdMax: number;
  readonly #sent = new Ring();
  readonly #queue = new Ring();
  #resendAt = 0;
  #unfinished = 0;
  #queued = 0;
  #bytes = 0;
  #receiveMaximum = 0;
  #counted = 0;

  /** @param packetIdMax Below 65,535 only in simulations. */
  constructor(packetIdMax: number = PACKET_ID_MAX) {
    this.#packetIdMax = packetIdMax;
  }

  /** Messages not finished: queued, sent or released. */
  get unfinished(): number {
    return this.#unfinished;
  }

  /** Messages that wait for their first send. */
  get queued(): number {
    return this.#queued;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** A connection is there, and would take one more message at once. */
  get hasRoom(): boolean {
    return this.#unfinished < this.#receiveMaximum;
  }

  /** `seq` of the message that is sent next; equal to `tail` when none waits. */
  get nextSeq(): number {
    return this.#queue.head;
  }

  /** `seq` of the next message to be enqueued. */
  get tail(): number {
    return this.#queue.tail;
  }

  isFull(message: Message, limits: WindowLimits): boolean {
    return (
      this.#queued >= limits.queueMessagesMax ||
      this.#bytes + sizeOf(message) > limits.queueBytesMax
    );
  }

  /**
   * Takes a message at the end of the queue; the caller has asked `isFull`.
   *
   * @param retained It comes from the retained store, in answer to a SUBSCRIBE (§3.3.1.3).
   */
  enqueue(message: Message, grant: Grant, retained: boolean): void {
    // Not to be sent within this turn: it must not pin the chunk that it came in.
    if (this.#receiveMaximum === 0 || this.#unfinished >= VIEWS_MAX) message.own();
    // [MQTT-3.8.4-8] the lower of the message's QoS and the one granted.
    const qos = Math.min(message.qos, grant.qos);
    this.#queue.push(message, grant, qos | (retained ? RETAINED : 0));
    this.#unfinished += 1;
    this.#queued += 1;
    this.#bytes += sizeOf(message);
  }

  /** A Network Connection took over this Session: everything unacknowledged is due again. */
  connected(receiveMaximum: number): void {
    this.#receiveMaximum = receiveMaximum;
    this.#counted = 0;
    const sent = this.#sent;
    this.#resendAt = sent.head; // [MQTT-4.4.0-1] here and nowhere else.
    for (let seq = sent.head; seq < sent.tail; seq += 1) {
      if (sent.has(seq)) sent.flags[seq & sent.mask] = flagsAt(sent, seq) & ~COUNTED;
    }
  }

  /** The Network Connection is gone. */
  disconnected(): void {
    this.#receiveMaximum = 0;
    for (const ring of [this.#sent, this.#queue]) {
      for (let seq = ring.head; seq < ring.tail; seq += 1) ring.messages[seq & ring.mask]?.own();
    }
  }

  /**
   * Fills `delivery` with the next PUBLISH to send. "none": nothing to send, or the subscriber's
   * Receive Maximum is reached [MQTT-3.3.4-9] [MQTT-4.9.0-2]. Old goes before new,
   * on every topic [MQTT-4.6.0-5] [MQTT-4.6.0-6] [3.1.1 MQTT-4.6.0-6].
   */
  poll(delivery: Delivery, nowMs: number): PollResult {
    if (this.#counted >= this.#receiveMaximum) return "none"; // [MQTT-4.9.0-1]
    const sent = this.#sent;
    while (this.#resendAt < sent.tail) {
      const seq = this.#resendAt;
      this.#resendAt += 1;
      // An ack may have come while it waited; past PUBREC it is PUBREL's turn [MQTT-4.3.3-6].
      if (!sent.has(seq) || (flagsAt(sent, seq) & RELEASED) !== 0) continue;
      sent.flags[seq & sent.mask] = flagsAt(sent, seq) | COUNTED;
      this.#fill(delivery, seq, true); // [MQTT-3.3.1-1] [MQTT-4.6.0-1]
      return "send";
    }
    return this.#pollQueued(delivery, nowMs);
  }

  #pollQueued(delivery: Delivery, nowMs: number): PollResult {
    const queue = this.#queue;
    const sent = this.#sent;
    const seq = queue.head;
    if (seq === queue.tail) return "none";
    // The identifier may still be an older one's [MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1].
    if (sent.head !== sent.tail && seq - sent.head >= this.#packetIdMax) return "none";
    const message = queue.messages[seq & queue.mask] as Message;
    // [MQTT-3.3.2-5]; asked before the first send only [MQTT-4.3.3-7].
    if (message.expiresAtMs <= nowMs) return "expired";
    const grant = queue.grants[seq & queue.mask] as Grant;
    const flags = flagsAt(queue, seq);
    queue.vacate(seq);
    this.#queued -= 1;
    sent.skipTo(seq, grant);
    sent.push(message, grant, flags | COUNTED);
    this.#resendAt = sent.tail;
    this.#fill(delivery, seq, false); // [MQTT-4.3.2-2] [MQTT-4.3.3-2]
    return "send";
  }

  #fill(delivery: Delivery, seq: number, dup: boolean): void {
    const at = seq & this.#sent.mask;
    const flags = this.#sent.flags[at] as number;
    const message = this.#sent.messages[at] as Message;
    const grant = this.#sent.grants[at] as Grant;
    this.#counted += 1;
    delivery.message = message;
    delivery.qos = (flags & QOS_BITS) as Qos;
    delivery.dup = dup; // [MQTT-3.3.1-3]
    // [MQTT-3.3.1-12] [MQTT-3.3.1-13] [3.1.1 MQTT-3.3.1-9]
    delivery.retain = (flags & RETAINED) !== 0 || (grant.retainAsPublished && message.retain);
    delivery.packetId = this.packetIdOf(seq);
    delivery.subscriptionIdentifiers = grant.subscriptionIdentifiers;
  }

  packetIdOf(seq: number): number {
    return (seq % this.#packetIdMax) + 1;
  }

  /** The unfinished message that was sent under this Packet Identifier, or -1. */
  find(packetId: number): number {
    const sent = this.#sent;
    if (packetId > this.#packetIdMax || sent.head === sent.tail) return -1;
    const ahead = packetId - this.packetIdOf(sent.head);
    const seq = sent.head + (ahead < 0 ? ahead + this.#packetIdMax : ahead);
    return sent.has(seq) ? seq : -1;
  }

  isReleased(seq: number): boolean {
    return this.#sent.has(seq) && (flagsAt(this.#sent, seq) & RELEASED) !== 0;
  }

  qosAt(seq: number): Qos {
    return (flagsAt(this.#ringOf(seq), seq) & QOS_BITS) as Qos;
  }

  /** Undefined when it is finished or released. */
  messageAt(seq: number): Message | undefined {
    const ring = this.#ringOf(seq);
    return ring.has(seq) ? ring.messages[seq & ring.mask] : undefined;
  }

  grantAt(seq: number): Grant {
    const ring = this.#ringOf(seq);
    return ring.grants[seq & ring.mask] as Grant;
  }

  /** PUBREC has come: from now on only PUBREL is sent [MQTT-4.3.3-4] [MQTT-4.3.3-6]. */
  release(seq: number): void {
    const ring = this.#ringOf(seq);
    if (!ring.has(seq)) return;
    const at = seq & ring.mask;
    const message = ring.messages[at];
    if (message !== undefined) this.#bytes -= sizeOf(message);
    ring.messages[at] = undefined;
    ring.flags[at] = flagsAt(ring, seq) | RELEASED;
    if (ring === this.#queue) this.#releaseUnsent(seq);
  }

  /** Replay only: what the log says was released had been sent, and all before it as well. */
  #releaseUnsent(seq: number): void {
    const { head } = this.#queue;
    for (let old = head; old <= seq; old += 1) {
      const at = old & this.#queue.mask;
      if (!this.#queue.has(old)) continue;
      const [message, grant] = [this.#queue.messages[at], this.#queue.grants[at] as Grant];
      const flags = flagsAt(this.#queue, old);
      this.#sent.skipTo(old, grant);
      this.#sent.push(message, grant, flags);
      this.#queue.vacate(old);
      this.#queued -= 1;
    }
    this.#resendAt = this.#sent.tail;
  }

  /** The exchange is over, or the message was given up. Its Packet Identifier becomes free. */
  finish(seq: number): void {
    const ring = this.#ringOf(seq);
    if (!ring.has(seq)) return;
    const message = ring.messages[seq & ring.mask];
    if (message !== undefined) this.#bytes -= sizeOf(message);
    // Not "quota + 1" as §4.9 has it: a PUBCOMP that ends an exchange of an EARLIER connection
    // would then allow one PUBLISH too many on this one.
    if ((flagsAt(ring, seq) & COUNTED) !== 0) this.#counted -= 1;
    if (ring === this.#queue) this.#queued -= 1;
    this.#unfinished -= 1;
    ring.vacate(seq);
  }

  /** The oldest message that was never sent, or -1: what "drop-oldest" drops. */
  oldestQueued(): number {
    return this.#queued > 0 ? this.#queue.head : -1;
  }

  /** What has got its PUBREC and awaits PUBCOMP, oldest first. */
  released(): number[] {
    const seqs: number[] = [];
    for (let seq = this.#sent.head; seq < this.#sent.tail; seq += 1) {
      if (this.isReleased(seq)) seqs.push(seq);
    }
    return seqs;
  }

  /** Everything unfinished, oldest first. */
  entries(): WindowEntry[] {
    const entries: WindowEntry[] = [];
    for (const ring of [this.#sent, this.#queue]) {
      for (let seq = ring.head; seq < ring.tail; seq += 1) {
        if (!ring.has(seq)) continue;
        const flags = flagsAt(ring, seq);
        entries.push({
          seq,
          stage: (flags & RELEASED) !== 0 ? "released" : ring === this.#sent ? "sent" : "queued",
          qos: (flags & QOS_BITS) as Qos,
          retained: (flags & RETAINED) !== 0,
          message: ring.messages[seq & ring.mask],
          grant: ring.grants[seq & ring.mask] as Grant,
        });
      }
    }
    return entries;
  }

  /**
   * Fills a new window with what `entries` gave: what was sent goes out again under its old Packet
   * Identifier with DUP once a connection is there, the rest waits for its first send.
   */
  restore(entries: readonly WindowEntry[], tail: number): void {
    const queue = this.#queue;
    for (const { seq, stage, qos, retained, message, grant } of entries) {
      const ring = stage === "queued" ? queue : this.#sent;
      const released = stage === "released" ? RELEASED : 0;
      ring.skipTo(seq, grant);
      ring.push(message, grant, qos | (retained ? RETAINED : 0) | released);
      if (message !== undefined) this.#bytes += sizeOf(message);
      this.#unfinished += 1;
      if (ring === queue) this.#queued += 1;
    }
    const last = entries.at(-1);
    if (last?.stage === "queued") queue.skipTo(tail, last.grant);
    else {
      queue.head = tail;
      queue.tail = tail;
    }
  }

  #ringOf(seq: number): Ring {
    return seq < this.#queue.head ? this.#sent : this.#queue;
  }
}

function flagsAt(ring: Ring, seq: number): number {
  return ring.flags[seq & ring.mask] as number;
}

/** What a message counts for against a queue's bytes. */
export function sizeOf(message: Message): number {
  return message.payloadSize + message.topicName.length + ENTRY_BYTES;
}
