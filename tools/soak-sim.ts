/**
 * Runs the simulation for many seeds, and says which fail and how: each with a broker that lives,
 * and with one that dies and recovers on a disk that fails.
 *
 *     node --import tsx tools/soak-sim.ts --seeds 1000000 --from 1 [--seconds 600] [--failures 10]
 *
 * Ends after `--seeds` seeds, `--seconds` seconds or `--failures` failing seeds, whichever comes
 * first, and prints the `--from` to go on with. `SIM_LOG=1` prints every event of a run.
 */
import { parseArgs } from "node:util";
import { simulate } from "../test/sim/simulate.ts";
import { simulateWindow } from "../test/sim/window-world.ts";

/** Seeds between two lines of progress. */
const REPORT_EVERY = 5_000;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "10000" },
    from: { type: "string", default: "1" },
    seconds: { type: "string", default: "3600" },
    failures: { type: "string", default: "10" },
  },
});

function firstLineOf(error: unknown): string {
  const { message, stack = "" } = error as Error;
  const at = stack.split("\n").find((line) => line.includes("/src/")) ?? "";
  return `${message.split("\n").slice(0, 12).join("\n    ")}  ${at.replace(/.*\/src\//, "src/")}`;
}

const from = Number(values.from);
const until = from + Number(values.seeds);
const endMs = performance.now() + Number(values.seconds) * 1_000;
let failures = 0;
let seed = from;
for (; seed < until && performance.now() < endMs && failures < Number(values.failures); seed += 1) {
  try {
    simulateWindow(seed);
    simulate(seed);
    simulate(seed, { isMortal: true });
  } catch (error) {
    failures += 1;
    console.log(`SEED=${seed}: ${firstLineOf(error)}`);
  }
  if ((seed + 1 - from) % REPORT_EVERY === 0)
    console.log(`${seed + 1 - from} seeds, ${failures} failed`);
}
console.log(`${seed - from} seeds, ${failures} failed; go on with --from ${seed}`);
process.exitCode = failures > 0 ? 1 : 0;
