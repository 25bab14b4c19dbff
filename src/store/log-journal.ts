/**
 * The Journal of a broker that keeps what it acknowledges: Ops go into a batch in memory, batches
 * to the log, one at a time. Whatever comes while one is being written is the next.
 */
import { Buffer } from "node:buffer";
import type { Wanted } from "../core/broker.ts";
import type { Op } from "../core/ops.ts";
import type { Journal, Trouble } from "../core/ports.ts";
import type { Message } from "../protocol/message.ts";
import { Batch } from "./batch.ts";
import { Log, type LogOptions, type LogPast } from "./log.ts";
import { OpReader } from "./op-reader.ts";
import { writeOp } from "./op-writer.ts";
import { ReadBack } from "./read-back.ts";

/** From this part of a segment on what comes next is written separately: little is left over. */
const BATCH_MAX = 1 / 8;
/** When nothing has come for so long, a frame is added: a last one that is damaged then shows. */
const IDLE_MS = 1_000;
/** A larger message may be with a socket for longer than it is with the log's latest bytes. */
const RECENT_VIEW_MAX = 4 * 1024;
/** Batches that are kept for use. */
const SPARE_MAX = 2;
/**
 * Segments that the log may have whatever is live, and how much more than what is live: the one
 * that is written to. It gets one more, which has until that is full to be emptied of what lives
 * in it. With the next one and the reserve these are the four that it may have at most.
 */
const SEGMENTS_FREE = 1;
const LIVE_FACTOR = 1.6;
/**
 * A log with no more in it than this, for each byte that is live, is long since its segments have
 * room that no batch fitted into. To write it again would help little: it may have more.
 */
const DENSE_FACTOR = 1.4;
const DENSE_LIVE_FACTOR = 2;
/**
 * So much of the second segment is written before the first is emptied: what was in flight when it
 * was begun is finished by then, and need not be moved. With more segments the oldest has none of
 * that; and with the next one ready too, these four are all that there may be.
 */
const YOUNG = 0.25;
/** With less room than this part of a segment the next is made ready from a new file. */
const ROOM_MIN = 0.25;

export class LogJournal implements Journal {
  readonly #log: Log;
  readonly #segmentSize: number;
  readonly #clock: () => number;
  readonly #frameSizeMax: number;
  readonly #readBack: ReadBack;
  readonly #recentReader = new OpReader(Buffer.alloc(0));
  #gathering: Batch;
  /** Full ones that wait, oldest first; the one that is being written is among them no more. */
  #full: Batch[] = [];
  readonly #spare: Batch[] = [];
  #appendedSize = 0;
  /** What the log may take on the disk; with more, an old segment is about to go. */
  #allowedSize: number;
  #committed: number;
  #later: () => void = () => {};
  #writtenMs = 0;
  #isSealed = false;
  /** Up to where the log was last to be needed no more. */
  #askedTo = 0;
  /** Where the log is to begin, once it is durable up to `after`; then that is said. */
  #dropTo = 0;
  #dropAfter = 0;
  /** Position behind the frame that says so: once it is durable, old segments go. */
  #saidAt = 0;
  #leaveBehind = 0;
  #unread: (() => void) | undefined = undefined;
  #closed: (() => void) | undefined = undefined;

  constructor(options: LogOptions, past: LogPast) {
    this.#log = new Log(options, past);
    this.#segmentSize = options.segmentSize;
    this.#allowedSize = SEGMENTS_FREE * options.segmentSize;
    this.#clock = options.clock;
    this.#frameSizeMax = options.frameSizeMax;
    this.#gathering = new Batch(this.#frameSizeMax);
    this.#readBack = new ReadBack(options.fs);
    this.#gathering.clear(past.end);
    this.#committed = past.end;
    // What an earlier process had no time to remove goes once a segment of this one says so too.
    this.#saidAt = past.end + 1;
  }

  /** Begins to make files ready. */
  start(): void {
    this.#log.prepare();
  }

  append(op: Op): number {
    const batch = this.#gathering;
    batch.beginRecord();
    const { writer } = batch;
    const from = writer.at;
    writeOp(writer, op);
    this.#appendedSize = writer.at - from;
    this.#isSealed = false;
    const { end } = batch;
    if (batch.size >= BATCH_MAX * this.#segmentSize) this.#close(batch);
    return end;
  }

  #close(batch: Batch): void {
    this.#full.push(batch);
    this.#gathering = this.#spare.pop() ?? new Batch(this.#frameSizeMax);
    this.#gathering.clear(batch.end);
  }

  /** See `Journal.recent`. */
  readonly recent = (position: number, size: number): Message | undefined =>
    this.#log.recent.with(position - size, position, this.#readRecent) ??
    this.#ahead(position)?.with(position - size, position, this.#readRecent);

