import type { Message } from "../protocol/message.ts";
import type { Grant } from "./outbound-window.ts";

/** A Message; the number of one on the shelf; undefined: nothing (any more). */
export type Held = Message | number | undefined;

const NOTHING: never[] = [];
const CAPACITY_FIRST = 8;
/** An emptied ring keeps its places up to here. */
const CAPACITY_KEPT = 256;

/** Flags of a place that holds nothing (any more). */
export const VACANT = -1;

/**
 * Consecutive places numbered `head` .. `tail - 1`, each what it holds, its grant and flags.
 *
 * Three plain arrays used round and round, doubled when full: no object per message. The number
 * of a place never changes, so it can be looked up directly. An unused ring has no arrays.
 */
export class Ring {
  held: Held[] = NOTHING;
  grants: Grant[] = NOTHING;
  flags: number[] = NOTHING;
  mask = -1;
  head = 0;
  tail = 0;

  /** Takes the place `tail`. */
  push(held: Held, grant: Grant, flags: number): void {
    if (this.tail - this.head > this.mask) this.#grow();
    const at = this.tail & this.mask;
    this.held[at] = held;
    this.grants[at] = grant;
    this.flags[at] = flags;
    this.tail += 1;
  }

  /** Makes `seq` the next place, with vacant ones before it. */
  skipTo(seq: number, grant: Grant): void {
    if (this.head === this.tail) {
      this.head = seq;
      this.tail = seq;
    }
    while (this.tail < seq) this.push(undefined, grant, VACANT);
  }

  has(seq: number): boolean {
    return seq >= this.head && seq < this.tail && this.flags[seq & this.mask] !== VACANT;
  }

  /** Empties a place, and moves `head` past the vacant ones. */
  vacate(seq: number): void {
    const at = seq & this.mask;
    this.held[at] = undefined;
    this.flags[at] = VACANT;
    while (this.head < this.tail && this.flags[this.head & this.mask] === VACANT) this.head += 1;
    if (this.head === this.tail && this.mask >= CAPACITY_KEPT) this.#drop();
  }

  #drop(): void {
    this.held = NOTHING;
    this.grants = NOTHING;
    this.flags = NOTHING;
    this.mask = -1;
  }

  #grow(): void {
    const capacity = this.mask < 0 ? CAPACITY_FIRST : (this.mask + 1) * 2;
    const mask = capacity - 1;
    const held: Held[] = new Array(capacity).fill(undefined);
    const grants: Grant[] = new Array(capacity).fill(undefined);
    const flags: number[] = new Array(capacity).fill(VACANT);
    for (let seq = this.head; seq < this.tail; seq += 1) {
      held[seq & mask] = this.held[seq & this.mask];
      grants[seq & mask] = this.grants[seq & this.mask] as Grant;
      flags[seq & mask] = this.flags[seq & this.mask] as number;
    }
    this.held = held;
    this.grants = grants;
    this.flags = flags;
    this.mask = mask;
  }
}
