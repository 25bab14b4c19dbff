import assert from "node:assert/strict";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, beforeEach, test } from "node:test";
import { errorCode, type FsFile } from "./fs.ts";
import { NodeFs } from "./node-fs.ts";

const MIB = 1_048_576;
const IS_LINUX = process.platform === "linux";
const PLATFORM = process.platform;
const root = fs.mkdtempSync(join(tmpdir(), "nightjar-node-fs-"));
let folder = "";

beforeEach(() => {
  folder = fs.mkdtempSync(join(root, "case-"));
});

afterEach(() => {
  fakeNothing();
  onPlatform(PLATFORM);
});

after(() => fs.rmSync(root, { recursive: true, force: true }));

function onPlatform(value: string): void {
  Object.defineProperty(process, "platform", { value });
}

type Callback<Result> = (error: Error | null, result?: Result) => void;

/** What `begin` ends with. It must end once, and later than it began. */
function ended<Result>(begin: (done: Callback<Result>) => void): Promise<Result> {
  return new Promise((resolve, reject) => {
    let hasReturned = false;
    let times = 0;
    begin((error, result) => {
      times += 1;
      assert.deepEqual([hasReturned, times], [true, 1]);
      if (error === null) resolve(result as Result);
      else reject(error);
    });
    hasReturned = true;
  });
}

/** The code of the error that `begin` ends with. */
async function codeOf(begin: (done: Callback<unknown>) => void): Promise<string> {
  return ended(begin).then(() => "", errorCode);
}

function created(files: NodeFs, name: string, size: number): Promise<FsFile> {
  return ended<FsFile>((done) => files.create(name, size, done));
}

const { write, read, fdatasync, fsync, open, close, fstat } = fs;
const { writeSync, fdatasyncSync, fsyncSync } = fs;
const REAL = {
  ...{ write, read, fdatasync, fsync, open, close, fstat },
  ...{ writeSync, fdatasyncSync, fsyncSync },
};
type Faked = keyof typeof REAL;
type Call = (...args: unknown[]) => unknown;

/** Stands in for a function of the system: gets its arguments, and may call the real one. */
function fake(name: Faked, instead: (real: Call, args: unknown[]) => unknown): { count: number } {
  const calls = { count: 0 };
  const faked: Call = (...args) => {
    calls.count += 1;
    return instead(REAL[name] as unknown as Call, args);
  };
  Object.assign(fs, { [name]: faked });
  syncBuiltinESMExports();
  return calls;
}

function fakeNothing(): void {
  Object.assign(fs, REAL);
  syncBuiltinESMExports();
}

function failWith(code: string, args: unknown[]): void {
  const done = args.at(-1) as Callback<unknown>;
  setImmediate(() => done(Object.assign(new Error(code), { code })));
}

for (const durable of [true, false]) {
  test(`node fs, durable ${durable}: a file is made, written, read, renamed, removed`, async () => {
    const files = new NodeFs(folder, durable);
    const file = await created(files, "a", 3000);
    assert.deepEqual([file.name, file.size], ["a", 3000]);
    assert.equal(fs.statSync(join(folder, "a")).mode & 0o777, 0o600);
    assert.deepEqual(fs.readFileSync(join(folder, "a")), Buffer.alloc(3000));
    await ended<void>((done) => file.write(Buffer.from("nightjar"), 1000, done));
    await ended<void>((done) => file.write(new Uint8Array(0), 1000, done));
    const bytes = new Uint8Array(8);
    assert.equal(file.readSync(bytes, 1000), 8);
    assert.equal(`${Buffer.from(bytes)}`, "nightjar");
    assert.equal(await ended<number>((done) => file.read(bytes, 2996, done)), 4);
    assert.equal(await ended<number>((done) => file.read(bytes, 3000, done)), 0);
    assert.equal(file.readSync(bytes, 2999), 1);
    file.close();

    await created(files, "b", 0).then((other) => other.close());
    await ended<void>((done) => files.rename("a", "b", done));
    await ended<void>((done) => files.syncDirectory(done));
    assert.deepEqual(files.list(), ["b"]);
    const reader = files.openSync("b");
    assert.deepEqual([reader.size, reader.readSync(bytes, 1000)], [3000, 8]);
    assert.equal(`${Buffer.from(bytes)}`, "nightjar");
    assert.equal(await codeOf((done) => reader.write(bytes, 0, done)), "EBADF", "only to be read");
    reader.close();
    const writer = await ended<FsFile>((done) => files.open("b", done));
    await ended<void>((done) => writer.write(Buffer.from("N"), 1000, done));
    assert.deepEqual([writer.size, writer.readSync(bytes, 1000)], [3000, 8]);
    assert.equal(`${Buffer.from(bytes)}`, "Nightjar");
    writer.close();
    await ended<void>((done) => files.remove("b", done));
    assert.deepEqual(files.list(), []);
  });
}

