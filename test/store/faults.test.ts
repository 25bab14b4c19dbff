/**
 * Each call of the file system fails once, or all do from it on. Here a sample of the calls of one
 * run; all of those of many: `npm run soak:store -- --what faults`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seedsOf, underSeed } from "../sim/prng.ts";
import { FAULTS, openWithFaults, runOnFullDisk, runWithFault } from "./fault-run.ts";

/** Its run has calls of each kind. */
const SEED = 10;
const STRIDE = 26;

const NONE = { kind: "EIO", isLasting: false } as const;

test("store: a run that the faults are tried on has calls of each kind, and compacts", () => {
  const { calls, ops, drops, recalls } = runWithFault(SEED, 0, NONE);
  assert.ok(calls > 150 && drops > 5 && recalls > 0, `${calls} ${drops} ${recalls}`);
  const kinds = [
    "create",
    "open",
    "openSync",
    "read",
    "remove",
    "rename",
    "syncDirectory",
    "write",
  ];
  assert.deepEqual([...ops].sort(), kinds);
});

FAULTS.forEach((fault, index) => {
  const { kind, isLasting } = fault;
  const what = isLasting ? "every call fails from one on" : "one call fails";
  test(`store: ${what}, with ${kind}: nothing that was told is lost, and it goes on`, () => {
    for (let nth = 1 + index * 2; ; nth += STRIDE) {
      const { failed } = runWithFault(SEED, nth, fault);
      if (failed === undefined) return;
    }
  });
});

test("store: no call of a start may fail, and it says which one has, and of which file", () => {
  for (const seed of seedsOf(3)) underSeed(seed, () => openWithFaults(seed, 2));
});

test("store: a disk that is too small: what waits can be fetched, and then there is room", () => {
  let [full, recovered] = [0, 0];
  for (const seed of seedsOf(30)) {
    underSeed(seed, () => {
      const counts = runOnFullDisk(seed);
      full += counts.full;
      recovered += counts.recovered;
    });
  }
  assert.ok(full > 5 && recovered > 5, `${full} times full, ${recovered} times not any more`);
});
