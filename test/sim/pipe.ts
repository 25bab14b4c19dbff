import type { Random } from "./prng.ts";

interface Chunk {
  readonly bytes: Buffer;
  readonly atMs: number;
}

/** One direction of a Network Connection: bytes arrive late and cut anywhere, but in order. */
export class Pipe {
  readonly #random: Random;
  readonly #delayMaxMs: number;
  #chunks: Chunk[] = [];
  #size = 0;
  #lastMs = 0;
  #endMs = Number.POSITIVE_INFINITY;

  constructor(random: Random, delayMaxMs: number) {
    this.#random = random;
    this.#delayMaxMs = delayMaxMs;
  }

  /** Bytes under way. */
  get size(): number {
    return this.#size;
  }

  write(bytes: Buffer, nowMs: number): void {
    if (bytes.length === 0) return;
    this.#lastMs = Math.max(this.#lastMs, nowMs + this.#random.below(this.#delayMaxMs + 1));
    this.#chunks.push({ bytes, atMs: this.#lastMs });
    this.#size += bytes.length;
  }

  /** Nothing is written after this. */
  end(nowMs: number): void {
    this.#endMs = Math.max(this.#lastMs, nowMs);
  }

  /** The end was reached: all was read, and the other side has closed. */
  hasEnded(nowMs: number): boolean {
    return this.#size === 0 && this.#endMs <= nowMs;
  }

  /** What has arrived, or a part of it. */
  read(nowMs: number): Buffer | undefined {
    const [first] = this.#chunks;
    if (first === undefined || first.atMs > nowMs) return undefined;
    let { bytes } = first;
    if (bytes.length > 1 && this.#random.chance(25)) {
      const at = this.#random.between(1, bytes.length - 1);
      this.#chunks[0] = { bytes: bytes.subarray(at), atMs: first.atMs };
      bytes = bytes.subarray(0, at);
    } else {
      this.#chunks.shift();
      const next = this.#chunks[0];
      if (next !== undefined && next.atMs <= nowMs && this.#random.chance(50)) {
        this.#chunks[0] = { bytes: Buffer.concat([bytes, next.bytes]), atMs: next.atMs };
        return this.read(nowMs);
      }
    }
    this.#size -= bytes.length;
    return Buffer.from(bytes); // A socket's chunk is its own.
  }
}
