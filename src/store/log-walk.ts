/** A log from its beginning to its end, piece by piece, what is damaged of it included. */
import { Buffer } from "node:buffer";
import type { Op } from "../core/ops.ts";
import { FRAME_HEADER_SIZE, type Frame, readFrame } from "./frame.ts";
import type { Fs } from "./fs.ts";
import type { Segment } from "./log-parts.ts";
import { OpReader, RecordError } from "./op-reader.ts";
import type { Damage, Recovered } from "./recovery.ts";
import { SEGMENT_HEADER_SIZE } from "./segment.ts";

export type LogItem =
  | { readonly is: "segment"; readonly segment: Segment }
  | { readonly is: "frame"; readonly frame: Frame; readonly size: number }
  | {
      readonly is: "record";
      /** Its message is valid until the next item is asked for. */
      readonly op: Op;
      /** Where it ends: by that other records name it. */
      readonly position: number;
      readonly size: number;
      readonly frame: Frame;
    }
  | { readonly is: "damage"; readonly damage: Damage }
  | { readonly is: "torn"; readonly position: number; readonly size: number };

/** Positions; what is not quite outside of it is part of it. */
export interface LogRange {
  readonly from: number;
  readonly to: number;
}

/** What `recovered` has found, in the order of the log. */
export function* walkLog(
  fs: Fs,
  { past, damages, tornBytes }: Pick<Recovered, "past" | "damages" | "tornBytes">,
  { from, to }: LogRange,
): Generator<LogItem, void> {
  const pending = [...damages].sort((a, b) => a.to - b.to || a.from - b.from);
  const isWanted = (start: number, end: number): boolean => end > from && start < to;
  function* damagesUpTo(position: number): Generator<LogItem, void> {
    for (let first = pending[0]; first !== undefined && first.to <= position; first = pending[0]) {
      pending.shift();
      if (first.to >= from && first.from <= to) yield { is: "damage", damage: first };
    }
  }
  const reader = new OpReader(Buffer.alloc(0));
  for (const segment of past.segments) {
    yield* damagesUpTo(segment.base);
    if (!isWanted(segment.base, segment.end)) continue;
    yield { is: "segment", segment };
    for (const item of framesOf(fs, segment)) {
      const { frame, size } = item;
      yield* damagesUpTo(frame.position);
      if (!isWanted(frame.position, frame.position + size)) continue;
      yield { is: "frame", frame, size };
      yield* recordsOf(reader, item, isWanted);
    }
  }
  yield* damagesUpTo(Number.POSITIVE_INFINITY);
  if (tornBytes > 0 && to > past.end) yield { is: "torn", position: past.end, size: tornBytes };
}

interface ReadFrame {
  readonly frame: Frame;
  /** With its header. */
  readonly size: number;
  readonly bytes: Buffer;
  readonly at: number;
}

function* framesOf(fs: Fs, { name, fileSize, frames, base, seed }: Segment): Generator<ReadFrame> {
  const bytes = Buffer.alloc(fileSize);
  const file = fs.openSync(name);
  file.readSync(bytes, 0);
  file.close();
  for (const position of frames) {
    const at = SEGMENT_HEADER_SIZE + position - base;
    const frame = readFrame(bytes, at, seed);
    if (frame === undefined) return; // A broker that goes on uses the file for another segment.
    yield { frame, size: FRAME_HEADER_SIZE + frame.bodySize, bytes, at };
  }
}

function* recordsOf(
  reader: OpReader,
  { frame, size, bytes, at }: ReadFrame,
  isWanted: (start: number, end: number) => boolean,
): Generator<LogItem, void> {
  const end = at + size;
  reader.reset(bytes, at + FRAME_HEADER_SIZE, end);
  while (reader.at < end) {
    const startsAt = reader.at;
    let op: Op;
    try {
      op = reader.read();
    } catch (error) {
      if (error instanceof RecordError) return; // It is among the damages.
      throw error;
    }
    const position = frame.position + reader.at - at;
    const recordSize = reader.at - startsAt;
    if (!isWanted(position - recordSize, position)) continue;
    yield { is: "record", op, position, size: recordSize, frame };
  }
}
