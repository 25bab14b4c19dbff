/**
 * Invariant 3 where it counts: replay(journal) equals live state, of a sample, in production.
 *
 *     log:      ........ from |------ what is recorded ------| to ........
 *     live:        snapshot of some slots        snapshot of the same
 *                        |                                 ‖ ?
 *     shadow:            └─→ Replay, as after a crash ─→ snapshot
 *
 * A restart is rehearsed with a few hash slots and a short piece of the log. The shadow begins with
 * what a checkpoint of those slots would say; then everything that was recorded meanwhile is read
 * from the log's own bytes and replayed on it. What it holds in the end must be what is live. The
 * log needs no more than its latest bytes for that, and whoever records need not know.
 *
 * Work is counted in things: sessions, entries, records, of one or two microseconds each. A little
 * is done in each turn, and a rehearsal is followed by a rest some ten thousand times as long.
 */
import type { Context } from "./context.ts";
import { areEqual, differenceOf } from "./difference.ts";
import type { Op } from "./ops.ts";
import type { Playback } from "./ports.ts";
import { Replay } from "./replay.ts";
import { SLOTS } from "./slots.ts";
import { checkpointOf, nameOf, weightOf } from "./snapshot.ts";
import { BrokerState } from "./state.ts";

export interface RehearsalBounds {
  /** Things in the slots that one is about. A slot with more of them is passed over. */
  readonly thingsMax: number;
  /** How long it watches, at most: bytes of the log, and time. */
  readonly spanBytesMax: number;
  readonly spanMs: number;
  /** Things that one step looks at. */
  readonly stepMax: number;
  readonly restMsPerThing: number;
}

export const REHEARSAL_BOUNDS: RehearsalBounds = {
  thingsMax: 500,
  spanBytesMax: 64 * 1024,
  spanMs: 10_000,
  stepMax: 64,
  restMsPerThing: 20,
};
/** What every rehearsal costs: slots without anything are looked at too. */
const THINGS_AT_LEAST = 150;
/** In the end there may be so many times more than there was. */
const GROWTH_MAX = 4;

/** What is in some slots, by name, as bytes: equal ones mean the same. */
type Snapshot = Map<string, Uint8Array>;

interface Span {
  readonly firstSlot: number;
  readonly endSlot: number;
  readonly from: number;
  readonly before: Uint8Array[];
}

type Phase =
  | { readonly is: "resting"; readonly untilMs: number }
  | { readonly is: "watching"; readonly span: Span; readonly untilMs: number }
  | {
      readonly is: "replaying";
      readonly span: Span;
      readonly to: number;
      readonly live: Snapshot;
      readonly shadow: BrokerState;
      readonly replay: Replay;
      /** How many of `before` are in the shadow, and up to where it has replayed. */
      begun: number;
      at: number;
    };
type Replaying = Extract<Phase, { is: "replaying" }>;

export class Rehearsal {
  readonly #context: Context;
  readonly #bounds: RehearsalBounds;
  #phase: Phase = { is: "resting", untilMs: Number.NEGATIVE_INFINITY };
  #nowMs: number;
  #nextSlot = 0;
  /** Of this rehearsal so far. */
  #things = 0;

  constructor(context: Context, bounds: RehearsalBounds, nowMs: number) {
    this.#context = context;
    this.#bounds = bounds;
    this.#nowMs = nowMs;
  }

  tick(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  /**
   * A little more of it, at the end of a turn: all that was recorded is applied.
   *
   * @returns Whether there is more to do.
   */
  step(): boolean {
    const { playback, appended } = this.#context.journal;
    const phase = this.#phase;
    if (playback === undefined) return false;
    switch (phase.is) {
      case "resting":
        if (this.#nowMs >= phase.untilMs) this.#begin(playback);
        return false;
      case "watching":
        if (
          this.#nowMs >= phase.untilMs ||
          appended - phase.span.from >= this.#bounds.spanBytesMax
        ) {
          this.#end(phase.span, playback);
        }
        return false;
      case "replaying":
        return this.#replaySome(phase, playback);
    }
  }

  #rest(): void {
    const restMs = this.#bounds.restMsPerThing * (THINGS_AT_LEAST + this.#things);
    this.#phase = { is: "resting", untilMs: this.#nowMs + restMs };
    this.#things = 0;
  }

  /** It cannot be told whether anything is wrong. */
  #abandon(): void {
    this.#context.stats.rehearsalsAbandoned += 1;
    this.#rest();
  }

