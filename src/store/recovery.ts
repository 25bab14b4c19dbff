/**
 * What the files of a log hold: every frame checked, every record handed on in order.
 *
 * A log ends where its frames end. If the last write was torn, that is its normal end: nobody was
 * told of it. But a frame that is not as it was written and has others behind it, or a segment
 * that is not there, is damage: it is reported with its positions, and never skipped in silence.
 */
import { Buffer } from "node:buffer";
import type { Op } from "../core/ops.ts";
import { FRAME_HEADER_SIZE, type Frame, findFrame, positionIn, readFrame } from "./frame.ts";
import type { Fs } from "./fs.ts";
import type { LogPast } from "./log.ts";
import type { Segment } from "./log-parts.ts";
import { OpReader, RecordError } from "./op-reader.ts";
import {
  isZero,
  readSegmentHeader,
  SEGMENT_HEADER_SIZE,
  type SegmentHeader,
  seedOf,
  segmentNumber,
} from "./segment.ts";
import { RESERVE_NAME } from "./segment-supply.ts";

/** Part of the log that is not there as it was written. */
export interface Damage {
  readonly file: string;
  readonly what: string;
  /** Positions: all that lay from here up to there. `to` Infinity: nobody knows. */
  readonly from: number;
  readonly to: number;
  /** Times of the frames before and behind it, on the core's clock; 0 and Infinity: none. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** The log is of a version that this one cannot read; `format` NaN: nobody knows which. */
export class FormatError extends Error {
  readonly format: number;

  constructor(file: string, format: number) {
    const what = Number.isNaN(format)
      ? "not as Nightjar wrote it"
      : `format ${format}, which this version of Nightjar does not know`;
    super(`${file}: ${what}`);
    this.format = format;
  }
}

/**
 * The last write of which something counts, as it was read. All before it had been reported
 * durable when it was begun.
 */
export interface LogTail {
  readonly file: string;
  /** Where in the file; the header of a segment is part of its first write. */
  readonly at: number;
  readonly bytes: Buffer;
}

export interface Recovered {
  readonly past: LogPast;
  /** What is known to be durable ends before it; undefined: there is no segment. */
  readonly tail: LogTail | undefined;
  readonly damages: readonly Damage[];
  /** What of the last write was there, and does not count since not all of it was. */
  readonly tornBytes: number;
  readonly frames: number;
  readonly records: number;
  /** The core's clock, and the time of day, at the last write; 0: there was none. */
  readonly lastMs: number;
  readonly lastWallMs: number;
  /** Header of the latest segment. */
  readonly latest: SegmentHeader | undefined;
}

/** Told of the log while it is read. */
export interface LogVisitor {
  /** What was told so far does not count: the log is read again, from further on. */
  restart(): void;
  /** The bytes of a message are valid until the next call. */
  record(op: Op, position: number, size: number, frame: Frame): void;
}

interface Begun {
  readonly name: string;
  readonly header: SegmentHeader;
  readonly fileSize: number;
}

/** @throws FormatError */
export function readLog(fs: Fs, segmentSize: number, visitor: LogVisitor): Recovered {
  const found = new LogFiles(fs, segmentSize);
  const first = new LogReading(fs, found, 0, visitor);
  first.run();
  // Where segments were on their way out when the process ended, some may be gone already.
  const isExcused = first.damages.some(({ to }) => to <= first.logStart);
  if (!isExcused) return first.result();
  visitor.restart();
  const second = new LogReading(fs, found, first.logStart, visitor);
  second.run();
  return second.result();
}

const HEADER_DAMAGED = "its header is damaged";

/** The files in the directory, by what they are. */
class LogFiles {
  readonly begun: Begun[] = [];
  readonly damaged: string[] = [];
  readonly leftOver: string[] = [];
  lastNumber = 0;

  constructor(fs: Fs, segmentSize: number) {
    for (const name of fs.list().sort()) {
      const number = segmentNumber(name);
      if (name === RESERVE_NAME && sizeOf(fs, name) === segmentSize) this.leftOver.push(name);
      if (number === 0) continue;
      this.lastNumber = Math.max(this.lastNumber, number);
      const file = fs.openSync(name);
      const bytes = Buffer.alloc(SEGMENT_HEADER_SIZE);
      const state = readSegmentHeader(bytes.subarray(0, file.readSync(bytes, 0)), number);
      file.close();
      if (state.is === "other-format") throw new FormatError(name, state.format);
      if (state.is === "begun")
        this.begun.push({ name, header: state.header, fileSize: file.size });
      else if (state.is === "unused") this.leftOver.push(name);
      else this.damaged.push(name);
    }
  }
}

function sizeOf(fs: Fs, name: string): number {
  const file = fs.openSync(name);
  file.close();
  return file.size;
}

class LogReading {
  readonly damages: Damage[] = [];
  logStart = 0;
  readonly #fs: Fs;
  readonly #files: LogFiles;
  readonly #visitor: LogVisitor;
  readonly #reader = new OpReader(Buffer.alloc(0));
  readonly #segments: Segment[] = [];
  readonly #leftOver: string[];
  readonly #from: number;
  #position = 0;
  #before = 0;
  #lastMs = 0;
  #lastWallMs = 0;
  #frames = 0;
  #records = 0;
  #tornBytes = 0;
  /** Where the write of the latest frame begins, or the latest segment. */
  #writeAt = 0;
  #tail: LogTail | undefined = undefined;
  /** The frame before was not there, so that nothing is known of its checksum. */
  #isChainBroken = true;

