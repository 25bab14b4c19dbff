/** The calls that fail, the space that ends, and the bits that rot. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { errorCode, type FsFile } from "../../src/store/fs.ts";
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
import type { SimCall } from "./sim-fault.ts";

/** Notes the code of the error that it gets. */
function noting(codes: string[]): (error: Error | null) => void {
  return (error) => codes.push(error === null ? "" : errorCode(error));
}

/** Makes each of the calls once, in the order of `CALLS`. @returns How they ended. */
function callAll(disk: SimDisk, file: FsFile): string[] {
  const fs = new SimFs(disk);
  const codes: string[] = [];
  const note = noting(codes);
  const now = (call: () => void): void => {
    try {
      call();
      note(null);
    } catch (error) {
      note(error as Error);
    }
  };
  const later = (call: () => void): void => {
    call();
    disk.settle();
  };
  now(() => fs.openSync("a"));
  now(() => fs.rewriteSync("a", new Uint8Array(7), 3));
  later(() => fs.open("a", note));
  later(() => fs.create("b", SECTOR, note));
  later(() => fs.rename("b", "c", note));
  later(() => fs.remove("x", note));
  later(() => fs.syncDirectory(note));
  now(() => fs.syncDirectorySync());
  now(() => file.readSync(new Uint8Array(7), 3));
  later(() => file.read(new Uint8Array(7), 3, note));
  later(() => file.write(new Uint8Array(7), 3, note));
  return codes;
}

const CALLS: readonly Omit<SimCall, "nth">[] = [
  { op: "openSync", name: "a" },
  { op: "rewriteSync", name: "a", at: 3, size: 7 },
  { op: "open", name: "a" },
  { op: "create", name: "b", size: SECTOR },
  { op: "rename", name: "b" },
  { op: "remove", name: "x" },
  { op: "syncDirectory", name: "" },
  { op: "syncDirectorySync", name: "" },
  { op: "readSync", name: "a", at: 3, size: 7 },
  { op: "read", name: "a", at: 3, size: 7 },
  { op: "write", name: "a", at: 3, size: 7 },
];

test("sim disk: any call can be made to fail, once or for ever", () => {
  const prepared = (): { disk: SimDisk; file: FsFile } => {
    const { disk, fs } = bench(1);
    disk.put("x", new Uint8Array(1));
    return { disk, file: made({ disk, fs }, "a", SECTOR) };
  };
  const { disk, file } = prepared();
  const calls: SimCall[] = [];
  const before = disk.calls;
  disk.fail = (call) => {
    calls.push(call);
    return undefined;
  };
  assert.deepEqual(callAll(disk, file), Array(CALLS.length).fill(""));
  assert.deepEqual(
    calls,
    CALLS.map((call, i) => ({ ...call, nth: before + i + 1 })),
  );
  CALLS.forEach((call, i) => {
    const one = prepared();
    one.disk.fail = ({ nth }) => (nth === before + i + 1 ? "EIO" : undefined);
    const codes = callAll(one.disk, one.file);
    assert.equal(codes[i], "EIO", call.op);
    assert.deepEqual(
      codes.filter((code) => code === "EIO"),
      ["EIO"],
    );
    const all = prepared();
    all.disk.fail = ({ nth }) => (nth >= before + i + 1 ? "ENOSPC" : undefined);
    assert.deepEqual(
      callAll(all.disk, all.file).map((code) => code === "ENOSPC"),
      CALLS.map((_, at) => at >= i),
    );
  });
});

test("sim disk: what is not there, is closed or is to be read only", () => {
  const { disk, fs } = bench(1);
  const codes: string[] = [];
  fs.open("a", noting(codes));
  fs.rename("a", "b", noting(codes));
  fs.remove("a", noting(codes));
  disk.settle();
  assert.deepEqual(codes, ["ENOENT", "ENOENT", "ENOENT"]);
  assert.throws(() => fs.openSync("a"), { code: "ENOENT" });
  const file = made({ disk, fs }, "a", SECTOR);
  const reader = fs.openSync("a");
  assert.deepEqual([reader.name, reader.size], ["a", SECTOR]);
  assert.throws(() => reader.write(filled(1, 1), 0, mustDo), /to be read/);
  let isDone = false;
  file.write(filled(SECTOR, 1), 0, () => {
    isDone = true;
  });
  file.close();
  file.close();
  assert.throws(() => file.write(filled(1, 1), 0, mustDo), /closed/);
  assert.throws(() => file.readSync(filled(1, 1), 0), /closed/);
  disk.settle();
  assert.ok(isDone, "what is under way is done nevertheless");
  assert.equal(reader.readSync(new Uint8Array(9), SECTOR - 4), 4);
  assert.equal(reader.readSync(new Uint8Array(9), SECTOR + 4), 0);
});

