/** Hours of a broker at work in a few seconds: its log stays in proportion to what is in it. */
import assert from "node:assert/strict";
import { BrokerWorld } from "./broker-world.ts";

const HOUR_MS = 3_600_000;
/** Steps between two looks, and the time that passes at each of them. */
const STEPS = 10;
const PASS_MS = 60_000;
const WARM_UP = 50;
/** Turns in which compaction must have done what there is to do. */
const TURNS = 6;
/** What all files together may take on the disk: the log, the next segment, and the reserve. */
const LIVE_FACTOR = 2;
const SEGMENTS = 4;

export interface Churn {
  readonly looks: number;
  /** How often old segments went, and how much was written in all. */
  readonly drops: number;
  readonly written: number;
  /** The most of what it may take that it took, from 0 to 1; and how much was live at most. */
  readonly used: number;
  readonly liveMax: number;
}

export function churn(seed: number, hours: number): Churn {
  const limits = { queueMessagesMax: 200, queueBytesMax: 50_000, messageMemoryBytesMax: 20_000 };
  const world = new BrokerWorld(seed, { segmentSize: 16_384, limits, stepBytes: 64 * 1024 });
  const endMs = world.nowMs + hours * HOUR_MS;
  let [looks, used, liveMax] = [0, 0, 0];
  while (world.nowMs < endMs) {
    for (let step = 0; step < STEPS; step += 1) world.step();
    world.pass(PASS_MS);
    if (looks % 100 === 99) world.crash();
    for (let turns = 0; turns < TURNS; turns += 1) world.settle();
    looks += 1;
    if (looks < WARM_UP) continue;
    const live = world.broker.liveBytes;
    const most = LIVE_FACTOR * live + SEGMENTS * world.segmentSize;
    const all = world.disk.totalSize;
    assert.ok(all <= most, `look ${looks}: ${all} bytes on the disk, ${live} of them live`);
    used = Math.max(used, all / most);
    liveMax = Math.max(liveMax, live);
  }
  world.compareLive();
  return { looks, drops: world.drops, written: world.memory.appended, used, liveMax };
}
