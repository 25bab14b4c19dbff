/** What is acknowledged survives the loss of power; and the disk does lose what was not synced. */
import assert from "node:assert/strict";
import {
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type CrashBroker, NIGHTJAR, NIGHTJAR_OS } from "./brokers.ts";
import { violationsOf } from "./counts.ts";
import { type CrashResult, crashCycles } from "./crash-cycles.ts";
import { ForgetfulDisk, ForgetfulFs, missingPackage, whyNoMount } from "./forgetful-fs.ts";

const SEED = Number(process.env["SEED"] ?? 1);

const missing = missingPackage();
const noMount = missing === undefined ? await whyNoMount() : undefined;

/** A missing package is skipped here and fails in CI; where nobody may mount, it is skipped. */
function powerTest(name: string, body: () => Promise<void>): void {
  const needed = `not installed here: Debian package ${missing}`;
  if (noMount !== undefined) test(name, { skip: noMount }, () => {});
  else if (missing === undefined) test(name, body);
  else if (process.env["CI"] === "true") test(name, () => assert.fail(needed));
  else test(name, { skip: needed }, () => {});
}

/** Runs `body` in a mounted folder. */
async function mounted(body: (fs: ForgetfulFs) => Promise<void>, seed?: number): Promise<void> {
  const fs = await ForgetfulFs.mount(seed);
  try {
    await body(fs);
  } finally {
    await fs.close();
  }
}

function sync(path: string): void {
  const file = openSync(path, "r");
  fsyncSync(file);
  closeSync(file);
}

powerTest("the disk: data is there until the power is lost, and then if it was synced", () =>
  mounted(async (fs) => {
    const path = join(fs.mountPoint, "data");
    const file = openSync(path, "w");
    writeSync(file, "synced");
    fsyncSync(file);
    sync(fs.mountPoint);
    writeSync(file, ", not synced");
    closeSync(file);
    assert.equal(readFileSync(path, "utf8"), "synced, not synced");
    const { bytes } = await fs.losePower();
    assert.ok(bytes > 0);
    assert.equal(readFileSync(path, "utf8"), "synced");
    assert.equal(readFileSync(join(fs.backing, "data"), "utf8"), "synced");
  }),
);

powerTest("the disk: a write through O_DSYNC is synced", () =>
  mounted(async (fs) => {
    const path = join(fs.mountPoint, "data");
    const flags = constants.O_CREAT | constants.O_WRONLY | constants.O_DSYNC;
    const file = openSync(path, flags);
    sync(fs.mountPoint);
    writeSync(file, "synced");
    closeSync(file);
    await fs.losePower();
    assert.equal(readFileSync(path, "utf8"), "synced");
  }),
);

powerTest("the disk: names are synced with their folder only", () =>
  mounted(async (fs) => {
    const at = (name: string): string => join(fs.mountPoint, name);
    writeFileSync(at("before"), "data");
    sync(at("before"));
    sync(fs.mountPoint);
    renameSync(at("before"), at("after"));
    writeFileSync(at("new"), "data");
    sync(at("new"));
    const { names } = await fs.losePower();
    assert.equal(names, 2);
    assert.deepEqual(readdirSync(fs.mountPoint), ["before"]);
    assert.equal(readFileSync(at("before"), "utf8"), "data");
  }),
);

powerTest("the disk: with a seed, sectors that were not synced are lost one by one", () =>
  mounted(async (fs) => {
    const path = join(fs.mountPoint, "data");
    const [old, late] = [Buffer.alloc(64 * 512, "o"), Buffer.alloc(64 * 512, "n")];
    writeFileSync(path, old);
    sync(path);
    sync(fs.mountPoint);
    const seen = new Set<string>();
    for (let loss = 0; loss < 8; loss += 1) {
      const file = openSync(path, "r+");
      writeSync(file, late);
      closeSync(file);
      await fs.losePower();
      const data = readFileSync(path);
      for (let sector = 0; sector < 64; sector += 1) {
        seen.add(data.toString("latin1", sector * 512, (sector + 1) * 512));
      }
    }
    assert.deepEqual([...seen].sort(), ["n".repeat(512), "o".repeat(512)]);
  }, SEED),
);

/** With the power lost at each kill. */
async function withoutPower(broker: CrashBroker, cycles: number): Promise<CrashResult> {
  const disk = await ForgetfulDisk.mount(SEED);
  return crashCycles({ broker, cycles, seed: SEED, disk, drainEvery: 5 });
}

powerTest("10 losses of power under load: whatever was acknowledged is kept", async () => {
  const { counts } = await withoutPower(NIGHTJAR, 10);
  assert.ok(counts.owed > 0, "nothing was promised");
  assert.deepEqual(violationsOf(counts), [], `SEED=${SEED}`);
});

powerTest("the harness: a broker that does not sync is found out", async () => {
  const { counts } = await withoutPower(NIGHTJAR_OS, 3);
  assert.notEqual(counts.lost, 0);
});
