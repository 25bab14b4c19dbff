import { Random } from "../sim/prng.ts";
import { type SimCall, SimError, type SimFault } from "./sim-fault.ts";
import { Inode, mixed, type Remains } from "./sim-inode.ts";
import { type Changing, hashOfName, type NameLoss, SimNames } from "./sim-names.ts";

export { SimFs } from "./sim-fs.ts";

export interface SimDiskOptions {
  readonly seed: number;
  /** What a crash may leave of the names that are not durable. */
  readonly names?: NameLoss;
  /** `os`: what is done is with the system only, as if nobody had asked for more. */
  readonly mode?: "durable" | "os";
  /** Which of the operations under way is done next; those of one file's writes in order. */
  readonly order?: "random" | "begun";
  /** `syncDirectory` is done, and does nothing. */
  readonly dropDirectorySync?: boolean;
  /** `rewriteSync` and `syncDirectorySync` are done, and do nothing. */
  readonly dropRewrite?: boolean;
  /** In bytes. */
  readonly capacity?: number;
}

/** An operation that was begun. */
interface UnderWay {
  readonly finish: () => void;
  readonly changes?: Changing;
  readonly writes?: Inode;
}

/** What a crash leaves, for each file. */
type Survivors = readonly {
  readonly name: string;
  readonly inode: Inode;
  readonly remains: Remains;
}[];

/**
 * A disk in memory that breaks every promise that a disk may break, by random numbers from a seed.
 *
 * What a `SimFs` begins is done when the test says so (`step`), and the test may let the power fail
 * at any moment between (`crash`). Files are made of sectors that never change, so that a disk
 * costs about as much as the list of its sectors, and what a crash leaves not even that.
 */
export class SimDisk {
  /** Asked of every call: is it to fail, and how? */
  fail: (call: SimCall) => SimFault | undefined = () => undefined;
  readonly options: SimDiskOptions;
  readonly random: Random;
  readonly dir: SimNames;
  readonly #underWay: UnderWay[] = [];
  /** How often each file is open: one without a name takes space until it is closed. */
  readonly #open = new Map<Inode, number>();
  #inodes: number;
  #calls = 0;
  #moves = 0;
  #isDown = false;

  constructor(options: SimDiskOptions, dir: SimNames = new SimNames(), inodes: number = 0) {
    this.options = options;
    this.random = new Random(options.seed);
    this.dir = dir;
    this.#inodes = inodes;
  }

  /** How many calls there were. */
  get calls(): number {
    return this.#calls;
  }

  /** How many operations were begun and are not done. */
  get underWay(): number {
    return this.#underWay.length;
  }

  get isDown(): boolean {
    return this.#isDown;
  }

  /** Finishes one operation, and calls whoever began it. @returns Whether there was one. */
  step(): boolean {
    if (this.#underWay.length === 0) return false;
    this.#moves += 1;
    const isRandom = this.options.order !== "begun";
    const picked = this.#underWay[isRandom ? this.random.below(this.#underWay.length) : 0];
    const inode = picked?.writes;
    const at = this.#underWay.findIndex(
      (other) => other === picked || (inode !== undefined && other.writes === inode),
    );
    const [next] = this.#underWay.splice(at, 1);
    next?.finish();
    return true;
  }

  /** Finishes up to `steps` operations. @returns How many there were. */
  run(steps: number): number {
    let done = 0;
    while (done < steps && this.step()) done += 1;
    return done;
  }

  /** Finishes operations until nothing is under way, with those that are begun meanwhile. */
  settle(stepsMax = 1_000_000): void {
    if (this.run(stepsMax) === stepsMax) throw new Error(`not settled in ${stepsMax} steps`);
  }

  /** The power fails. @returns What is on the medium; this disk does nothing any more. */
  crash(): SimDisk {
    this.mustBeUp();
    const after = this.#after(this.#survivors(this.random), this.random);
    this.#isDown = true;
    this.#underWay.length = 0;
    return after;
  }

