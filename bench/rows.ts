/** The rows of the performance table: what mqload does, and which of its figures count. */

/** What is used of mqload's line of JSON. */
export interface LoadResult {
  readonly received_per_s?: number;
  readonly latency_us?: { readonly p99: number };
  /** Absent when it came to no measurement. */
  readonly broker?: BrokerUsage;
  readonly generator?: { readonly cores: number };
  readonly other_cores?: number;
  readonly hold_s?: number;
  readonly hold_cpu_s?: number;
  /** In mode `offline`. */
  readonly messages?: number;
  readonly publish_per_s?: number;
  readonly drain_per_s?: number;
  readonly qos: number;
  readonly lost: number;
  readonly ok: boolean;
  readonly exit: number;
}

export interface BrokerUsage {
  readonly msgs_per_cpu_s?: number;
  readonly bytes_per_conn?: number;
  /** In mode `offline`, in steps of 10 ms. */
  readonly publish_cpu_s?: number;
  readonly drain_cpu_s?: number;
}

export interface Metric {
  readonly label: string;
  readonly better: "higher" | "lower";
  readonly digits: number;
}

/** One that is read from what mqload says. */
export interface LoadMetric extends Metric {
  readonly value: (result: LoadResult) => number;
}

export interface Row {
  readonly name: string;
  /** Flags of mqload, or undefined: no load, the start of the broker itself is measured. */
  readonly flags: string | undefined;
  readonly metrics: readonly [LoadMetric, ...LoadMetric[]];
}

export const perCpuSecond: LoadMetric = {
  label: "msg per CPU second",
  better: "higher",
  digits: 0,
  value: ({ broker }) => broker?.msgs_per_cpu_s ?? Number.NaN,
};

const idleMemory: LoadMetric = {
  label: "bytes of RSS per connection",
  better: "lower",
  digits: 0,
  value: ({ broker }) => broker?.bytes_per_conn ?? Number.NaN,
};

const idleCpu: LoadMetric = {
  label: "ms of CPU per second",
  better: "lower",
  digits: 1,
  value: ({ hold_cpu_s = Number.NaN, hold_s = Number.NaN }) => (1000 * hold_cpu_s) / hold_s,
};

const latencyP99: LoadMetric = {
  label: "p99, µs",
  better: "lower",
  digits: 0,
  value: ({ latency_us }) => latency_us?.p99 ?? Number.NaN,
};

const startMs: LoadMetric = {
  label: "ms from spawn to listening",
  better: "lower",
  digits: 0,
  value: () => Number.NaN,
};

export const ROWS: readonly Row[] = [
  load("qos0-fanin", "--mode fanin --pubs 50 --subs 1"),
  load("qos0-fanout", "--mode fanout --pubs 1 --subs 500"),
  load("qos0-pairs", "--mode pairs --pubs 200 --window 100"),
  load("qos0-pairs-w1", "--mode pairs --pubs 200 --window 1"),
  load("qos1-pairs", "--mode pairs --pubs 200 --qos 1 --window 100"),
  load("qos2-pairs", "--mode pairs --pubs 50 --qos 2 --window 32"),
  load("random", "--mode random --pubs 10 --subs 10 --topics 100000 --filter mixed"),
  {
    name: "idle",
    flags: "--mode conn --conns 19000 --hold 4 --keepalive 60",
    metrics: [idleMemory, idleCpu],
  },
  {
    name: "latency",
    flags: "--mode pairs --pubs 100 --qos 1 --rate 200",
    metrics: [latencyP99],
  },
  { name: "start", flags: undefined, metrics: [startMs] },
];

function load(name: string, flags: string): Row {
  return { name, flags, metrics: [perCpuSecond] };
}

/** Counters of mqload that should be 0; `lost` is said separately. */
const PROBLEMS = new Set(
  "dup misordered bad disconnected connect_failed sub_refused ack_errors unacked".split(" "),
);

/** What makes a run worth a second look; a figure with such a remark is marked in the table. */
export function remarks(result: LoadResult): string[] {
  const found: string[] = [];
  if (!result.ok) {
    const failed = Object.entries(result).filter(([key, value]) => PROBLEMS.has(key) && value > 0);
    const what = failed.map(([key, value]) => `, ${key} ${value}`).join("");
    found.push(`not ok (mqload exit ${result.exit}${what})`);
  }
  if (result.lost > 0) found.push(`lost ${result.lost} at QoS ${result.qos}`);
  if ((result.generator?.cores ?? 0) > 0.95) found.push("mqload was the limit");
  if ((result.other_cores ?? 0) > 0.1) found.push("the machine was busy");
  return found;
}
