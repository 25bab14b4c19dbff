/**
 * The disk that the durable store is proven on: that it keeps what it promises, and that it breaks
 * whatever a real one may break. The latter by counting: each kind of loss must come up.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FsFile } from "../../src/store/fs.ts";
import { Random, seedsOf, underSeed } from "../sim/prng.ts";
import {
  assertAll,
  bench,
  contents,
  counted,
  filled,
  made,
  mustDo,
  SECTOR,
  sectorsOf,
  words,
} from "./sim-bench.ts";
import { type SimDisk, SimFs } from "./sim-disk.ts";

// What it promises.

test("sim disk: nothing is done within a call, nor without a step", () => {
  const { disk, fs } = bench(1);
  const file = made({ disk, fs }, "a", SECTOR);
  const done: string[] = [];
  file.write(filled(1, 1), 0, () => done.push("write"));
  file.read(new Uint8Array(1), 0, () => done.push("read"));
  fs.open("a", () => done.push("open"));
  fs.create("b", 1, () => done.push("create"));
  fs.rename("a", "c", () => done.push("rename"));
  fs.remove("a", () => done.push("remove"));
  fs.syncDirectory(() => done.push("sync"));
  assert.deepEqual([done.length, disk.underWay], [0, 7]);
  assert.equal(disk.run(3), 3);
  assert.deepEqual([done.length, disk.underWay], [3, 4]);
  disk.settle();
  assert.equal(done.length, 7);
  assert.equal(disk.step(), false);
});

test("sim disk: operations are done in any order, the writes to one file in theirs", () => {
  const orders = counted(500, (seed) => {
    const { disk, fs } = bench(seed);
    const [a, b] = [made({ disk, fs }, "a", SECTOR), made({ disk, fs }, "b", SECTOR)];
    let order = "";
    a.write(filled(1, 1), 0, () => (order += "1"));
    a.write(filled(1, 2), 0, () => (order += "2"));
    b.write(filled(1, 3), 0, () => (order += "x"));
    disk.settle();
    assert.equal(disk.bytesOf("a")[0], 2);
    return order;
  });
  assertAll(orders, ["12x", "1x2", "x12"]);
  const begun = counted(20, (seed) => {
    const { disk, fs } = bench(seed, { order: "begun" });
    let order = "";
    for (const name of ["a", "b", "c"]) fs.create(name, 1, () => (order += name));
    disk.settle();
    return order;
  });
  assertAll(begun, ["abc"]);
});

test("sim disk: an operation that is begun when another is done is done too", () => {
  const { disk, fs } = bench(1);
  const file = made({ disk, fs }, "a", SECTOR);
  file.write(filled(1, 1), 0, () => file.write(filled(1, 2), 1, mustDo));
  disk.settle();
  assert.deepEqual([...disk.bytesOf("a").subarray(0, 2)], [1, 2]);
  const forever = (): void => file.write(filled(1, 1), 0, forever);
  forever();
  assert.throws(() => disk.settle(100), /not settled/);
});

test("sim disk: a write that is done survives, with what was written around it", () => {
  for (const seed of seedsOf(300)) {
    underSeed(seed, () => {
      const random = new Random(seed);
      const names = random.pick(["subset", "ordered"] as const);
      let { disk, fs } = bench(seed, { names });
      let file = made({ disk, fs }, "a", 8 * SECTOR);
      const model = new Uint8Array(8 * SECTOR);
      for (let i = 0; i < 30; i += 1) {
        const at = random.below(model.length);
        const bytes = random.bytes(random.below(model.length - at + 1));
        file.write(bytes, at, mustDo);
        model.set(bytes, at);
        if (random.chance(50)) continue;
        disk.settle();
        const read = new Uint8Array(model.length + 9);
        assert.equal(file.readSync(read, 3), model.length - 3);
        assert.deepEqual(read.subarray(0, model.length - 3), model.subarray(3));
        if (random.chance(50)) continue;
        disk = disk.crash();
        fs = new SimFs(disk);
        assert.deepEqual(disk.bytesOf("a"), model);
        fs.open("a", (_, opened) => {
          file = opened as FsFile;
        });
        disk.settle();
      }
    });
  }
});

test("sim disk: the bytes beside a write that is torn are untouched", () => {
  const { disk, fs } = bench(1);
  const file = made({ disk, fs }, "a", 3 * SECTOR);
  file.write(filled(3 * SECTOR, 1), 0, mustDo);
  disk.settle();
  file.write(filled(SECTOR, 2), 256, mustDo);
  const found = new Set<string>();
  for (const after of disk.crashStates(10)) {
    const bytes = after.bytesOf("a");
    assert.ok(bytes.subarray(0, 256).every((byte) => byte === 1));
    assert.ok(bytes.subarray(256 + SECTOR).every((byte) => byte === 1));
    found.add(`${bytes[256]}${bytes[SECTOR]}`);
  }
  assert.deepEqual([...found].sort(), ["11", "12", "21", "22"]);
});

test("sim disk: one seed, one history", () => {
  const history = (seed: number): string => {
    const { disk, fs } = bench(seed);
    const files = ["a", "b", "c"].map((name) => made({ disk, fs }, name, 8 * SECTOR));
    for (const file of files) file.write(filled(8 * SECTOR, 1), 0, mustDo);
    fs.rename("a", "d", mustDo);
    disk.run(2);
    const after = disk.crash();
    assert.notEqual(after.options.seed, seed);
    return `${contents(after)} ${after.options.seed}`;
  };
  for (const seed of [1, 2, 3]) assert.equal(history(seed), history(seed));
  assert.ok(counted(50, history).size > 40);
});

test("sim disk: what is looked at is not disturbed, nor is a list in order", () => {
  const run = (seed: number, isWatched: boolean): string => {
    const { disk, fs } = bench(seed);
    made({ disk, fs }, "a", 8 * SECTOR).write(filled(8 * SECTOR, 1), 0, mustDo);
    if (isWatched) disk.bytesOf("a");
    return contents(disk.crash());
  };
  for (const seed of [1, 2, 3, 4, 5]) assert.equal(run(seed, true), run(seed, false));
  const lists = counted(300, (seed) => {
    const { disk, fs } = bench(seed);
    for (const name of ["a", "b", "c"]) disk.put(name, filled(1, 1));
    return fs.list().join("");
  });
  assertAll(lists, ["abc", "acb", "bac", "bca", "cab", "cba"]);
});

test("sim disk: after a crash, the disk of before does nothing", () => {
  const { disk, fs } = bench(1);
  const file = made({ disk, fs }, "a", SECTOR);
  let done = 0;
  file.write(filled(SECTOR, 1), 0, () => (done += 1));
  const after = disk.crash();
  const before = contents(after);
  file.write(filled(SECTOR, 2), 0, () => (done += 1));
  fs.create("b", 1, () => (done += 1));
  fs.remove("a", () => (done += 1));
  assert.equal(disk.step(), false);
  assert.deepEqual([done, contents(after)], [0, before]);
  assert.throws(() => file.readSync(new Uint8Array(1), 0), /crashed/);
  assert.throws(() => disk.crash(), /crashed/);
  assert.throws(() => disk.crashStates(1).next(), /crashed/);
  assert.throws(() => fs.list(), /crashed/);
  assert.throws(() => fs.openSync("a"), /crashed/);
});

test("sim disk: states after a crash are different, and leave the disk alone", () => {
  const run = (seed: number, isWatched: boolean): string => {
    const { disk, fs } = bench(seed);
    const file = made({ disk, fs }, "a", 16 * SECTOR);
    made({ disk, fs }, "c", SECTOR).write(filled(SECTOR, 1), 0, mustDo);
    disk.settle();
    fs.create("b", 4 * SECTOR, mustDo);
    file.write(filled(16 * SECTOR, 1), 0, mustDo);
    if (isWatched) assert.equal(new Set(changedStates(disk, 200)).size, 200);
    disk.run(1);
    return contents(disk.crash());
  };
  for (let seed = 1; seed <= 10; seed += 1) assert.equal(run(seed, true), run(seed, false));
});

/** What each of the states holds; each is then written to. */
function changedStates(disk: SimDisk, count: number): string[] {
  return [...disk.crashStates(count)].map((state) => {
    const held = contents(state) + (state.names().includes("b") ? state.bytesOf("b").length : "");
    assert.equal(sectorsOf(state, "c"), "1");
    for (const name of ["a", "c"])
      new SimFs(state).open(name, (_, file) => file?.write(filled(SECTOR, 3), 0, mustDo));
    state.settle();
    return held;
  });
}

