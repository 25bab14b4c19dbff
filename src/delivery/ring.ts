import type { Grant } from "./outbound-window.ts";
import { BLOCK_BITS, type Chunk, firstPlace, type Held, type Places } from "./places.ts";

const BLOCK_SIZE = 1 << BLOCK_BITS;
const BLOCK_MASK = BLOCK_SIZE - 1;

const NOTHING: never[] = [];
const BLOCKS_FIRST = 2;
/** An emptied ring keeps room for so many blocks. */
const BLOCKS_KEPT = 32;
/** Of a mask: there is no room for blocks. */
const NONE = -1;

/** Flags of a place that holds nothing (any more). */
const VACANT = -1;

/**
 * Consecutive places numbered `head` .. `tail - 1`, each what it holds, its grant and flags.
 *
 * They are in blocks, whose numbers are in an array used round and round: no object per message,
 * and a queue that grows is not copied. The number of a place never changes, so it can be looked
 * up directly. An empty ring has no blocks.
 */
export class Ring {
  readonly #places: Places;
  #blocks: number[] = NOTHING;
  #mask = NONE;
  #head = 0;
  #tail = 0;

  constructor(places: Places) {
    this.#places = places;
  }

  get head(): number {
    return this.#head;
  }

  get tail(): number {
    return this.#tail;
  }

  /** Takes the place `tail`. */
  push(held: Held, grant: Grant, flags: number): void {
    const seq = this.#tail;
    const isFirst = this.#head === seq || (seq & BLOCK_MASK) === 0;
    const block = isFirst ? this.#open() : this.#blockOf(seq);
    const chunk = this.#places.chunkOf(block);
    const at = firstPlace(block) + (seq & BLOCK_MASK);
    chunk.held[at] = held;
    chunk.grants[at] = grant;
    chunk.flags[at] = flags;
    this.#tail = seq + 1;
  }

  /** Begins the block of the place `tail`. */
  #open(): number {
    const { head, tail } = this;
    if ((tail - head + (head & BLOCK_MASK)) >> BLOCK_BITS > this.#mask) this.#grow();
    const block = this.#places.take();
    this.#blocks[(tail >> BLOCK_BITS) & this.#mask] = block;
    return block;
  }

  /** Twice the room for blocks. */
  #grow(): void {
    const room = this.#mask < 0 ? BLOCKS_FIRST : (this.#mask + 1) * 2;
    const blocks: number[] = new Array(room).fill(0);
    for (let seq = this.#head & ~BLOCK_MASK; seq < this.#tail; seq += BLOCK_SIZE) {
      blocks[(seq >> BLOCK_BITS) & (room - 1)] = this.#blockOf(seq);
    }
    this.#blocks = blocks;
    this.#mask = room - 1;
  }

  #blockOf(seq: number): number {
    return this.#blocks[(seq >> BLOCK_BITS) & this.#mask] as number;
  }

  #chunkOf(seq: number): Chunk {
    return this.#places.chunkOf(this.#blockOf(seq));
  }

  #at(seq: number): number {
    return firstPlace(this.#blockOf(seq)) + (seq & BLOCK_MASK);
  }

  /** Begins at `seq`; it was empty. */
  beginAt(seq: number): void {
    this.#head = seq;
    this.#tail = seq;
  }

  /** Makes `seq` the next place, with vacant ones before it. */
  skipTo(seq: number, grant: Grant): void {
    if (this.#head === this.#tail) this.beginAt(seq);
    while (this.#tail < seq) this.push(undefined, grant, VACANT);
  }

  has(seq: number): boolean {
    return seq >= this.#head && seq < this.#tail && this.flags(seq) !== VACANT;
  }

  /** What is held at a place between `head` and `tail`. */
  held(seq: number): Held {
    return this.#chunkOf(seq).held[this.#at(seq)];
  }

  grant(seq: number): Grant {
    return this.#chunkOf(seq).grants[this.#at(seq)] as Grant;
  }

  flags(seq: number): number {
    return this.#chunkOf(seq).flags[this.#at(seq)] as number;
  }

  setFlags(seq: number, flags: number): void {
    this.#chunkOf(seq).flags[this.#at(seq)] = flags;
  }

  /** From now on nothing is held at `seq`; the place is not vacant. */
  letGo(seq: number): void {
    this.#chunkOf(seq).held[this.#at(seq)] = undefined;
  }

  /** Empties a place, and moves `head` past the vacant ones. */
  vacate(seq: number): void {
    const chunk = this.#chunkOf(seq);
    const at = this.#at(seq);
    chunk.held[at] = undefined;
    chunk.grants[at] = undefined;
    chunk.flags[at] = VACANT;
    while (this.#head < this.#tail && this.flags(this.#head) === VACANT) this.#pass();
    if (this.#head === this.#tail && this.#mask >= BLOCKS_KEPT) {
      this.#blocks = NOTHING;
      this.#mask = NONE;
    }
  }

  /** Moves `head` past a vacant place. */
  #pass(): void {
    const seq = this.#head;
    this.#head = seq + 1;
    if ((this.#head & BLOCK_MASK) === 0 || this.#head === this.#tail) {
      this.#places.giveBack(this.#blockOf(seq));
    }
  }
}
