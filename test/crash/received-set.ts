/** Which serial numbers a session has had: one bit each, for a run of millions of messages. */
export class ReceivedSet {
  #bits = new Uint8Array(1024);

  has(serial: number): boolean {
    return ((this.#bits[serial >> 3] ?? 0) & (1 << (serial & 7))) !== 0;
  }

  /** @returns whether it is new. */
  add(serial: number): boolean {
    if (this.has(serial)) return false;
    const at = serial >> 3;
    if (at >= this.#bits.length) this.#grow(at);
    this.#bits[at] = (this.#bits[at] ?? 0) | (1 << (serial & 7));
    return true;
  }

  #grow(at: number): void {
    const grown = new Uint8Array(Math.max(2 * this.#bits.length, at + 1));
    grown.set(this.#bits);
    this.#bits = grown;
  }
}
