/** Records that were written lately, as a recovery would read them: from their bytes, by frames. */
import { Buffer } from "node:buffer";
import { ByteWriter } from "../codec/byte-writer.ts";
import type { Op } from "../core/ops.ts";
import type { Playback } from "../core/ports.ts";
import { FRAME_HEADER_SIZE } from "./frame.ts";
import type { Log } from "./log.ts";
import { OpReader } from "./op-reader.ts";
import { writeOp } from "./op-writer.ts";
import { frameBefore } from "./read-back.ts";

type Visit = (op: Op, position: number, size: number) => void;

export class LogPlayback implements Playback {
  readonly #log: Pick<Log, "segments" | "recent">;
  readonly #writer = new ByteWriter();
  readonly #reader = new OpReader(Buffer.alloc(0));

  constructor(log: Pick<Log, "segments" | "recent">) {
    this.#log = log;
  }

  encode(op: Op): Uint8Array {
    const writer = this.#writer;
    writer.reuse();
    writeOp(writer, op);
    return Uint8Array.prototype.slice.call(writer.bytes, 0, writer.at);
  }

  /** @throws RecordError */
  decode(bytes: Uint8Array): Op {
    const { buffer, byteOffset, length } = bytes;
    this.#reader.reset(Buffer.from(buffer, byteOffset, length), 0, length);
    return this.#reader.read();
  }

  /** See `Playback.play`. @throws RecordError */
  play(from: number, to: number, most: number, visit: Visit): number | undefined {
    let at = from;
    for (let left = most; at < to && left > 0; ) {
      const frame = this.#frameAt(at);
      if (frame === undefined) return undefined;
      const end = Math.min(frame.end, to);
      at = Math.min(Math.max(at, frame.from + FRAME_HEADER_SIZE), end);
      if (at === end) continue;
      const records = this.#log.recent.with(at, end, (bytes, bytesAt, bytesEnd) =>
        this.#read(bytes, bytesAt, bytesEnd, at, left, visit),
      );
      if (records === undefined) return undefined;
      at += this.#reader.at - records.from;
      left -= records.count;
    }
    return at;
  }

  /** The frame that goes on behind the position `at`. */
  #frameAt(at: number): { from: number; end: number } | undefined {
    const segment = this.#log.segments.findLast(({ base }) => base <= at);
    if (segment === undefined || at >= segment.end) return undefined;
    const { frames } = segment;
    const index = frameBefore(frames, at + 1);
    const from = frames[index];
    return from === undefined ? undefined : { from, end: frames[index + 1] ?? segment.end };
  }

  /** Reads what begins in the log at `position`. */
  #read(
    bytes: Buffer,
    from: number,
    end: number,
    position: number,
    most: number,
    visit: Visit,
  ): { from: number; count: number } {
    const reader = this.#reader;
    reader.reset(bytes, from, end);
    let count = 0;
    for (; reader.at < end && count < most; count += 1) {
      const { at } = reader;
      const op = reader.read();
      visit(op, position + reader.at - from, reader.at - at);
    }
    return { from, count };
  }
}
