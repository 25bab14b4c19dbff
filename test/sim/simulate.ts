import { World, type WorldOptions } from "./world.ts";

const STEPS = 200;

/** One run. @returns Hash of all that happened. */
export function simulate(seed: number, options: WorldOptions = {}): number {
  const world = new World(seed, options);
  for (let step = 0; step < STEPS; step += 1) world.step();
  world.calm();
  world.end();
  return world.trace.hash;
}
