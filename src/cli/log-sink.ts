/**
 * Standard error that never makes the broker wait.
 *
 * Node writes to a pipe synchronously: a reader of the log that stalls would stall the broker.
 * Here one write is in flight on a thread of libuv's, lines gather behind it, and beyond a bound
 * they are counted instead of kept.
 */
import { write, writeSync } from "node:fs";

const STDERR = 2;
const PENDING_CHARS_MAX = 1024 * 1024;
const RETRY_MS = 20;
const DRAIN_MS = 1_000;

export class LogSink {
  #lines: string[] = [];
  #chars = 0;
  #dropped = 0;
  #inFlight: Buffer | undefined = undefined;

  write(line: string): void {
    if (this.#chars > PENDING_CHARS_MAX) {
      this.#dropped += 1;
      return;
    }
    this.#lines.push(line);
    this.#chars += line.length;
    if (this.#inFlight === undefined) this.#send(this.#take());
  }

  /** Resolves once all is written, or the reader has had its time. */
  async drained(): Promise<void> {
    for (let waited = 0; this.#inFlight !== undefined && waited < DRAIN_MS; waited += RETRY_MS) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /** For the last words of a crash: what waits, at once. What is in flight is the system's. */
  flush(): void {
    const bytes = this.#take();
    if (bytes !== undefined) writeAll(bytes);
  }

  #take(): Buffer | undefined {
    if (this.#lines.length === 0) return undefined;
    if (this.#dropped > 0) this.#lines.push(`(${this.#dropped} lines of the log were lost)`);
    const bytes = Buffer.from(`${this.#lines.join("\n")}\n`);
    this.#lines = [];
    this.#chars = 0;
    this.#dropped = 0;
    return bytes;
  }

  #send(bytes: Buffer | undefined): void {
    this.#inFlight = bytes;
    if (bytes === undefined) return;
    write(STDERR, bytes, (error, written) => {
      if (error?.code === "EAGAIN") {
        setTimeout(() => this.#send(bytes), RETRY_MS).unref();
        return;
      }
      // Nobody reads any more (EPIPE) and so on: there is nobody to tell.
      const rest = error === null ? bytes.subarray(written) : bytes.subarray(bytes.length);
      this.#send(rest.length > 0 ? rest : this.#take());
    });
  }
}

function writeAll(bytes: Buffer): void {
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(STDERR, bytes, at);
  } catch (error) {
    // The process is ending and its log takes no more: EAGAIN, EPIPE. There is nobody to tell.
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  }
}
