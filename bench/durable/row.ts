/** A row of the table of durable operation: a run, its figures, and what we hold ourselves to. */
import type { Run } from "../interleaved.ts";
import { type LoadResult, type Metric, remarks } from "../rows.ts";
import type { ProcessReport, RunningBroker } from "../running-broker.ts";

export interface Bench {
  /** Multiplies counts of messages and sessions: below 1 for a quick try, which proves nothing. */
  readonly scale: number;
  readonly brokerCore: number;
  /** Runs mqload. */
  load(flags: string, broker: RunningBroker): Promise<LoadResult>;
  /** Runs ack-latency.c. */
  ackLatency(flags: readonly (string | number)[], broker: RunningBroker): Promise<AckLatency>;
}

export interface AckLatency {
  readonly ack_us: Times;
  readonly disk_us?: Times;
}

export interface Times {
  readonly first: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface DurableRow {
  readonly name: string;
  /** What they are called in peers.ts. */
  readonly peers: readonly string[];
  readonly metrics: readonly [Metric, ...Metric[]];
  readonly claims: readonly Claim[];
  readonly run: (broker: RunningBroker, bench: Bench) => Promise<Run>;
}

/** Figures count for nothing when messages or sessions were `lost` on the way to them. */
export function soundRun(values: readonly number[], lost: readonly string[]): Run {
  return { values: lost.length > 0 ? [] : values, found: lost };
}

/** The same for a run of mqload. */
export function loadRun(
  values: readonly number[],
  loads: readonly LoadResult[],
  lost: readonly string[] = [],
): Run {
  const isSound = lost.length === 0 && loads.every(({ ok }) => ok);
  return { values: isSound ? values : [], found: [...lost, ...loads.flatMap(remarks)] };
}

/** The median of a row's metric for a peer; NaN when it was not measured. */
export type Medians = (metric: Metric, peer: string) => number;

/** One thing that we hold ourselves to. */
export interface Claim {
  readonly label: string;
  readonly better: "higher" | "lower";
  readonly digits: number;
  /** Absent: only a goal. */
  readonly must?: number;
  readonly goal?: number;
  readonly value: (medians: Medians) => number;
}

export type Bounds = Pick<Claim, "must" | "goal">;

/** The broker that the claims are about. */
export const DURABLE = "nightjar-fsync";
export const IN_MEMORY = "nightjar-memory";

/** How many times as much as another peer. */
export function ratioClaim(
  { label, metric, peer }: { label: string; metric: Metric; peer: string },
  bounds: Bounds,
): Claim {
  return {
    ...{ label, better: metric.better, digits: 2 },
    ...bounds,
    value: (medians) => medians(metric, DURABLE) / medians(metric, peer),
  };
}

/** The figure itself. */
export function figureClaim(metric: Metric, bounds: Bounds): Claim {
  return {
    ...{ label: metric.label, better: metric.better, digits: metric.digits },
    ...bounds,
    value: (medians) => medians(metric, DURABLE),
  };
}

export function metric(label: string, better: Metric["better"], digits: number): Metric {
  return { label, better, digits };
}

const loopDelayP99 = metric("p99 of the event loop's delay, ms", "lower", 1);
const loopDelayMax = metric("longest delay of the event loop, ms", "lower", 1);

/** Last among the metrics of a row whose work was `watched`. */
export const LOOP_METRICS: readonly Metric[] = [loopDelayP99, loopDelayMax];
export const LOOP_CLAIM: Claim = figureClaim(loopDelayP99, { must: 10, goal: 4 });

/** Does the work, and tells what it did to the event loop of the broker: see LOOP_METRICS. */
export async function watched<T>(
  broker: RunningBroker,
  work: () => Promise<T>,
): Promise<{ result: T; loop: readonly number[] }> {
  await broker.report();
  const result = await work();
  const report: Partial<ProcessReport> = (await broker.report()) ?? {};
  return { result, loop: [report.p99Ms ?? Number.NaN, report.maxMs ?? Number.NaN] };
}
