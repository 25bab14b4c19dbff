/**
 * What a crash leaves is what was recorded, up to some record that is not before any that somebody
 * was told of: looked at in 50,000 states. More of them: `npm run soak:store`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seedsOf, underSeed } from "../sim/prng.ts";
import type { WorldOptions } from "./broker-world.ts";
import { exploreBroker, exploreDeaths, exploreStore } from "./explore.ts";

const STATES = 50_000;

test(`store: ${STATES} crash states of a broker at work`, () => {
  let states = 0;
  for (const seed of seedsOf(1_000)) {
    underSeed(seed, () => {
      states += exploreBroker(seed);
    });
    if (states >= STATES) return;
  }
});

test("store: crash states of changes that no broker makes in that order", () => {
  for (const seed of seedsOf(10)) underSeed(seed, exploreStore);
});

test("store: a process that is killed, and then the power fails", () => {
  for (const seed of seedsOf(10)) underSeed(seed, exploreDeaths);
});

/** A disk or a broker that breaks its word, and how many seeds it takes to notice. */
const BROKEN: Readonly<Record<string, WorldOptions>> = {
  "a write is done before it is on the disk": { disk: { mode: "os" } },
  "a directory is synced before its names are on the disk": { disk: { dropDirectorySync: true } },
  "an acknowledgement leaves before the commit": { isHasty: true },
};
const SEEDS_TO_NOTICE = 5;

test("store: noticed: what a start has read is not made durable", () => {
  mustNotice(exploreDeaths, { disk: { dropRewrite: true } });
});

for (const [what, options] of Object.entries(BROKEN)) {
  test(`store: noticed: ${what}`, () => mustNotice(exploreBroker, options));
}

function mustNotice(explore: typeof exploreBroker, options: WorldOptions): void {
  for (let seed = 1; seed <= SEEDS_TO_NOTICE; seed += 1) {
    try {
      explore(seed, options);
    } catch (error) {
      assert.match(String(error), /recovered up to \d+, (told up to|committed) \d+|position/);
      return;
    }
  }
  assert.fail(`not noticed in ${SEEDS_TO_NOTICE} seeds`);
}
