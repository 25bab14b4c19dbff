/**
 * A file that is used again has the frames of its earlier life behind what is written now, each
 * with a checksum that is right: none of them is ever taken for part of the log.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Recovered, readLog } from "../../src/store/recovery.ts";
import {
  SEGMENT_HEADER_SIZE,
  segmentHeader,
  segmentName,
  segmentNumber,
} from "../../src/store/segment.ts";
import { BrokerWorld } from "./broker-world.ts";
import { type SimDisk, SimFs } from "./sim-disk.ts";
import { storeText } from "./store-text.ts";

const SIZE = 4096;
/** So many at least are in a log that is looked at. */
const FRAMES = 10;

/** A broker at rest; half of the log's last file is free, with stale frames there or none. */
function worldWith(hasStale: boolean): BrokerWorld {
  for (let seed = 1; seed < 50; seed += 1) {
    const world = new BrokerWorld(seed, { segmentSize: SIZE });
    for (let step = 0; step < 400; step += 1) {
      world.step();
      if (step < 100 || step % 5 > 0) continue;
      world.settle();
      const { end, bytes, frames } = lastOf(world.disk);
      const isStale = Buffer.from(bytes).subarray(end).includes("NFRM");
      if (bytes.length === SIZE && end < SIZE / 2 && frames > FRAMES && isStale === hasStale)
        return world;
    }
  }
  assert.fail("no such world");
}

function recovered(disk: SimDisk): Recovered {
  return readLog(new SimFs(disk), SIZE, { restart: () => {}, record: () => {} });
}

/** The log's last file, how much of it is used, and how many frames the log has. */
function lastOf(disk: SimDisk): { name: string; bytes: Uint8Array; end: number; frames: number } {
  const { segments } = recovered(disk).past;
  const last = segments.at(-1);
  assert.ok(last);
  const end = SEGMENT_HEADER_SIZE + last.end - last.base;
  const frames = segments.reduce((total, segment) => total + segment.frames.length, 0);
  return { name: last.name, bytes: disk.bytesOf(last.name), end, frames };
}

/** The same disk with another file on it. */
function withFile(disk: SimDisk, name: string, bytes: Uint8Array): SimDisk {
  const [other] = disk.crashStates(1);
  assert.ok(other);
  other.put(name, bytes);
  return other;
}

test("store: frames of a file's earlier life behind the end are no part of the log", () => {
  const world = worldWith(true);
  const { past, damages } = recovered(world.disk);
  assert.deepEqual([past.end, damages], [world.memory.appended, []]);
  world.crash();
  world.compareLive();
});

test("store: no frame of the log counts where the next one would be, in any file", () => {
  const world = worldWith(false);
  const whole = storeText(world.open(world.disk).state);
  const { name, bytes, end } = lastOf(world.disk);
  const { past } = recovered(world.disk);
  let tried = 0;
  // Those of the last file itself have its seed, too.
  for (const segment of past.segments) {
    const from = world.disk.bytesOf(segment.name);
    for (const position of segment.frames) {
      const frames = from.subarray(SEGMENT_HEADER_SIZE + position - segment.base);
      const crafted = bytes.slice();
      crafted.set(frames.subarray(0, SIZE - end), end);
      const disk = withFile(world.disk, name, crafted);
      assert.equal(recovered(disk).past.end, past.end, `${segment.name} ${position}`);
      assert.equal(storeText(world.open(disk).state), whole, `${segment.name} ${position}`);
      tried += 1;
    }
  }
  assert.ok(tried > 10, `${tried} frames`);
});

test("store: a file that has its new name and not yet its new header is not read", () => {
  const world = worldWith(false);
  const whole = storeText(world.open(world.disk).state);
  const { past } = recovered(world.disk);
  for (const { name } of past.segments) {
    const next = segmentName(past.lastNumber + 1);
    const disk = withFile(world.disk, next, world.disk.bytesOf(name));
    assert.equal(storeText(world.open(disk).state), whole, name);
  }
});

test("store: a header of which only a part was written begins nothing, and is no damage", () => {
  const world = worldWith(false);
  const whole = storeText(world.open(world.disk).state);
  const { past } = recovered(world.disk);
  const next = segmentName(past.lastNumber + 1);
  const facts = { number: segmentNumber(next), base: past.end, logStart: past.logStart };
  const clock = {
    salt: 0x1234_5678,
    clockLeadMs: 1e12,
    boot: "an identifier of 36 characters, long",
  };
  const header = segmentHeader({ ...facts, before: past.before, ...clock });
  const first = past.segments[0];
  assert.ok(first);
  for (const before of [new Uint8Array(SIZE), world.disk.bytesOf(first.name)]) {
    before.fill(0, 0, SEGMENT_HEADER_SIZE);
    for (let size = 1; size <= SEGMENT_HEADER_SIZE; size += size < 100 ? 3 : 80) {
      const bytes = before.slice();
      bytes.set(header.subarray(0, size));
      const disk = withFile(world.disk, next, bytes);
      assert.equal(storeText(world.open(disk).state), whole, `${size} bytes`);
      if (size < 92) assert.ok(recovered(disk).past.leftOver.includes(next));
    }
  }
});
