/** Runs of a store that is looked at all the time: what would a crash leave now? */
import { BrokerWorld, type WorldOptions } from "./broker-world.ts";
import { StoreWorld } from "./store-world.ts";

const STEPS = 200;
/** Crash states at one moment. */
const STATES_MAX = 12;

/** A broker with its clients. @returns How many crash states were looked at. */
export function exploreBroker(seed: number, options: WorldOptions = {}): number {
  const world = new BrokerWorld(seed, options);
  for (let step = 0; step < STEPS; step += 1) {
    world.step();
    world.compareLive();
    world.look(STATES_MAX);
    if (world.random.chance(2)) world.crash(world.random.below(3));
  }
  world.settle();
  world.compareLive();
  world.calm();
  world.settle();
  world.compareLive();
  world.look(STATES_MAX);
  return world.states;
}

/** The same for changes of state that no broker would make in that order. */
export function exploreStore(seed: number): number {
  const world = new StoreWorld(seed);
  for (let step = 0; step < STEPS; step += 1) {
    world.step();
    if (world.random.chance(25)) world.look(STATES_MAX);
    if (world.random.chance(2)) world.crash();
  }
  return world.states;
}
