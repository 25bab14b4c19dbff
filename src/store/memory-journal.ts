import type { Wanted } from "../core/broker.ts";
import type { Op } from "../core/ops.ts";
import type { Journal, Trouble } from "../core/ports.ts";

/**
 * The Journal of a broker that keeps nothing on disk (`durability: memory`).
 *
 * It forgets its Ops, and keeps the rules: positions grow, and nothing counts as committed before
 * `commit`, so that a reply leaves at the same point of the turn as it does with a disk.
 */
export class MemoryJournal implements Journal {
  readonly appendedSize = 1;
  readonly trouble: Trouble = "none";
  #appended = 0;
  #committed = 0;

  append(_op: Op): number {
    this.#appended += 1;
    return this.#appended;
  }

  get appended(): number {
    return this.#appended;
  }

  get committed(): number {
    return this.#committed;
  }

  /** Everything appended so far is committed on return. */
  commit(): void {
    this.#committed = this.#appended;
  }

  // There is no log: it needs no time, cannot grow, and nothing is read back from it.
  tick(): void {}

  compactTo(): number {
    return 0;
  }

  drop(): void {}

  recall(_wanted: readonly Wanted[], _got: unknown, done: () => void): void {
    done();
  }
}