test("sim disk: a rename or a removal that fails has not happened", () => {
  const { disk, fs } = bench(1);
  disk.put("a", filled(SECTOR, 1));
  disk.fail = () => "EIO";
  const codes: string[] = [];
  fs.rename("a", "b", noting(codes));
  fs.remove("a", noting(codes));
  assert.equal([...disk.crashStates(9)].length, 1);
  disk.settle();
  assert.deepEqual([codes, contents(disk)], [["EIO", "EIO"], "a=1"]);
  assert.equal([...disk.crashStates(9)].length, 1);
});

test("sim disk: bytes that change while they are written are noticed", () => {
  const { disk, fs } = bench(1);
  const bytes = filled(SECTOR, 1);
  made({ disk, fs }, "a", SECTOR).write(bytes, 0, mustDo);
  bytes[3] = 2;
  assert.throws(() => disk.settle(), /changed/);
});

test("sim disk: after EIO, each sector is written or not, and may be seen without being", () => {
  const states = counted(4000, (seed) => {
    const { disk, fs } = bench(seed);
    const file = made({ disk, fs }, "a", 2 * SECTOR);
    disk.fail = ({ op }) => (op === "write" ? "EIO" : undefined);
    const codes: string[] = [];
    file.write(filled(2 * SECTOR, 1), 0, noting(codes));
    disk.settle();
    assert.deepEqual(codes, ["EIO"]);
    // A later write that is durable says nothing about this one.
    disk.fail = () => undefined;
    file.write(filled(1, 0), 0, mustDo);
    if (seed % 2 === 0) file.write(filled(SECTOR, 2), SECTOR, mustDo);
    disk.settle();
    const seen = [...disk.bytesOf("a").filter((_, at) => at % SECTOR === 9)].join("");
    const after = [
      ...disk
        .crash()
        .bytesOf("a")
        .filter((_, at) => at % SECTOR === 9),
    ].join("");
    return `${seen} ${after}`;
  });
  // What is written over a sector takes along what the system had of it.
  const second = ["0 0", "0 1", "1 0", "1 1", "2 2"];
  const both = ["0", "1"].flatMap((first) =>
    second.map((pair) => `${first}${pair[0]} ${first}${pair[2]}`),
  );
  assertAll(states, both);
});

test("sim disk: a write that runs out of space has written a part, or nothing", () => {
  const run = (fault: "short" | "ENOSPC") =>
    counted(1000, (seed) => {
      const { disk, fs } = bench(seed);
      const file = made({ disk, fs }, "a", 4 * SECTOR);
      disk.fail = ({ size }) => (size === 4 * SECTOR ? fault : undefined);
      const codes: string[] = [];
      file.write(filled(4 * SECTOR, 1), 0, noting(codes));
      // What is begun before the other fails is written as it would be without it.
      file.write(filled(SECTOR, 2), 3 * SECTOR + 256, noting(codes));
      disk.settle();
      assert.deepEqual(codes, ["ENOSPC", ""]);
      const ones = (bytes: Uint8Array): number => bytes.filter((byte) => byte === 1).length;
      const seen = ones(disk.bytesOf("a"));
      const after = ones(disk.crash().bytesOf("a"));
      if (after > seen) return "more than it seemed";
      return `${seen === 0 ? "nothing" : "some"} ${after === seen ? "all" : "lost"}`;
    });
  assertAll(run("ENOSPC"), ["nothing all"]);
  const states = run("short");
  for (const state of ["some all", "some lost"]) assert.ok((states.get(state) ?? 0) > 100, state);
  assert.equal(states.get("more than it seemed"), undefined);
});

test("sim disk: what a sync of the directory that failed did not write, no later one does", () => {
  const run = (names: "subset" | "ordered") =>
    counted(1000, (seed) => {
      const { disk, fs } = bench(seed, { names });
      fs.create("a", 0, mustDo);
      disk.settle();
      disk.fail = ({ op }) => (op === "syncDirectory" ? "EIO" : undefined);
      const codes: string[] = [];
      fs.syncDirectory(noting(codes));
      disk.settle();
      assert.deepEqual([codes, disk.names()], [["EIO"], ["a"]]);
      disk.fail = () => undefined;
      made({ disk, fs }, "b", 0);
      return disk.crash().names().sort().join("");
    });
  assertAll(run("subset"), ["ab", "b"]);
  assertAll(run("ordered"), ["ab"]);
});

test("sim disk: what is synced holds, whatever was lost before", () => {
  const states = counted(300, (seed) => {
    const { disk, fs } = bench(seed);
    disk.put("a", filled(SECTOR, 1));
    disk.put("b", filled(SECTOR, 2));
    disk.fail = ({ op }) => (op === "syncDirectory" ? "EIO" : undefined);
    fs.rename("a", "b", mustDo);
    disk.settle();
    fs.syncDirectory(() => undefined);
    disk.settle();
    disk.fail = () => undefined;
    fs.rename("b", "c", mustDo);
    disk.settle();
    fs.syncDirectory(mustDo);
    disk.settle();
    return contents(disk.crash());
  });
  assertAll(states, ["c=1"]);
});

