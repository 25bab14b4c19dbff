/** A command-line tool as a child process: its lines of output, its end, its signals. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Mailbox } from "./client.ts";

export class Tool {
  readonly #process: ChildProcess;
  readonly #lines: Mailbox<string>;
  readonly #exit: Promise<unknown>;
  #stderr = "";

  constructor(program: string, args: readonly string[]) {
    // Into a pipe, stdio of C would keep its lines until the end.
    const child = spawn("stdbuf", ["-oL", program, ...args], { stdio: "pipe" });
    this.#process = child;
    this.#lines = new Mailbox(`a line of ${program} ${args.join(" ")}`);
    this.#exit = once(child, "close");
    createInterface(child.stdout).on("line", (line) => this.#lines.push(line));
    child.stderr.on("data", (chunk) => {
      this.#stderr += chunk;
    });
    child.stdin.on("error", () => {}); // EPIPE when it ended early: its exit code tells.
  }

  /** The next line of stdout. */
  line(): Promise<string> {
    return this.#lines.next();
  }

  /** The next line that has `part`; what comes before is dropped. */
  async lineWith(part: string): Promise<string> {
    for (;;) {
      const line = await this.line();
      if (line.includes(part)) return line;
    }
  }

  write(text: string): void {
    this.#process.stdin?.write(text);
  }

  endInput(): void {
    this.#process.stdin?.end();
  }

  /** Waits for the end. @throws when it is not 0, with what the tool said. */
  async succeeded(): Promise<void> {
    await this.#exit;
    const { exitCode, signalCode, spawnargs } = this.#process;
    if (exitCode === 0) return;
    throw new Error(`${spawnargs.join(" ")}: ${exitCode ?? signalCode}\n${this.#stderr}`);
  }

  /** Ends it without a chance to say DISCONNECT. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#exit;
  }
}
