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
import { type Held, Places } from "./places.ts";
import { Ring } from "./ring.ts";
import type { Shelf, Stub } from "./shelf.ts";

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

/**
 * `expired`: the next message is past its expiry; `finish(polledSeq)` before polling on.
 * `unreadable`: the same, since the log does not have it any more. `cold`: the
 * next is to be read back first. `uncommitted`: its place in the line is not on record yet.
 */
export type PollResult = "none" | "send" | "expired" | "unreadable" | "cold" | "uncommitted";

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
  readonly held: Held;
  /** What it counts for, see `chargeOf`. */
  readonly size: number;
  readonly grant: Grant;
}

/** Highest Packet Identifier on the wire (§2.2.1). */
const PACKET_ID_MAX = 65_535;
/** Messages that may stay views into socket chunks; from there on each is copied out. */
const VIEWS_MAX = 256;
/** Counted for each message beside its bytes. */
const ENTRY_BYTES = 64;
/** A message counts for whole ones of these. */
const SIZE_UNIT = 64;

// An entry's flags: QoS in bits 0-1, then one bit each, and from bit 8 its size in SIZE_UNITs.
const QOS_BITS = 3;
/** PUBREC has come; PUBCOMP is awaited. */
const RELEASED = 1 << 2;
/** It was sent on the present connection, so it counts against Receive Maximum. */
const COUNTED = 1 << 3;
/** It answers a SUBSCRIBE from the retained store: RETAIN goes out as 1. */
const RETAINED = 1 << 4;
const SIZE_SHIFT = 8;
const NO_SIZE = (1 << SIZE_SHIFT) - 1;

export class OutboundWindow {
  readonly #packetIdMax: number;
  readonly #shelf: Shelf | undefined;
  readonly #sent: Ring;
  readonly #queue: Ring;
  #resendAt = 0;
  #unfinished = 0;
  #queued = 0;
  #bytes = 0;
  /** Of those, what waits for its first send. */
  #queuedBytes = 0;
  #receiveMaximum = 0;
  #counted = 0;
  /** What came here from elsewhere in the log has its place in this line from here on. */
  #placedAt = 0;

