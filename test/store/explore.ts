/** Runs of a store that is looked at all the time: what would a crash leave now? */
import { Random } from "../sim/prng.ts";
import { BrokerWorld, type WorldOptions } from "./broker-world.ts";
import type { SimDisk } from "./sim-disk.ts";
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

/**
 * The same with a disk whose writes fail now and then, where mostly the process alone dies: the
 * next one reads what the system has, before the power fails as well.
 */
export function exploreDeaths(seed: number, options: WorldOptions = {}): number {
  const random = new Random(seed);
  const fail: SimDisk["fail"] = ({ op }) =>
    op === "write" && random.chance(2) ? "EIO" : undefined;
  const world = new BrokerWorld(seed, { fail, ...options });
  for (let step = 0; step < STEPS; step += 1) {
    world.step();
    if (random.chance(10)) world.look(STATES_MAX);
    if (random.chance(1)) world.crash();
    for (let deaths = random.chance(8) ? random.between(1, 3) : 0; deaths > 0; deaths -= 1) {
      world.die();
      world.compareLive();
      world.look(STATES_MAX);
      if (random.chance(50)) world.turn();
      world.disk.run(random.below(6));
      world.look(STATES_MAX);
    }
  }
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
