/** One life of a broker: started, waited for, killed. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as after } from "node:timers/promises";
import type { CrashBroker } from "./brokers.ts";

const START_MAX_MS = 30_000;
/** Between two attempts to connect. */
const POLL_MS = 2;
const OUTPUT_KEPT = 4_000;

export class BrokerProcess {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;
  readonly #spawnedMs: number = performance.now();
  /** From spawn to the moment that it listened. */
  startMs = 0;
  #output = "";

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
    this.#exit = once(child, "exit");
    this.#exit.catch(() => {}); // It could not be spawned: `isRunning` says so.
  }

  /** Starts it, and does not wait. */
  static async spawn(broker: CrashBroker, folder: string): Promise<BrokerProcess> {
    const port = await freePort();
    const [program = "", ...args] = broker.command(port, folder);
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    return new BrokerProcess(child, port);
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The beginning of what it said. */
  get output(): string {
    return this.#output;
  }

  /** @returns whether it listens; else it has ended, or took too long and was killed. */
  async listens(readyLine: RegExp | undefined): Promise<boolean> {
    const end = new AbortController();
    const lost = this.#exit.then(
      () => false,
      () => false,
    );
    const late = after(START_MAX_MS, false, { signal: end.signal }).catch(() => false);
    const isReady = await Promise.race([this.#ready(readyLine), lost, late]);
    end.abort();
    this.startMs = performance.now() - this.#spawnedMs;
    if (!isReady) await this.kill();
    return isReady;
  }

  /** SIGKILL, and waits until it is gone. */
  async kill(): Promise<void> {
    if (!this.isRunning || this.#child.pid === undefined) return;
    this.#child.kill("SIGKILL");
    await this.#exit;
  }

  /** Reads to the end: a broker that logs must not block on a full pipe. */
  async #ready(readyLine: RegExp | undefined): Promise<boolean> {
    const line = new Promise<void>((resolve) => {
      for (const stream of [this.#child.stdout, this.#child.stderr]) {
        if (stream === null) continue;
        createInterface(stream).on("line", (text) => {
          if (this.#output.length < OUTPUT_KEPT) this.#output += `${text}\n`;
          if (readyLine?.test(text)) resolve();
        });
      }
    });
    if (readyLine !== undefined) await line;
    else while (this.isRunning && !(await accepts(this.port))) await after(POLL_MS);
    return this.isRunning;
  }
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

/** Not all brokers take port 0. Another process could take this one in between; none does. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
