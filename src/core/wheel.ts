/** Something with deadlines of its own. What `advance` is given it need not keep. */
export interface Timed<Given = void> {
  /** The wheel's mark: the slot that its owner is in. At first NOT_ON_WHEEL. */
  wheelSlot: number;
  /** The deadline has come, or at most WHEEL_SLOT_MS ago. It may set its next one. */
  due(nowMs: number, given: Given): void;
}

/** Deadlines are met up to this much late, never early. */
export const WHEEL_SLOT_MS = 250;

export const NOT_ON_WHEEL = -1;

/**
 * Coarse deadlines for very many owners: one Map of time slots, no timer each.
 *
 * An owner is in one slot at most, and off the wheel when it has gone: clients that come and go
 * by the thousand leave nothing here. A packet that puts off a keep-alive costs nothing: the
 * owner looks at the time when it is due, and sets itself again. Slots are numbered from the
 * wheel's own start: such small integers need no memory of their own.
 */
export class Wheel<Given = void> {
  readonly #slots = new Map<number, Set<Timed<Given>>>();
  readonly #startMs: number;
  #slotAt = 0;

  constructor(nowMs: number) {
    this.#startMs = Math.floor(nowMs / WHEEL_SLOT_MS) * WHEEL_SLOT_MS;
  }

  /** Owners that have a deadline. */
  get size(): number {
    let size = 0;
    for (const owners of this.#slots.values()) size += owners.size;
    return size;
  }

  /** Sets the one deadline of `owner`; Infinity: it has none. */
  set(owner: Timed<Given>, atMs: number): void {
    if (atMs === Number.POSITIVE_INFINITY) {
      this.delete(owner);
      return;
    }
    const slot = Math.max(Math.ceil((atMs - this.#startMs) / WHEEL_SLOT_MS), this.#slotAt + 1);
    if (slot === owner.wheelSlot) return;
    this.delete(owner);
    owner.wheelSlot = slot;
    const owners = this.#slots.get(slot);
    if (owners === undefined) this.#slots.set(slot, new Set([owner]));
    else owners.add(owner);
  }

  delete(owner: Timed<Given>): void {
    const owners = this.#slots.get(owner.wheelSlot);
    if (owners?.delete(owner) && owners.size === 0) this.#slots.delete(owner.wheelSlot);
    owner.wheelSlot = NOT_ON_WHEEL;
  }

  advance(nowMs: number, given: Given): void {
    const slotNow = Math.floor((nowMs - this.#startMs) / WHEEL_SLOT_MS);
    if (slotNow <= this.#slotAt) return;
    // After a long sleep there are more slots in between than there are in use.
    const due =
      slotNow - this.#slotAt > this.#slots.size
        ? [...this.#slots.keys()].filter((slot) => slot <= slotNow).sort((a, b) => a - b)
        : Array.from({ length: slotNow - this.#slotAt }, (_, i) => this.#slotAt + 1 + i);
    this.#slotAt = slotNow;
    for (const slot of due) {
      const owners = this.#slots.get(slot);
      if (owners === undefined) continue;
      this.#slots.delete(slot);
      for (const owner of owners) {
        if (owner.wheelSlot !== slot) continue; // Another's deadline has moved it.
        owner.wheelSlot = NOT_ON_WHEEL;
        owner.due(nowMs, given);
      }
    }
  }
}
