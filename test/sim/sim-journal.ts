import assert from "node:assert/strict";
import type { Broker } from "../../src/core/broker.ts";
import type { Op } from "../../src/core/ops.ts";
import type { Trouble } from "../../src/core/ports.ts";
import { Replay } from "../../src/core/replay.ts";
import { snapshotOf } from "../../src/core/snapshot.ts";
import { BrokerState } from "../../src/core/state.ts";
import { KeptOps } from "./kept-ops.ts";
import { durableText, opFromText, opToText, sessionsText } from "./plain.ts";
import type { WorldJournal } from "./world-journal.ts";

/**
 * A journal that commits at once or LATE, and replays what it gets into a state of its own.
 *
 * Ops go through text, so that nothing is shared with the live state. `replayed` is then what a
 * recovery would make of them.
 */
export class SimJournal implements WorldJournal {
  readonly replayed: BrokerState;
  readonly playback: KeptOps = new KeptOps();
  readonly appendedSize = 1;
  readonly trouble: Trouble = "none";
  readonly #replay: Replay;
  onAppend: (op: Op, position: number) => void = () => undefined;
  #appended = 0;
  #committed = 0;
  /** The commit under way: up to which position, and when it will be done. */
  #writing: { readonly upTo: number; readonly doneMs: number } | undefined = undefined;
  #later: () => void = () => undefined;
  readonly #delayMs: () => number;
  readonly #packetIdMax: number;

  /** @param delayMs How long the next commit takes; 0: it is done on return. */
  constructor(packetIdMax: number, delayMs: () => number) {
    this.replayed = new BrokerState(packetIdMax);
    this.#replay = new Replay(this.replayed);
    this.#delayMs = delayMs;
    this.#packetIdMax = packetIdMax;
  }

  append(op: Op): number {
    this.#appended += 1;
    this.onAppend(op, this.#appended);
    this.playback.append(op);
    this.#replay.apply(opFromText(opToText(op)), this.#appended, 1);
    return this.#appended;
  }

  get appended(): number {
    return this.#appended;
  }

  get committed(): number {
    return this.#committed;
  }

  commitAt(nowMs: number, later: () => void): void {
    this.#nowMs = nowMs;
    this.commit(later);
  }

  #nowMs = 0;

  commit(later: () => void): void {
    this.#later = later;
    if (this.#writing !== undefined) return;
    const delayMs = this.#committed === this.#appended ? 0 : this.#delayMs();
    if (delayMs > 0) {
      this.#writing = { upTo: this.#appended, doneMs: this.#nowMs + delayMs };
      return;
    }
    this.#committed = this.#appended;
    later();
  }

  /** Time passes: a commit may be done. */
  tick(nowMs: number): void {
    const writing = this.#writing;
    if (writing === undefined || writing.doneMs > nowMs) return;
    this.#writing = undefined;
    this.#committed = writing.upTo;
    this.#later();
  }

  tidy(broker: Broker): void {
    broker.tidy(); // There is nothing to compact.
  }

  compare(live: BrokerState): void {
    assert.equal(durableText(this.replayed), durableText(live), "replay(journal) == live");
  }

  /** A snapshot of each recorded Session, put back, gives the Session again. */
  compareRestored(live: BrokerState): void {
    const restored = new BrokerState(this.#packetIdMax);
    const replay = new Replay(restored);
    for (const session of live.recorded.values()) {
      const op: Op = { type: "session", ...snapshotOf(session, live) };
      replay.apply(opFromText(opToText(op)), 1, 1);
    }
    assert.deepEqual(sessionsText(restored), sessionsText(live), "a checkpoint == live");
  }
}
