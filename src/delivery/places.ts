import type { Message } from "../protocol/message.ts";
import type { Grant } from "./outbound-window.ts";

/** A Message; the number of one on the shelf; undefined: nothing (any more). */
export type Held = Message | number | undefined;

/** A block has 8 places. */
export const BLOCK_BITS = 3;
/** A chunk has 2,048 blocks: arrays so large are left where they are by the garbage collector. */
const CHUNK_BITS = 11;
const CHUNK_BLOCKS = 1 << CHUNK_BITS;
const CHUNK_MASK = CHUNK_BLOCKS - 1;
/** The first chunk begins with so few, and grows: most windows are small, or the only one. */
const BLOCKS_FIRST = 8;

/** What each of its places holds, its grant and flags, in columns. */
export class Chunk {
  readonly index: number;
  held: Held[] = [];
  grants: (Grant | undefined)[] = [];
  flags: Int32Array = new Int32Array(0);
  /** Blocks that there are, and the numbers of those that nobody has. */
  blocks = 0;
  readonly free: number[] = [];

  constructor(index: number, blocks: number) {
    this.index = index;
    this.grow(blocks);
  }

  grow(blocks: number): void {
    const places = blocks << BLOCK_BITS;
    const [held, grants, flags] = [new Array(places), new Array(places), new Int32Array(places)];
    const old = this.flags.length;
    for (let at = 0; at < places; at += 1) {
      held[at] = at < old ? this.held[at] : undefined;
      grants[at] = at < old ? this.grants[at] : undefined;
    }
    flags.set(this.flags);
    this.held = held;
    this.grants = grants;
    this.flags = flags;
    const first = this.index << CHUNK_BITS;
    for (let block = blocks - 1; block >= this.blocks; block -= 1) this.free.push(first + block);
    this.blocks = blocks;
  }
}

/**
 * The places of all queues of a broker, handed out by the block.
 *
 * One message for ten thousand sessions makes as many queues grow at once. Were each an array of
 * its own, the garbage collector would have all of them to move; so they share a few large ones.
 */
export class Places {
  /** By index; undefined: given up, since nobody had any block of it. */
  readonly #chunks: (Chunk | undefined)[] = [];
  readonly #vacant: number[] = [];
  /** Those with free blocks; the last one is taken from. */
  readonly #open: Chunk[] = [];

  /** The number of a block that is the caller's from now on. */
  take(): number {
    const chunk = this.#open.at(-1) ?? this.#add();
    const block = chunk.free.pop() as number;
    if (chunk.free.length === 0) this.#open.pop();
    return block;
  }

  #add(): Chunk {
    const [first] = this.#chunks;
    const isSmall = first !== undefined && first.blocks < CHUNK_BLOCKS;
    const index = this.#vacant.pop() ?? this.#chunks.length;
    const chunk = isSmall ? first : new Chunk(index, index === 0 ? BLOCKS_FIRST : CHUNK_BLOCKS);
    if (isSmall) first.grow(first.blocks * 4);
    else this.#chunks[index] = chunk;
    this.#open.push(chunk);
    return chunk;
  }

  /** Nobody needs it any more; what it held was let go of. */
  giveBack(block: number): void {
    const chunk = this.chunkOf(block);
    if (chunk.free.length === 0) this.#open.push(chunk);
    chunk.free.push(block);
    if (chunk.free.length < chunk.blocks || this.#open.length === 1) return;
    this.#open.splice(this.#open.indexOf(chunk), 1);
    this.#chunks[chunk.index] = undefined;
    this.#vacant.push(chunk.index);
  }

  chunkOf(block: number): Chunk {
    return this.#chunks[block >> CHUNK_BITS] as Chunk;
  }

  /** Chunks that there are. */
  get chunks(): number {
    return this.#chunks.length - this.#vacant.length;
  }

  /** Blocks that somebody has. */
  get taken(): number {
    let taken = 0;
    for (const chunk of this.#chunks) {
      if (chunk !== undefined) taken += chunk.blocks - chunk.free.length;
    }
    return taken;
  }
}

/** Of a block's places, within its chunk. */
export function firstPlace(block: number): number {
  return (block & CHUNK_MASK) << BLOCK_BITS;
}