  /**
   * The process dies, and the system goes on. @returns What the next process finds: of what was
   * under way there is a part. None of it is more durable than it was; this disk does nothing any
   * more. (A write that failed and yet arrives, long after, is not looked at: nobody was told of
   * it, and where the next process has written, it counts no more.)
   */
  kill(): SimDisk {
    this.mustBeUp();
    const { random, dir } = this;
    this.#isDown = true;
    for (const { writes, changes } of this.#underWay.splice(0)) {
      writes?.abandon(random);
      if (changes !== undefined && random.chance(50)) dir.change(changes(dir.current));
    }
    for (const inode of dir.inodes) inode.forgetUnseen();
    return new SimDisk({ ...this.options, seed: random.below(2 ** 32) }, dir, this.#inodes);
  }

  /**
   * Up to `count` disks, each with other bytes or names, that a crash may leave at this moment:
   * fewer, if it is hard to find more. Does not disturb this disk, which must not move meanwhile.
   */
  *crashStates(count: number): Generator<SimDisk, void> {
    this.mustBeUp();
    const moves = this.#moves;
    const random = new Random(mixed(this.options.seed, moves));
    const seen = new Set<number>();
    for (let tries = 4 * count + 64; tries > 0 && seen.size < count; tries -= 1) {
      if (this.#moves !== moves) throw new Error("the disk has moved");
      const survivors = this.#survivors(random);
      const hash = hashOf(survivors);
      if (seen.has(hash)) continue;
      seen.add(hash);
      yield this.#after(survivors, random);
    }
  }

  names(): string[] {
    return [...this.dir.current.keys()];
  }

  /** What the running system would read. Looking at it disturbs nothing. */
  bytesOf(name: string): Uint8Array {
    const inode = this.inodeOf(name);
    const bytes = new Uint8Array(inode.size);
    inode.read(bytes, 0, new Random(mixed(this.options.seed, this.#moves)));
    return bytes;
  }

  /** Of all files that have a name, in bytes. */
  get totalSize(): number {
    return sizeOf(this.dir.current.values());
  }

  /** Puts a file there, durable, in place of any of that name. */
  put(name: string, bytes: Uint8Array): void {
    this.#moves += 1;
    const inode = this.newInode(0);
    const write = inode.begin(0, bytes);
    inode.finishDurably(write);
    this.dir.put(name, inode);
  }

  flipBit(name: string, offset: number, bit: number): void {
    this.#moves += 1;
    this.inodeOf(name).flipBit(offset, bit);
  }

  /**
   * The last write to a file that was reported durable never reached the medium, which has what
   * was there before. @returns Whether there was such a write.
   */
  stale(name: string): boolean {
    this.#moves += 1;
    return this.inodeOf(name).takeBack();
  }

  // From here on, what SimFs needs.

  /** Counts a call. @returns The error that it is to end with. */
  called(
    op: SimCall["op"],
    name: string,
    where: Pick<SimCall, "at" | "size"> = {},
  ): SimError | null {
    this.#calls += 1;
    const fault = this.fail({ op, name, nth: this.#calls, ...where });
    return fault === undefined ? null : SimError.of(fault, { op, name });
  }

  mustBeUp(): void {
    if (this.#isDown) throw new Error("the disk has crashed");
  }

  /** What a crash leaves of it is not what it was. */
  moved(): void {
    this.#moves += 1;
  }

  begin(operation: UnderWay): void {
    if (this.#isDown) return;
    this.#moves += 1;
    this.#underWay.push(operation);
  }

  inodeOf(name: string): Inode {
    const inode = this.dir.current.get(name);
    if (inode === undefined) throw new SimError("ENOENT", name);
    return inode;
  }

  newInode(size: number): Inode {
    this.#inodes += 1;
    return new Inode(this.#inodes, size, 0);
  }

  opened(inode: Inode): void {
    this.#open.set(inode, (this.#open.get(inode) ?? 0) + 1);
  }

  closed(inode: Inode): void {
    const times = (this.#open.get(inode) ?? 0) - 1;
    if (times > 0) this.#open.set(inode, times);
    else this.#open.delete(inode);
  }

  /** Space is given again when it is durable that it is free: for that, names are made so. */
  hasSpaceFor(size: number): boolean {
    const { capacity } = this.options;
    if (capacity === undefined) return true;
    const inUse = new Set([...this.dir.current.values(), ...this.#open.keys()]);
    if (sizeOf(inUse) + size > capacity) return false;
    if (sizeOf(new Set([...inUse, ...this.dir.inodes])) + size > capacity)
      this.dir.sync(this.dir.changes);
    return true;
  }

  #survivors(random: Random): Survivors {
    const changing = this.#underWay.flatMap(({ changes }) => changes ?? []);
    const names = this.dir.remains(this.options.names ?? "subset", changing, random);
    return Array.from(names, ([name, inode]) => {
      return { name, inode, remains: inode.remains(random) };
    });
  }

  #after(survivors: Survivors, random: Random): SimDisk {
    const names = new Map(
      survivors.map(({ name, inode, remains }) => [name, inode.after(remains)]),
    );
    const options = { ...this.options, seed: random.below(2 ** 32) };
    return new SimDisk(options, new SimNames(names), this.#inodes);
  }
}

function sizeOf(inodes: Iterable<Inode>): number {
  let size = 0;
  for (const inode of inodes) size += inode.size;
  return size;
}

function hashOf(survivors: Survivors): number {
  let hash = 0;
  for (const { name, inode, remains } of survivors)
    hash = (hash + mixed(hashOfName(name), inode.hashOf(remains))) | 0;
  return hash;
}
