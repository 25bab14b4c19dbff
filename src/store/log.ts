/**
 * The log on its files: one write at a time goes to the end, and old files go away at the front.
 *
 *     segments:  | 5 | 6 | 7 | 8: being written |   next: 9, ready   reserve
 *                logStart                     end
 *
 * A file that a write to it has failed on is never written to again: what was to be written goes
 * to the next file, which begins at the position at which the failed write began. So no byte is
 * ever trusted that an error was reported of, and positions do not change.
 *
 * The next file is made ready in the background: zeros, and a name that is durable. One more is
 * in reserve: with a full disk it takes what must be recorded so that space can be freed.
 */
import type { Trouble } from "../core/ports.ts";
import type { Batch } from "./batch.ts";
import { errorCode, type Fs, type FsFile } from "./fs.ts";
import { type Machine, type Segment, sizeOfSegment } from "./log-parts.ts";
import { RecentBytes } from "./recent-bytes.ts";
import { SEGMENT_HEADER_SIZE, seedOf, segmentHeader, segmentName } from "./segment.ts";
import { SegmentSupply } from "./segment-supply.ts";

export interface LogOptions {
  readonly fs: Fs;
  /** Bytes of a segment's file. */
  readonly segmentSize: number;
  /** From this size on a frame takes no more records. */
  readonly frameSizeMax: number;
  /** Bytes of the log that stay in memory as well. */
  readonly recentSize: number;
  readonly machine: Machine;
  /** The core's clock. */
  readonly clock: () => number;
  /** Told what went wrong with the disk, and what became of it. */
  readonly report: (event: LogEvent) => void;
}

export type LogEvent =
  | {
      readonly what: "write-failed" | "cannot-prepare";
      readonly file: string;
      readonly error: Error;
    }
  | { readonly what: "full" | "failed" | "recovered" };

/** What a recovery has found; for a new log all of it is 0 or empty. */
export interface LogPast {
  readonly segments: Segment[];
  readonly end: number;
  readonly before: number;
  readonly logStart: number;
  /** The highest that a file is named by. */
  readonly lastNumber: number;
  /** Files in the directory that are not part of the log. */
  readonly leftOver: readonly string[];
}

interface Writing {
  readonly batch: Batch;
  readonly done: () => void;
}

export class Log {
  readonly #options: LogOptions;
  readonly recent: RecentBytes;
  readonly #supply: SegmentSupply;
  readonly segments: Segment[];
  /** The segment that is written to, with its file. */
  #active: { readonly segment: Segment; readonly file: FsFile } | undefined = undefined;
  #before: number;
  #logStart: number;
  #writing: Writing | undefined = undefined;
  /** It is with the file system, and will come back. */
  #isUnderWay = false;
  /** Writes that failed one after the other. */
  #failures = 0;
  #trouble: Trouble = "none";

