/**
 * Durable state by hash slot, for checkpoints: what is in a slot, and from where on the log has
 * all of it. A checkpoint says again what is in a few slots; in the end nothing before the oldest
 * of them is needed any more, and nobody ever had to wait for all of it to be written.
 */
import type { Session } from "./session.ts";
import type { ShareGroup } from "./share-group.ts";

/** A retained message goes by its topic. */
export type SlotItem = Session | ShareGroup | string;

/** A power of two. It is part of the log's format. */
export const SLOTS = 16_384;

const NOTHING: readonly SlotItem[] = [];

export class Slots {
  readonly #items: (SlotItem[] | undefined)[] = new Array(SLOTS).fill(undefined);
  /** From this position on the log has all that is in the slot; not for an empty one. */
  readonly #positions = new Float64Array(SLOTS);
  /** What each took in the log, about, and all of them. */
  readonly #bytes = new Float64Array(SLOTS);
  #bytesTotal = 0;

  get bytes(): number {
    return this.#bytesTotal;
  }

  /** Something in the slot takes `size` bytes more. */
  charge(slot: number, size: number): void {
    this.#bytes[slot] = (this.#bytes[slot] as number) + size;
    this.#bytesTotal += size;
  }

  /** @param position Of the record that made the item. */
  add(slot: number, item: SlotItem, position: number): void {
    const items = this.#items[slot];
    if (items !== undefined && items.length > 0) {
      items.push(item);
      return;
    }
    this.#items[slot] = [item];
    this.#positions[slot] = position;
  }

  delete(slot: number, item: SlotItem): void {
    const items = this.#items[slot];
    const at = items === undefined ? -1 : items.indexOf(item);
    if (items === undefined || at < 0) return;
    const last = items.pop() as SlotItem;
    if (last !== item) items[at] = last;
    this.charge(slot, -(this.#bytes[slot] as number) / (items.length + 1));
    if (items.length === 0) this.#items[slot] = undefined;
  }

  in(slot: number): readonly SlotItem[] {
    return this.#items[slot] ?? NOTHING;
  }

  /** Whether the slot needs something of the log before `position`. */
  needsBefore(slot: number, position: number): boolean {
    return this.#items[slot] !== undefined && (this.#positions[slot] as number) <= position;
  }

  /** All that is in the slot follows at `position`. */
  begin(slot: number, position: number): void {
    this.#positions[slot] = position;
    this.charge(slot, -(this.#bytes[slot] as number));
  }
}

/** @param kind What the key is of: the same key of two kinds need not be in one slot. */
export function slotOf(kind: "session" | "group" | "retained", key: string): number {
  let hash = 0x811c_9dc5 ^ kind.charCodeAt(0);
  for (let at = 0; at < key.length; at += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(at), 0x0100_0193);
  }
  return (hash ^ (hash >>> 15)) & (SLOTS - 1);
}
