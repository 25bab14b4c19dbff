/** The broker under test: Nightjar in this process, on ports of its own. The place to switch. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  type CreateBrokerOptions,
  createBroker,
  type ListenerOptions,
  type NightjarBroker,
} from "../../src/server/index.ts";

export interface TestBroker {
  readonly broker: NightjarBroker;
  readonly port: number;
  readonly webSocketUrl: string;
}

export interface TestBrokerOptions extends Omit<CreateBrokerOptions, "listeners"> {
  readonly policy?: Omit<ListenerOptions, "url">;
}

/** Starts a broker that ends with the test. */
export async function startBroker(
  context: TestContext,
  { policy = {}, ...options }: TestBrokerOptions = {},
): Promise<TestBroker> {
  const broker = createBroker({
    ...options,
    listeners: [
      { url: "tcp://127.0.0.1:0", ...policy },
      { url: "ws://127.0.0.1:0/mqtt", ...policy },
    ],
  });
  await broker.listen();
  context.after(() => broker.close());
  const urls = broker.addresses.map((address) => new URL(address));
  const port = Number(urls.find(({ protocol }) => protocol === "mqtt:")?.port);
  const webSocketUrl = urls.find(({ protocol }) => protocol === "ws:")?.href ?? "";
  return { broker, port, webSocketUrl };
}

/** How long anything may take that should happen at once; below every deadline of the broker. */
const DEADLINE_MS = 5_000;

/** `promise`, or an error that names what did not come. */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`did not come: ${what}`)), DEADLINE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Lets the event loop go round until `condition` holds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const lastMs = performance.now() + DEADLINE_MS;
  while (!condition()) {
    if (performance.now() > lastMs) throw new Error(`did not happen: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Heap in use after a collection, with the buffers outside of it, in bytes. */
export function memoryInUse(): number {
  collectGarbage();
  collectGarbage(); // What the first one let go of outside of the heap.
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** @param before What `memoryInUse` was. */
export function assertGrewLess(before: number, bytesMax: number): void {
  const grown = memoryInUse() - before;
  assert.ok(grown < bytesMax, `${(grown / 1024 ** 2).toFixed(1)} MiB more`);
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const SAMPLE_MS = 5;

/**
 * How long the event loop is busy without a pause, as perf_hooks.monitorEventLoopDelay has it; but
 * only what it was busy itself: time in which other processes had the processor does not count.
 */
export class LoopDelay {
  readonly #samples: number[] = [];
  #isRunning = true;
  #wallMs: number = performance.now();
  #cpu: NodeJS.CpuUsage = process.cpuUsage();

  constructor() {
    setImmediate(this.#look);
  }

  readonly #look = (): void => {
    const nowMs = performance.now();
    if (nowMs - this.#wallMs >= SAMPLE_MS) {
      const { user, system } = process.cpuUsage(this.#cpu);
      this.#samples.push(Math.min(nowMs - this.#wallMs, (user + system) / 1_000));
      this.#wallMs = nowMs;
      this.#cpu = process.cpuUsage();
    }
    if (this.#isRunning) setImmediate(this.#look);
  };

  /** @returns The 99th percentile, in milliseconds. */
  stop(): number {
    this.#isRunning = false;
    const sorted = this.#samples.sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length * 0.99)] ?? 0;
  }
}
