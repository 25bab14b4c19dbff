/**
 * A WebSocket as a stream of bytes (§6).
 *
 * Where a message ends means nothing [MQTT-6.0.0-2]: packets may share one, or be cut by it. What
 * is written at once goes out as one binary message. Both directions push back: the socket is
 * paused while nobody reads, and a write is done when the socket has taken it.
 */
import { Duplex } from "node:stream";
import type { WebSocket } from "ws";

/** A message to join in memory; larger ones go out as they were written, one message each. */
const JOINED_SIZE_MAX = 64 * 1024;
const BINARY = { binary: true, compress: false };

/** Close codes of RFC 6455 §7.4.1. */
const NORMAL = 1000;
const UNSUPPORTED_DATA = 1003;

export class WebSocketStream extends Duplex {
  readonly #webSocket: WebSocket;
  /** A close frame is on its way: the library ends the socket, at once or at its time limit. */
  #closing = false;

  constructor(webSocket: WebSocket) {
    super({
      allowHalfOpen: false,
      readableHighWaterMark: 64 * 1024,
      writableHighWaterMark: 64 * 1024,
    });
    this.#webSocket = webSocket;
    webSocket.on("message", (data, isBinary) => this.#received(data as Buffer, isBinary));
    webSocket.on("error", (error) => {
      this.#closing = true; // With the code that says what was wrong.
      this.destroy(error);
    });
    webSocket.on("close", () => {
      if (!this.destroyed) this.push(null); // What was received before is still to be read.
    });
  }

  #received(data: Buffer, isBinary: boolean): void {
    if (this.destroyed || this.#closing) return;
    if (isBinary) {
      if (!this.push(data)) this.#webSocket.pause();
      return;
    }
    this.#closing = true;
    this.#webSocket.close(UNSUPPORTED_DATA, "MQTT takes binary frames"); // [MQTT-6.0.0-1]
    this.destroy(new Error("a WebSocket text frame [MQTT-6.0.0-1]"));
  }

  override _read(): void {
    if (this.#webSocket.isPaused) this.#webSocket.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#webSocket.send(chunk, BINARY, done);
  }

  override _writev(
    chunks: readonly { readonly chunk: Buffer }[],
    done: (error?: Error | null) => void,
  ): void {
    const parts = chunks.map(({ chunk }) => chunk);
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    if (size <= JOINED_SIZE_MAX) {
      this.#webSocket.send(Buffer.concat(parts, size), BINARY, done);
      return;
    }
    const last = parts.length - 1;
    for (const [at, part] of parts.entries()) {
      this.#webSocket.send(part, BINARY, at === last ? done : undefined);
    }
  }

  override _final(done: () => void): void {
    this.#closing = true;
    this.#webSocket.close(NORMAL);
    if (this.#webSocket.isPaused) this.#webSocket.resume(); // To see the close frame that answers.
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#closing) this.#webSocket.terminate();
    done(error);
  }
}
