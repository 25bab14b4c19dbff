/**
 * A broker at work on a simulated disk of which one call fails, or every call from one on: whatever
 * the call is, nothing is acknowledged that is not on the disk, the broker goes on, and once the
 * disk is well again everything that was recorded is kept.
 */
import assert from "node:assert/strict";
import { BrokerWorld } from "./broker-world.ts";
import { Probe } from "./probe.ts";
import type { SimDisk } from "./sim-disk.ts";
import type { SimCall, SimFault } from "./sim-fault.ts";
import { storeText } from "./store-text.ts";

/** What a start has to do with which files, and with the directory. */
const OPENING = /(openSync|readSync|rewriteSync) (segment-\d{12}\.log|reserve)|syncDirectorySync/;

export interface Fault {
  readonly kind: SimFault;
  /** Every call from this one on fails; else this one alone. */
  readonly isLasting: boolean;
}

export const FAULTS: readonly Fault[] = (["EIO", "ENOSPC", "short"] as const).flatMap((kind) => [
  { kind, isLasting: false },
  { kind, isLasting: true },
]);

const STEPS = 150;
/** In the middle the power fails once, so that files which an earlier life left are there too. */
const CRASH_AT = 75;
const FULL_STEPS = 400;
/** Turns in which compaction makes room, however little it does in each. */
const PATIENCE = 100;
/** Steps after a failure in which it is looked at what a crash would leave. */
const LOOKS = 3;
const STATES_MAX = 3;

/** How a run went. */
export interface Outcome {
  /** Calls of the port, those of the recovery aside. */
  readonly calls: number;
  readonly ops: ReadonlySet<SimCall["op"]>;
  readonly drops: number;
  readonly recalls: number;
  readonly failed: SimCall | undefined;
}

/** @param nth The call that fails, or the first that does; 0: none. */
export function runWithFault(seed: number, nth: number, { kind, isLasting }: Fault): Outcome {
  let calls = 0;
  let failed: SimCall | undefined;
  let isHealed = false;
  const ops = new Set<SimCall["op"]>();
  const fail = (call: SimCall): SimFault | undefined => {
    calls += 1;
    ops.add(call.op);
    const fails = nth > 0 && !isHealed && (isLasting ? calls >= nth : calls === nth);
    if (fails) failed ??= call;
    return fails ? kind : undefined;
  };
  const world = new BrokerWorld(seed, { segmentSize: 4096, recentSize: 0, fail });
  let looks = LOOKS;
  for (let step = 0; step < STEPS; step += 1) {
    world.step();
    world.compareLive();
    if (failed !== undefined && looks > 0) {
      looks -= 1;
      world.look(STATES_MAX);
    }
    if (step === CRASH_AT) world.crash();
  }
  const total = calls;
  if (failed !== undefined && isLasting) checkFailing(world);
  isHealed = true;
  checkHealed(world);
  return { calls: total, ops, drops: world.drops, recalls: world.recalls, failed };
}

/** While every call fails: it is known, QoS 0 goes on, and what is acknowledged is none of it. */
function checkFailing(world: BrokerWorld): void {
  const { journal } = world;
  rest(world);
  const probe = new Probe(world, "probe");
  assert.deepEqual([probe.connect(false), probe.subscribe()], [0, 0]);
  assert.ok(probe.getsQos0(), "QoS 0 goes on");
  if (journal.trouble === "none") return; // It has no need of the disk yet.
  const reported = world.events.some(({ what }) => what === journal.trouble);
  assert.ok(reported, "the trouble is reported");
  const isFull = journal.trouble === "full";
  const refusal = probe.unretain();
  // Where it is full, somebody's queue may be.
  assert.ok(refusal === 0x97 || (refusal === 0x83 && !isFull), `refused with ${refusal}`);
  assert.equal(new Probe(world, "lasting").connect(true), isFull ? 0x97 : 0x88);
  rest(world);
  probe.leave();
  world.compareLive();
  world.look(STATES_MAX);
}

