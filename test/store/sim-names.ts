import type { Random } from "../sim/prng.ts";
import { type Inode, mixed, someOf } from "./sim-inode.ts";

/** A name goes, comes, or (a rename) both at once. */
export interface NameChange {
  readonly gone?: string;
  readonly made?: string;
  readonly inode: Inode;
}

type Names = ReadonlyMap<string, Inode>;

/** What a crash may leave of the changes that are not durable. */
export type NameLoss =
  /** Any of them, as long as those to one name keep their order. */
  | "subset"
  /** The first few of them: there is a journal, and it is in order. */
  | "ordered";

/** A change under way, once it is known what names there are. */
export type Changing = (names: Names) => readonly NameChange[];

/** The directory: as the running system sees it, as it is on the medium, and what is between. */
export class SimNames {
  readonly #durable: Map<string, Inode>;
  readonly #current: Map<string, Inode>;
  /** In order. */
  #volatile: { readonly change: NameChange; readonly place: number; isLost: boolean }[] = [];
  #changes = 0;

  constructor(durable: Names = new Map()) {
    this.#durable = new Map(durable);
    this.#current = new Map(durable);
  }

  get current(): Names {
    return this.#current;
  }

  /** How many changes there were so far: what a sync that begins now makes durable. */
  get changes(): number {
    return this.#changes;
  }

  /** Every file of which something is still on the medium, or may be. */
  get inodes(): Set<Inode> {
    const between = this.#volatile.map(({ change }) => change.inode);
    return new Set([...this.#durable.values(), ...this.#current.values(), ...between]);
  }

  /** No change of it can be lost. */
  get isDurable(): boolean {
    return this.#volatile.length === 0;
  }

  change(changes: readonly NameChange[]): void {
    for (const change of changes) {
      apply(this.#current, change);
      this.#volatile.push({ change, place: this.#changes, isLost: false });
      this.#changes += 1;
    }
  }

  /** The first `count` changes are durable. Those that an earlier sync lost stay lost. */
  sync(count: number): void {
    for (const { change, place, isLost } of this.#volatile)
      if (place < count && !isLost) apply(this.#durable, change);
    this.#volatile = this.#volatile.filter(({ place }) => place >= count);
  }

  /** A sync failed: some of what it should have written is never tried again. */
  lose(count: number, random: Random): void {
    for (const volatile of this.#volatile)
      if (volatile.place < count) volatile.isLost ||= random.chance(50);
  }

  /** A name that is there and durable. */
  put(name: string, inode: Inode): void {
    this.#durable.set(name, inode);
    this.#current.set(name, inode);
  }

  /** What a crash may leave, while `underWay` happens in any order. */
  remains(loss: NameLoss, underWay: readonly Changing[], random: Random): Names {
    if (this.#volatile.length === 0 && underWay.length === 0) return this.#durable;
    const changes = this.#volatile.filter(({ isLost }) => !isLost).map(({ change }) => change);
    changes.push(...this.#unfinished(underWay, random));
    const names = new Map(this.#durable);
    const kept =
      loss === "ordered"
        ? changes.slice(0, random.below(changes.length + 1))
        : subset(changes, random);
    for (const change of kept) apply(names, change);
    return names;
  }

  #unfinished(underWay: readonly Changing[], random: Random): NameChange[] {
    if (underWay.length === 0) return [];
    const names = new Map(this.#current);
    return shuffled(underWay, random).flatMap((changing) => {
      const changes = changing(names);
      for (const change of changes) apply(names, change);
      return changes;
    });
  }
}

/** Whatever became of earlier changes: after this one, its names are right. */
function apply(names: Map<string, Inode>, { gone, made, inode }: NameChange): void {
  if (gone !== undefined) names.delete(gone);
  for (const [name, other] of names) if (other === inode) names.delete(name);
  if (made !== undefined) names.set(made, inode);
}

/** Without a change, there are none of the later ones that touch a name of it. */
function subset(changes: readonly NameChange[], random: Random): NameChange[] {
  const isThere = someOf(changes.length, random);
  const missing = new Set<string | undefined>();
  return changes.filter(({ gone, made }, at) => {
    const isKept = isThere(at) && ![gone, made].some((name) => name && missing.has(name));
    if (!isKept) missing.add(gone).add(made);
    return isKept;
  });
}

export function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  const left = [...items];
  return items.map(() => left.splice(random.below(left.length), 1)[0] as Item);
}

/** A name as a number. */
export function hashOfName(name: string): number {
  let hash = name.length;
  for (let i = 0; i < name.length; i += 1) hash = mixed(hash, name.charCodeAt(i));
  return hash;
}
