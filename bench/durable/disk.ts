/** However much passes through, the data folder stays within a bound on what is alive. */
import { setTimeout as sleep } from "node:timers/promises";
import { diskBytesWritten } from "../process-usage.ts";
import type { RunningBroker } from "../running-broker.ts";
import { Churn, type Live } from "./churn.ts";
import { allocatedBytes } from "./folder-size.ts";
import {
  DURABLE,
  type DurableRow,
  figureClaim,
  LOOP_METRICS,
  metric,
  soundRun,
  watched,
} from "./row.ts";

const SECONDS = 60;
const SAMPLE_MS = 100;
/** After the end: what is left is what the broker keeps of nothing. */
const SETTLE_MS = 3000;
const SEGMENT = 16 * 1024 * 1024;
const MIB = 1024 * 1024;

const ratio = metric("most of folder ÷ (2 × live bytes + 4 segments)", "lower", 2);
const largest = metric("largest folder, MiB", "lower", 0);
const liveLargest = metric("most bytes alive, MiB", "higher", 0);
const messages = metric("messages", "higher", 0);
const atRest = metric("folder in the end, MiB", "lower", 0);
const amplification = metric("bytes written per byte of message", "lower", 2);

export const DISK: DurableRow = {
  name: "disk",
  peers: [DURABLE],
  metrics: [ratio, largest, liveLargest, messages, atRest, amplification, ...LOOP_METRICS],
  claims: [figureClaim(ratio, { must: 1 })],
  run: async (broker, bench) => {
    const churn = new Churn(broker.port);
    const written = diskBytesWritten(broker.pid);
    const { result, loop } = await watched(broker, () =>
      sampled(broker, churn, SECONDS * bench.scale),
    );
    const { live } = churn;
    const perByte = (diskBytesWritten(broker.pid) - written) / live.bytesTotal;
    const values = [
      ...[result.ratioMax, result.sizeMax / MIB, result.liveMax / MIB, live.messages],
      ...[result.atRest / MIB, perByte, ...loop],
    ];
    return soundRun(values, live.lost > 0 ? [`lost or repeated ${live.lost}`] : []);
  },
};

interface Samples {
  ratioMax: number;
  sizeMax: number;
  liveMax: number;
  atRest: number;
}

async function sampled(broker: RunningBroker, churn: Churn, seconds: number): Promise<Samples> {
  const samples: Samples = { ratioMax: 0, sizeMax: 0, liveMax: 0, atRest: 0 };
  const look = () => sample(samples, allocatedBytes(broker.dataFolder), churn.live);
  const timer = setInterval(look, SAMPLE_MS);
  const stop = setTimeout(() => churn.stop(), seconds * 1000);
  try {
    await churn.run();
    await sleep(SETTLE_MS);
    look();
    samples.atRest = allocatedBytes(broker.dataFolder);
  } finally {
    clearInterval(timer);
    clearTimeout(stop);
  }
  return samples;
}

function sample(samples: Samples, size: number, live: Live): void {
  samples.ratioMax = Math.max(samples.ratioMax, size / (2 * live.bytes + 4 * SEGMENT));
  samples.sizeMax = Math.max(samples.sizeMax, size);
  samples.liveMax = Math.max(samples.liveMax, live.bytes);
}
