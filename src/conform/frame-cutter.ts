import { Buffer } from "node:buffer";
import { Difference } from "./difference.ts";
import { formatHex } from "./hex.ts";

/** Cuts what a broker sends into whole packets. Apart from `codec/`, which it judges. */
export class FrameCutter {
  #chunks: Buffer[] = [];
  #size = 0;
  #sizeNeeded = 2;

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  /** Bytes of a packet that has not ended. */
  get left(): number {
    return this.#size;
  }

  /** @returns The next whole packet, or undefined: more bytes are needed. */
  next(): Uint8Array | undefined {
    if (this.#size < this.#sizeNeeded) return undefined;
    const [only] = this.#chunks;
    const isWhole = only !== undefined && this.#chunks.length === 1;
    const bytes = isWhole ? only : Buffer.concat(this.#chunks);
    this.#chunks = [bytes];
    const end = packetEnd(bytes);
    if (end > bytes.length) {
      this.#sizeNeeded = end;
      return undefined;
    }
    this.#chunks = [bytes.subarray(end)];
    this.#size -= end;
    this.#sizeNeeded = 2;
    return Uint8Array.from(bytes.subarray(0, end));
  }
}

/** Where the first packet ends, or the least that must be there to know. */
function packetEnd(bytes: Uint8Array): number {
  let length = 0;
  for (let at = 1, scale = 1; at <= 4; at += 1, scale *= 128) {
    const byte = bytes[at];
    if (byte === undefined) return at + 1;
    length += (byte & 127) * scale;
    if (byte < 128) return at + 1 + length;
  }
  throw new Difference(
    `the broker sent a bad Remaining Length: ${formatHex(bytes.subarray(0, 5))}`,
  );
}