  /**
   * @param packetIdMax Below 65,535 only in simulations.
   * @param shelf Where stored messages are; a window that is given none of those needs none.
   */
  constructor(packetIdMax: number = PACKET_ID_MAX, shelf: Shelf | undefined = undefined) {
    this.#packetIdMax = packetIdMax;
    this.#shelf = shelf;
    const places = shelf?.places ?? new Places();
    this.#sent = new Ring(places);
    this.#queue = new Ring(places);
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

  /** `seq` of the message that is sent next for the first time; `tail` when none waits. */
  get nextSeq(): number {
    return this.#queue.head;
  }

  /** `seq` of the message that `poll` looked at last, if it was not sent. */
  get polledSeq(): number {
    return this.#resendAt < this.#sent.tail ? this.#resendAt : this.#queue.head;
  }

  /** `seq` of the next message to be enqueued. */
  get tail(): number {
    return this.#queue.tail;
  }

  isFull(message: Message, { queueMessagesMax, queueBytesMax }: WindowLimits): boolean {
    return this.#queued >= queueMessagesMax || this.#bytes + chargeOf(message) > queueBytesMax;
  }

  /** Whether a message would find room, were all dropped that was never sent. */
  canFit(message: Message, { queueBytesMax }: WindowLimits): boolean {
    return this.#bytes - this.#queuedBytes + chargeOf(message) <= queueBytesMax;
  }

  /**
   * Takes a message at the end of the queue; the caller has asked `isFull`.
   *
   * @param retained It comes from the retained store, in answer to a SUBSCRIBE (§3.3.1.3).
   */
  enqueue(message: Message, grant: Grant, retained: boolean): void {
    // Not to be sent within this turn: it must not pin the chunk that it came in.
    if (this.#receiveMaximum === 0 || this.#unfinished >= VIEWS_MAX) message.own();
    this.#push(message, message.qos, chargeOf(message), grant, retained);
  }

  /**
   * The same for a message on the shelf.
   *
   * @param placedAt Position of its place in this line, where that is not the message's own.
   */
  enqueueStored(id: number, size: number, grant: Grant, retained: boolean, placedAt: number): void {
    const shelf = this.#shelf as Shelf;
    // See `enqueue`. Where nobody is connected it will be cold, unless all are kept.
    const isKept = this.#receiveMaximum === 0 ? shelf.keepsAll : this.#unfinished >= VIEWS_MAX;
    if (isKept) shelf.messageAt(id)?.own();
    shelf.ref(id);
    if (grant.shareKey !== "") shelf.pin(id); // It may have to be handed on.
    this.#push(id, shelf.qos(id), size, grant, retained);
    if (placedAt > this.#placedAt) this.#placedAt = placedAt;
  }

  #push(held: Held, messageQos: Qos, size: number, grant: Grant, retained: boolean): void {
    // [MQTT-3.8.4-8] the lower of the message's QoS and the one granted.
    const qos = Math.min(messageQos, grant.qos);
    this.#queue.push(held, grant, qos | (retained ? RETAINED : 0) | sizeFlags(size));
    this.#unfinished += 1;
    this.#queued += 1;
    this.#bytes += size;
    this.#queuedBytes += size;
  }

  /** A Network Connection took over this Session: everything unacknowledged is due again. */
  connected(receiveMaximum: number): void {
    this.#receiveMaximum = receiveMaximum;
    this.#counted = 0;
    const sent = this.#sent;
    this.#resendAt = sent.head; // [MQTT-4.4.0-1] here and nowhere else.
    for (let seq = sent.head; seq < sent.tail; seq += 1) {
      if (sent.has(seq)) sent.setFlags(seq, sent.flags(seq) & ~COUNTED);
    }
  }

  /** The Network Connection is gone. */
  disconnected(): void {
    this.#receiveMaximum = 0;
    for (const ring of [this.#sent, this.#queue]) {
      for (let seq = ring.head; seq < ring.tail; seq += 1) {
        this.#hot(ring.held(seq))?.own();
      }
    }
  }

  #hot(held: Held): Message | undefined {
    return typeof held === "number" ? this.#shelf?.messageAt(held) : held;
  }

  #fetch(held: Held): Message | undefined {
    return typeof held === "number" ? this.#shelf?.fetch(held) : held;
  }

  /**
   * Fills `delivery` with the next PUBLISH to send. "none": nothing to send, or the subscriber's
   * Receive Maximum is reached [MQTT-3.3.4-9] [MQTT-4.9.0-2]. Old goes before new,
   * on every topic [MQTT-4.6.0-5] [MQTT-4.6.0-6] [3.1.1 MQTT-4.6.0-6].
   *
   * @param committed Up to where the log is durable.
   */
  poll(
    delivery: Delivery,
    nowMs: number,
    committed: number = Number.POSITIVE_INFINITY,
  ): PollResult {
    if (this.#counted >= this.#receiveMaximum) return "none"; // [MQTT-4.9.0-1]
    const sent = this.#sent;
    while (this.#resendAt < sent.tail) {
      const seq = this.#resendAt;
      // An ack may have come while it waited; past PUBREC it is PUBREL's turn [MQTT-4.3.3-6].
      if (sent.has(seq) && (sent.flags(seq) & RELEASED) === 0) {
        const message = this.#fetch(sent.held(seq));
        if (message === undefined) return this.#missing(sent.held(seq));
        this.#resendAt = seq + 1;
        sent.setFlags(seq, sent.flags(seq) | COUNTED);
        this.#fill(delivery, seq, message, true); // [MQTT-3.3.1-1] [MQTT-4.6.0-1]
        return "send";
      }
      this.#resendAt = seq + 1;
    }
    return this.#pollQueued(delivery, nowMs, committed);
  }

  #missing(held: Held): PollResult {
    const isLost = typeof held !== "number" || this.#shelf?.isUnreadable(held) === true;
    return isLost ? "unreadable" : "cold";
  }

  #pollQueued(delivery: Delivery, nowMs: number, committed: number): PollResult {
    const queue = this.#queue;
    const sent = this.#sent;
    const seq = queue.head;
    if (seq === queue.tail) return "none";
    // The identifier may still be an older one's [MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1].
    if (sent.head !== sent.tail && seq - sent.head >= this.#packetIdMax) return "none";
    const held = queue.held(seq);
    const flags = queue.flags(seq);
    // Its identifier is its place in the line: were that lost, another message would get it, and
    // a subscriber that holds it would take that for this one.
    if (typeof held === "number" && (flags & QOS_BITS) === 2) {
      const placedAt = (this.#shelf as Shelf).position(held);
      if (Math.max(placedAt, this.#placedAt) > committed) return "uncommitted";
    }
    const message = this.#fetch(held);
    if (message === undefined) return this.#missing(held);
    // [MQTT-3.3.2-5]; asked before the first send only [MQTT-4.3.3-7].
    if (message.expiresAtMs <= nowMs) return "expired";
    const grant = queue.grant(seq);
    this.#toSent(seq, held, grant, flags | COUNTED);
    this.#resendAt = sent.tail;
    if (typeof held === "number") this.#shelf?.sent(held);
    this.#fill(delivery, seq, message, false); // [MQTT-4.3.2-2] [MQTT-4.3.3-2]
    return "send";
  }

  /** Moves the head of the queue behind what was sent. */
  #toSent(seq: number, held: Held, grant: Grant, flags: number): void {
    this.#queue.vacate(seq);
    this.#queued -= 1;
    this.#queuedBytes -= sizeIn(flags);
    this.#sent.skipTo(seq, grant);
    this.#sent.push(held, grant, flags);
  }

  #fill(delivery: Delivery, seq: number, message: Message, dup: boolean): void {
    const flags = this.#sent.flags(seq);
    const grant = this.#sent.grant(seq);
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
    return this.#sent.has(seq) && (this.#sent.flags(seq) & RELEASED) !== 0;
  }

  qosAt(seq: number): Qos {
    return (this.#ringOf(seq).flags(seq) & QOS_BITS) as Qos;
  }

  /** What is known of a message that is neither finished nor released. */
  stubAt(seq: number): Stub | undefined {
    const held = this.heldAt(seq);
    return typeof held === "number" ? this.#shelf?.stub(held) : held;
  }

  /** The same in full; undefined also while it is cold. */
  messageAt(seq: number): Message | undefined {
    return this.#hot(this.heldAt(seq));
  }

  heldAt(seq: number): Held {
    const ring = this.#ringOf(seq);
    return ring.has(seq) ? ring.held(seq) : undefined;
  }

  grantAt(seq: number): Grant {
    return this.#ringOf(seq).grant(seq);
  }

  /** PUBREC has come: from now on only PUBREL is sent [MQTT-4.3.3-4] [MQTT-4.3.3-6]. */
  release(seq: number): void {
    // Replay only: what the log says was released had been sent, and all before it as well.
    if (seq >= this.#queue.head) this.markSent(seq + 1);
    const ring = this.#sent;
    if (!ring.has(seq)) return;
    this.#letGo(ring, seq);
    ring.setFlags(seq, (ring.flags(seq) & NO_SIZE) | RELEASED);
  }

  #letGo(ring: Ring, seq: number): void {
    const held = ring.held(seq);
    ring.letGo(seq);
    const size = sizeIn(ring.flags(seq));
    this.#bytes -= size;
    if (ring === this.#queue) this.#queuedBytes -= size;
    if (typeof held === "number") this.#shelf?.unref(held);
  }

  /**
   * Everything before `seq` has been sent, as the log says; live that is so already. It goes out
   * again with DUP, and no longer expires. Beyond `packetIdMax` nothing can have been.
   */
  markSent(seq: number): void {
    const queue = this.#queue;
    const first = this.#sent.head === this.#sent.tail ? queue.head : this.#sent.head;
    const until = Math.min(seq, queue.tail, first + this.#packetIdMax);
    if (until <= queue.head) return;
    for (let old = queue.head; old < until; old += 1) {
      if (!queue.has(old)) continue;
      this.#toSent(old, queue.held(old), queue.grant(old), queue.flags(old));
    }
    this.#resendAt = this.#sent.tail;
  }

  /** The exchange is over, or the message was given up. Its Packet Identifier becomes free. */
  finish(seq: number): void {
    const ring = this.#ringOf(seq);
    if (!ring.has(seq)) return;
    this.#letGo(ring, seq);
    // Not "quota + 1" as §4.9 has it: a PUBCOMP that ends an exchange of an EARLIER connection
    // would then allow one PUBLISH too many on this one.
    if ((ring.flags(seq) & COUNTED) !== 0) this.#counted -= 1;
    if (ring === this.#queue) this.#queued -= 1;
    this.#unfinished -= 1;
    ring.vacate(seq);
  }

  /** The Session ends: nothing is on its way any more. */
  clear(): void {
    for (const ring of [this.#sent, this.#queue]) {
      for (let seq = ring.head; seq < ring.tail; seq += 1) if (ring.has(seq)) this.finish(seq);
    }
  }

  /** The numbers on the shelf of what is sent next and is cold, at most `max` of them. */
  coldNext(max: number): number[] {
    const ids: number[] = [];
    const upTo = [[this.#sent, this.#resendAt] as const, [this.#queue, this.#queue.head] as const];
    for (const [ring, from] of upTo) {
      for (let seq = from; seq < ring.tail && ids.length < max; seq += 1) {
        const held = ring.has(seq) ? ring.held(seq) : undefined;
        if (typeof held === "number" && this.#hot(held) === undefined) ids.push(held);
      }
    }
    return ids;
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
        const flags = ring.flags(seq);
        entries.push({
          seq,
          stage: (flags & RELEASED) !== 0 ? "released" : ring === this.#sent ? "sent" : "queued",
          qos: (flags & QOS_BITS) as Qos,
          retained: (flags & RETAINED) !== 0,
          held: ring.held(seq),
          size: sizeIn(flags),
          grant: ring.grant(seq),
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
    for (const { seq, stage, qos, retained, held, size, grant } of entries) {
      const ring = stage === "queued" ? queue : this.#sent;
      const released = stage === "released" ? RELEASED : 0;
      ring.skipTo(seq, grant);
      ring.push(held, grant, qos | (retained ? RETAINED : 0) | released | sizeFlags(size));
      if (typeof held === "number") this.#shelf?.ref(held);
      if (typeof held === "number" && grant.shareKey !== "") this.#shelf?.pin(held);
      this.#bytes += size;
      this.#unfinished += 1;
      if (ring !== queue) continue;
      this.#queued += 1;
      this.#queuedBytes += size;
    }
    const last = entries.at(-1);
    if (last?.stage === "queued") queue.skipTo(tail, last.grant);
    else queue.beginAt(tail);
  }

  #ringOf(seq: number): Ring {
    return seq < this.#queue.head ? this.#sent : this.#queue;
  }
}

/** What a message takes, about: its payload, its topic, and a little. */
export function sizeOf(message: Message): number {
  return message.payloadSize + message.topicName.length + ENTRY_BYTES;
}

/** What it counts for against a queue's bytes: the same in whole units, as an entry keeps it. */
export function chargeOf(message: Message): number {
  return Math.ceil(sizeOf(message) / SIZE_UNIT) * SIZE_UNIT;
}

function sizeFlags(size: number): number {
  return (size / SIZE_UNIT) << SIZE_SHIFT;
}

function sizeIn(flags: number): number {
  return (flags >> SIZE_SHIFT) * SIZE_UNIT;
}