  constructor(options: LogOptions, past: LogPast) {
    this.#options = options;
    this.recent = new RecentBytes(options.recentSize);
    this.segments = past.segments;
    this.#before = past.before;
    this.#logStart = past.logStart;
    this.#supply = new SegmentSupply({
      fs: options.fs,
      segmentSize: options.segmentSize,
      lastNumber: past.lastNumber,
      leftOver: past.leftOver,
      changed: (error) => this.#supplyChanged(error),
    });
  }

  get trouble(): Trouble {
    return this.#trouble;
  }

  get logStart(): number {
    return this.#logStart;
  }

  /** What is being written. */
  get batch(): Batch | undefined {
    return this.#writing?.batch;
  }

  get hasNext(): boolean {
    return this.#supply.hasNext;
  }

  /** Bytes that the segment which is written to still takes. */
  get room(): number {
    const active = this.#active;
    return active === undefined ? 0 : active.segment.fileSize - sizeOfSegment(active.segment);
  }

  /** Bytes that its segments take on the disk. */
  get sizeOnDisk(): number {
    return this.segments.reduce((total, segment) => total + segment.fileSize, 0);
  }

  /** Makes the next segment ready, and the reserve, from new files if need be. */
  prepare(): void {
    this.#supply.prepare();
  }

  /** Writes a batch behind all the others; `done` once it is durable, however long that takes. */
  write(batch: Batch, done: () => void): void {
    this.#writing = { batch, done };
    this.#tryWrite();
  }

  /** What failed is tried again. Called from time to time. */
  retry(): void {
    this.#supply.retry();
    if (this.#active === undefined) this.#tryWrite();
  }

  #tryWrite(): void {
    const writing = this.#writing;
    if (writing === undefined || this.#isUnderWay) return;
    const { batch } = writing;
    const active = this.#active;
    if (active === undefined || batch.size > this.room) {
      this.#begin(batch);
      return;
    }
    const { segment, file } = active;
    const checksum = batch.seal(segment.seed, this.#before, this.#now);
    const at = SEGMENT_HEADER_SIZE + segment.end - segment.base;
    this.#isUnderWay = true;
    file.write(batch.bytes(undefined), at, (error) => this.#written(error, writing, checksum));
  }

  get #now(): { readonly atMs: number; readonly wallMs: number; readonly logStart: number } {
    const { clock, machine } = this.#options;
    return { atMs: clock(), wallMs: machine.wallMs(), logStart: this.#logStart };
  }

  /** The batch is the first of another segment. */
  #begin(batch: Batch): void {
    const writing = this.#writing as Writing;
    const supplied = this.#supply.take(SEGMENT_HEADER_SIZE + batch.size);
    if (supplied === undefined) return; // `supplyChanged` comes by.
    this.#active?.file.close();
    const { number, file, size } = supplied;
    const { machine, clock } = this.#options;
    const header = {
      number,
      base: batch.position,
      logStart: this.#logStart,
      before: this.#before,
      salt: machine.random32(),
      clockLeadMs: clock() - machine.uptimeMs(),
      boot: machine.boot,
    };
    const segment: Segment = {
      name: segmentName(number),
      number,
      base: batch.position,
      end: batch.position,
      seed: seedOf(header),
      fileSize: size,
      frames: [],
      reader: undefined,
    };
    this.#active = { segment, file };
    this.segments.push(segment);
    const checksum = batch.seal(segment.seed, this.#before, this.#now);
    const bytes = batch.bytes(segmentHeader(header));
    this.#isUnderWay = true;
    file.write(bytes, 0, (error) => this.#written(error, writing, checksum));
  }

  #written(error: Error | null, writing: Writing, checksum: number): void {
    this.#isUnderWay = false;
    const active = this.#active;
    if (this.#writing !== writing || active === undefined) return; // It was closed.
    const { batch, done } = writing;
    if (error !== null) {
      this.#failed(error);
      return;
    }
    this.recent.add(batch.bytes(undefined), batch.position);
    active.segment.frames.push(...batch.framePositions);
    active.segment.end = batch.end;
    this.#before = checksum;
    this.#writing = undefined;
    this.#failures = 0;
    this.#judge();
    done();
  }

  /** What was written is in doubt, and its file with it: the same goes to another, once at once. */
  #failed(error: Error): void {
    const { file, segment } = this.#active as { file: FsFile; segment: Segment };
    file.close();
    this.#active = undefined;
    if (segment.end === segment.base) {
      this.segments.pop(); // Nothing in it was ever acknowledged.
      this.#supply.discard(segment.name);
    }
    this.#failures += 1;
    this.#options.report({ what: "write-failed", file: segment.name, error });
    this.#judge();
    if (this.#failures === 1) this.#tryWrite();
  }

  #supplyChanged(error: Error | undefined): void {
    if (error !== undefined) {
      this.#options.report({ what: "cannot-prepare", file: this.#supply.nextName, error });
    }
    this.#judge();
    if (error === undefined) this.#tryWrite(); // Else `retry` comes by.
  }

  #judge(): void {
    const { problem } = this.#supply;
    let trouble: Trouble = "none";
    if (problem !== undefined) trouble = errorCode(problem) === "ENOSPC" ? "full" : "failed";
    if (this.#failures > 1) trouble = "failed";
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    this.#options.report({ what: trouble === "none" ? "recovered" : trouble });
  }

  /** The log begins at `position` from now on: what is written next says so. */
  beginAt(position: number): void {
    this.#logStart = Math.max(this.#logStart, position);
  }

  /** That the log begins further on is on record: segments before it go. */
  dropOld(): void {
    const position = this.#logStart;
    for (let first = this.segments[0]; first !== undefined; first = this.segments[0]) {
      if (first === this.#active?.segment || first.end > position) break;
      this.segments.shift();
      first.reader?.close();
      this.#supply.giveBack(first.name, first.fileSize);
    }
  }

  /** Nothing is written any more. */
  close(): void {
    this.#active?.file.close();
    this.#active = undefined;
    this.#writing = undefined;
    this.#supply.close();
    for (const segment of this.segments) segment.reader?.close();
  }
}