test("sim disk: states that are few are found all, and once", () => {
  const { disk, fs } = bench(1);
  const file = made({ disk, fs }, "a", 4 * SECTOR);
  assert.equal([...disk.crashStates(100)].length, 1, "nothing is volatile");
  file.write(filled(4 * SECTOR, 0), 0, mustDo);
  assert.equal([...disk.crashStates(100)].length, 1, "nothing is changed");
  file.write(filled(4 * SECTOR, 1), 0, mustDo);
  assert.equal([...disk.crashStates(100)].length, 16);
  assert.equal([...disk.crashStates(5)].length, 5);
  const states = disk.crashStates(5);
  states.next();
  disk.step();
  assert.throws(() => states.next(), /moved/);
});

// What it may lose.

test("sim disk: of a write under way, any of the sectors may be there", () => {
  const states = counted(2000, (seed) => {
    const { disk, fs } = bench(seed);
    made({ disk, fs }, "a", 4 * SECTOR).write(filled(4 * SECTOR, 1), 0, mustDo);
    return sectorsOf(disk.crash(), "a");
  });
  assertAll(states, words("01", 4));
});

test("sim disk: of two writes under way, the second may be there and the first not", () => {
  const apart = counted(1000, (seed) => {
    const { disk, fs } = bench(seed);
    const file = made({ disk, fs }, "a", 2 * SECTOR);
    file.write(filled(SECTOR, 1), 0, mustDo);
    file.write(filled(SECTOR, 2), SECTOR, mustDo);
    return sectorsOf(disk.crash(), "a");
  });
  assertAll(apart, ["00", "02", "10", "12"]);
  const together = counted(1000, (seed) => {
    const { disk, fs } = bench(seed);
    const file = made({ disk, fs }, "a", 2 * SECTOR);
    file.write(filled(2 * SECTOR, 1), 0, mustDo);
    file.write(filled(2 * SECTOR, 2), 0, mustDo);
    return sectorsOf(disk.crash(), "a");
  });
  assertAll(together, words("012", 2));
});

