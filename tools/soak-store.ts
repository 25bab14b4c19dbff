/**
 * Looks at what crashes leave of a store on a simulated disk, for many seeds.
 *
 *     node --import tsx tools/soak-store.ts --states 1000000 [--seed 1] [--seconds 3600]
 *         [--failures 10]
 *     node --import tsx tools/soak-store.ts --what faults|bits|churn [--seed 1] [--seconds 3600] …
 *
 * `faults`: each call of the file system fails, in each way, once and for ever; `bits`: 1,000 bits
 * of a log are turned; `churn`: 24 hours go by; all of it for one seed after the other.
 *
 * Ends after so many crash states, seconds or failing seeds, whichever comes first, and prints the
 * seed to go on with. Of ten seeds, one has changes of state in an order in which no broker makes
 * them, and in one mostly the process alone dies, before the power fails as well.
 */
import { parseArgs } from "node:util";
import { flipBits } from "../test/store/bit-flips.ts";
import { churn } from "../test/store/churn.ts";
import { exploreBroker, exploreDeaths, exploreStore } from "../test/store/explore.ts";
import { FAULTS, openWithFaults, runOnFullDisk, runWithFault } from "../test/store/fault-run.ts";

/** Seeds between two lines of progress. */
const REPORT_EVERY = 100;

const { values } = parseArgs({
  options: {
    what: { type: "string", default: "crashes" },
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
  return `${values.what}: ${states} looked at, ${perSecond}/s, ${failures} seeds with a violation`;
}

/** All calls of a seed's run. @returns How many runs there were. */
function allFaults(seed: number): number {
  let runs = 0;
  for (const fault of FAULTS) {
    for (let nth = 1; ; nth += 1, runs += 1) {
      try {
        if (runWithFault(seed, nth, fault).failed === undefined) break;
      } catch (error) {
        const { kind, isLasting } = fault;
        const what = `call ${nth}${isLasting ? " and all that follow" : ""}: ${kind}`;
        throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
      }
    }
  }
  runOnFullDisk(seed);
  return runs + openWithFaults(seed, 1);
}

/** @returns How many states, runs, bits or looks there were. */
function soak(seed: number): number {
  switch (values.what) {
    case "faults":
      return allFaults(seed);
    case "bits":
      return flipBits(seed, 1_000).flips;
    case "churn":
      return churn(seed, 24).looks;
    default:
      if (seed % 10 === 0) return exploreStore(seed);
      return seed % 10 === 7 ? exploreDeaths(seed) : exploreBroker(seed);
  }
}

while (
  states < Number(values.states) &&
  performance.now() < endMs &&
  failures < Number(values.failures)
) {
  try {
    states += soak(seed);
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