test("sim disk: a file that cannot be made is removed, and a part may come back", () => {
  const states = counted(1000, (seed) => {
    const { disk, fs } = bench(seed, { capacity: 3 * SECTOR });
    disk.put("left over", filled(2 * SECTOR, 1));
    const codes: string[] = [];
    fs.create("left over", 4 * SECTOR, noting(codes));
    disk.settle();
    assert.deepEqual([codes, disk.names(), disk.totalSize], [["ENOSPC"], [], 0]);
    const after = disk.crash();
    return contents(after).replace(/=0+$/, "=0").replace("?", "0");
  });
  assertAll(states, ["", "left over=", "left over=0", "left over=11"]);
});

test("sim disk: there is no more space than its capacity, and removing frees it", () => {
  const { disk, fs } = bench(1, { capacity: 4 * SECTOR });
  const created = (name: string, size: number): string => {
    const codes: string[] = [];
    fs.create(name, size, (error, file) => {
      noting(codes)(error);
      file?.close();
    });
    disk.settle();
    return codes[0] ?? "";
  };
  assert.equal(created("a", 2 * SECTOR), "");
  assert.equal(created("b", 2 * SECTOR), "");
  assert.equal(created("c", 1), "ENOSPC");
  assert.deepEqual([disk.names(), disk.totalSize], [["a", "b"], 4 * SECTOR]);
  fs.rename("a", "b", mustDo);
  disk.settle();
  assert.equal(disk.totalSize, 2 * SECTOR);
  assert.equal(created("c", 2 * SECTOR), "");
  // The space of "b" could only be given away because its end is durable.
  for (const after of disk.crashStates(20)) assert.ok(after.totalSize <= 4 * SECTOR);
  const reader = fs.openSync("b");
  const other = fs.openSync("b");
  fs.remove("b", mustDo);
  disk.settle();
  other.close();
  other.close();
  assert.equal(created("d", 1), "ENOSPC", "it is still open");
  reader.close();
  assert.equal(created("d", 1), "");
  const codes: string[] = [];
  fs.open("d", (_, file) => file?.write(filled(3 * SECTOR, 1), 0, noting(codes)));
  disk.settle();
  assert.deepEqual([codes, disk.bytesOf("d")], [["ENOSPC"], filled(1, 0)], "it would grow");
});

test("sim disk: a bit that rots does so on the medium, and in what is seen", () => {
  const { disk, fs } = bench(1, { mode: "os" });
  disk.put("a", filled(2 * SECTOR, 1));
  fs.open("a", (_, file) => file?.write(filled(1, 2), 0, mustDo));
  disk.settle();
  disk.flipBit("a", 9, 0);
  assert.deepEqual([disk.bytesOf("a")[0], disk.bytesOf("a")[9]], [2, 0]);
  const left = [...disk.crashStates(9)].map((after) => after.bytesOf("a")[0]);
  assert.deepEqual(left.sort(), [1, 2], "what was volatile still is");
});

test("sim disk: bits rot, and writes go astray", () => {
  const { disk, fs } = bench(1);
  const file = made({ disk, fs }, "a", 2 * SECTOR);
  file.write(filled(2 * SECTOR, 1), 0, mustDo);
  disk.settle();
  const [other] = disk.crashStates(1);
  file.write(filled(SECTOR, 2), SECTOR, mustDo);
  disk.settle();
  disk.flipBit("a", 3, 7);
  assert.deepEqual([...disk.bytesOf("a").subarray(2, 5)], [1, 129, 1]);
  assert.equal(disk.stale("a"), true);
  assert.equal(disk.stale("a"), false);
  const bytes = disk.crash().bytesOf("a");
  assert.deepEqual([bytes[3], bytes[SECTOR]], [129, 1]);
  assert.ok(other);
  assert.equal(sectorsOf(other, "a"), "11", "of no other disk");
  assert.equal(other.stale("a"), true);
  assert.equal(sectorsOf(other, "a"), "00");
});

test("sim disk: a write that failed may be there after a crash much later, and then stays", () => {
  const states = counted(1000, (seed) => {
    const { disk, fs } = bench(seed);
    const file = made({ disk, fs }, "a", 2 * SECTOR);
    disk.fail = ({ size }) => (size === 2 * SECTOR ? "EIO" : undefined);
    file.write(filled(2 * SECTOR, 1), 0, () => undefined);
    for (let i = 0; i < 5; i += 1) made({ disk, fs }, `b${i}`, SECTOR);
    const after = disk.crash();
    assert.equal(contents(after.crash()), contents(after));
    return sectorsOf(after, "a");
  });
  assertAll(states, words("01", 2));
});
