import type { Broker } from "../../src/core/broker.ts";
import type { Op } from "../../src/core/ops.ts";
import type { Journal } from "../../src/core/ports.ts";
import type { BrokerState } from "../../src/core/state.ts";

/** A Journal as the simulated world drives it. */
export interface WorldJournal extends Journal {
  /** Told of each Op before it is applied. */
  onAppend: (op: Op, position: number) => void;
  commitAt(nowMs: number, later: () => void): void;
  /** Time passes, and what was begun goes on. */
  tick(nowMs: number): void;
  /** The end of a turn. */
  tidy(broker: Broker, nowMs: number): void;
  /** Invariant 3: replay(journal) equals live durable state. */
  compare(live: BrokerState): void;
}
