/** One broker process: pinned to a core, started, waited for, asked, ended, started again. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { dataFolder, type Peer, reportFile } from "./peers.ts";

const START_MAX_MS = 60_000;
const STOP_MAX_MS = 60_000;
const REPORT_MAX_MS = 30_000;
const REPORT_POLL_MS = 10;

/** None of them outlives this process. */
const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/** What the preload loop-delay.mjs says. */
export interface ProcessReport {
  readonly serial: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export class RunningBroker {
  readonly peer: Peer;
  readonly port: number;
  readonly pid: number;
  /** From spawn to the line that says it listens. */
  readonly startMs: number;
  /** Outlives the process, until `stop`. */
  readonly folder: string;
  readonly #core: number;
  readonly #process: ChildProcess;

  private constructor(
    started: { peer: Peer; core: number; port: number; folder: string },
    process: ChildProcess,
    startMs: number,
  ) {
    this.peer = started.peer;
    this.port = started.port;
    this.folder = started.folder;
    this.#core = started.core;
    this.#process = process;
    this.pid = process.pid ?? 0;
    this.startMs = startMs;
  }

  static async start(peer: Peer, core: number, scratch: string): Promise<RunningBroker> {
    return RunningBroker.#startIn(mkdtempSync(join(scratch, `${peer.name}-`)), peer, core);
  }

  static async #startIn(folder: string, peer: Peer, core: number): Promise<RunningBroker> {
    const port = await freePort();
    const command = peer.command(port, folder);
    const startedMs = performance.now();
    // taskset becomes the broker by exec, so the pid is the broker's.
    const child = spawn("taskset", ["-c", `${core}`, ...command], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
    });
    alive.add(child);
    child.on("exit", () => alive.delete(child));
    const output = outputOf(child);
    const deadline = AbortSignal.timeout(START_MAX_MS);
    try {
      await Promise.race([
        ready(output.lines, peer.readyLine, port),
        once(child, "exit").then(() => failed(peer, "ended at once", output.text())),
        once(deadline, "abort").then(() => failed(peer, "does not listen", output.text())),
      ]);
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    }
    const startMs = performance.now() - startedMs;
    return new RunningBroker({ peer, core, port, folder }, child, startMs);
  }

  get dataFolder(): string {
    return dataFolder(this.folder);
  }

  /** Tells the loop's delays since the last report and, where it can, collects garbage. */
  async report(): Promise<ProcessReport | undefined> {
    if (!this.peer.hasReport) return undefined;
    const before = this.#lastReport()?.serial ?? 0;
    this.#process.kill("SIGUSR2");
    const deadlineMs = performance.now() + REPORT_MAX_MS;
    while (performance.now() < deadlineMs) {
      const report = this.#lastReport();
      if (report !== undefined && report.serial > before) return report;
      await sleep(REPORT_POLL_MS);
    }
    throw new Error(`${this.peer.name} does not answer SIGUSR2`);
  }

  #lastReport(): ProcessReport | undefined {
    const file = reportFile(this.folder);
    return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
  }

  /** The folder stays. @returns How long it took. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<number> {
    const startedMs = performance.now();
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const exited = once(this.#process, "exit");
      this.#process.kill(signal);
      const patience = setTimeout(() => this.#process.kill("SIGKILL"), STOP_MAX_MS);
      await exited;
      clearTimeout(patience);
    }
    return performance.now() - startedMs;
  }

  /** After `end`: a new process on what the last one left. */
  async startAgain(): Promise<RunningBroker> {
    rmSync(reportFile(this.folder), { force: true });
    return RunningBroker.#startIn(this.folder, this.peer, this.#core);
  }

  async stop(): Promise<void> {
    await this.end("SIGTERM");
    rmSync(this.folder, { recursive: true });
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
