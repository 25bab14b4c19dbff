import type { Buffer } from "node:buffer";
import { ByteWriter } from "../codec/byte-writer.ts";
import { FRAME_HEADER_SIZE, type FrameFacts, sealFrame } from "./frame.ts";
import { SEGMENT_HEADER_SIZE } from "./segment.ts";

/** From this size on the next record begins another frame: what is read back is whole frames. */
export const FRAME_SIZE_MAX: number = 128 * 1024;

/**
 * Records that are written together: frames one behind the other, in one buffer, with room for a
 * segment's header before them in case they are its first.
 */
export class Batch {
  readonly writer: ByteWriter = new ByteWriter();
  /** Position of its first frame in the log. */
  position = 0;
  /** Where each frame starts in the buffer, and how many records it has. */
  readonly #frameAts: number[] = [];
  readonly #records: number[] = [];
  readonly #frameSizeMax: number;

  constructor(frameSizeMax: number) {
    this.#frameSizeMax = frameSizeMax;
    this.clear(0);
  }

  /** Begins anew at `position`. */
  clear(position: number): void {
    this.writer.reuse();
    this.writer.ensure(SEGMENT_HEADER_SIZE);
    this.writer.at = SEGMENT_HEADER_SIZE;
    this.position = position;
    this.#frameAts.length = 0;
    this.#records.length = 0;
  }

  get isEmpty(): boolean {
    return this.#frameAts.length === 0;
  }

  /** Bytes of all its frames. */
  get size(): number {
    return this.writer.at - SEGMENT_HEADER_SIZE;
  }

  /** Position behind what is in it. */
  get end(): number {
    return this.position + this.size;
  }

  /** Where its frames start, as positions. */
  get framePositions(): number[] {
    return this.#frameAts.map((at) => this.position + at - SEGMENT_HEADER_SIZE);
  }

  /** A record follows. */
  beginRecord(): void {
    const frameAt = this.#frameAts.at(-1);
    if (frameAt === undefined || this.writer.at - frameAt >= this.#frameSizeMax) this.beginFrame();
    const last = this.#records.length - 1;
    this.#records[last] = (this.#records[last] as number) + 1;
  }

  /** A frame follows; one without a record says only what its header does. */
  beginFrame(): void {
    this.#frameAts.push(this.writer.at);
    this.#records.push(0);
    this.writer.ensure(FRAME_HEADER_SIZE);
    this.writer.at += FRAME_HEADER_SIZE;
  }

  /**
   * Writes the headers of all frames.
   *
   * @param before Checksum of the frame before the first.
   * @returns Checksum of the last.
   */
  seal(
    seed: number,
    before: number,
    now: Pick<FrameFacts, "atMs" | "wallMs" | "logStart">,
  ): number {
    const { bytes } = this.writer;
    let checksum = before;
    this.#frameAts.forEach((from, index) => {
      const end = this.#frameAts[index + 1] ?? this.writer.at;
      checksum = sealFrame(bytes, from, end, seed, {
        before: checksum,
        position: this.position + from - SEGMENT_HEADER_SIZE,
        atMs: now.atMs,
        wallMs: now.wallMs,
        logStart: now.logStart,
        writeOffset: from - SEGMENT_HEADER_SIZE,
        records: this.#records[index] as number,
      });
    });
    return checksum;
  }

  /** See `RecentBytes`. */
  with<T>(
    from: number,
    end: number,
    use: (bytes: Buffer, from: number, end: number) => T,
  ): T | undefined {
    if (from < this.position || end > this.end) return undefined;
    const offset = SEGMENT_HEADER_SIZE - this.position;
    return use(this.writer.bytes, from + offset, end + offset);
  }

  /** What is to be written: the frames, or with a segment's header before them. */
  bytes(header: Buffer | undefined): Buffer {
    const { bytes, at } = this.writer;
    if (header === undefined) return bytes.subarray(SEGMENT_HEADER_SIZE, at);
    header.copy(bytes);
    return bytes.subarray(0, at);
  }
}
