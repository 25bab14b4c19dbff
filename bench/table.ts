/** Medians of the runs, as a table for people or for Markdown. */
import type { Metric } from "./rows.ts";

/** All runs of one peer for one row and metric. */
export interface Cell {
  readonly values: readonly number[];
  readonly remarks: ReadonlySet<string>;
}

export interface Line {
  readonly row: string;
  readonly metric: Metric;
  /** By name of the peer. */
  readonly cells: ReadonlyMap<string, Cell>;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2;
}

/** Rows by peers; behind each figure how many times better it is than `reference`'s, if any. */
export function table(
  lines: readonly Line[],
  peers: readonly string[],
  reference: string | undefined,
  markdown: boolean,
): string {
  const heading = ["row", "figure", ...peers.flatMap((peer) => columnsOf(peer, reference))];
  const body = lines.map((line) => [
    line.row,
    `${line.metric.label} (${line.metric.better} is better)`,
    ...peers.flatMap((peer) => figures(line, peer, reference)),
  ]);
  return tableOf(heading, body, markdown);
}

/** Cells under their heading; the first two columns are text, the others figures. */
export function tableOf(
  heading: readonly string[],
  body: ReadonlyArray<readonly string[]>,
  markdown: boolean,
): string {
  return markdown ? markdownTable(heading, body) : plainTable(heading, body);
}

function columnsOf(peer: string, reference: string | undefined): string[] {
  return peer === reference || reference === undefined ? [peer] : [peer, `× ${reference}`];
}

function figures(line: Line, peer: string, reference: string | undefined): string[] {
  const cell = line.cells.get(peer);
  const mark = cell !== undefined && cell.remarks.size > 0 ? " (!)" : "";
  const middle = cell === undefined ? Number.NaN : median(cell.values);
  const figure = `${number(middle, line.metric.digits)}${mark}`;
  if (peer === reference || reference === undefined) return [figure];
  return [figure, factor(line, middle, reference)];
}

/** Above 1 is always better than the reference, also where less is better. */
function factor(line: Line, middle: number, reference: string): string {
  const theirs = median(line.cells.get(reference)?.values ?? []);
  const ratio = line.metric.better === "higher" ? middle / theirs : theirs / middle;
  return Number.isFinite(ratio) ? `${ratio.toFixed(ratio < 10 ? 2 : 1)} ×` : "–";
}

function number(value: number, digits: number): string {
  if (!Number.isFinite(value)) return "–";
  return value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

function markdownTable(heading: readonly string[], body: ReadonlyArray<readonly string[]>): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = heading.map((_, column) => (column < 2 ? "---" : "---:"));
  return [heading, rule, ...body].map(line).join("\n");
}

function plainTable(heading: readonly string[], body: ReadonlyArray<readonly string[]>): string {
  const all = [heading, ...body];
  const widths = heading.map((_, column) =>
    Math.max(...all.map((row) => row[column]?.length ?? 0)),
  );
  const pad = (cell: string, column: number) =>
    column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return all.map((row) => row.map(pad).join("  ").trimEnd()).join("\n");
}

/** One line for each row and peer with remarks, and the spread of its first figure. */
export function remarkLines(lines: readonly Line[]): string[] {
  const rows = new Map([...lines].reverse().map((line) => [line.row, line]));
  return [...rows.values()].reverse().flatMap(({ row, metric, cells }) =>
    [...cells].flatMap(([peer, { values, remarks }]) => {
      if (remarks.size === 0) return [];
      const runs = values.map((value) => number(value, metric.digits)).join(", ");
      return [`(!) ${row}, ${peer}: ${[...remarks].join("; ")}. Runs: ${runs}`];
    }),
  );
}
