import { Buffer } from "node:buffer";
import { malformed, notMinimal } from "./body-reader.ts";

/** Type, flags and 4 bytes of Remaining Length (§2.1). */
const HEADER_SIZE_MAX = 5;

/**
 * A packet that straddles chunks, gathered in a buffer of its own.
 *
 * The buffer is at most twice as large as what has really arrived: a peer that announces 256 MB
 * and sends 10 bytes costs 20. Complete, it is exactly as large as the packet.
 */
export class PartialFrame {
  bytes: Buffer = Buffer.allocUnsafeSlow(HEADER_SIZE_MAX);
  /** Where the Variable Header starts; 0: the fixed header is not complete. */
  bodyAt = 0;
  /** Size of the whole packet, once the fixed header says it; else 0. */
  frameSize = 0;
  #size = 0;

  get complete(): boolean {
    return this.bodyAt > 0 && this.#size === this.frameSize;
  }

  /** Takes what is missing of the fixed header. @returns Where in `chunk` to go on. */
  fillHeader(chunk: Buffer, from: number): number {
    let at = from;
    while (this.bodyAt === 0 && at < chunk.length) {
      this.#takeHeaderByte(chunk[at] as number);
      at += 1;
    }
    return at;
  }

  #takeHeaderByte(byte: number): void {
    this.bytes[this.#size] = byte;
    this.#size += 1;
    if (this.#size === 1) return; // Type and flags.
    if (byte >= 0x80) {
      if (this.#size === HEADER_SIZE_MAX)
        throw malformed("§2.1.4", "Remaining Length: over 4 bytes");
      return;
    }
    if (byte === 0 && this.#size > 2) throw notMinimal("Remaining Length"); // [MQTT-1.5.5-1]
    let remainingLength = 0;
    for (let at = this.#size - 1; at > 0; at -= 1) {
      remainingLength = (remainingLength << 7) | ((this.bytes[at] as number) & 0x7f);
    }
    this.bodyAt = this.#size;
    this.frameSize = this.#size + remainingLength;
  }

  /** Takes what is missing of the rest. @returns Where in `chunk` to go on. */
  fillBody(chunk: Buffer, from: number): number {
    const taken = Math.min(this.frameSize - this.#size, chunk.length - from);
    const size = this.#size + taken;
    if (size > this.bytes.length || size === this.frameSize) this.#resize(size);
    chunk.copy(this.bytes, this.#size, from, from + taken);
    this.#size = size;
    return from + taken;
  }

  #resize(size: number): void {
    const capacity = Math.min(this.frameSize, Math.max(size, 2 * this.#size));
    if (capacity === this.bytes.length) return;
    const resized = Buffer.allocUnsafeSlow(capacity);
    this.bytes.copy(resized, 0, 0, this.#size);
    this.bytes = resized;
  }
}
