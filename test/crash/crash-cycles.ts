/**
 * Kills a broker again and again under load, and counts what it does not keep of its word.
 *
 *     start → look at the retained messages → (drain) → load for 50 to 300 ms → SIGKILL → start …
 *
 * In a drain every session is connected until all has come that is owed. Whatever a broker loses,
 * the count goes on: each wait ends when nothing comes any more.
 */
import { setTimeout as after } from "node:timers/promises";
import { Random } from "../sim/prng.ts";
import { Activity } from "./activity.ts";
import { BrokerProcess } from "./broker-process.ts";
import type { CrashBroker } from "./brokers.ts";
import type { World } from "./client.ts";
import type { Counts } from "./counts.ts";
import { type Disk, emptyFolder, plainDisk } from "./disk.ts";
import { Ledger } from "./ledger.ts";
import { Population, type Sizes } from "./population.ts";
import { checkRetained } from "./retained.ts";

export interface CrashOptions {
  readonly broker: CrashBroker;
  readonly cycles: number;
  readonly seed: number;
  /** Cycles from one drain to the next (default 10); the run ends with two of them. */
  readonly drainEvery?: number | undefined;
  /** Silence after which nothing more is waited for (default 3,000). */
  readonly quietMs?: number | undefined;
  readonly sizes?: Sizes | undefined;
  /** Default: a folder that keeps everything. */
  readonly disk?: Disk | undefined;
  /** Told after each cycle. */
  readonly progress?: ((cycle: number, counts: Counts) => void) | undefined;
}

export interface CrashResult {
  readonly broker: string;
  readonly seed: number;
  readonly cycles: number;
  readonly counts: Counts;
  /** From spawn to the broker's saying that it listens. */
  readonly restartMaxMs: number;
  readonly restartMeanMs: number;
  readonly durationMs: number;
}

const SIZES: Sizes = { publishers: 64, receivers: 50, sleepers: 10, retainedTopics: 16 };

/** What starts on an empty folder and does not listen is not going to. */
const STARTS_MAX = 2;

export async function crashCycles(options: CrashOptions): Promise<CrashResult> {
  const run = new CrashRun(options);
  try {
    await run.all(options.cycles);
    return run.result();
  } finally {
    await run.close();
  }
}

class CrashRun implements World {
  readonly ledger: Ledger = new Ledger();
  readonly activity: Activity = new Activity();
  port: number | undefined = undefined;
  readonly #options: CrashOptions;
  readonly #random: Random;
  readonly #disk: Disk;
  readonly #population: Population;
  readonly #quietMs: number;
  readonly #startedMs: number = performance.now();
  #process: BrokerProcess | undefined = undefined;
  #restarts = 0;
  #restartsMs = 0;
  #restartMaxMs = 0;

  constructor(options: CrashOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#disk = options.disk ?? plainDisk();
    this.#quietMs = options.quietMs ?? 3_000;
    this.#population = new Population(this, this.#random, options.sizes ?? SIZES);
  }

  async all(cycles: number): Promise<void> {
    await this.#start();
    this.#population.comeToReceive();
    await this.activity.until(() => this.#population.isSubscribed, this.#quietMs);
    for (let cycle = 1; cycle <= cycles; cycle += 1) {
      if (cycle > 1) await this.#restart();
      if (cycle % (this.#options.drainEvery ?? 10) === 0) await this.#drain();
      await this.#live();
      await this.#kill();
      this.#options.progress?.(cycle, this.ledger.counts);
    }
    // Behind the last drain nothing is owed, and nothing may come in another life.
    for (let last = 0; last < 2; last += 1) {
      await this.#restart();
      await this.#drain();
      await this.#kill();
    }
  }

  result(): CrashResult {
    const { broker, seed, cycles } = this.#options;
    return {
      ...{ broker: broker.name, seed, cycles, counts: this.ledger.counts },
      restartMaxMs: this.#restartMaxMs,
      restartMeanMs: this.#restartsMs / Math.max(1, this.#restarts),
      durationMs: performance.now() - this.#startedMs,
    };
  }

  /** Whatever has gone wrong: no process and no folder stays. */
  async close(): Promise<void> {
    this.port = undefined;
    this.#population.cut();
    await this.#process?.kill();
    await this.#disk.close();
  }

  async #restart(): Promise<void> {
    if (this.#random.chance(10)) await this.#startInVain();
    const restartMs = await this.#start();
    this.#restarts += 1;
    this.#restartsMs += restartMs;
    this.#restartMaxMs = Math.max(this.#restartMaxMs, restartMs);
    // Now and then the first clients come while the broker is still busy with what it found.
    if (this.#random.chance(80)) await checkRetained(this, this.#population.retained, 3_000);
  }

  /** @returns how long that took. */
  async #start(): Promise<number> {
    const { broker } = this.#options;
    for (let starts = 1; ; starts += 1) {
      const process = await BrokerProcess.spawn(broker, this.#disk.folder);
      if (await process.listens(broker.readyLine)) {
        this.#process = process;
        this.port = process.port;
        return process.startMs;
      }
      this.ledger.counts.startsFailed += 1;
      console.error(`${broker.name} does not start:\n${process.output}`);
      if (starts === STARTS_MAX) throw new Error(`${broker.name} fails:\n${process.output}`);
      emptyFolder(this.#disk.folder);
    }
  }

  /** Killed at some point of a start, hence often while it recovers. */
  async #startInVain(): Promise<void> {
    this.ledger.counts.earlyKills += 1;
    const process = await BrokerProcess.spawn(this.#options.broker, this.#disk.folder);
    const meanMs = this.#restarts > 0 ? this.#restartsMs / this.#restarts : 100;
    await after(this.#random.between(0, Math.ceil(1.5 * meanMs)));
    await process.kill();
    await this.#disk.killed();
  }

  async #live(): Promise<void> {
    this.#population.comeToLive();
    const endMs = performance.now() + this.#random.between(50, 300);
    while (performance.now() < endMs && this.#process?.isRunning) {
      await after(this.#random.between(3, 15));
      this.#population.disturb();
    }
  }

  async #kill(): Promise<void> {
    this.port = undefined;
    if (!this.#process?.isRunning) this.ledger.counts.ends += 1;
    await this.#process?.kill();
    // What had come before the kill is still read: it was said.
    await this.activity.until(() => this.#population.isGone, 1_000);
    this.#population.cut();
    await this.#disk.killed();
  }

  async #drain(): Promise<void> {
    const population = this.#population;
    population.comeToDrain();
    await this.activity.until(() => population.isIdle && population.isSubscribed, this.#quietMs);
    population.probe();
    await this.activity.until(() => population.isDrained, this.#quietMs);
    this.ledger.settle();
    population.drained();
  }
}
