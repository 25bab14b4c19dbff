import type { Random } from "../sim/prng.ts";

/** A disk writes this much at once, or not at all. */
export const SECTOR_SIZE = 512;

/** The bytes of a sector, which never change: a disk and what a crash makes of it share them. */
class Sector {
  /** Of the sectors that one write made, one after the other. */
  readonly block: Uint8Array;
  readonly start: number;
  #hash = 0;

  constructor(block: Uint8Array, start: number = 0) {
    this.block = block;
    this.start = start;
  }

  get bytes(): Uint8Array {
    return this.block.subarray(this.start, this.start + SECTOR_SIZE);
  }

  get hash(): number {
    if (this.#hash !== 0) return this.#hash;
    const words = new Uint32Array(this.block.buffer, this.start, SECTOR_SIZE / 4);
    let hash = 1;
    for (const word of words) hash = mixed(hash, word);
    this.#hash = hash | 1;
    return this.#hash;
  }
}

const ZEROS: Sector = new Sector(new Uint8Array(SECTOR_SIZE));

/** A write that was begun, or that was done without being durable. */
export class Write {
  readonly at: number;
  /** Its own: those of the caller may change. */
  readonly bytes: Uint8Array;
  readonly first: number;
  /** What the sectors from `first` on become. Without those that a later write made durable. */
  sectors: (Sector | undefined)[] = [];
  /** Its failure was reported: the system will never try again to write it. */
  hasFailed = false;

  constructor(at: number, bytes: Uint8Array) {
    this.at = at;
    this.bytes = bytes.slice();
    this.first = Math.floor(at / SECTOR_SIZE);
  }

  get end(): number {
    return this.at + this.bytes.length;
  }
}

/** What a crash leaves of a file: its size, and the sectors that are not what is durable. */
export interface Remains {
  readonly size: number;
  readonly sectors: ReadonlyMap<number, Sector>;
}

const NO_SECTORS: ReadonlyMap<number, Sector> = new Map();

/**
 * A file without its name: what is on the medium, what the running system sees, and every write
 * that is not surely on the medium.
 *
 * A sector on the medium is always the whole outcome of one of the writes to it, in their order.
 */
export class Inode {
  readonly id: number;
  #size: number;
  /** From here to `#size` it is unknown how much a crash leaves. */
  #durableSize: number;
  /** Zeros from its end on. Copied before it is changed while another disk has it too. */
  #medium: Sector[];
  #isShared = false;
  /** Where the running system sees something else than what is on the medium. */
  readonly #seen = new Map<number, Sector>();
  /** Oldest first; those under way are the last of them. */
  readonly #volatile: Write[] = [];
  readonly #underWay: Write[] = [];
  /** What the last durable write took the place of. */
  #replaced: { readonly first: number; readonly sectors: readonly Sector[] } | undefined;

  constructor(id: number, size: number, durableSize: number, medium: Sector[] = []) {
    this.id = id;
    this.#size = size;
    this.#durableSize = durableSize;
    this.#medium = medium;
  }

  /** As the running system sees it. */
  get size(): number {
    return this.#size;
  }

  /** Its size is durable, and zeros where nothing was written. */
  makeDurable(): void {
    this.#durableSize = this.#size;
  }

  begin(at: number, bytes: Uint8Array): Write {
    const write = new Write(at, bytes);
    write.sectors = this.#laid(write);
    this.#underWay.push(write);
    this.#volatile.push(write);
    return write;
  }

  /** A crash would leave all of it as it is. */
  get isDurable(): boolean {
    return this.#volatile.length === 0 && this.#durableSize === this.#size;
  }

  /** What was written without a failure is on the medium. */
  sync(): void {
    this.makeDurable();
    const written = this.#volatile.filter((write) => !this.#underWay.includes(write));
    for (const write of written) if (!write.hasFailed) this.#reach(write);
  }

  /** The oldest write under way is on the medium. */
  finishDurably(write: Write): void {
    this.#end(write);
    this.#reach(write);
  }

