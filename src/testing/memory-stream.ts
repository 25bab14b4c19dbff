import { Duplex } from "node:stream";

/**
 * One end of a connection in memory: what is written to one end is read from the other.
 *
 * As with a socket, a write waits while the other end does not read, `end` lets what was written
 * before be read, and `destroy` without `end` cuts the other end off. (`duplexPair` of Node leaves
 * it open for ever.)
 */
export class MemoryStream extends Duplex {
  #other: MemoryStream | undefined = undefined;
  /** Tells the other end that what it wrote was taken. */
  #taken: (() => void) | undefined = undefined;

  static pair(): [MemoryStream, MemoryStream] {
    const [one, other] = [new MemoryStream(), new MemoryStream()];
    one.#other = other;
    other.#other = one;
    return [one, other];
  }

  private constructor() {
    super({ allowHalfOpen: false });
  }

  override _read(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    const other = this.#other;
    if (other === undefined || other.destroyed) done(new Error("the other end is closed"));
    else if (other.push(Buffer.from(chunk))) done();
    else other.#taken = done;
  }

  override _final(done: () => void): void {
    this.#other?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const other = this.#other;
    this.#taken?.();
    if (!this.writableFinished && other !== undefined && !other.destroyed) {
      process.nextTick(() => other.destroy());
    }
    done(error);
  }
}
