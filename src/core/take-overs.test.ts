import assert from "node:assert/strict";
import { test } from "node:test";
import { TakeOvers } from "./take-overs.ts";

test("take-overs are counted by identifier, and anew each minute", () => {
  const takeOvers = new TakeOvers();
  takeOvers.happened("a", 60_000);
  takeOvers.happened("a", 119_999);
  takeOvers.happened("b", 119_999);
  assert.deepEqual([takeOvers.count("a", 119_999), takeOvers.count("b", 119_999)], [2, 1]);
  assert.equal(takeOvers.count("a", 120_000), 0);
  takeOvers.happened("a", 120_000);
  assert.equal(takeOvers.count("a", 179_999), 1);
});
