/** The real log, on a simulated disk, as the journal of the simulated world. */
import assert from "node:assert/strict";
import type { Broker } from "../../src/core/broker.ts";
import type { Op } from "../../src/core/ops.ts";
import type { Playback, Trouble } from "../../src/core/ports.ts";
import type { BrokerState } from "../../src/core/state.ts";
import type { LogJournal } from "../../src/store/log-journal.ts";
import { openStore, type Store } from "../../src/store/open-store.ts";
import { checkShelf } from "../store/check-store.ts";
import { OpMemory } from "../store/op-memory.ts";
import { SimDisk, type SimDiskOptions, SimFs } from "../store/sim-disk.ts";
import type { SimCall, SimFault } from "../store/sim-fault.ts";
import { differenceOf, storeText } from "../store/store-text.ts";
import type { Memento } from "./memento.ts";
import { Random } from "./prng.ts";
import type { WorldJournal } from "./world-journal.ts";

const SEGMENT_SIZE = 4_096;
const RECENT_SIZE = 8_192;

/** Calls that fail together. */
const FAILING: readonly (readonly SimCall["op"][])[] = [
  ["write"],
  ["create", "rename"],
  ["syncDirectory"],
  ["open", "read"],
  ["write", "create", "rename", "remove", "syncDirectory", "open", "read"],
];

/** What was known when a frame ended, behind the latest Op or an empty frame that follows it. */
interface Mark {
  readonly from: number;
  readonly to: number;
  readonly memento: Memento;
}

export class DiskJournal implements WorldJournal {
  onAppend: (op: Op, position: number) => void = () => undefined;
  /** Asked when a frame ends: a crash may go back to that. */
  remember: (() => Memento) | undefined = undefined;
  disk: SimDisk;
  /** What was on the disk. */
  state: BrokerState;
  readonly #random: Random;
  readonly #packetIdMax: number;
  readonly #memory: OpMemory;
  #log: LogJournal;
  /** Of the frame that is on the disk, and of those that come behind it. */
  #marks: Mark[] = [];
  /** Where the latest Op ends, and the batch that began to be written. */
  #opsEnd = 0;
  #writingTo = 0;
  #nowMs = 0;
  #boot = 1;
  #compactTo = 0;
  #isReading = false;

  /** @param isHasty It says that all is committed as soon as it is appended. */
  constructor(
    random: Random,
    packetIdMax: number,
    nowMs: number,
    { disk, isHasty = false }: { disk?: Partial<SimDiskOptions>; isHasty?: boolean },
  ) {
    this.#random = random;
    this.#packetIdMax = packetIdMax;
    this.#nowMs = nowMs;
    this.disk = new SimDisk({ ...disk, seed: random.below(2 ** 32) });
    const { journal, state } = this.#open();
    this.#log = journal;
    this.#memory = new OpMemory(journal, packetIdMax, isHasty);
    this.state = state;
  }