  #reach(write: Write): void {
    this.#ownMedium();
    while (this.#medium.length < write.first) this.#medium.push(ZEROS);
    const replaced = write.sectors.map((_, i) => this.#medium[write.first + i] ?? ZEROS);
    this.#replaced = { first: write.first, sectors: replaced };
    write.sectors.forEach((sector, i) => {
      this.#medium[write.first + i] = sector ?? this.#medium[write.first + i] ?? ZEROS;
      this.#seen.delete(write.first + i);
    });
    this.#overtake(write);
    this.#grow(write.end);
    this.#durableSize = Math.max(this.#durableSize, write.end);
  }

  /** The oldest write under way is with the system, and perhaps on the medium. */
  finish(write: Write): void {
    this.#end(write);
    this.#see(write, () => true);
    this.#grow(write.end);
  }

  /**
   * The oldest write under way failed. Each of its sectors may be on the medium or not; and the
   * system may go on to show them all, although it never tries again to write them.
   */
  fail(write: Write, random: Random): void {
    this.#end(write);
    write.hasFailed = true;
    const isAllSeen = random.chance(50);
    this.#see(write, () => isAllSeen || random.chance(50));
    this.#grow(write.end);
  }

  /** Of the oldest write under way, `size` bytes were written, to the system at least. */
  failShort(write: Write, size: number): void {
    this.drop(write);
    if (size === 0) return;
    const part = new Write(write.at, write.bytes.subarray(0, size));
    part.sectors = this.#laidUpon([], part);
    this.#volatile.splice(this.#volatile.length - this.#underWay.length, 0, part);
    this.#see(part, () => true);
    this.#grow(part.end);
    this.#layAgain();
  }

  /** Whoever began the oldest write under way is no more: the system has the first part of it. */
  abandon(random: Random): void {
    const [write] = this.#underWay;
    if (write !== undefined) this.failShort(write, someSize(write.bytes.length, random));
  }

  /** What failed and is not seen is not on the medium either, nor will it be. */
  forgetUnseen(): void {
    for (const { hasFailed, first, sectors } of this.#volatile) {
      sectors.forEach((sector, i) => {
        if (hasFailed && sector !== this.#seen.get(first + i)) sectors[i] = undefined;
      });
    }
  }

  /** Of the oldest write under way nothing was written. */
  drop(write: Write): void {
    this.#end(write);
    this.#volatile.splice(this.#volatile.indexOf(write), 1);
    this.#layAgain();
  }

  /** What is being written is seen, or not yet, sector by sector. */
  read(bytes: Uint8Array, at: number, random: Random): number {
    const size = Math.max(0, Math.min(bytes.length, this.#size - at));
    const end = at + size;
    let index = Math.floor(at / SECTOR_SIZE);
    for (let from = at; from < end; ) {
      const { block, start } = this.#readSector(index, random);
      const skip = start + (from % SECTOR_SIZE);
      let stop = start + SECTOR_SIZE;
      // Sectors that were made together are copied together.
      for (index += 1; this.#underWay.length === 0 && stop < skip + end - from; index += 1) {
        const next = this.#cached(index);
        if (next.block !== block || next.start !== stop) break;
        stop += SECTOR_SIZE;
      }
      const part = block.subarray(skip, Math.min(stop, skip + end - from));
      bytes.set(part, from - at);
      from += part.length;
    }
    return size;
  }

  flipBit(offset: number, bit: number): void {
    const index = Math.floor(offset / SECTOR_SIZE);
    const flipped = (sector: Sector): Sector => {
      const bytes = sector.bytes.slice();
      bytes[offset % SECTOR_SIZE] = (bytes[offset % SECTOR_SIZE] ?? 0) ^ (1 << bit);
      return new Sector(bytes);
    };
    const seen = this.#seen.get(index);
    this.#put(index, flipped(this.#medium[index] ?? ZEROS));
    if (seen !== undefined) this.#seen.set(index, flipped(seen));
  }

  /** Takes back the last durable write, as if the medium had only said that it was done. */
  takeBack(): boolean {
    const replaced = this.#replaced;
    replaced?.sectors.forEach((sector, i) => {
      this.#put(replaced.first + i, sector);
    });
    this.#replaced = undefined;
    return replaced !== undefined;
  }

  /** What a crash may leave of it now. */
  remains(random: Random): Remains {
    if (this.#volatile.length === 0 && this.#durableSize === this.#size)
      return { size: this.#size, sectors: NO_SECTORS };
    const sectors = new Map<number, Sector>();
    for (const write of this.#volatile) {
      const isThere = someOf(write.sectors.length, random);
      write.sectors.forEach((sector, i) => {
        if (isThere(i) && sector !== undefined) sectors.set(write.first + i, sector);
      });
    }
    const sizeMax = this.#underWay.reduce((most, { end }) => Math.max(most, end), this.#size);
    const size = this.#durableSize + someSize(sizeMax - this.#durableSize, random);
    return { size, sectors };
  }

  /** Equal for what leaves equal files. */
  hashOf({ size, sectors }: Remains): number {
    let hash = mixed(this.id, size);
    for (const [index, sector] of sectors) {
      const before = this.#medium[index] ?? ZEROS;
      if (sector.hash === before.hash) continue;
      hash += mixed(mixed(this.id, index), sector.hash);
    }
    return hash | 0;
  }

  /** The file as the next system finds it. */
  after(remains: Remains): Inode {
    let medium = this.#medium;
    const count = Math.ceil(remains.size / SECTOR_SIZE);
    const isWhole = remains.size === this.#size && remains.sectors.size === 0;
    const isCut = !isWhole && remains.size % SECTOR_SIZE !== 0;
    const isSame = remains.sectors.size === 0 && !isCut && medium.length <= count;
    if (!isSame) {
      medium = medium.slice(0, count);
      for (const [index, sector] of remains.sectors) {
        while (medium.length < index && medium.length < count) medium.push(ZEROS);
        if (index < count) medium[index] = sector;
      }
      const last = medium[count - 1];
      if (isCut && last !== undefined) medium[count - 1] = cut(last, remains.size % SECTOR_SIZE);
    }
    const inode = new Inode(this.id, remains.size, remains.size, medium);
    this.#isShared ||= isSame;
    inode.#isShared = isSame;
    inode.#replaced = this.#replaced;
    return inode;
  }

  #laid(write: Write): Sector[] {
    const at = this.#underWay.indexOf(write);
    return this.#laidUpon(at < 0 ? this.#underWay : this.#underWay.slice(0, at), write);
  }

  /** The sectors that a write makes of those that are there after `earlier`. */
  #laidUpon(earlier: readonly Write[], { at, bytes, first, end }: Write): Sector[] {
    if (bytes.length === 0) return [];
    const last = Math.floor((end - 1) / SECTOR_SIZE);
    const block = new Uint8Array((last - first + 1) * SECTOR_SIZE);
    for (const index of [first, last])
      block.set(this.#latest(index, earlier).bytes, (index - first) * SECTOR_SIZE);
    block.set(bytes, at - first * SECTOR_SIZE);
    return Array.from({ length: last - first + 1 }, (_, i) => new Sector(block, i * SECTOR_SIZE));
  }

  #layAgain(): void {
    for (const write of this.#underWay) write.sectors = this.#laid(write);
  }

  #latest(index: number, writes: readonly Write[]): Sector {
    for (let i = writes.length - 1; i >= 0; i -= 1) {
      const sector = writes[i]?.sectors[index - (writes[i]?.first ?? 0)];
      if (sector !== undefined) return sector;
    }
    return this.#cached(index);
  }

  #cached(index: number): Sector {
    const seen = this.#seen.size === 0 ? undefined : this.#seen.get(index);
    return seen ?? this.#medium[index] ?? ZEROS;
  }

  #readSector(index: number, random: Random): Sector {
    if (this.#underWay.length === 0) return this.#cached(index);
    return this.#latest(index, this.#underWay.slice(0, random.below(this.#underWay.length + 1)));
  }

  #end(write: Write): void {
    if (this.#underWay.shift() !== write) throw new Error("writes to a file are done in order");
  }

  #see(write: Write, isSeen: () => boolean): void {
    write.sectors.forEach((sector, i) => {
      if (isSeen() && sector !== undefined) this.#seen.set(write.first + i, sector);
    });
  }

  #grow(end: number): void {
    this.#size = Math.max(this.#size, end);
  }

  /** Nothing earlier can come onto the medium where a write is durable. */
  #overtake(write: Write): void {
    const index = this.#volatile.indexOf(write);
    const later = this.#volatile.splice(index).slice(1);
    const earlier = this.#volatile.splice(0).filter((old) => {
      write.sectors.forEach((_, i) => {
        const at = write.first + i - old.first;
        if (at >= 0 && at < old.sectors.length) old.sectors[at] = undefined;
      });
      return old.sectors.some((sector) => sector !== undefined);
    });
    this.#volatile.push(...earlier, ...later);
  }

  #put(index: number, sector: Sector): void {
    this.#ownMedium();
    while (this.#medium.length < index) this.#medium.push(ZEROS);
    this.#medium[index] = sector;
    this.#seen.delete(index);
  }

  #ownMedium(): void {
    if (this.#isShared) this.#medium = this.#medium.slice();
    this.#isShared = false;
  }
}

