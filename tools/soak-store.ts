/**
 * Looks at what crashes leave of a store on a simulated disk, for many seeds.
 *
 *     node --import tsx tools/soak-store.ts --states 1000000 [--seed 1] [--seconds 3600]
 *         [--failures 10]
 *
 * Ends after so many crash states, seconds or failing seeds, whichever comes first, and prints the
 * seed to go on with. Every tenth seed has changes of state in an order in which no broker makes
 * them.
 */
import { parseArgs } from "node:util";
import { exploreBroker, exploreStore } from "../test/store/explore.ts";

/** Seeds between two lines of progress. */
const REPORT_EVERY = 100;

const { values } = parseArgs({
  options: {
    states: { type: "string", default: "1000000" },
    seed: { type: "string", default: "1" },
    seconds: { type: "string", default: "3600" },
    failures: { type: "string", default: "10" },
  },
});

const startMs = performance.now();
const endMs = startMs + Number(values.seconds) * 1_000;
let states = 0;
let failures = 0;
let seed = Number(values.seed);

function summary(): string {
  const perSecond = Math.round((states * 1_000) / (performance.now() - startMs));
  return `${states} crash states, ${perSecond}/s, ${failures} seeds with a violation`;
}

while (
  states < Number(values.states) &&
  performance.now() < endMs &&
  failures < Number(values.failures)
) {
  try {
    states += seed % 10 === 0 ? exploreStore(seed) : exploreBroker(seed);
  } catch (error) {
    failures += 1;
    const { message, stack = "" } = error as Error;
    const at = stack.split("\n").find((line) => line.includes("/src/")) ?? "";
    const lines = message.split("\n").slice(0, 12).join("\n    ");
    console.log(`SEED=${seed}: ${lines}  ${at.replace(/.*\/src\//, "src/")}`);
  }
  seed += 1;
  if (seed % REPORT_EVERY === 0) console.log(`${summary()}; next seed ${seed}`);
}
console.log(`${summary()}; go on with --seed ${seed}`);
process.exitCode = failures > 0 ? 1 : 0;