test("sim disk: a file that is being made is absent, or a part of its zeros", () => {
  const states = counted(1000, (seed) => {
    const { disk, fs } = bench(seed);
    fs.create("a", 3 * SECTOR, mustDo);
    const after = disk.crash();
    if (!after.names().includes("a")) return "absent";
    const bytes = after.bytesOf("a");
    assert.ok(bytes.every((byte) => byte === 0));
    if (bytes.length === 0 || bytes.length === 3 * SECTOR) return `${bytes.length}`;
    return "some";
  });
  assertAll(states, ["absent", "0", "some", "1536"]);
});

test("sim disk: a name is volatile until the directory is synced", () => {
  const outcomes = (change: (fs: SimFs) => void, isSynced: boolean, drop = false): string[] => {
    const states = counted(300, (seed) => {
      const { disk, fs } = bench(seed, { dropDirectorySync: drop });
      disk.put("old", filled(SECTOR, 1));
      disk.put("other", filled(SECTOR, 2));
      change(fs);
      disk.settle();
      if (isSynced) fs.syncDirectory(mustDo);
      disk.settle();
      return contents(disk.crash());
    });
    assertAll(states, [...states.keys()]);
    return [...states.keys()].sort();
  };
  const create = (fs: SimFs): void => fs.create("new", SECTOR, mustDo);
  const rename = (fs: SimFs): void => fs.rename("old", "new", mustDo);
  const over = (fs: SimFs): void => fs.rename("old", "other", mustDo);
  const remove = (fs: SimFs): void => fs.remove("old", mustDo);
  const before = "old=1 other=2";
  assert.deepEqual(outcomes(create, false), ["new=0 old=1 other=2", before]);
  assert.deepEqual(outcomes(rename, false), ["new=1 other=2", before]);
  assert.deepEqual(outcomes(over, false), [before, "other=1"]);
  assert.deepEqual(outcomes(remove, false), [before, "other=2"]);
  assert.deepEqual(outcomes(create, true), ["new=0 old=1 other=2"]);
  assert.deepEqual(outcomes(rename, true), ["new=1 other=2"]);
  assert.deepEqual(outcomes(over, true), ["other=1"]);
  assert.deepEqual(outcomes(remove, true), ["other=2"]);
  // The negative control: as if nobody had synced.
  assert.deepEqual(outcomes(remove, true, true), [before, "other=2"]);
  assert.deepEqual(outcomes(create, true, true), ["new=0 old=1 other=2", before]);
});

test("sim disk: a change of names under way may have happened, and rename is never half", () => {
  const states = counted(1000, (seed) => {
    const { disk, fs } = bench(seed);
    disk.put("a", filled(SECTOR, 1));
    disk.put("b", filled(SECTOR, 2));
    fs.rename("a", "b", mustDo);
    fs.syncDirectory(mustDo);
    disk.run(seed % 2);
    return contents(disk.crash());
  });
  assertAll(states, ["a=1 b=2", "b=1"]);
});

