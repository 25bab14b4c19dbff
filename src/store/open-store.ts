/** From the files of a log to a Journal that goes on with it, and the state that it holds. */
import { Buffer } from "node:buffer";
import type { Wanted } from "../core/broker.ts";
import { type MissingMessage, Replay } from "../core/replay.ts";
import { BrokerState } from "../core/state.ts";
import { FRAME_SIZE_MAX } from "./batch.ts";
import type { Fs } from "./fs.ts";
import type { LogEvent } from "./log.ts";
import { LogJournal } from "./log-journal.ts";
import type { Machine } from "./log-parts.ts";
import { ReadBack, rangesOf } from "./read-back.ts";
import { type Damage, type Recovered, readLog } from "./recovery.ts";
import { SEGMENT_HEADER_SIZE } from "./segment.ts";

export const SEGMENT_SIZE: number = 16 * 1024 * 1024;

export interface StoreOptions {
  readonly fs: Fs;
  readonly segmentSize: number;
  /** See `LogOptions`; another one than the usual only in simulations. */
  readonly frameSizeMax?: number;
  /** See `LogOptions`; 0 when nothing is said. */
  readonly recentSize?: number;
  readonly machine: Machine;
  /** Milliseconds that never jump while the process runs. */
  readonly clock: () => number;
  readonly packetIdMax?: number | undefined;
  /** Go on without what is damaged. */
  readonly salvage: boolean;
  readonly report: (event: LogEvent) => void;
}

/** What a recovery found; what was lost is in it by name. */
export interface StoreReport {
  readonly segments: number;
  readonly frames: number;
  readonly records: number;
  readonly tornBytes: number;
  readonly damages: readonly Damage[];
  readonly missing: readonly MissingMessage[];
}

export interface Store {
  readonly journal: LogJournal;
  readonly state: BrokerState;
  /** The core's clock: it goes on where the log ends, by the time that has really passed. */
  readonly clock: () => number;
  readonly report: StoreReport;
}

/** The log is damaged: what it would cost to go on without. */
export class DamageError extends Error {
  readonly damages: readonly Damage[];
  readonly missing: readonly MissingMessage[];

  constructor({ damages, missing }: Pick<StoreReport, "damages" | "missing">) {
    super([...damages.map(describeDamage), ...missing.map(describeMissing)].join("\n"));
    this.damages = damages;
    this.missing = missing;
  }
}

export function describeDamage({ file, what, from, to, fromMs, toMs }: Damage): string {
  const upTo = Number.isFinite(to) ? ` to ${to} (${to - from} bytes)` : " on";
  const since = fromMs > 0 ? `after ${new Date(fromMs).toISOString()}` : "at the log's beginning";
  const until = Number.isFinite(toMs) ? ` and before ${new Date(toMs).toISOString()}` : "";
  return `${file}: ${what}: positions ${from}${upTo}; what was recorded ${since}${until} is lost`;
}

export function describeMissing({ position, clientIds }: MissingMessage): string {
  return `the message at position ${position} is lost, for ${clientIds.join(", ")}`;
}

/** Replays a log. @throws FormatError */
export function replayLog(
  fs: Fs,
  segmentSize: number,
  packetIdMax?: number,
): { state: BrokerState; recovered: Recovered; missing: MissingMessage[] } {
  let state = new BrokerState(packetIdMax, false);
  let replay = new Replay(state);
  const recovered = readLog(fs, segmentSize, {
    restart: () => {
      state = new BrokerState(packetIdMax, false);
      replay = new Replay(state);
    },
    record: (op, position, size) => replay.apply(op, position, size),
  });
  return { state, recovered, missing: replay.end() };
}

/**
 * Opens a log, or begins one. Reads all of it before it returns, and writes nothing that is not
 * there already: `start` of the Journal does.
 *
 * @throws DamageError if something is not there as it was written, unless `salvage` is set;
 *   FormatError; the system's Error when it cannot be read, or not be made durable.
 */
export function openStore(options: StoreOptions): Store {
  const { fs, segmentSize, machine, packetIdMax, salvage, report } = options;
  const { frameSizeMax = FRAME_SIZE_MAX, recentSize = 0 } = options;
  const { state, recovered, missing } = replayLog(fs, segmentSize, packetIdMax);
  const { past, damages, frames, records, tornBytes } = recovered;
  const found = { segments: past.segments.length, frames, records, tornBytes, damages, missing };
  const isDamaged = damages.length > 0 || missing.length > 0;
  if (isDamaged && !salvage) throw new DamageError(found);
  makeDurable(fs, recovered);
  const nowMs = nowAfter(recovered, machine, options.clock());
  const offsetMs = nowMs - options.clock();
  const clock = (): number => options.clock() + offsetMs;
  warmPinned(fs, past.segments, state);
  const journal = new LogJournal(
    { fs, segmentSize, frameSizeMax, recentSize, machine, clock, report },
    past,
  );
  // What is damaged is left behind by writing all that is not once more.
  if (isDamaged) journal.leaveBehind(past.end);
  return { journal, state, clock, report: found };
}

const NO_BYTES = Buffer.alloc(0);

/**
 * What was read may be with the system only, if the process before was killed within its last
 * write, or did not ask for more. Now it becomes the ground of all that is acknowledged, and what
 * it says is needed no more is removed: neither must outlive it in a loss of power. Nor must a file
 * come back that is gone: one in which a write failed begins where the log had gone on without it.
 */
function makeDurable(fs: Fs, { past, tail }: Recovered): void {
  for (const { name } of past.segments) {
    if (name === tail?.file) fs.rewriteSync(name, tail.bytes, tail.at);
    else fs.rewriteSync(name, NO_BYTES, 0);
  }
  if (past.segments.length > 0) fs.syncDirectorySync();
}

/**
 * What the core's clock would show had it gone on. On a machine that was not started again since,
 * its own uptime tells; else the calendar does, and never that time went backwards.
 */
function nowAfter(
  { latest, lastMs, lastWallMs }: Recovered,
  machine: Machine,
  nowMs: number,
): number {
  if (latest === undefined) return nowMs;
  const isSameBoot = machine.boot !== "" && latest.boot === machine.boot;
  const passedMs = isSameBoot
    ? machine.uptimeMs() + latest.clockLeadMs - lastMs
    : machine.wallMs() - lastWallMs;
  return lastMs + Math.max(passedMs, 0);
}

/** Reads what must be in memory: what may have to be handed on to somebody else at once. */
function warmPinned(fs: Fs, segments: Recovered["past"]["segments"], state: BrokerState): void {
  const { shelf } = state;
  const wanted: Wanted[] = [];
  for (let id = 0; id < shelf.top; id += 1) {
    if (shelf.refs(id) === 0 || !shelf.isPinned(id) || shelf.messageAt(id) !== undefined) continue;
    wanted.push({ id, position: shelf.position(id), size: shelf.size(id) });
  }
  wanted.sort((a, b) => a.position - b.position);
  const readBack = new ReadBack(fs);
  for (const range of rangesOf(segments, wanted)) {
    const bytes = Buffer.allocUnsafeSlow(range.end - range.from);
    const file = fs.openSync(range.segment.name);
    file.readSync(bytes, SEGMENT_HEADER_SIZE + range.from - range.segment.base);
    file.close();
    readBack.deliver(range, bytes, ({ id }, message) => {
      message?.own();
      if (message !== undefined) shelf.warm(id, message);
    });
  }
}