  /** @param from Where the log begins, as far as is known: nothing before it is read. */
  constructor(fs: Fs, files: LogFiles, from: number, visitor: LogVisitor) {
    this.#fs = fs;
    this.#files = files;
    this.#visitor = visitor;
    this.#leftOver = [...files.leftOver];
    this.#from = from;
  }

  run(): void {
    const { begun, damaged } = this.#files;
    const start = Math.max(this.#from, begun.at(-1)?.header.logStart ?? 0);
    this.logStart = start;
    let first = 0;
    begun.forEach(({ header }, index) => {
      if (header.base <= start) first = index;
    });
    for (const { name } of begun.slice(0, first)) this.#leftOver.push(name);
    const used = begun.slice(first);
    this.#position = start;
    used.forEach((segment, index) => {
      this.#segment(segment, used[index + 1]);
    });
    // Of those before the last segment it is known what they held: where positions are missing.
    const last = begun.at(-1)?.header.number ?? 0;
    for (const name of damaged.filter((one) => segmentNumber(one) > last)) {
      if (this.#isBegunInVain(name)) this.#leftOver.push(name);
      else this.#damage(name, HEADER_DAMAGED, this.#position, Number.POSITIVE_INFINITY);
    }
  }

  /**
   * Only a part of its header was written before there was no more space, and nothing behind it:
   * there stands what was there before, zeros or a frame from further back in the log.
   */
  #isBegunInVain(name: string): boolean {
    const file = this.#fs.openSync(name);
    const bytes = Buffer.alloc(FRAME_HEADER_SIZE);
    file.readSync(bytes, SEGMENT_HEADER_SIZE);
    file.close();
    const position = positionIn(bytes);
    return position === undefined ? isZero(bytes) : position < this.#position;
  }

  /** Positions are missing between the segments of two numbers; `what` if no file is there. */
  #gap(after: number, before: number, name: string, what: string, from: number, to: number): void {
    const file = this.#files.damaged.find((one) => {
      const number = segmentNumber(one);
      return number > after && number < before;
    });
    if (file === undefined) this.#damage(name, what, from, to);
    else this.#damage(file, HEADER_DAMAGED, from, to);
  }

  #damage(file: string, what: string, from: number, to: number, toMs?: number): void {
    const fromMs = this.#lastMs;
    this.damages.push({ file, what, from, to, fromMs, toMs: toMs ?? Number.POSITIVE_INFINITY });
    this.#isChainBroken = true;
  }

  #segment({ name, header, fileSize }: Begun, next: Begun | undefined): void {
    const { number, base } = header;
    if (base > this.#position) {
      const what = "the segment before it is not there";
      this.#gap(0, number, name, what, this.#position, base);
    } else if (!this.#isChainBroken && header.before !== this.#before) {
      this.#damage(name, "it does not follow what is before it", base, base);
    }
    this.#before = header.before;
    this.#isChainBroken = false;
    this.#position = base;
    this.#writeAt = base;
    const segment: Segment = {
      ...{ name, number, base, end: base, seed: seedOf(header), fileSize },
      frames: [],
      reader: undefined,
    };
    this.#segments.push(segment);
    const limit = next === undefined ? Number.POSITIVE_INFINITY : next.header.base;
    const bytes = this.#contentOf(segment);
    this.#read(segment, bytes, limit);
    if (next === undefined) this.#tail = this.#tailOf(segment, bytes);
    if (next !== undefined && this.#position < limit) {
      const what = "its end, or the segment behind it, is not there";
      this.#gap(number, next.header.number, name, what, this.#position, limit);
      this.#position = limit;
    }
    segment.end = this.#position;
  }

  /**
   * Reads frames up to the position `limit`, where the next segment begins. What stands here beyond
   * it is of a write that was torn or failed: another took its place, in the segments behind.
   */
  #read(segment: Segment, bytes: Buffer, limit: number): void {
    const offset = SEGMENT_HEADER_SIZE - segment.base;
    while (this.#position < limit) {
      const at = this.#position + offset;
      const frame = readFrame(bytes, at, segment.seed);
      const fits = frame?.position === this.#position && endOf(frame) <= limit;
      if (frame !== undefined && fits && (this.#isChainBroken || frame.before === this.#before)) {
        this.#frame(segment, bytes, frame);
        continue;
      }
      const later = this.#laterFrame(segment, bytes, at);
      if (later === undefined || endOf(later) > limit) {
        if (limit === Number.POSITIVE_INFINITY) this.#tornBytes = usedBytes(bytes, at);
        return;
      }
      const isTorn = later.position - later.writeOffset <= this.#position;
      const isLast = limit === Number.POSITIVE_INFINITY;
      if (isTorn && isLast && this.#isLastWrite(segment, bytes, later)) {
        this.#tornBytes = usedBytes(bytes, at);
        return;
      }
      const what = "bytes are not as they were written";
      this.#damage(segment.name, what, this.#position, later.position, later.atMs);
      this.#position = later.position;
    }
  }

  #contentOf({ name, fileSize }: Segment): Buffer {
    const file = this.#fs.openSync(name);
    const bytes = Buffer.allocUnsafeSlow(fileSize);
    const size = file.readSync(bytes, 0);
    file.close();
    return bytes.subarray(0, size);
  }

  /** The next frame behind `at` that is as it was written, and where it was. */
  #laterFrame(segment: Segment, bytes: Buffer, at: number): Frame | undefined {
    for (let from = findFrame(bytes, at + 1); from >= 0; from = findFrame(bytes, from + 1)) {
      const frame = readFrame(bytes, from, segment.seed);
      if (frame?.position === segment.base + from - SEGMENT_HEADER_SIZE) return frame;
    }
    return undefined;
  }

  /** No write came behind the one that `frame` is of: it was torn, and nobody was told of it. */
  #isLastWrite(segment: Segment, bytes: Buffer, frame: Frame): boolean {
    const writeAt = frame.position - frame.writeOffset;
    let at = frame.position - segment.base + SEGMENT_HEADER_SIZE;
    for (let later = this.#laterFrame(segment, bytes, at); later !== undefined; ) {
      if (later.position - later.writeOffset !== writeAt) return false;
      at = later.position - segment.base + SEGMENT_HEADER_SIZE;
      later = this.#laterFrame(segment, bytes, at);
    }
    return true;
  }

  /** Bytes that were checked, and no others: behind damage, from there on. */
  #tailOf({ name, base }: Segment, bytes: Buffer): LogTail {
    const at = this.#writeAt === base ? 0 : SEGMENT_HEADER_SIZE + this.#writeAt - base;
    const end = SEGMENT_HEADER_SIZE + this.#position - base;
    return { file: name, at, bytes: Buffer.from(bytes.subarray(at, end)) };
  }

  #frame(segment: Segment, bytes: Buffer, frame: Frame): void {
    if (frame.writeOffset === 0 || this.#isChainBroken) this.#writeAt = frame.position;
    segment.frames.push(this.#position);
    this.#before = frame.checksum;
    this.#isChainBroken = false;
    this.#lastMs = frame.atMs;
    this.#lastWallMs = frame.wallMs;
    this.#frames += 1;
    this.logStart = Math.max(this.logStart, frame.logStart);
    const bodyAt = this.#position - segment.base + SEGMENT_HEADER_SIZE + FRAME_HEADER_SIZE;
    const end = bodyAt + frame.bodySize;
    const positionOf = this.#position + FRAME_HEADER_SIZE - bodyAt;
    this.#position = endOf(frame);
    const reader = this.#reader;
    reader.reset(bytes, bodyAt, end);
    try {
      while (reader.at < end) {
        const { at } = reader;
        const op = reader.read();
        this.#records += 1;
        this.#visitor.record(op, reader.at + positionOf, reader.at - at, frame);
      }
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      this.#damage(segment.name, error.message, frame.position, this.#position, frame.atMs);
      this.#isChainBroken = false;
    }
  }

  result(): Recovered {
    const { begun, damaged, lastNumber } = this.#files;
    // What is before the log's start was not needed any more.
    const damages = this.damages.filter(({ to }) => to > this.logStart);
    return {
      past: {
        segments: this.#segments,
        end: this.#position,
        before: this.#before,
        logStart: this.logStart,
        lastNumber,
        leftOver: damages.length > 0 ? this.#leftOver : [...this.#leftOver, ...damaged],
      },
      tail: this.#tail,
      damages,
      tornBytes: this.#tornBytes,
      frames: this.#frames,
      records: this.#records,
      lastMs: this.#lastMs,
      lastWallMs: this.#lastWallMs,
      latest: begun.at(-1)?.header,
    };
  }
}

/** Position behind a frame. */
function endOf({ position, bodySize }: Frame): number {
  return position + FRAME_HEADER_SIZE + bodySize;
}

/** Bytes behind `at` up to the last that is not zero. */
function usedBytes(bytes: Buffer, at: number): number {
  let end = bytes.length;
  while (end > at && bytes[end - 1] === 0) end -= 1;
  return end - at;
}
