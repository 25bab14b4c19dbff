/** Durable publishers and subscribers at full speed: what each message costs. */
import { perCpuSecond } from "../rows.ts";
import {
  type Bounds,
  DURABLE,
  type DurableRow,
  IN_MEMORY,
  LOOP_CLAIM,
  LOOP_METRICS,
  loadRun,
  metric,
  ratioClaim,
  watched,
} from "./row.ts";

const rate = metric("msg per second", "higher", 0);

export const QOS1_PAIRS: DurableRow = {
  ...pairs("durable-qos1-pairs", "--mode pairs --pubs 200 --qos 1 --window 100 --persistent"),
  claims: [againstMosquitto({ must: 5, goal: 12 }), againstMemory({ goal: 0.6 }), LOOP_CLAIM],
};

export const QOS2_PAIRS: DurableRow = {
  ...pairs("durable-qos2-pairs", "--mode pairs --pubs 50 --qos 2 --window 32 --persistent"),
  claims: [againstMosquitto({ must: 3, goal: 8 }), LOOP_CLAIM],
};

function pairs(name: string, flags: string): Omit<DurableRow, "claims"> {
  return {
    name,
    peers: ["mosquitto", DURABLE, IN_MEMORY],
    metrics: [perCpuSecond, rate, ...LOOP_METRICS],
    run: async (broker, bench) => {
      const { result, loop } = await watched(broker, () => bench.load(flags, broker));
      const perSecond = result.received_per_s ?? Number.NaN;
      return loadRun([perCpuSecond.value(result), perSecond, ...loop], [result]);
    },
  };
}

function againstMosquitto(bounds: Bounds) {
  const label = "msg per CPU second, × mosquitto without persistence";
  return ratioClaim({ label, metric: perCpuSecond, peer: "mosquitto" }, bounds);
}

function againstMemory(bounds: Bounds) {
  const label = "msg per CPU second, × Nightjar in memory";
  return ratioClaim({ label, metric: perCpuSecond, peer: IN_MEMORY }, bounds);
}