  /** The batch with what ends at `position`, which is not written yet. */
  #ahead(position: number): Batch | undefined {
    const { batch } = this.#log;
    if (batch !== undefined && position <= batch.end) return batch;
    return this.#full.find(({ end }) => position <= end) ?? this.#gathering;
  }

  readonly #readRecent = (bytes: Buffer, from: number, end: number): Message | undefined => {
    const reader = this.#recentReader;
    reader.reset(bytes, from, end);
    const message = reader.readMessage();
    if (message !== undefined && end - from > RECENT_VIEW_MAX) message.own();
    return message;
  };

  get appended(): number {
    return this.#gathering.end;
  }

  get appendedSize(): number {
    return this.#appendedSize;
  }

  get committed(): number {
    return this.#committed;
  }

  get trouble(): Trouble {
    return this.#log.trouble;
  }

  /** Bytes on the disk, and where in the log it begins and ends. */
  get extent(): { readonly bytes: number; readonly start: number; readonly end: number } {
    return { bytes: this.#log.sizeOnDisk, start: this.#log.logStart, end: this.#committed };
  }

  /** See `CommittableJournal.commit`. */
  commit(later: () => void): void {
    if (this.#closed === undefined) this.#later = later;
    this.#write();
  }

  #write(): void {
    if (this.#log.batch !== undefined) return;
    if (this.#full.length === 0 && !this.#gathering.isEmpty) this.#close(this.#gathering);
    // In a write of its own: else what is missing before it would seem to be of a torn one.
    const isEnding = this.#closed !== undefined && this.#full.length === 0;
    if (isEnding && !this.#isSealed) {
      this.#seal();
      this.#close(this.#gathering);
    }
    const batch = this.#full.shift();
    if (batch === undefined) {
      this.#closed?.();
      return;
    }
    this.#log.write(batch, () => this.#written(batch));
  }

  #written(batch: Batch): void {
    this.#committed = batch.end;
    this.#writtenMs = this.#clock();
    if (this.#spare.length < SPARE_MAX) this.#spare.push(batch);
    this.#advanceDrop();
    this.#prepare();
    this.#write();
    this.#later();
  }

  /** The next segment is an old one's file if that comes soon, since a new one costs more. */
  #prepare(): void {
    const { sizeOnDisk, room } = this.#log;
    const isShort = sizeOnDisk <= this.#allowedSize;
    if (isShort || room < ROOM_MIN * this.#segmentSize) this.#log.prepare();
  }

  /** The time, from time to time: what failed is tried again, and what is idle is sealed. */
  tick(nowMs: number): void {
    this.#log.retry();
    this.#unread?.();
    this.#unread = undefined;
    const isIdle =
      this.#gathering.isEmpty && this.#full.length === 0 && this.#log.batch === undefined;
    if (this.#isSealed || !isIdle || nowMs - this.#writtenMs < IDLE_MS) return;
    this.#seal();
    this.#write();
  }

  /** A frame without records. */
  #seal(): void {
    this.#gathering.beginFrame();
    this.#isSealed = true;
  }

  /**
   * Up to which position the log should be needed no more, so that it stays in proportion.
   *
   * @param liveBytes What is still needed of it, about.
   * @returns 0: it is short enough.
   */
  compactTo(liveBytes: number): number {
    const { segments, sizeOnDisk } = this.#log;
    const written = this.#committed - (segments[0]?.base ?? this.#committed);
    const isDense = written <= DENSE_FACTOR * liveBytes;
    const factor = isDense ? DENSE_LIVE_FACTOR : LIVE_FACTOR;
    this.#allowedSize = factor * liveBytes + SEGMENTS_FREE * this.#segmentSize;
    if (this.#leaveBehind > this.#log.logStart) return this.#leaveBehind;
    // One after the other: with more to write before the first files go, there may be no room.
    if (this.#saidAt > 0 || this.#askedTo > this.#log.logStart) return this.#askedTo;
    let over = sizeOnDisk - this.#allowedSize;
    const isYoung = this.#log.room > (1 - YOUNG) * this.#segmentSize;
    const hasTime = sizeOnDisk <= 2 * this.#segmentSize && !this.#log.hasNext;
    if (isYoung && hasTime) return 0;
    let position = 0;
    for (let index = 0; over > 0 && index < segments.length - 1; index += 1) {
      const segment = segments[index];
      if (segment === undefined) break;
      over -= segment.fileSize;
      position = segment.end;
    }
    this.#askedTo = position;
    return position;
  }

  /** Nothing up to `position` is to be needed any more, however short the log is. */
  leaveBehind(position: number): void {
    this.#leaveBehind = position;
  }

  /** Nothing up to `position` is needed any more, once all that was appended is durable. */
  drop(position: number): void {
    if (position <= this.#dropTo) return;
    this.#dropTo = position;
    this.#dropAfter = this.appended;
    this.#advanceDrop();
  }

  /**
   * One step at a time: what was said again is durable; that the log begins behind what it was
   * before is durable; the files go. Were two of them one write, a torn one could have the second
   * without the first.
   */
  #advanceDrop(): void {
    if (this.#dropTo > this.#log.logStart && this.#dropAfter <= this.#committed) {
      // What is full or being gathered is sealed later, and says so too.
      this.#log.beginAt(this.#dropTo);
      this.#seal();
      this.#isSealed = false; // It may be of one write with records, and says something itself.
      this.#saidAt = this.#gathering.end;
    }
    if (this.#saidAt > 0 && this.#saidAt <= this.#committed) {
      this.#saidAt = 0;
      this.#log.dropOld();
    }
  }

  /** See `CommittableJournal.recall`. */
  recall(
    wanted: readonly Wanted[],
    got: (wanted: Wanted, message: Message | undefined) => void,
    done: () => void,
  ): void {
    this.#readBack.read(this.#log.segments, wanted, got, (error) => {
      if (error === null) done();
      else this.#unread = done; // With the next tick they are asked for again.
    });
  }

  /** Writes what is left, and lets go of its files; `done` comes once. */
  close(done: () => void): void {
    this.#closed = () => {
      this.#closed = undefined;
      this.#log.close();
      done();
    };
    if (this.trouble === "failed") {
      this.giveUp();
      return;
    }
    this.#later = () => {}; // Nobody goes on with anything.
    this.#write();
  }

  /** A `close` that the disk does not let end, since it takes no more, ends all the same. */
  giveUp(): void {
    this.#closed?.();
  }
}
