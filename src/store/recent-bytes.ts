/**
 * The latest bytes of the log, in memory: what was written a moment ago is not read back.
 *
 *     log:   ................|------- from .. end -------|
 *     ring:  |--- end |from -----------------------------|     position → position % size
 */
import { Buffer } from "node:buffer";

export class RecentBytes {
  /** Not touched before it is written to: until then the system gives no memory for it. */
  readonly #ring: Buffer;
  #from = 0;
  #end = 0;

  /** @param size 0: nothing is kept. */
  constructor(size: number) {
    this.#ring = Buffer.allocUnsafeSlow(size);
  }

  /** The bytes of the log from `position` on, which follow those of the last call. */
  add(bytes: Buffer, position: number): void {
    const ring = this.#ring;
    const size = ring.length;
    if (size === 0) return;
    if (position !== this.#end) this.#from = position;
    this.#end = position + bytes.length;
    this.#from = Math.max(this.#from, this.#end - size);
    for (let at = Math.max(0, bytes.length - size); at < bytes.length; ) {
      const ringAt = (position + at) % size;
      at += bytes.copy(ring, ringAt, at);
    }
  }

  /**
   * @param use Given the bytes and where in them those of `from` .. `end` lie. They are good until
   *   the next `add`.
   * @returns What `use` does; undefined when they are here no more, or not yet.
   */
  with<T>(
    from: number,
    end: number,
    use: (bytes: Buffer, from: number, end: number) => T,
  ): T | undefined {
    if (from < this.#from || end > this.#end) return undefined;
    const ring = this.#ring;
    const size = ring.length;
    const at = from % size;
    const endAt = at + end - from;
    if (endAt <= size) return use(ring, at, endAt);
    return use(Buffer.concat([ring.subarray(at), ring.subarray(0, endAt - size)]), 0, end - from);
  }
}
