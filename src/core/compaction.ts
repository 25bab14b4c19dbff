/**
 * Says what is still needed again, further on in the log, so that the log can begin later.
 *
 * The store names the position that it would like to begin after. Then, a little in each turn,
 * messages that lie before it are moved, and hash slots that need something before it are written
 * as checkpoints. Whatever happens meanwhile comes behind, in the order in which it happens: a
 * message that is finished before its turn comes is not moved, and what is moved is still live.
 */
import type { Context } from "./context.ts";
import { SLOTS } from "./slots.ts";
import { checkpointOf } from "./snapshot.ts";

/** What one step may append to the log, about; or as much as others did since the one before. */
const STEP_BYTES_MAX = 64 * 1024;
/** Numbers of the shelf, and slots, that one step looks at. */
const STEP_LOOKS_MAX = 16_384;
/** Cold messages that are read back at a time to be moved. */
const COLD_MAX = 1_024;

export class Compaction {
  readonly #context: Context;
  readonly #stepBytesMax: number;
  #below = 0;
  #nextId = 0;
  #nextSlot = SLOTS;
  /** Cold messages to be moved once they are read back. */
  #cold: number[] = [];
  /** Where the log ended after the last step. */
  #steppedTo = 0;

  constructor(context: Context, stepBytesMax: number = STEP_BYTES_MAX) {
    this.#context = context;
    this.#stepBytesMax = stepBytesMax;
  }

  /** Up to this position nothing of the log is needed once `isDone`; 0: it was never asked for. */
  get below(): number {
    return this.#below;
  }

  get isDone(): boolean {
    const { shelf } = this.#context.state;
    return this.#nextId >= shelf.top && this.#cold.length === 0 && this.#nextSlot === SLOTS;
  }

  /** @param below A position up to which the log is to be needed no more. */
  begin(below: number): void {
    this.#below = below;
    this.#nextId = 0;
    this.#nextSlot = 0;
    this.#steppedTo = this.#context.journal.appended;
  }

  /** What must be read back before it goes on, by number on the shelf. */
  get cold(): readonly number[] {
    return this.#cold;
  }

  /** Appends a little. @returns Whether it did, or looked at something: there may be more to do. */
  step(): boolean {
    if (this.#below === 0 || this.isDone) return false;
    const { journal } = this.#context;
    const others = journal.appended - this.#steppedTo;
    const isMore = this.#advance(journal.appended + Math.max(this.#stepBytesMax, others));
    this.#steppedTo = journal.appended;
    return isMore;
  }

  /** @param until Where the log may end then, about. */
  #advance(until: number): boolean {
    const { journal } = this.#context;
    this.#moveRead();
    let looks = STEP_LOOKS_MAX;
    for (; looks > 0 && journal.appended < until && this.#lookAtMessage(); looks -= 1);
    if (this.#nextId < this.#context.state.shelf.top) return looks < STEP_LOOKS_MAX;
    for (; looks > 0 && journal.appended < until && this.#nextSlot < SLOTS; looks -= 1) {
      this.#lookAtSlot(this.#nextSlot);
      this.#nextSlot += 1;
    }
    return looks < STEP_LOOKS_MAX;
  }

  #isToBeMoved(id: number): boolean {
    const { shelf } = this.#context.state;
    return shelf.refs(id) > 0 && shelf.position(id) <= this.#below;
  }

  /** @returns false when there is none to look at now. */
  #lookAtMessage(): boolean {
    const { shelf } = this.#context.state;
    const id = this.#nextId;
    if (id >= shelf.top || this.#cold.length >= COLD_MAX) return false;
    this.#nextId += 1;
    if (!this.#isToBeMoved(id)) return true;
    if (shelf.messageAt(id) === undefined) this.#cold.push(id);
    else this.#move(id);
    return true;
  }

  #moveRead(): void {
    const { shelf } = this.#context.state;
    const waiting = this.#cold;
    this.#cold = [];
    for (const id of waiting) {
      if (!this.#isToBeMoved(id)) continue;
      if (shelf.messageAt(id) === undefined) {
        this.#cold.push(id);
        continue;
      }
      this.#move(id);
      if (!shelf.isPinned(id)) shelf.cool(id);
    }
  }

  #move(id: number): void {
    const { journal, state } = this.#context;
    const { shelf } = state;
    const message = shelf.messageAt(id);
    if (message === undefined) return;
    const position = journal.append({ type: "move", from: shelf.position(id), message });
    shelf.moved(id, position, journal.appendedSize);
  }

  #lookAtSlot(slot: number): void {
    const { journal, state } = this.#context;
    const { slots } = state;
    if (!slots.needsBefore(slot, this.#below)) return;
    slots.begin(slot, journal.append({ type: "slot", slot }));
    const from = journal.appended;
    for (const item of slots.in(slot)) {
      const op = checkpointOf(item, state);
      if (op !== undefined) journal.append(op);
    }
    slots.charge(slot, journal.appended - from);
  }
}
