/** Messages for subscribers that are away, and what it costs when they come back for them. */
import { setTimeout as sleep } from "node:timers/promises";
import { cpuSeconds } from "../process-usage.ts";
import type { LoadResult } from "../rows.ts";
import type { RunningBroker } from "../running-broker.ts";
import {
  type Bench,
  DURABLE,
  type DurableRow,
  LOOP_CLAIM,
  LOOP_METRICS,
  loadRun,
  metric,
  ratioClaim,
  watched,
} from "./row.ts";

const REFERENCE = "mosquitto-persistent";
const MESSAGES = 100_000;
/** Done before what is measured: at full speed for a second or so, as in the other rows. */
const WARMUPS = 3;
/** What a broker does later than it answers is over by then. */
const SETTLE_MS = 1000;

const publish = metric("msg published per CPU second", "higher", 0);
const drain = metric("msg drained per CPU second", "higher", 0);
const coldPublish = metric("published, by a broker just started", "higher", 0);
const coldDrain = metric("drained, by a broker just started", "higher", 0);
/** With the sessions' making and ending, and all that comes after the last answer. */
const thereAndBack = metric("there and back, until nothing is left to do", "higher", 0);

export const OFFLINE: DurableRow = {
  name: "offline",
  peers: [REFERENCE, DURABLE],
  metrics: [publish, drain, coldPublish, coldDrain, thereAndBack, ...LOOP_METRICS],
  claims: [
    claim("published per CPU second, × mosquitto with persistence", publish),
    claim("drained per CPU second, × mosquitto with persistence", drain),
    LOOP_CLAIM,
  ],
  run: async (broker, bench) => {
    const { result, loop } = await watched(broker, () => coldAndWarm(broker, bench));
    const { cold, warm, cpuSec } = result;
    const values = [...rates(warm), ...rates(cold), (warm.messages ?? 0) / cpuSec, ...loop];
    return loadRun(values, [cold, warm]);
  },
};

function claim(label: string, of: typeof publish) {
  return ratioClaim({ label, metric: of, peer: REFERENCE }, { must: 3 });
}

async function coldAndWarm(
  broker: RunningBroker,
  bench: Bench,
): Promise<{ cold: LoadResult; warm: LoadResult; cpuSec: number }> {
  const messages = Math.round(MESSAGES * bench.scale);
  const flags = `--mode offline --qos 1 --subs 100 --messages ${messages}`;
  const cold = await bench.load(`${flags} --prefix cold`, broker);
  await sleep(SETTLE_MS);
  for (let round = 2; round <= WARMUPS; round += 1) {
    await bench.load(`${flags} --prefix warmup${round}`, broker);
    await sleep(SETTLE_MS);
  }
  const before = cpuSeconds(broker.pid);
  const warm = await bench.load(flags, broker);
  await sleep(SETTLE_MS);
  return { cold, warm, cpuSec: cpuSeconds(broker.pid) - before };
}

/** @returns Published and drained per CPU second. */
function rates({ messages = 0, broker = {} }: LoadResult): [number, number] {
  const rate = (cpuSec = 0) => (cpuSec > 0 ? messages / cpuSec : Number.NaN);
  return [rate(broker.publish_cpu_s), rate(broker.drain_cpu_s)];
}
