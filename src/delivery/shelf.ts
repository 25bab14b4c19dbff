/**
 * Messages that durable state refers to: each is stored once, however many queues it waits in.
 *
 * A queue holds a message's number on the shelf, which is a small integer. What must always be at
 * hand (where it lies in the log, how large it is there, whose it was) is in columns; the Message
 * itself is in memory while that is worth it, and read back from the log when it is needed: it is
 * then called HOT or COLD.
 *
 *     queue of a, queue of b          number    position  size  refs  topic      message
 *        ... 17 ...  ... 17 ...   →     17       91 204    212    2   pump/1     hot, or not
 */
import type { Message } from "../protocol/message.ts";
import type { Qos } from "../protocol/packets.ts";
import { chargeOf } from "./outbound-window.ts";
import { Places } from "./places.ts";

/** What is known of a message without reading it. */
export interface Stub {
  readonly topicName: string;
  readonly publisherId: string;
  readonly qos: Qos;
}

const CAPACITY_FIRST = 64;
// A message's flags: QoS in bits 0-1, then one bit, and from bit 8 what it counts for.
const QOS_BITS = 3;
/** It cannot be read back. */
const UNREADABLE = 1 << 3;
/** Must stay in memory: whoever hands it on cannot wait for it. */
const PINNED = 1 << 2;
const CHARGE_SHIFT = 8;
const CHARGE_UNIT = 64;
/** Names of topics and publishers that are kept once. */
const NAMES_MAX = 65_536;
/** Counted for each hot message beside its bytes: the objects around them. */
const HOT_OVERHEAD = 400;

export class Shelf {
  #hot: (Message | undefined)[] = [];
  #topicNames: string[] = [];
  #publisherIds: string[] = [];
  #positions = new Float64Array(CAPACITY_FIRST);
  #sizes = new Uint32Array(CAPACITY_FIRST);
  #refs = new Uint32Array(CAPACITY_FIRST);
  #flags = new Uint32Array(CAPACITY_FIRST);
  readonly #free: number[] = [];
  readonly #names = new Map<string, string>();
  /** Numbers below it were given out at some time. */
  #top = 0;
  #count = 0;
  #bytes = 0;
  #hotBytes = 0;
  #hand = 0;
  /** Of the queues that refer to what is here. */
  readonly places: Places = new Places();
  /** Messages are never read back: there is no log to read them from. */
  readonly keepsAll: boolean;
  /** See `Journal.recent`. */
  recent: (position: number, size: number) => Message | undefined = () => undefined;
  /** While a log is replayed nothing is given up: what follows may still refer to it. */
  isReplaying = false;

  constructor(keepsAll: boolean) {
    this.keepsAll = keepsAll;
  }

  /** Messages on the shelf. */
  get count(): number {
    return this.#count;
  }

  /** What they take in the log. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What the hot ones take in memory, about. */
  get hotBytes(): number {
    return this.#hotBytes;
  }

  /** All numbers are below this. */
  get top(): number {
    return this.#top;
  }

  /**
   * Puts a message on the shelf, hot, with nobody who refers to it yet.
   *
   * @param position Where its record ends in the log.
   * @param size Bytes of that record.
   */
  add(message: Message, position: number, size: number): number {
    const id = this.#place(message, chargeOf(message), position, size);
    message.shelfId = id;
    this.#hot[id] = message;
    this.#hotBytes += message.payloadSize + HOT_OVERHEAD;
    return id;
  }

  /** What it counts for, plus its QoS, which is less than any unit of that. */
  chargeAndQos(id: number): number {
    return this.chargeOf(id) + this.qos(id);
  }

  /** Keeps a place for a message that is yet to be seen; see `chargeAndQos`. */
  addUnseen(chargeAndQos: number, position: number): number {
    const qos = (chargeAndQos % CHARGE_UNIT) as Qos;
    const charge = chargeAndQos - qos;
    const id = this.#place({ topicName: "", publisherId: "", qos }, charge, position, 0);
    this.#hot[id] = undefined;
    return id;
  }

  /** The same again: an entry of a queue knows only that the QoS is not lower than its own. */
  expect(id: number, chargeAndQos: number): void {
    const flags = this.#flags[id] as number;
    const qos = chargeAndQos % CHARGE_UNIT;
    if (qos > (flags & QOS_BITS)) this.#flags[id] = (flags & ~QOS_BITS) | qos;
  }