/** Time passes, and the disk has all the time that it wants. */
function rest(world: BrokerWorld): void {
  for (let rounds = 0; rounds < 4; rounds += 1) {
    world.pass(300);
    world.turn();
    world.disk.settle();
  }
}

/** The disk is well again, and nobody has done anything about it. */
function checkHealed(world: BrokerWorld): void {
  rest(world);
  world.settle();
  const { journal, memory } = world;
  assert.equal(journal.trouble, "none", "it goes on by itself");
  assert.equal(memory.committed, memory.appended, "what waited is written");
  const probe = new Probe(world, "probe");
  assert.deepEqual([probe.connect(true), probe.subscribe(), probe.getsQos0()], [0, 0, true]);
  probe.leave();
  world.settle();
  world.compareLive();
  world.look(STATES_MAX);
  world.crash();
  world.compareLive();
  world.calm();
  world.settle();
  world.compareLive();
}

/**
 * On a disk that is too small for what clients would like to be kept.
 *
 * @returns How often it was full, and how often it was not any more.
 */
export function runOnFullDisk(seed: number): { readonly full: number; readonly recovered: number } {
  const segmentSize = 32_768;
  const limits = {
    queueMessagesMax: 1_000,
    queueBytesMax: 200_000,
    inflightMax: 1_000,
    sessionExpiryMaxSec: 4_000_000,
  };
  const disk = { capacity: 5 * segmentSize };
  const world = new BrokerWorld(seed, { segmentSize, recentSize: 0, limits, disk });
  const keeper = new Probe(world, "keeper");
  assert.deepEqual([keeper.connect(true), keeper.subscribe("#", 1)], [0, 1]);
  keeper.lose(); // All that is published waits for it.
  for (let step = 0; step < FULL_STEPS; step += 1) {
    world.step();
    world.compareLive();
    if (world.journal.trouble === "full" && step % 8 === 0) world.look(1);
    if (step === FULL_STEPS / 2) world.crash();
  }
  assert.equal(keeper.connect(true, false), 0);
  keeper.fetch(); // Everything can be, and that it was is recorded.
  world.calm();
  for (let rounds = 0; rounds < PATIENCE; rounds += 1) world.settle();
  assert.equal(world.journal.trouble, "none", "it goes on by itself");
  world.compareLive();
  world.crash();
  const count = (what: string): number => world.events.filter((it) => it.what === what).length;
  return { full: count("full"), recovered: count("recovered") };
}

/**
 * Starts on what a crash leaves, with each call failing in turn: it refuses and says what and
 * where, and a start with no failure finds all that was recorded.
 *
 * @returns How many calls a start has.
 */
export function openWithFaults(seed: number, stride: number): number {
  const world = new BrokerWorld(seed, { segmentSize: 4096, recentSize: 0 });
  for (let step = 0; step < STEPS; step += 1) world.step();
  world.settle();
  const left = world.disk.crash();
  const calls = callsOf(left, () => world.open(left));
  const whole = storeText(world.open(left).state);
  for (let nth = 1; nth <= calls; nth += stride) {
    for (const { kind, isLasting } of FAULTS) {
      failAt(left, nth, kind, isLasting);
      assert.throws(
        () => world.open(left),
        (error: Error & { code: string }) => {
          assert.equal(error.code, kind === "short" ? "EIO" : kind);
          assert.match(error.message, OPENING);
          return true;
        },
        `call ${nth} of a start fails with ${kind}`,
      );
      left.fail = () => undefined;
      assert.equal(storeText(world.open(left).state), whole);
    }
  }
  return calls;
}

function callsOf(disk: SimDisk, act: () => void): number {
  const before = disk.calls;
  act();
  return disk.calls - before;
}

function failAt(disk: SimDisk, nth: number, kind: SimFault, isLasting: boolean): void {
  const first = disk.calls + nth;
  disk.fail = (call) => ((isLasting ? call.nth >= first : call.nth === first) ? kind : undefined);
}
