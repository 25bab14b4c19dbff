/**
 * One bit of a log is not as it was written: a start either refuses, and names the file and the
 * positions that the bit is among, or it had nothing to do with what was recorded. With `salvage`
 * it goes on, without just those.
 */
import assert from "node:assert/strict";
import { Broker } from "../../src/core/broker.ts";
import { DEFAULT_LIMITS } from "../../src/core/limits.ts";
import type { Segment } from "../../src/store/log-parts.ts";
import { DamageError, type Store } from "../../src/store/open-store.ts";
import { type Damage, readLog } from "../../src/store/recovery.ts";
import { SEGMENT_HEADER_SIZE } from "../../src/store/segment.ts";
import type { Random } from "../sim/prng.ts";
import { BrokerWorld } from "./broker-world.ts";
import { Probe } from "./probe.ts";
import { type SimDisk, SimFs } from "./sim-disk.ts";
import { storeText } from "./store-text.ts";

const SIZE = 4096;
const STEPS = 160;
/** So much may wait that the log has several segments. */
const LIMITS = { queueMessagesMax: 100, queueBytesMax: 50_000, sessionExpiryMaxSec: 100_000 };
/** Of a segment's header, what says something. */
const FIELDS = 92;
const FRAME_HEADER = 56;
/** Of the flips that are damage, so many are salvaged, and gone on with. */
const SALVAGE_EVERY = 4;

interface Place {
  readonly name: string;
  readonly offset: number;
}

export interface Flips {
  readonly flips: number;
  readonly refused: number;
  readonly harmless: number;
  readonly salvaged: number;
  readonly segments: number;
}

/** @returns What became of `count` flips, each on a log as it was. */
export function flipBits(seed: number, count: number): Flips {
  const world = new BrokerWorld(seed, { segmentSize: SIZE, limits: LIMITS });
  const keeper = new Probe(world, "keeper");
  keeper.connect(true);
  keeper.subscribe("#", 1);
  keeper.lose(); // All that is published waits for it.
  for (let step = 0; step < STEPS; step += 1) world.step();
  world.settle();
  // Once nothing happens any more, a frame says so behind the last record.
  // Frames of a few records each may take so much that compaction finds no end: at some time it is
  // enough.
  for (let [end, rounds] = [0, 0]; end < world.memory.appended && rounds < 100; rounds += 1) {
    end = world.memory.appended;
    world.pass(2_000);
    world.settle();
  }
  const { random, disk } = world;
  const { segments } = readLog(new SimFs(disk), SIZE, { restart: () => {}, record: () => {} }).past;
  const whole = storeText(world.open(disk).state);
  let [refused, salvaged] = [0, 0];
  for (let left = count; left > 0; left -= 1) {
    const place = placeIn(disk, segments, random);
    const [flipped] = disk.crashStates(1);
    assert.ok(flipped);
    const bit = random.below(8);
    flipped.flipBit(place.name, place.offset, bit);
    const what = `${place.name} at ${place.offset}, bit ${bit}`;
    const error = refusalOf(world, flipped, whole, what);
    if (error === undefined) continue;
    refused += 1;
    assert.ok(isNamed(error.damages, place, segments), `${what}: ${error.message}`);
    if (refused % SALVAGE_EVERY > 0) continue;
    salvage(world, flipped, error);
    salvaged += 1;
  }
  const harmless = count - refused;
  return { flips: count, refused, harmless, salvaged, segments: segments.length };
}

/** Half of them in what a header says, of a segment or of a frame. */
function placeIn(disk: SimDisk, segments: readonly Segment[], random: Random): Place {
  const name = random.pick(disk.names());
  const segment = segments.find((it) => it.name === name);
  const dice = random.below(100);
  if (segment === undefined || dice < 20) return { name, offset: random.below(FIELDS) };
  if (dice < 50 && segment.frames.length > 0) {
    const at = SEGMENT_HEADER_SIZE + random.pick(segment.frames) - segment.base;
    return { name, offset: at + random.below(FRAME_HEADER) };
  }
  return { name, offset: random.below(segment.fileSize) };
}

/** @returns undefined: it starts, and holds all that was recorded. */
function refusalOf(
  world: BrokerWorld,
  disk: SimDisk,
  whole: string,
  what: string,
): DamageError | undefined {
  let store: Store;
  try {
    store = world.open(disk);
  } catch (error) {
    assert.ok(error instanceof DamageError, `${what}: ${error}`);
    return error;
  }
  assert.equal(storeText(store.state), whole, `${what}: less, and nothing is said`);
  return undefined;
}

function isNamed(damages: readonly Damage[], place: Place, segments: readonly Segment[]): boolean {
  const segment = segments.find(({ name }) => name === place.name);
  if (segment === undefined) return false;
  const position = segment.base + place.offset - SEGMENT_HEADER_SIZE;
  return damages.some(({ file, from, to, what }) => {
    if (file !== place.name) return false;
    if (position < segment.base) {
      return what.includes("header") && from <= segment.base && to >= segment.end;
    }
    return from <= position && position < to && from >= segment.base && to <= segment.end;
  });
}

/** It goes on, says all of it once more, and then starts as if nothing had been. */
function salvage(world: BrokerWorld, disk: SimDisk, { damages, missing }: DamageError): void {
  const store = world.open(disk, { salvage: true });
  const { state, journal, report } = store;
  assert.deepEqual(report.damages, damages);
  assert.deepEqual(report.missing, missing);
  checkKept(world, store);
  const broker = new Broker({ ...NOBODY, journal, state }, world.nowMs);
  journal.start();
  const until = journal.compactTo(broker.liveBytes);
  broker.compact(until);
  for (let turns = 0; journal.extent.start < until; turns += 1) {
    assert.ok(turns < 400, "the damaged files are left behind");
    broker.tidy();
    const wanted = broker.takeWanted();
    journal.recall(
      wanted,
      (item, message) => broker.recalled(item, message),
      () => broker.recallDone(world.nowMs),
    );
    journal.commit(() => broker.committed());
    disk.settle();
    if (broker.compacted > 0) journal.drop(broker.compacted);
  }
  journal.commit(() => {});
  disk.settle();
  const again = world.open(disk.crash());
  assert.deepEqual([again.report.damages, again.report.missing], [[], []]);
  assert.equal(storeText(again.state), storeText(state));
}

/** What is in a queue was recorded and is not damaged; what is said to be missing was recorded. */
function checkKept(world: BrokerWorld, { state, report }: Store): void {
  const lost = ({ position }: { position: number }): boolean =>
    report.damages.some(({ from, to }) => from < position && position <= to);
  const { shelf } = state;
  for (const { position } of report.missing) {
    assert.ok(world.memory.contents.has(position), `${position}: nobody has recorded that`);
  }
  for (let id = 0; id < shelf.top; id += 1) {
    const position = shelf.position(id);
    if (shelf.refs(id) === 0) continue;
    assert.ok(world.memory.contents.has(position), `${position}: nobody has recorded that`);
    assert.ok(!lost({ position }), `${position}: what is there was not read`);
  }
}

const NOBODY = {
  ...{ limits: DEFAULT_LIMITS, observer: {}, authenticator: undefined, authorizer: undefined },
  ...{ randomId: () => "", isUtf8: () => true, responseInformation: undefined },
  ...{ sysIntervalMs: 0, version: "" },
};