/**
 * Which of things in a row are there. Each for itself would almost never be all, none, or the
 * first few, which are the cases that a log meets most.
 */
export function someOf(count: number, random: Random): (at: number) => boolean {
  const limit = random.below(count + 1);
  switch (random.below(8)) {
    case 0:
      return () => false;
    case 1:
      return () => true;
    case 2:
      return (at) => at < limit;
    case 3:
      return (at) => at >= limit;
    case 4:
      return (at) => at !== limit;
    case 5:
      return (at) => at === limit;
    default:
      return () => random.chance(50);
  }
}

/** 0 .. `size`, and often one of the two. */
function someSize(size: number, random: Random): number {
  if (size === 0) return 0;
  return random.pick([0, size, random.between(0, size)]);
}

function cut({ bytes }: Sector, size: number): Sector {
  const whole = new Uint8Array(SECTOR_SIZE);
  whole.set(bytes.subarray(0, size));
  return new Sector(whole);
}

/** Two numbers in one that looks like neither. */
export function mixed(a: number, b: number): number {
  const sum = Math.imul(a ^ 0x9e37_79b9, 0x85eb_ca6b) ^ Math.imul(b, 0xc2b2_ae35);
  return Math.imul(sum ^ (sum >>> 15), 0x2c1b_3c6d) ^ (sum >>> 13);
}
