import { PacketWriter } from "../codec/packet-writer.ts";
import type { Broker, Wanted } from "../core/broker.ts";
import type { Journal } from "../core/ports.ts";
import { WHEEL_SLOT_MS } from "../core/wheel.ts";
import type { Message } from "../protocol/message.ts";
import type { Connection } from "./connection.ts";

/** Time between two ticks that work alone does not account for. */
const STOPPED_MS = 4 * WHEEL_SLOT_MS;

/**
 * What a turn may read and write for before it gives way: what is left has its next turn. Twenty
 * thousand messages that come at once would hold the loop for as long as all of them take.
 */
const READ_MS = 1;
const WRITE_MS = 1;
/**
 * What a commit costs hardly depends on its size. Behind one of so many bytes there is more to
 * come: the next one waits for it for so long, or until that much is together.
 */
const COMMIT_BUSY_BYTES = 4 * 1024;
const COMMIT_MS = 1;
const COMMIT_FULL_BYTES = 128 * 1024;
/** Peers that are written to between two looks at the clock. */
const WRITES_UNSEEN = 8;

/** A Journal as the turn drives it. */
export interface CommittableJournal extends Journal {
  /**
   * Makes what was appended durable. If that is not done on return, `later` is called when more
   * has been committed; calls meanwhile are gathered into the next commit.
   */
  commit(later: () => void): void;
  /** The time, at each tick. */
  tick(nowMs: number): void;
  /**
   * Up to which position nothing of the log should be needed any more, so that it stays short.
   *
   * @param liveBytes What is needed of it, about.
   * @returns 0: it is short enough.
   */
  compactTo(liveBytes: number): number;
  /** Nothing up to `position` is needed any more, once all that was appended is durable. */
  drop(position: number): void;
  /**
   * Reads messages back.
   *
   * @param wanted In the order of the log.
   * @param got Called for each that was read, later; `undefined`: the log has lost it.
   * @param done Called when that is all; what could not be read now may be asked for again.
   */
  recall(
    wanted: readonly Wanted[],
    got: (wanted: Wanted, message: Message | undefined) => void,
    done: () => void,
  ): void;
}

/**
 * The turn of one broker: read every readable socket, commit once, then write every ready socket.
 *
 * `setImmediate` runs after the poll phase, when Node has delivered the data of all the sockets
 * that had some. Scheduling it is therefore free batching: one commit and one write per socket
 * per turn. Whoever pushes something into the core from outside a read calls `schedule` as well.
 */
export class Turn {
  /** For the connections to gather their packets in, one after the other. */
  readonly writer: PacketWriter = new PacketWriter();
  readonly clock: () => number;
  readonly #broker: Broker;
  readonly #journal: CommittableJournal;
  /** Connections that take no bytes, or do not close: looked after at each tick. */
  readonly #waiting = new Set<Connection>();
  #scheduled = false;
  /** When something first happened in this turn, on a clock that runs. */
  #beganMs = 0;
  /** Connections that have read what this turn had no time for. */
  readonly #late: Connection[] = [];
  /** Up to where the log was committed last, or is being: of how many bytes, and since when. */
  #commitTo: number;
  #commitBytes = 0;
  #commitMs = 0;
  #commitTimer: NodeJS.Timeout | undefined = undefined;
  /** Messages are being read back. */
  #isReading = false;
  #compactTo = 0;
  #nowMs = 0;
  #tickedMs: number = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined = undefined;

  /** @param clock Milliseconds since the epoch that never jump. */
  constructor(broker: Broker, journal: CommittableJournal, clock: () => number) {
    this.#broker = broker;
    this.#journal = journal;
    this.#commitTo = journal.appended;
    this.clock = clock;
  }

  /** The time of this turn: asked once, when something first happens in it. */
  get nowMs(): number {
    return this.#scheduled ? this.#nowMs : this.clock();
  }

  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#nowMs = this.clock();
    this.#beganMs = performance.now();
    setImmediate(this.#run);
  }

  /** What is read now waits for a later turn, behind what waits already: see `later`. */
  get isFull(): boolean {
    return this.#late.length > 0 || performance.now() - this.#beganMs > READ_MS;
  }

