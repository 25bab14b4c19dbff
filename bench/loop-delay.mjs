/**
 * A preload that tells how long a process keeps its event loop waiting, and what memory it holds.
 *
 *     LOOP_DELAY_FILE=delay.json node --expose-gc --import ./bench/loop-delay.mjs program.js
 *
 * At SIGUSR2 it writes one line of JSON about the time since the last one, and begins anew; at the
 * end it writes once more. The histogram has the time from one firing of a 1 ms timer to the next:
 * that millisecond is in every value, and nothing is subtracted. No other signal is touched, and
 * neither the timer nor the handler keeps the process alive.
 *
 * With --expose-gc the memory is what is left after a collection, the heap compacted: a plain one
 * leaves pages with holes. It comes after the histogram was read, and the histogram begins again
 * after it, so that it is in no delay.
 */
import { renameSync, writeFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";

const NS_PER_MS = 1e6;

const file = process.env.LOOP_DELAY_FILE;
if (file === undefined) throw new Error("LOOP_DELAY_FILE: the file to write to");
const delays = monitorEventLoopDelay({ resolution: 1 });
let serial = 0;
delays.enable();
process.on("SIGUSR2", () => {
  write({ ...figures(), ...memory() });
  delays.reset();
});
process.on("exit", () => write(figures()));

function figures() {
  return {
    count: delays.count,
    p50Ms: delays.percentile(50) / NS_PER_MS,
    p99Ms: delays.percentile(99) / NS_PER_MS,
    maxMs: delays.max / NS_PER_MS,
  };
}

function memory() {
  const rssBefore = process.memoryUsage.rss();
  setFlagsFromString("--compact-on-every-full-gc");
  globalThis.gc?.(); // Its options that would say the same do nothing in Node 20.
  setFlagsFromString("--no-compact-on-every-full-gc");
  return { rssBefore, ...process.memoryUsage() };
}

/** By renaming, so that whoever waits for the file never reads half of it. */
function write(report) {
  serial += 1;
  writeFileSync(`${file}.part`, `${JSON.stringify({ serial, ...report })}\n`);
  renameSync(`${file}.part`, file);
}