test("node fs: bytes are written where they stand, all of them, and synced", async () => {
  const files = new NodeFs(folder, true);
  await created(files, "a", 3000).then((file) => file.close());
  const writes = fake("writeSync", (real, [fd, bytes, from, size, at]) =>
    real(fd, bytes, from, Math.min(size as number, 400), at),
  );
  const syncs = fake("fdatasyncSync", (real, args) => real(...args));
  files.rewriteSync("a", Buffer.alloc(1000, 7), 500);
  assert.deepEqual([writes.count, syncs.count], [3, 1]);
  const expected = Buffer.alloc(3000).fill(7, 500, 1500);
  assert.deepEqual(fs.readFileSync(join(folder, "a")), expected);
  files.rewriteSync("a", new Uint8Array(0), 0);
  assert.deepEqual([writes.count, syncs.count], [3, 2], "no bytes: a sync");
  new NodeFs(folder, false).rewriteSync("a", Buffer.alloc(10, 8), 0);
  assert.deepEqual([writes.count, syncs.count], [3, 2], "nobody asked for it");
});

test("node fs: what cannot be written where it stands says which file, and closes it", () => {
  const files = new NodeFs(folder, true);
  fs.writeFileSync(join(folder, "a"), Buffer.alloc(3000));
  const failing = (code: string) => (): never => {
    throw Object.assign(new Error(`${code}: no`), { code });
  };
  fake("writeSync", failing("ENOSPC"));
  const rewrite = (): void => files.rewriteSync("a", Buffer.alloc(10), 0);
  assert.throws(rewrite, { code: "ENOSPC", message: "ENOSPC: no of a" });
  fake("writeSync", () => 0);
  assert.throws(rewrite, { code: "EIO", message: "nothing was written of a" });
  fakeNothing();
  fake("fdatasyncSync", failing("EIO"));
  assert.throws(rewrite, { code: "EIO" });
  assert.throws(() => files.rewriteSync("b", Buffer.alloc(10), 0), { code: "ENOENT" });
  assert.deepEqual(openIn(folder), []);
});

/** Files that are open there, where the system says so. */
function openIn(path: string): string[] {
  if (!IS_LINUX) return [];
  const open = fs.readdirSync("/proc/self/fd").map((fd) => `/proc/self/fd/${fd}`);
  const links = open.filter((path) => fs.existsSync(path)).map((path) => fs.readlinkSync(path));
  return links.filter((link) => link.startsWith(path));
}

test("node fs: what is not there is an error, and is not thrown", async () => {
  const files = new NodeFs(join(folder, "missing"), true);
  assert.equal(await codeOf((done) => files.create("a", 10, done)), "ENOENT");
  assert.equal(await codeOf((done) => files.open("a", done)), "ENOENT");
  assert.equal(await codeOf((done) => files.rename("a", "b", done)), "ENOENT");
  assert.equal(await codeOf((done) => files.remove("a", done)), "ENOENT");
  assert.equal(await codeOf((done) => files.syncDirectory(done)), "ENOENT");
  assert.throws(() => files.syncDirectorySync(), { code: "ENOENT" });
  assert.throws(() => files.list(), { code: "ENOENT" });
  assert.throws(() => files.openSync("a"), { code: "ENOENT" });
});