  /** Has `goOn` called of `connection` in a turn to come. */
  later(connection: Connection): void {
    this.#late.push(connection);
  }

  readonly #run = (): void => {
    this.#scheduled = false;
    const nowMs = this.#nowMs;
    if (this.#late.length > 0) this.#readLate(nowMs);
    this.#commit();
    this.#write(nowMs);
    this.#tidy();
    if (this.#broker.hasReady || this.#late.length > 0) this.schedule();
  };

  #commit(): void {
    const journal = this.#journal;
    const { appended } = journal;
    const bytes = appended - this.#commitTo;
    const isBusy = this.#commitBytes >= COMMIT_BUSY_BYTES && bytes < COMMIT_FULL_BYTES;
    const atMs = performance.now();
    if (isBusy && bytes > 0 && atMs - this.#commitMs < COMMIT_MS) {
      this.#commitTimer ??= setTimeout(this.#commitDue, COMMIT_MS);
      return;
    }
    journal.commit(this.#committed);
    const isDone = journal.committed === appended;
    if (isDone) this.#broker.committed(); // The journal tells only of what it does later.
    if (bytes === 0) return;
    this.#commitTo = appended;
    this.#commitBytes = isDone ? 0 : bytes; // What is done at once costs nothing.
    this.#commitMs = atMs;
  }

  readonly #commitDue = (): void => {
    this.#commitTimer = undefined;
    this.schedule();
  };

  #readLate(nowMs: number): void {
    const late = this.#late;
    const untilMs = performance.now() + READ_MS;
    let done = 0;
    while (done < late.length && performance.now() < untilMs) {
      late[done]?.goOn(nowMs);
      done += 1;
    }
    late.splice(0, done);
  }

  #write(nowMs: number): void {
    const broker = this.#broker;
    const untilMs = performance.now() + WRITE_MS;
    let left = broker.readyCount; // Those who are ready again meanwhile come after all others.
    while (left > 0) {
      const ready = broker.takeReady(Math.min(left, WRITES_UNSEEN));
      for (const peer of ready) (peer.link as Connection).flush(nowMs);
      if (performance.now() >= untilMs) return;
      left -= ready.length;
    }
  }

  /** Behind all else: the log is kept short, and what left memory is read back. */
  #tidy(): void {
    const broker = this.#broker;
    const journal = this.#journal;
    const position = journal.compactTo(broker.liveBytes);
    if (position > this.#compactTo) {
      this.#compactTo = position;
      broker.compact(position);
    }
    if (broker.tidy()) this.schedule();
    if (broker.compacted > 0) journal.drop(broker.compacted);
    if (!this.#isReading) this.#recall();
  }

  #recall(): void {
    const wanted = this.#broker.takeWanted();
    if (wanted.length === 0) return;
    this.#isReading = true;
    this.#journal.recall(wanted, this.#recalled, () => {
      this.#isReading = false;
      this.schedule();
      this.#broker.recallDone(this.nowMs);
    });
  }

  readonly #recalled = (wanted: Wanted, message: Message | undefined): void => {
    this.#broker.recalled(wanted, message);
  };

  readonly #committed = (): void => {
    this.#broker.committed();
    this.schedule();
  };

  /** Starts to push the time into the core. The timer alone keeps no process alive. */
  start(): void {
    this.#timer ??= setInterval(() => this.tick(), WHEEL_SLOT_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#commitTimer);
    this.#timer = undefined;
  }

  tick(): void {
    const nowMs = this.clock();
    const sinceTickMs = nowMs - this.#tickedMs;
    this.#tickedMs = nowMs;
    // The process was stopped. Timers come before sockets: what clients have sent meanwhile is
    // read first, or all of them would be silent for too long.
    if (sinceTickMs >= STOPPED_MS) {
      this.#tickedMs = Number.POSITIVE_INFINITY; // The next tick counts in any case.
      return;
    }
    this.#broker.tick(nowMs);
    this.#journal.tick(nowMs);
    for (const connection of this.#waiting) connection.overdue(nowMs);
    this.schedule();
  }

  /** Has `overdue` asked of `connection` at each tick, until `relax`. */
  watch(connection: Connection): void {
    this.#waiting.add(connection);
  }

  relax(connection: Connection): void {
    this.#waiting.delete(connection);
  }
}
