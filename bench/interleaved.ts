/** Several runs of several brokers, in turn: A B C A B C. */
import type { Metric } from "./rows.ts";
import type { Cell, Line } from "./table.ts";

export interface Run {
  /** One for each metric of the row; NaN where there is none. */
  readonly values: readonly number[];
  readonly found: readonly string[];
}

export async function interleaved<P extends { readonly name: string }>(
  row: { readonly name: string; readonly metrics: readonly Metric[] },
  peers: readonly P[],
  rounds: number,
  runOnce: (peer: P) => Promise<Run>,
): Promise<Line[]> {
  const runs = new Map(peers.map(({ name }): [string, Run[]] => [name, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const peer of peers) {
      const run = await tryOnce(peer, runOnce);
      const values = run.values.map((value) => Number(value.toPrecision(6))).join(" ");
      console.error(`${row.name} ${round}/${rounds} ${peer.name}: ${values}`);
      runs.get(peer.name)?.push(run);
    }
  }
  return row.metrics.map((metric, index) => ({
    row: row.name,
    metric,
    cells: new Map([...runs].map(([peer, done]) => [peer, cellFrom(done, index)])),
  }));
}

/** A run that fails is a remark on its row, not the end of an hour of runs. */
async function tryOnce<P>(peer: P, runOnce: (peer: P) => Promise<Run>): Promise<Run> {
  try {
    return await runOnce(peer);
  } catch (error) {
    console.error(error);
    return { values: [], found: ["a run failed"] };
  }
}

function cellFrom(runs: readonly Run[], metricIndex: number): Cell {
  const values = runs.flatMap(({ values }) => values.slice(metricIndex, metricIndex + 1));
  // There is nothing to remark on what this peer does not have.
  const isWithout = values.length > 0 && values.every(Number.isNaN);
  return { values, remarks: new Set(isWithout ? [] : runs.flatMap(({ found }) => found)) };
}