  #place(
    { topicName, publisherId, qos }: Stub,
    charge: number,
    position: number,
    size: number,
  ): number {
    let id = this.#free.pop();
    if (id === undefined) {
      id = this.#top;
      this.#top += 1;
      if (id === this.#positions.length) this.#grow();
    }
    this.#topicNames[id] = topicName;
    this.#publisherIds[id] = publisherId;
    this.#positions[id] = position;
    this.#sizes[id] = size;
    this.#refs[id] = 0;
    this.#flags[id] = qos | ((charge / CHARGE_UNIT) << CHARGE_SHIFT);
    this.#count += 1;
    this.#bytes += size;
    return id;
  }

  #grow(): void {
    const capacity = this.#positions.length * 2;
    const [positions, sizes] = [new Float64Array(capacity), new Uint32Array(capacity)];
    const [refs, flags] = [new Uint32Array(capacity), new Uint32Array(capacity)];
    positions.set(this.#positions);
    sizes.set(this.#sizes);
    refs.set(this.#refs);
    flags.set(this.#flags);
    this.#positions = positions;
    this.#sizes = sizes;
    this.#refs = refs;
    this.#flags = flags;
  }

  /** One more queue refers to it. */
  ref(id: number): void {
    this.#refs[id] = (this.#refs[id] as number) + 1;
  }

  /** One fewer; when it was the last, the number is free. */
  unref(id: number): void {
    const refs = (this.#refs[id] as number) - 1;
    this.#refs[id] = refs;
    if (refs === 0 && !this.isReplaying) this.#remove(id);
  }

  #remove(id: number): void {
    this.cool(id);
    this.#count -= 1;
    this.#bytes -= this.#sizes[id] as number;
    this.#topicNames[id] = "";
    this.#publisherIds[id] = "";
    this.#free.push(id);
  }

  /** Takes off what nobody refers to: what was replayed and is finished. */
  sweep(): void {
    const free = new Uint8Array(this.#top);
    for (const id of this.#free) free[id] = 1;
    for (let id = 0; id < this.#top; id += 1) {
      if (this.#refs[id] === 0 && free[id] === 0) this.#remove(id);
    }
  }

  refs(id: number): number {
    return this.#refs[id] as number;
  }

  /** Where its record ends in the log. */
  position(id: number): number {
    return this.#positions[id] as number;
  }

  /** Bytes of its record. */
  size(id: number): number {
    return this.#sizes[id] as number;
  }

  /** What it counts for against a queue's bytes, see `chargeOf`. */
  chargeOf(id: number): number {
    return ((this.#flags[id] as number) >>> CHARGE_SHIFT) * CHARGE_UNIT;
  }

  /** What is known of it; the Message itself while it is hot. */
  stub(id: number): Stub {
    const message = this.#hot[id];
    if (message !== undefined) return message;
    return {
      topicName: this.#topicNames[id] as string,
      publisherId: this.#publisherIds[id] as string,
      qos: this.qos(id),
    };
  }

  qos(id: number): Qos {
    return ((this.#flags[id] as number) & QOS_BITS) as Qos;
  }

  /** The Message, or undefined while it is cold. */
  messageAt(id: number): Message | undefined {
    return this.#hot[id];
  }

  /** The Message for this turn only: a hot one, or one that the log still has at hand. */
  fetch(id: number): Message | undefined {
    return this.#hot[id] ?? this.recent(this.#positions[id] as number, this.#sizes[id] as number);
  }

  /** It was written to the log again, further on. */
  moved(id: number, position: number, size: number): void {
    this.#bytes += size - (this.#sizes[id] as number);
    this.#positions[id] = position;
    this.#sizes[id] = size;
  }

  /** What was yet to be seen has come by. */
  describe(id: number, message: Message): void {
    this.#topicNames[id] = message.topicName;
    this.#publisherIds[id] = message.publisherId;
    const pinned = (this.#flags[id] as number) & PINNED;
    this.#flags[id] = message.qos | pinned | ((chargeOf(message) / CHARGE_UNIT) << CHARGE_SHIFT);
  }

  pin(id: number): void {
    this.#flags[id] = (this.#flags[id] as number) | PINNED;
  }

  isPinned(id: number): boolean {
    return ((this.#flags[id] as number) & PINNED) !== 0;
  }

  /** It cannot be read back. */
  giveUp(id: number): void {
    this.#flags[id] = (this.#flags[id] as number) | UNREADABLE;
  }

  isUnreadable(id: number): boolean {
    return ((this.#flags[id] as number) & UNREADABLE) !== 0;
  }

  /** It was read back. The message must own its bytes, or lie among others that are wanted. */
  warm(id: number, message: Message): void {
    if (this.#hot[id] !== undefined) return;
    message.shelfId = id;
    this.#hot[id] = message;
    this.#hotBytes += message.payloadSize + HOT_OVERHEAD;
  }

  /** It is on its way to the last who waited for it: where it must go again it is fetched. */
  sent(id: number): void {
    if (this.keepsAll || this.refs(id) > 1 || this.isPinned(id)) return;
    const message = this.#letGo(id);
    if (message === undefined) return;
    this.#topicNames[id] = message.topicName;
    this.#publisherIds[id] = message.publisherId;
  }

  /** Lets go of the Message; the log has it. */
  cool(id: number): void {
    const message = this.#letGo(id);
    if (message === undefined) return;
    this.#topicNames[id] = this.#shared(message.topicName);
    this.#publisherIds[id] = this.#shared(message.publisherId);
  }

  /** @returns What was hot, whose names the columns are to keep. */
  #letGo(id: number): Message | undefined {
    const message = this.#hot[id];
    if (message === undefined) return undefined;
    this.#hot[id] = undefined;
    message.shelfId = -1; // Somebody else may keep it, and the number may be another's by then.
    this.#hotBytes -= message.payloadSize + HOT_OVERHEAD;
    return message;
  }

  /** One string for all that are equal: a million messages are of a few topics. */
  #shared(name: string): string {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    if (this.#names.size >= NAMES_MAX) this.#names.clear();
    this.#names.set(name, name);
    return name;
  }

  /**
   * Lets go of Messages until those left fit: in the order of their numbers, round and round. Only
   * what is committed can be read back.
   */
  evict(hotBytesMax: number, committed: number): void {
    if (this.keepsAll) return;
    for (let looked = 0; this.#hotBytes > hotBytesMax && looked < this.#top; looked += 1) {
      if (this.#hand >= this.#top) this.#hand = 0;
      const id = this.#hand;
      this.#hand += 1;
      if (this.#hot[id] === undefined || this.isPinned(id)) continue;
      if ((this.#positions[id] as number) <= committed) this.cool(id);
    }
  }
}
