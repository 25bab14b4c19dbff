/**
 * Random work on a store of a simulated disk, and crash states of it, for many seeds.
 *
 *     node --import tsx tools/soak-store.ts --seeds 1000 --from 1
 */
import { parseArgs } from "node:util";
import { StoreWorld } from "../test/store/store-world.ts";

const STEPS = 150;
const STATES_A_LOOK = 12;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    from: { type: "string", default: "1" },
  },
});

let states = 0;
let failures = 0;
const from = Number(values.from);
for (let seed = from; seed < from + Number(values.seeds); seed += 1) {
  const world = new StoreWorld(seed);
  try {
    for (let step = 0; step < STEPS; step += 1) {
      world.step();
      if (world.random.chance(25)) world.look(STATES_A_LOOK);
      if (world.random.chance(2)) world.crash();
    }
  } catch (error) {
    failures += 1;
    console.log(`SEED=${seed}: ${(error as Error).message.slice(0, 500)}`);
  }
  states += world.states;
}
console.log(`${states} crash states, ${failures} of ${values.seeds} seeds failed`);
process.exitCode = failures > 0 ? 1 : 0;
