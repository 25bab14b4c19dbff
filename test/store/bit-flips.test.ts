/** One bit of a log that is at rest: never less than was recorded without a word about it. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { checkVersion, VERSION_FILE } from "../../src/store/data-directory.ts";
import { ForgivingFs } from "../../src/store/forgiving-fs.ts";
import { DamageError } from "../../src/store/open-store.ts";
import { FormatError, readLog } from "../../src/store/recovery.ts";
import { seedsOf, underSeed } from "../sim/prng.ts";
import { flipBits } from "./bit-flips.ts";
import { BrokerWorld } from "./broker-world.ts";
import { SimFs } from "./sim-disk.ts";

/** More of them: `npm run soak:store -- --what bits`. */
const FLIPS = 400;
const FLIPS_AT_ONCE = 25;

test(`store: ${FLIPS} bits: refused with their positions, or they meant nothing`, () => {
  let [flips, refused, salvaged] = [0, 0, 0];
  for (const seed of seedsOf(FLIPS / FLIPS_AT_ONCE)) {
    underSeed(seed, () => {
      const result = flipBits(seed, FLIPS_AT_ONCE);
      assert.ok(result.segments > 1, "a log of several segments");
      flips += result.flips;
      refused += result.refused;
      salvaged += result.salvaged;
    });
  }
  assert.ok(refused > flips / 5 && salvaged > flips / 50, `${flips}, ${refused}, ${salvaged}`);
});

test("store: no bit may change of the last that was written before it was closed", () => {
  const world = new BrokerWorld(1, { segmentSize: 65_536 });
  for (let step = 0; step < 30; step += 1) world.step();
  const { journal, disk } = world;
  world.settle();
  while (journal.committed === journal.appended) for (const client of world.clients) client.act();
  const from = journal.committed;
  const end = journal.appended;
  journal.close(() => {});
  disk.settle();
  const [whole] = disk.crashStates(1);
  assert.ok(whole);
  const { journal: again } = world.open(whole);
  assert.ok(again.appended > end);
  const name = disk.names().find((it) => it.endsWith("1.log")) ?? "";
  for (let position = from; position < end; position += 7) {
    const [flipped] = disk.crashStates(1);
    flipped?.flipBit(name, 512 + position, position % 8);
    assert.throws(() => flipped && world.open(flipped), DamageError, `position ${position}`);
  }
});

test("store: who looks for damage takes no header that cannot be read for an empty file", () => {
  const world = new BrokerWorld(1, { segmentSize: 4096 });
  for (let step = 0; step < 100; step += 1) world.step();
  world.settle();
  const fs = new ForgivingFs(new SimFs(world.disk));
  const nobody = { restart: () => {}, record: () => {} };
  const { past } = readLog(fs, 4096, nobody);
  for (const { name } of past.segments.filter(({ end }) => end > past.logStart)) {
    world.disk.fail = (call) => (call.op === "readSync" && call.name === name ? "EIO" : undefined);
    const { damages } = readLog(fs, 4096, nobody);
    const isSaid = damages.some(({ file }) => file === name);
    assert.ok(isSaid, `${name} cannot be read, and of it is said ${JSON.stringify(damages)}`);
  }
});

test("store: a directory whose VERSION has another bit is left alone, and it is said", (t) => {
  const path = mkdtempSync(join(tmpdir(), "nightjar-version-"));
  t.after(() => rmSync(path, { recursive: true }));
  checkVersion(path);
  const file = join(path, VERSION_FILE);
  const whole = readFileSync(file);
  for (let bit = 0; bit < whole.length * 8; bit += 1) {
    const bytes = Buffer.from(whole);
    bytes.writeUInt8((bytes[bit >> 3] as number) ^ (1 << (bit & 7)), bit >> 3);
    writeFileSync(file, bytes);
    assert.throws(
      () => checkVersion(path),
      (error: Error) => {
        assert.ok(error instanceof FormatError);
        assert.match(error.message, /\/VERSION: (not as Nightjar wrote it|format \d+, which this)/);
        assert.doesNotMatch(error.message, /format 1,/);
        return true;
      },
      `bit ${bit}`,
    );
    assert.deepEqual(readFileSync(file), bytes);
  }
});