test("sim disk: changes of one name are lost in order, last first", () => {
  const states = counted(1000, (seed) => {
    const { disk, fs } = bench(seed, { order: "begun" });
    disk.put("a", filled(SECTOR, 1));
    fs.rename("a", "b", mustDo);
    fs.create("a", SECTOR, mustDo);
    disk.settle();
    return contents(disk.crash());
  });
  assertAll(states, ["a=1", "b=1", "a=0 b=1"]);
  const leftOver = counted(1000, (seed) => {
    const { disk, fs } = bench(seed);
    disk.put("a", filled(SECTOR, 1));
    fs.create("a", SECTOR, mustDo);
    disk.settle();
    return contents(disk.crash());
  });
  assertAll(leftOver, ["a=1", "", "a=0"]);
});

test("sim disk: names are lost in any order, or in the order of a journal", () => {
  const outcomes = (names: "subset" | "ordered", done: number): Map<string, number> =>
    counted(1000, (seed) => {
      const { disk, fs } = bench(seed, { names, order: "begun" });
      disk.put("x", new Uint8Array(0));
      for (const name of ["a", "b"]) fs.create(name, 0, mustDo);
      fs.rename("a", "c", mustDo);
      fs.remove("x", mustDo);
      disk.run(done);
      return disk.crash().names().sort().join("");
    });
  const ordered = ["x", "ax", "abx", "bcx", "bc"];
  const others = ["", "a", "ab", "b", "c", "cx"];
  assertAll(outcomes("subset", 4), [...ordered, ...others, "bx"]);
  assertAll(outcomes("ordered", 4), ordered);
  // What is under way has no order yet.
  assertAll(outcomes("ordered", 3), [...ordered]);
  const unordered = outcomes("ordered", 0);
  for (const state of ["b", "bx", "a", ""]) assert.ok(unordered.has(state), state);
});

test("sim disk: what is changed while the directory is synced is not part of it", () => {
  const states = counted(1000, (seed) => {
    const { disk, fs } = bench(seed);
    fs.create("a", 0, mustDo);
    disk.settle();
    let isMade = false;
    let wasMade = false;
    fs.create("b", 0, () => {
      isMade = true;
    });
    fs.syncDirectory(() => {
      wasMade = isMade;
    });
    disk.settle();
    return `${wasMade} ${disk.crash().names().sort().join("")}`;
  });
  assertAll(states, ["true a", "true ab", "false a", "false ab"]);
});

test("sim disk: without fsync, whatever was reported done may be lost, torn or reordered", () => {
  const states = counted(3000, (seed) => {
    const { disk, fs } = bench(seed, { mode: "os" });
    disk.put("a", filled(4 * SECTOR, 0));
    fs.open("a", (_, file) => {
      file?.write(filled(2 * SECTOR, 1), 0, () =>
        file.write(filled(2 * SECTOR, 2), 2 * SECTOR, mustDo),
      );
    });
    disk.settle();
    assert.equal(sectorsOf(disk, "a"), "1122", "the running system sees them");
    return sectorsOf(disk.crash(), "a");
  });
  assertAll(
    states,
    words("01", 2).flatMap((first) => words("02", 2).map((second) => first + second)),
  );
  const sizes = counted(300, (seed) => {
    const { disk, fs } = bench(seed, { mode: "os" });
    made({ disk, fs }, "a", SECTOR);
    const size = disk.crash().bytesOf("a").length;
    return size > 0 && size < SECTOR ? "some" : `${size}`;
  });
  assertAll(sizes, ["0", "some", "512"]);
});

test("sim disk: a file that grows has its new size when it is durable, or any between", () => {
  const sizes = counted(1000, (seed) => {
    const { disk, fs } = bench(seed);
    const file = made({ disk, fs }, "a", 100);
    file.write(filled(100, 1), 0, mustDo);
    disk.settle();
    file.write(filled(2000, 2), 100, mustDo);
    if (seed % 4 === 0) disk.settle();
    const after = disk.crash();
    const bytes = after.bytesOf("a");
    assert.ok(bytes.subarray(0, 100).every((byte) => byte === 1));
    // What is cut off is gone, should the file grow over it again.
    new SimFs(after).open("a", (_, again) => again?.write(filled(1, 3), 2099, mustDo));
    after.settle();
    const tail = after.bytesOf("a").subarray(bytes.length, 2099);
    assert.ok(tail.every((byte) => byte === 0));
    return bytes.length > 100 && bytes.length < 2100 ? "some" : `${bytes.length}`;
  });
  assertAll(sizes, ["100", "some", "2100"]);
});

test("sim disk: what is being written is seen, or not yet", () => {
  const states = counted(1000, (seed) => {
    const { disk, fs } = bench(seed);
    const file = made({ disk, fs }, "a", 2 * SECTOR);
    file.write(filled(2 * SECTOR, 1), 0, mustDo);
    return sectorsOf(disk, "a");
  });
  assertAll(states, words("01", 2));
});
