import { ExitCode } from "./exit-code.ts";

const CHUNK_CHARS = 64 * 1024;

/**
 * Standard output for more than a few lines: written in large pieces, and a slow reader is waited
 * for. One that wants no more (`| head`) ends the command.
 */
export class Output {
  #text = "";

  constructor() {
    process.stdout.on("error", ended);
  }

  async line(text: string): Promise<void> {
    this.#text += `${text}\n`;
    if (this.#text.length >= CHUNK_CHARS) await this.end();
  }

  /** Writes what is left. */
  async end(): Promise<void> {
    const text = this.#text;
    this.#text = "";
    if (text === "" || process.stdout.write(text)) return;
    await new Promise((resolve) => process.stdout.once("drain", resolve));
  }
}

function ended(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit(ExitCode.ok);
  process.stderr.write(`nightjar: standard output cannot be written (${error.message})\n`);
  process.exit(ExitCode.store);
}