  /** What a start makes of the disk. */
  #open(): Store {
    const random = new Random(this.#random.below(2 ** 32));
    const machine = {
      boot: `boot ${this.#boot}`,
      uptimeMs: () => this.#nowMs,
      wallMs: () => this.#nowMs,
      random32: () => random.below(2 ** 32),
    };
    const store = openStore({
      ...{ fs: new SimFs(this.disk), segmentSize: SEGMENT_SIZE, machine, salvage: false },
      ...{ clock: () => this.#nowMs, packetIdMax: this.#packetIdMax, report: () => {} },
      recentSize: RECENT_SIZE,
    });
    assert.equal(store.clock(), this.#nowMs, "the clock goes on");
    return store;
  }

  start(): void {
    this.#log.start();
    if (this.#marks.length === 0) this.#begun();
  }

  append(op: Op): number {
    const position = this.#memory.append(op);
    this.#opsEnd = position;
    this.onAppend(op, position);
    return position;
  }

  get appended(): number {
    return this.#memory.appended;
  }

  get appendedSize(): number {
    return this.#memory.appendedSize;
  }

  get committed(): number {
    return this.#memory.committed;
  }

  get trouble(): Trouble {
    return this.#memory.trouble;
  }

  get playback(): Playback {
    return this.#memory.playback;
  }

  commitAt(nowMs: number, later: () => void): void {
    this.#nowMs = nowMs;
    const log = this.#log;
    const committed = (): void => {
      log.commit(committed); // What has come meanwhile.
      this.#begun();
      later();
    };
    log.commit(committed);
    this.#begun();
  }

  tick(nowMs: number): void {
    this.#nowMs = nowMs;
    this.disk.run(this.#random.below(9));
    const log = this.#log;
    const isIdle = log.appended === log.committed;
    log.tick(nowMs);
    if (isIdle) this.#begun();
  }

  /** Whatever was to be written begins to be, unless something is being written. */
  #begun(): void {
    const { committed, appended } = this.#log;
    if (this.#writingTo > committed) return;
    const latest = this.#marks.findLastIndex(({ to }) => to <= committed);
    this.#marks.splice(0, latest);
    if (appended === committed && latest >= 0) return;
    this.#writingTo = appended;
    this.#mark();
  }

  #mark(): void {
    const memento = this.remember?.();
    if (memento === undefined) return;
    this.#marks.push({ from: this.#opsEnd, to: this.#log.appended, memento });
  }

  tidy(broker: Broker, nowMs: number): void {
    const log = this.#log;
    const position = log.compactTo(broker.liveBytes);
    if (position > this.#compactTo) {
      this.#compactTo = position;
      broker.compact(position);
    }
    broker.tidy();
    const { appended } = log;
    if (broker.compacted > 0) log.drop(broker.compacted);
    if (log.appended > appended) this.#mark(); // A frame that says so has begun.
    if (!this.#isReading) this.#recall(broker, nowMs);
  }

  #recall(broker: Broker, nowMs: number): void {
    const wanted = broker.takeWanted();
    if (wanted.length === 0) return;
    this.#isReading = true;
    const done = (): void => {
      this.#isReading = false;
      broker.recallDone(nowMs);
    };
    this.#log.recall(wanted, (item, message) => broker.recalled(item, message), done);
  }

  /** Calls of the disk fail: one, or all for some time, or for as long as this disk lives. */
  breakDown(): void {
    const random = this.#random;
    const ops = random.pick(FAILING);
    const fault = random.pick<SimFault>(["EIO", "EIO", "ENOSPC", "short"]);
    const untilMs = this.#nowMs + random.pick([500, 5_000, Number.POSITIVE_INFINITY]);
    let left = random.chance(40) ? 1 : Number.POSITIVE_INFINITY;
    this.disk.fail = ({ op, at }) => {
      if (left === 0 || this.#nowMs > untilMs || !ops.includes(op)) return undefined;
      left -= 1;
      // A segment's header is one sector, which is written whole or not at all.
      return fault === "short" && at === 0 ? "ENOSPC" : fault;
    };
  }

  heal(): void {
    this.disk.fail = () => undefined;
  }

  compare(live: BrokerState): void {
    const difference = differenceOf(storeText(live), this.#memory.expected(this.appended));
    assert.equal(difference, "", "live state and a replay of all records");
  }

  /**
   * The power fails, and the log is recovered. What was known is what was known when that much of
   * it was to be written.
   *
   * @param toldTo Where ends what somebody was told of.
   */
  crash(nowMs: number, toldTo: number): void {
    const { committed } = this.#log;
    this.disk = this.disk.crash();
    this.#nowMs = nowMs;
    this.#boot += this.#random.below(2);
    const { state, journal } = this.#open();
    const end = journal.appended;
    assert.ok(end >= toldTo, `recovered up to ${end}, told up to ${toldTo}`);
    assert.ok(end >= committed, `recovered up to ${end}, committed ${committed}`);
    const mark = this.#marks.findLast(({ from, to }) => from <= end && end <= to);
    assert.ok(mark !== undefined, `recovered up to ${end}, where no frame ends`);
    const difference = differenceOf(storeText(state), this.#memory.expected(end));
    assert.equal(difference, "", "what is recovered and what was recorded");
    checkShelf(state, this.#memory);
    this.#memory.goOn(journal);
    this.#log = journal;
    this.state = state;
    this.#compactTo = 0;
    this.#isReading = false;
    this.#opsEnd = end;
    this.#writingTo = end;
    mark.memento.restore();
    this.#marks = [{ ...mark, to: end }];
  }
}