test("node fs: a left-over file is made anew, one that cannot be removed is an error", async () => {
  const files = new NodeFs(folder, true);
  fs.writeFileSync(join(folder, "a"), "left over", { mode: 0o644 });
  const file = await created(files, "a", 4);
  assert.deepEqual(fs.readFileSync(join(folder, "a")), Buffer.alloc(4));
  assert.equal(fs.statSync(join(folder, "a")).mode & 0o777, 0o600);
  file.close();
  fs.mkdirSync(join(folder, "b"));
  assert.match(await codeOf((done) => files.create("b", 4, done)), /EISDIR|EPERM/);
  assert.deepEqual(files.list().sort(), ["a", "b"]);
});

test("node fs: zeros are written in pieces, and synced once", async () => {
  const size = 3 * MIB + 17;
  for (const durable of [true, false]) {
    const sizes: unknown[] = [];
    fake("write", (real, args) => {
      sizes.push(args[3]);
      real(...args);
    });
    const syncs = fake("fdatasync", (real, args) => real(...args));
    const file = await created(new NodeFs(folder, durable), "a", size);
    assert.deepEqual(sizes, [MIB, MIB, MIB, 17]);
    assert.equal(syncs.count, durable ? 1 : 0);
    assert.equal(file.size, size);
    assert.ok(fs.readFileSync(join(folder, "a")).equals(Buffer.alloc(size)));
    file.close();
    fakeNothing();
  }
});

test("node fs: on Linux a durable write is one call, to a file opened for that", async (t) => {
  if (!IS_LINUX) return t.diagnostic("this is not Linux");
  for (const durable of [true, false]) {
    const files = new NodeFs(folder, durable);
    const syncs = fake("fdatasync", (real, args) => real(...args));
    const made = await created(files, "a", 100);
    const opened = await ended<FsFile>((done) => files.open("a", done));
    const open = flagsOf(join(folder, "a"));
    assert.equal(open.length, 2, "that of the zeros is closed");
    for (const flags of open) assert.equal((flags & fs.constants.O_DSYNC) !== 0, durable);
    for (const file of [made, opened])
      await ended<void>((done) => file.write(Buffer.from("x"), 0, done));
    assert.equal(syncs.count, durable ? 1 : 0, "for the zeros");
    made.close();
    opened.close();
    await ended<void>((done) => files.syncDirectory(done));
    assert.deepEqual(flagsOf(folder), []);
    fakeNothing();
  }
});

/** The flags of each descriptor of this process that is that file. */
function flagsOf(path: string): number[] {
  return fs.readdirSync("/proc/self/fd").flatMap((fd) => {
    if (!fs.existsSync(`/proc/self/fd/${fd}`)) return [];
    if (fs.readlinkSync(`/proc/self/fd/${fd}`) !== fs.realpathSync(path)) return [];
    const info = fs.readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
    return Number.parseInt(/flags:\s+(\d+)/.exec(info)?.[1] ?? "", 8);
  });
}

test("node fs: elsewhere a durable write is synced, and only then done", async () => {
  onPlatform("darwin");
  const files = new NodeFs(folder, true);
  const file = await created(files, "a", 100);
  const order: string[] = [];
  for (const name of ["write", "fdatasync"] as const)
    fake(name, (real, args) => {
      order.push(name);
      real(...args);
    });
  await ended<void>((done) => file.write(Buffer.from("x"), 0, done));
  assert.deepEqual(order, ["write", "fdatasync"]);
  fake("fdatasync", (_, args) => failWith("EIO", args));
  assert.equal(await codeOf((done) => file.write(Buffer.from("x"), 0, done)), "EIO");
  file.close();
});

test("node fs: a directory that cannot be synced is no error where it need not be", async () => {
  const files = new NodeFs(folder, true);
  fake("fsync", (_, args) => failWith("EPERM", args));
  fake("fsyncSync", () => {
    throw Object.assign(new Error("EPERM"), { code: "EPERM" });
  });
  assert.equal(await codeOf((done) => files.syncDirectory(done)), "EPERM");
  assert.throws(() => files.syncDirectorySync(), { code: "EPERM" });
  onPlatform("win32");
  files.syncDirectorySync();
  assert.equal(await codeOf((done) => files.syncDirectory(done)), "");
  fake("open", (_, args) => failWith("EISDIR", args));
  assert.equal(await codeOf((done) => files.syncDirectory(done)), "");
  fake("open", (_, args) => failWith("EIO", args));
  assert.equal(await codeOf((done) => files.syncDirectory(done)), "EIO");
});

