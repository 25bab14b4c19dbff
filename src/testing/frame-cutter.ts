/** Cuts a stream of bytes into the packets it is made of, without a look at what they say. */
export class FrameCutter {
  #left: Buffer = Buffer.alloc(0);

  /** @returns The packets that are whole now, each as its own bytes. */
  push(chunk: Buffer): Buffer[] {
    const bytes = this.#left.length === 0 ? chunk : Buffer.concat([this.#left, chunk]);
    const frames: Buffer[] = [];
    let at = 0;
    for (;;) {
      const size = frameSize(bytes, at);
      if (size === undefined || size > bytes.length - at) break;
      frames.push(bytes.subarray(at, at + size));
      at += size;
    }
    this.#left = bytes.subarray(at);
    return frames;
  }
}

/** Of the packet at `from`, or undefined: more bytes are needed to know. */
function frameSize(bytes: Buffer, from: number): number | undefined {
  let remaining = 0;
  for (let at = 1; at <= 4; at += 1) {
    const byte = bytes[from + at];
    if (byte === undefined) return undefined;
    remaining += (byte & 0x7f) * 128 ** (at - 1);
    if (byte < 0x80) return 1 + at + remaining;
  }
  return bytes.length - from; // No packet at all (§2.1.4): for the receiver to say.
}
