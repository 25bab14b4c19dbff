/**
 * Messages read back from the log: whole frames, neighbours together, each checked before it is
 * believed.
 */
import { Buffer } from "node:buffer";
import type { Wanted } from "../core/broker.ts";
import type { Message } from "../protocol/message.ts";
import { FRAME_HEADER_SIZE, readFrame } from "./frame.ts";
import type { Done, Fs, FsFile } from "./fs.ts";
import type { Segment } from "./log-parts.ts";
import { OpReader, RecordError } from "./op-reader.ts";
import { SEGMENT_HEADER_SIZE } from "./segment.ts";

/** Frames with no more than this between them are read as one range, up to a size. */
const GAP_MAX = 32 * 1024;
const RANGE_SIZE_MAX = 512 * 1024;
/** Ranges read at the same time. */
const AT_ONCE_MAX = 4;

/** Frames that are read together, and what is wanted of them. */
export interface ReadRange {
  readonly segment: Segment;
  readonly from: number;
  end: number;
  readonly wanted: Wanted[];
}

/** The frame that a record lies in, as an index into `frames`: the last that starts before it. */
export function frameBefore(frames: readonly number[], position: number): number {
  let [low, high] = [0, frames.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((frames[middle] as number) < position) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/**
 * What to read for `wanted`, which are in the order of the log. What lies in no segment is in no
 * range.
 */
export function rangesOf(segments: readonly Segment[], wanted: readonly Wanted[]): ReadRange[] {
  const ranges: ReadRange[] = [];
  let at = 0;
  for (const item of wanted) {
    while (at < segments.length && (segments[at] as Segment).end < item.position) at += 1;
    const segment = segments[at];
    if (segment === undefined) break;
    const { frames } = segment;
    const frame = frameBefore(frames, item.position - item.size);
    const from = frames[frame];
    if (from === undefined) continue;
    const end = frames[frame + 1] ?? segment.end;
    const last = ranges.at(-1);
    const isNear =
      last !== undefined &&
      last.segment === segment &&
      from - last.end <= GAP_MAX &&
      end - last.from <= RANGE_SIZE_MAX;
    if (isNear || (last?.segment === segment && from < last.end)) {
      last.end = Math.max(end, last.end);
      last.wanted.push(item);
    } else ranges.push({ segment, from, end, wanted: [item] });
  }
  return ranges;
}

export class ReadBack {
  readonly #fs: Fs;
  readonly #reader = new OpReader(Buffer.alloc(0));

  constructor(fs: Fs) {
    this.#fs = fs;
  }

  /**
   * @param got Called for each that was read; `undefined`: what stands there is not as it was
   *   written.
   * @param done With an error if some could not be read now, which may be read another time.
   */
  read(
    segments: readonly Segment[],
    wanted: readonly Wanted[],
    got: (wanted: Wanted, message: Message | undefined) => void,
    done: (error: Error | null) => void,
  ): void {
    const ranges = rangesOf(segments, wanted);
    const found = new Set(ranges.flatMap((range) => range.wanted));
    for (const item of wanted) if (!found.has(item)) got(item, undefined);
    let [next, open] = [0, 0];
    let failure: Error | null = null;
    const go = (): void => {
      while (open < AT_ONCE_MAX && next < ranges.length) {
        const range = ranges[next] as ReadRange;
        next += 1;
        open += 1;
        this.#readRange(range, got, (error) => {
          open -= 1;
          failure ??= error;
          if (open === 0 && next === ranges.length) done(failure);
          else go();
        });
      }
    };
    if (ranges.length === 0) done(null);
    else go();
  }

  #readRange(
    range: ReadRange,
    got: (wanted: Wanted, message: Message | undefined) => void,
    done: Done,
  ): void {
    const { segment, from, end } = range;
    const bytes = Buffer.allocUnsafeSlow(end - from);
    let file: FsFile;
    try {
      segment.reader ??= this.#fs.openSync(segment.name);
      file = segment.reader;
    } catch (error) {
      setImmediate(done, error as Error);
      return;
    }
    file.read(bytes, SEGMENT_HEADER_SIZE + from - segment.base, (error, size = 0) => {
      // A file that is too short is not as it was written either.
      if (error === null) this.deliver(range, bytes.subarray(0, size), got);
      done(error);
    });
  }

  /** Hands over what is wanted of a range whose bytes were read. */
  deliver(
    { segment, from, wanted }: ReadRange,
    bytes: Buffer,
    got: (wanted: Wanted, message: Message | undefined) => void,
  ): void {
    const { frames, seed } = segment;
    const wantedSize = wanted.reduce((total, { size }) => total + size, 0);
    const isSparse = wantedSize * 2 < bytes.length;
    let checkedTo = 0;
    for (const item of wanted) {
      const startsAt = item.position - item.size - from;
      if (startsAt >= checkedTo) {
        const frameAt = (frames[frameBefore(frames, from + startsAt)] as number) - from;
        const frame = readFrame(bytes, frameAt, seed);
        if (frame === undefined) {
          got(item, undefined);
          continue;
        }
        checkedTo = frameAt + FRAME_HEADER_SIZE + frame.bodySize;
      }
      const message = this.#messageAt(bytes, startsAt, item.position - from);
      if (isSparse) message?.own(); // Else it would pin what nobody wants.
      got(item, message);
    }
  }

  #messageAt(bytes: Buffer, from: number, end: number): Message | undefined {
    const reader = this.#reader;
    reader.reset(bytes, from, end);
    try {
      return reader.readMessage();
    } catch (error) {
      if (error instanceof RecordError) return undefined;
      throw error;
    }
  }
}
