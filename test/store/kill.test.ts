/**
 * A process is killed: the next one reads what the system has, and the disk may not have it yet.
 * What it builds on that must not outlive it when the power fails as well.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BrokerWorld } from "./broker-world.ts";
import { assertAll, bench, counted, filled, made, mustDo, SECTOR, sectorsOf } from "./sim-bench.ts";
import { SimFs } from "./sim-disk.ts";

test("sim disk: a killed process leaves the first part of what it wrote, not durable", () => {
  const states = counted(4000, (seed) => {
    const { disk, fs } = bench(seed);
    const file = made({ disk, fs }, "a", 2 * SECTOR);
    file.write(filled(2 * SECTOR, 1), 0, () => assert.fail("it is dead"));
    const next = disk.kill();
    assert.throws(() => fs.list(), /crashed/);
    next.settle();
    const seen = sectorsOf(next, "a").replace("10", "1?");
    return `${seen} ${sectorsOf(next.crash(), "a")}`;
  });
  const [none, one, all] = [["00"], ["?0", "00"], ["11", "10", "01", "00"]];
  const more = ["1?", "10", "0?", "00"];
  const pairs = (seen: string, left: string[]): string[] => left.map((it) => `${seen} ${it}`);
  assertAll(states, [
    ...pairs("00", none),
    ...pairs("?0", one),
    ...pairs("1?", more),
    ...pairs("11", all),
  ]);
});

test("sim disk: names that a killed process made are there or not, and are not durable", () => {
  const states = counted(1000, (seed) => {
    const { disk, fs } = bench(seed);
    fs.create("a", 0, mustDo);
    const next = disk.kill();
    return `${next.names()}/${next.crash().names()}`;
  });
  assertAll(states, ["/", "a/", "a/a"]);
  const { disk, fs } = bench(1);
  made({ disk, fs }, "a", 0);
  fs.remove("a", mustDo);
  disk.settle();
  const next = disk.kill();
  assert.deepEqual([...next.crashStates(9)].map((left) => left.names().length).sort(), [0, 1]);
  new SimFs(next).syncDirectorySync();
  assert.deepEqual(
    [...next.crashStates(9)].map((left) => left.names().length),
    [0],
  );
});

test("sim disk: what is written once more is durable, whatever became of it before", () => {
  for (const fault of [undefined, "EIO"] as const) {
    const states = counted(1000, (seed) => {
      const { disk, fs } = bench(seed);
      const file = made({ disk, fs }, "a", 3 * SECTOR);
      disk.fail = ({ op }) => (op === "write" ? fault : undefined);
      file.write(filled(3 * SECTOR, 1), 0, () => {});
      if (fault !== undefined) disk.settle();
      const next = disk.kill();
      const seen = next.bytesOf("a").slice(0, SECTOR);
      new SimFs(next).rewriteSync("a", seen, 0);
      // What was not written again is so if no failure was reported of it.
      const left = sectorsOf(next.crash(), "a");
      assert.equal(left[0], sectorsOf(next, "a")[0]);
      return `${sectorsOf(next, "a") === left}`;
    });
    assertAll(states, fault === undefined ? ["true"] : ["true", "false"]);
  }
  const { disk, fs } = bench(1);
  made({ disk, fs }, "a", SECTOR);
  assert.throws(() => fs.rewriteSync("a", filled(1, 1), 0), /other bytes/);
});

/** In how many of 300 seeds a start found more than had been committed. */
function foundMore(fails: boolean): number {
  let count = 0;
  for (let seed = 1; seed <= 300; seed += 1) {
    let isFailing = false;
    const fail = ({ op }: { op: string }) => (isFailing && op === "write" ? "EIO" : undefined);
    const world = new BrokerWorld(seed, { fail, segmentSize: 16_384 });
    for (let step = 0; step < 12; step += 1) world.step();
    world.settle();
    const { committed } = world.journal;
    isFailing = fails;
    world.step();
    world.step();
    const killed = world.disk.kill();
    const store = world.open(killed);
    const end = store.journal.committed;
    if (end > committed) count += 1;
    for (const left of killed.crashStates(20)) {
      const after = world.open(left).journal.committed;
      assert.ok(after >= end, `seed ${seed}: a start found ${end}, the next one ${after}`);
    }
  }
  return count;
}

test("store: what a start finds after a kill is durable when it returns", () => {
  const count = foundMore(false);
  assert.ok(count > 10, `${count} found more`);
});

test("store: nor is that lost of which the disk had reported an error", () => {
  const count = foundMore(true);
  assert.ok(count > 10, `${count} found more`);
});
