/** What we hold ourselves to, beside what was measured. */
import { type Line, median, tableOf } from "../table.ts";
import type { Claim, Medians } from "./row.ts";

export interface Verdict {
  readonly row: string;
  readonly claim: Claim;
  readonly value: number;
}

export function verdict(row: string, claim: Claim, lines: readonly Line[]): Verdict {
  const medians: Medians = (metric, peer) => {
    const line = lines.find((candidate) => candidate.row === row && candidate.metric === metric);
    return median(line?.cells.get(peer)?.values ?? []);
  };
  return { row, claim, value: claim.value(medians) };
}

/** Undefined: there is no must, only a goal. */
export function isKept({ claim, value }: Verdict): boolean | undefined {
  if (claim.must === undefined) return undefined;
  return claim.better === "higher" ? value >= claim.must : value <= claim.must;
}

export function claimsTable(verdicts: readonly Verdict[], markdown: boolean): string {
  const heading = ["row", "what", "measured", "must", "goal", "of the goal", "must kept"];
  return tableOf(heading, verdicts.map(cells), markdown);
}

function cells(verdict: Verdict): string[] {
  const { row, claim, value } = verdict;
  const measured = Number.isFinite(value) ? value.toFixed(claim.digits) : "–";
  const sign = claim.better === "higher" ? "≥" : "≤";
  const bounds = [claim.must, claim.goal].map((bound) =>
    bound === undefined ? "" : `${sign} ${bound}`,
  );
  return [row, claim.label, measured, ...bounds, ofTheGoal(claim, value), word(verdict)];
}

function ofTheGoal({ better, goal }: Claim, value: number): string {
  if (goal === undefined || !Number.isFinite(value)) return "";
  return `${Math.round(100 * (better === "higher" ? value / goal : goal / value))} %`;
}

function word(verdict: Verdict): string {
  if (!Number.isFinite(verdict.value)) return "not measured";
  const kept = isKept(verdict);
  if (kept === undefined) return "";
  return kept ? "PASS" : "FAIL";
}
