/** One broker process: pinned to a core, started, waited for, stopped. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setImmediate } from "node:timers/promises";
import type { Peer } from "./peers.ts";

const START_MAX_MS = 30_000;
const STOP_MAX_MS = 10_000;

export class RunningBroker {
  readonly port: number;
  readonly pid: number;
  /** From spawn to the line that says it listens. */
  readonly startMs: number;
  readonly #process: ChildProcess;
  readonly #folder: string;

  private constructor(process: ChildProcess, port: number, startMs: number, folder: string) {
    this.#process = process;
    this.pid = process.pid ?? 0;
    this.port = port;
    this.startMs = startMs;
    this.#folder = folder;
  }

  static async start(peer: Peer, core: number, scratch: string): Promise<RunningBroker> {
    const port = await freePort();
    const folder = mkdtempSync(join(scratch, `${peer.name}-`));
    const command = peer.command(port, folder);
    const startedMs = performance.now();
    // taskset becomes the broker by exec, so the pid is the broker's.
    const child = spawn("taskset", ["-c", `${core}`, ...command], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const output = outputOf(child);
    const deadline = AbortSignal.timeout(START_MAX_MS);
    await Promise.race([
      ready(output.lines, peer.readyLine, port),
      once(child, "exit").then(() => failed(peer, "ended at once", output.text())),
      once(deadline, "abort").then(() => failed(peer, "does not listen", output.text())),
    ]);
    return new RunningBroker(child, port, performance.now() - startedMs, folder);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const exited = once(this.#process, "exit");
      this.#process.kill("SIGTERM");
      const patience = setTimeout(() => this.#process.kill("SIGKILL"), STOP_MAX_MS);
      await exited;
      clearTimeout(patience);
    }
    rmSync(this.#folder, { recursive: true });
  }
}

interface Output {
  /** Calls back for each line of stdout and stderr, from now on. */
  readonly lines: (heard: (line: string) => void) => void;
  /** The beginning of it, for an error message. */
  readonly text: () => string;
}

/** Reads to the end: a broker that logs must not block on a full pipe. */
function outputOf(child: ChildProcess): Output {
  let text = "";
  let heard = (_line: string): void => {};
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface(stream).on("line", (line) => {
      if (text.length < 4000) text += `${line}\n`;
      heard(line);
    });
  }
  return {
    lines: (callback) => {
      heard = callback;
    },
    text: () => text,
  };
}

async function ready(
  lines: Output["lines"],
  readyLine: RegExp | undefined,
  port: number,
): Promise<void> {
  if (readyLine === undefined) {
    while (!(await accepts(port))) await setImmediate();
    return;
  }
  await new Promise<void>((resolve) => {
    lines((line) => {
      if (readyLine.test(line)) resolve();
    });
  });
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  return new Promise((resolve) => {
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

function failed(peer: Peer, what: string, output: string): never {
  throw new Error(`${peer.name} ${what}:\n${output}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
