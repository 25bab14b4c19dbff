import assert from "node:assert/strict";
import { test } from "node:test";
import { seedsOf, underSeed } from "./prng.ts";
import { simulate } from "./simulate.ts";

const seeds = seedsOf(Number(process.env["SEEDS"] ?? 2_000));

test("one seed is one run", () => {
  for (const seed of [1, 2, 3]) assert.equal(simulate(seed), simulate(seed), `SEED=${seed}`);
});

test(`the whole core over bad links, ${seeds.length} seeds`, () => {
  for (const seed of seeds) underSeed(seed, simulate);
});
