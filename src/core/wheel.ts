/** Something with deadlines of its own. */
export interface Timed {
  /** A deadline may have come; it looks itself, and sets its next one on the wheel. */
  due(nowMs: number): void;
}

/** Deadlines are met up to this much late, never early. */
export const WHEEL_SLOT_MS = 250;

/**
 * Coarse deadlines for very many owners: one Map of time slots, no timer each.
 *
 * Nothing is ever taken off: an owner that was due earlier than it now wishes looks at its own
 * deadline and sets itself again. So a packet that puts off a keep-alive costs nothing here.
 */
export class Wheel {
  readonly #slots = new Map<number, Timed[]>();
  #slotAt: number;

  constructor(nowMs: number) {
    this.#slotAt = Math.floor(nowMs / WHEEL_SLOT_MS);
  }

  set(owner: Timed, atMs: number): void {
    if (atMs === Number.POSITIVE_INFINITY) return;
    const slot = Math.max(Math.ceil(atMs / WHEEL_SLOT_MS), this.#slotAt + 1);
    const owners = this.#slots.get(slot);
    if (owners === undefined) this.#slots.set(slot, [owner]);
    else owners.push(owner);
  }

  advance(nowMs: number): void {
    const slotNow = Math.floor(nowMs / WHEEL_SLOT_MS);
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
      for (const owner of owners) owner.due(nowMs);
    }
  }
}