test("node fs: short writes and reads go on, one that does nothing is an error", async () => {
  const file = await created(new NodeFs(folder, true), "a", 10);
  const few = (real: Call, args: unknown[]): void => {
    const [fd, bytes, from, size, at, done] = args;
    real(fd, bytes, from, Math.min(3, size as number), at, done);
  };
  const writes = fake("write", few);
  const reads = fake("read", few);
  await ended<void>((done) => file.write(Buffer.from("0123456789"), 0, done));
  assert.equal(`${fs.readFileSync(join(folder, "a"))}`, "0123456789");
  const bytes = Buffer.alloc(12);
  assert.equal(await ended<number>((done) => file.read(bytes, 1, done)), 9);
  assert.equal(`${bytes.subarray(0, 9)}`, "123456789");
  assert.deepEqual([writes.count, reads.count], [4, 4]);
  fake("write", (real, [fd, bytes, , , , done]) => real(fd, bytes, 0, 0, 0, done));
  assert.equal(await codeOf((done) => file.write(Buffer.from("0"), 0, done)), "EIO");
  file.close();
});

test("node fs: a disk that is full says so", async (t) => {
  if (!fs.existsSync("/dev/full")) return t.diagnostic("there is no /dev/full");
  fs.symlinkSync("/dev/full", join(folder, "a"));
  const files = new NodeFs(folder, true);
  const file = await ended<FsFile>((done) => files.open("a", done));
  assert.equal(await codeOf((done) => file.write(Buffer.from("x"), 0, done)), "ENOSPC");
  file.close();
});

test("node fs: what cannot be made whole is removed, and closed", async () => {
  const files = new NodeFs(folder, true);
  const failing: Record<string, () => void> = {
    ENOSPC: () => {
      let pieces = 0;
      fake("write", (real, args) => {
        pieces += 1;
        if (pieces < 3) real(...args);
        else failWith("ENOSPC", args);
      });
    },
    EIO: () => fake("fdatasync", (_, args) => failWith("EIO", args)),
    EDQUOT: () =>
      fake("close", (real, args) => {
        const done = args.at(-1) as Callback<unknown>;
        real(args[0], () => done(Object.assign(new Error(), { code: "EDQUOT" })));
      }),
    EMFILE: () => {
      let opens = 0;
      fake("open", (real, args) => {
        opens += 1;
        if (opens < 2) real(...args);
        else failWith("EMFILE", args);
      });
    },
    ENXIO: () => fake("fstat", (_, args) => failWith("ENXIO", args)),
  };
  for (const [code, fail] of Object.entries(failing)) {
    fail();
    assert.equal(await codeOf((done) => files.create("a", 5 * MIB, done)), code);
    assert.deepEqual(files.list(), [], code);
    fakeNothing();
  }
  assert.deepEqual(openIn(root), []);
});

test("node fs: closing waits for what is under way, and is the end", async () => {
  const file = await created(new NodeFs(folder, true), "a", 5 * MIB);
  const closes = fake("close", (real, args) => real(...args));
  const bytes = Buffer.alloc(5 * MIB, 1);
  const writing = ended<void>((done) => file.write(bytes, 0, done));
  const reading = ended<number>((done) => file.read(Buffer.alloc(10), 0, done));
  file.close();
  file.close();
  assert.equal(closes.count, 0);
  await Promise.all([writing, reading]);
  assert.equal(closes.count, 1);
  assert.ok(fs.readFileSync(join(folder, "a")).equals(bytes));
  assert.equal(await codeOf((done) => file.write(bytes, 0, done)), "EBADF");
  assert.equal(await codeOf((done) => file.read(bytes, 0, done)), "EBADF");
  assert.throws(() => file.readSync(bytes, 0), { code: "EBADF" });
});
