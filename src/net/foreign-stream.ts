import { Socket } from "node:net";
import { Duplex } from "node:stream";

/** `stream` itself if it is a socket, else something around it. See `ForeignStream`. */
export function asSocket(stream: Duplex): Duplex {
  return stream instanceof Socket ? stream : new ForeignStream(stream);
}

/**
 * A stream of somebody else's making, as a Connection may write to it.
 *
 * A socket has copied what was written once its write is done, and the bytes are used again for
 * the next packets. Other streams hand them on as they are, to whoever keeps them: a pair of
 * streams in memory for one. What goes there is therefore copied.
 */
class ForeignStream extends Duplex {
  readonly #inner: Duplex;

  constructor(inner: Duplex) {
    super({ allowHalfOpen: false });
    this.#inner = inner;
    inner.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) inner.pause();
    });
    inner.on("end", () => this.push(null));
    inner.on("error", (error) => this.destroy(error));
    inner.on("close", () => this.destroy());
    inner.pause();
  }

  override _read(): void {
    this.#inner.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#inner.write(Buffer.from(chunk), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#inner.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#inner.destroy();
    done(error);
  }
}
