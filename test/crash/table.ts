/** Results of several brokers side by side, as Markdown. */
import { type Counts, VIOLATIONS, violationsOf } from "./counts.ts";
import type { CrashResult } from "./crash-cycles.ts";

const ROWS: ReadonlyArray<readonly [name: keyof Counts, about: string]> = [
  ["published", "messages published"],
  ["acknowledged", "of those acknowledged"],
  ["owed", "deliveries that promises"],
  ["received", "deliveries"],
  ["qos1Repeats", "QoS 1 deliveries repeated (allowed)"],
  ["retainedChecked", "retained topics checked"],
  ["willsOwed", "deliveries of wills owed"],
  ["earlyKills", "kills during a start"],
  ["drains", "drains"],
  ["lost", "**acknowledged deliveries lost**"],
  ["late", "**delivered after all was drained**"],
  ["qos2Duplicates", "**QoS 2 duplicates**"],
  ["orderInversions", "**order inversions**"],
  ["sessionsLost", "**sessions lost**"],
  ["subscriptionsLost", "**subscriptions lost**"],
  ["subscriptionsReturned", "**subscriptions that returned**"],
  ["subscriptionsAltered", "**subscriptions altered**"],
  ["sessionsReturned", "**ended sessions that returned**"],
  ["retainedLost", "**retained messages lost**"],
  ["retainedStale", "**retained messages stale**"],
  ["willsLost", "**wills lost**"],
  ["willsDuplicated", "**wills duplicated (QoS 2)**"],
  ["willsUnwanted", "**wills that were not to be**"],
  ["corrupt", "**packets corrupt**"],
  ["refused", "**refusals and disconnections**"],
  ["startsFailed", "**starts failed**"],
  ["ends", "**ended by itself**"],
];

/** A broker without load has shown nothing. */
export function passes(result: CrashResult): boolean {
  return result.counts.owed > 0 && VIOLATIONS.every((name) => result.counts[name] === 0);
}

export function tableOf(results: readonly CrashResult[]): string {
  const line = (name: string, cell: (result: CrashResult) => string): string =>
    `| ${name} | ${results.map(cell).join(" | ")} |`;
  return [
    line("", ({ broker }) => broker),
    line("---", () => "---:"),
    line("SIGKILLs", ({ cycles }) => number(cycles)),
    ...ROWS.map(([name, about]) => line(about, ({ counts }) => number(counts[name]))),
    line("restart, mean", ({ restartMeanMs }) => `${number(restartMeanMs)} ms`),
    line("restart, longest", ({ restartMaxMs }) => `${number(restartMaxMs)} ms`),
    line("duration", ({ durationMs }) => `${number(durationMs / 1_000)} s`),
    line("", (result) => (passes(result) ? "PASS" : "FAIL")),
  ].join("\n");
}

/** One line, to see how a run is getting on. */
export function progressLine(cycle: number, counts: Counts): string {
  const wrong = violationsOf(counts);
  const { acknowledged, owed } = counts;
  const state = wrong.length === 0 ? "all kept" : wrong.join(", ");
  return `${cycle} cycles, ${acknowledged} acknowledged, ${owed} owed: ${state}`;
}

function number(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