  #begin(playback: Playback): void {
    const { state, journal } = this.#context;
    const [firstSlot, endSlot] = this.#nextSlots();
    const before = this.#ops(state, firstSlot, endSlot).map(({ op }) => playback.encode(op));
    const span = { firstSlot, endSlot, from: journal.appended, before };
    this.#phase = { is: "watching", span, untilMs: this.#nowMs + this.#bounds.spanMs };
  }

  /** Slots in a row with as much in them as may be, from where the last ones ended. */
  #nextSlots(): [first: number, end: number] {
    const { state } = this.#context;
    let first = this.#nextSlot;
    let end = first;
    for (let left = this.#bounds.thingsMax; end < SLOTS; end += 1) {
      const weight = weightOfSlots(state, end, end + 1);
      if (weight > left && first < end) break;
      if (weight > left)
        first = end + 1; // This one alone is too much.
      else left -= weight;
    }
    this.#nextSlot = end === SLOTS ? 0 : end;
    return [first, end];
  }

  #ops(state: BrokerState, firstSlot: number, endSlot: number): { name: string; op: Op }[] {
    const ops: { name: string; op: Op }[] = [];
    for (let slot = firstSlot; slot < endSlot; slot += 1) {
      for (const item of state.slots.in(slot)) {
        const op = checkpointOf(item, state);
        if (op !== undefined) ops.push({ name: nameOf(item), op });
        this.#things += weightOf(item, state);
      }
    }
    return ops;
  }

  #snapshot(state: BrokerState, { firstSlot, endSlot }: Span, playback: Playback): Snapshot {
    return new Map(
      this.#ops(state, firstSlot, endSlot).map(({ name, op }) => [
        name,
        playback.encode(comparable(op)),
      ]),
    );
  }

  #end(span: Span, playback: Playback): void {
    const { state, journal } = this.#context;
    const { firstSlot, endSlot, from } = span;
    if (weightOfSlots(state, firstSlot, endSlot) > GROWTH_MAX * this.#bounds.thingsMax) {
      this.#abandon();
      return;
    }
    const shadow = new BrokerState(state.packetIdMax, false);
    this.#phase = {
      is: "replaying",
      span,
      to: journal.appended,
      live: this.#snapshot(state, span, playback),
      shadow,
      replay: new Replay(shadow),
      begun: 0,
      at: from,
    };
  }

  #replaySome(phase: Replaying, playback: Playback): boolean {
    const { span, to } = phase;
    // What cannot be replayed is a difference; the shadow is all that it has harmed.
    let differences: string[];
    try {
      if (phase.begun < span.before.length) {
        this.#restoreSome(phase, playback);
        return true;
      }
      if (this.#context.journal.committed < to) return false; // A turn comes with the commit.
      if (phase.at < to) return this.#playSome(phase, playback);
      differences = this.#compare(phase, playback);
    } catch (error) {
      differences = [`it cannot be replayed: ${(error as Error).message}`];
    }
    this.#rest();
    this.#report(differences, span.from, to);
    return false;
  }

  #restoreSome(phase: Replaying, playback: Playback): void {
    const { span, replay } = phase;
    const end = Math.min(span.before.length, phase.begun + this.#bounds.stepMax);
    for (const bytes of span.before.slice(phase.begun, end)) {
      replay.apply(playback.decode(bytes), span.from, bytes.length);
    }
    phase.begun = end;
  }

  #playSome(phase: Replaying, playback: Playback): boolean {
    const { shadow, replay, at, to } = phase;
    const playedTo = playback.play(at, to, this.#bounds.stepMax, (op, position, size) => {
      this.#things += 1;
      // It says what is so already, and would hide that it was not.
      if (op.type === "session" && shadow.recorded.has(op.session)) return;
      replay.apply(op, position, size);
    });
    if (playedTo === undefined) this.#abandon();
    else phase.at = playedTo;
    return playedTo !== undefined;
  }

  /** @returns Each difference in words. */
  #compare({ span, live, shadow }: Replaying, playback: Playback): string[] {
    const replayed = this.#snapshot(shadow, span, playback);
    const differences: string[] = [];
    for (const name of new Set([...live.keys(), ...replayed.keys()])) {
      const [ours, theirs] = [live.get(name), replayed.get(name)];
      if (ours !== undefined && theirs !== undefined && areEqual(ours, theirs)) continue;
      const [is, would] = [ours, theirs].map((bytes) => bytes && playback.decode(bytes));
      differences.push(`${name}: ${differenceOf(is, would)}`);
    }
    return differences;
  }

  #report(differences: string[], from: number, to: number): void {
    const { stats, observer } = this.#context;
    stats.rehearsals += 1;
    const [first] = differences;
    if (first === undefined) return;
    stats.rehearsalsDiverged += 1;
    observer.diverged?.({ what: first, count: differences.length, from, to });
  }
}

function weightOfSlots(state: BrokerState, firstSlot: number, endSlot: number): number {
  let weight = 0;
  for (let slot = firstSlot; slot < endSlot; slot += 1) {
    for (const item of state.slots.in(slot)) weight += weightOf(item, state);
  }
  return weight;
}

/**
 * While a client is connected, "sent" and "queued" are not told apart: that it was sent is recorded
 * when the connection goes. Identifiers that are held have no order.
 */
function comparable(op: Op): Op {
  if (op.type !== "session") return op;
  const { isOpen, entries } = op;
  return {
    ...op,
    heldPacketIds: op.heldPacketIds.toSorted((a, b) => a - b),
    entries: isOpen
      ? entries.map((entry) => (entry.stage === "sent" ? { ...entry, stage: "queued" } : entry))
      : entries,
  };
}
