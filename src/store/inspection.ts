/** A data directory as it is: read whole, written never, whether a broker has it open or not. */
import { resolve } from "node:path";
import type { Op } from "../core/ops.ts";
import type { MissingMessage } from "../core/replay.ts";
import type { BrokerState } from "../core/state.ts";
import { readVersion } from "./data-directory.ts";
import { lockOwner } from "./directory-lock.ts";
import { ForgivingFs } from "./forgiving-fs.ts";
import type { Fs } from "./fs.ts";
import { replayLog, SEGMENT_SIZE } from "./open-store.ts";
import { type Recovered, readLog } from "./recovery.ts";
import { segmentNumber } from "./segment.ts";
import { RESERVE_NAME } from "./segment-supply.ts";

/** Readings of a directory in use, until one is whole or two find the same. */
const READINGS_MAX = 6;
const PAUSE_MS = 150;

/** There is nothing in the directory that a broker could have written. */
export class NoStoreError extends Error {
  constructor(directory: string) {
    super(`${directory} is no data directory of Nightjar: nothing that it has written is there`);
  }
}

/** A broker has the directory open, and changes it faster than it can be read. */
export class BusyError extends Error {
  readonly pid: number;

  constructor(directory: string, pid: number) {
    super(`${directory} is in use by process ${pid}, which changes it faster than it can be read`);
    this.pid = pid;
  }
}

interface Reading {
  readonly recovered: Recovered;
  readonly missing: readonly MissingMessage[];
}

export interface Inspection extends Reading {
  /** What a broker that started now would begin with; if there is damage, without that. */
  readonly state: BrokerState;
  /** The process that has it open; undefined: none has. */
  readonly ownerPid: number | undefined;
  /** Of all files of the log, those made ready for later included. */
  readonly bytesOnDisk: number;
}

/** A log to be walked through, see `log-walk.ts`. */
export interface Survey extends Reading {
  readonly fs: Fs;
  /** Client Identifiers of all sessions that it names, by their number. */
  readonly clientIds: ReadonlyMap<number, string>;
  readonly ownerPid: number | undefined;
}

/** Whether something is not there as it was written. */
export function isDamaged({ recovered, missing }: Reading): boolean {
  return recovered.damages.length > 0 || missing.length > 0;
}

/** Reads and replays all of it. @throws NoStoreError, BusyError, FormatError; the system's. */
export async function inspect(directory: string): Promise<Inspection> {
  const fs = filesOf(directory);
  const { reading, ownerPid } = await settled(directory, () => replayLog(fs, SEGMENT_SIZE));
  return { ...reading, ownerPid, bytesOnDisk: sizeOnDisk(fs) };
}

/** The same of a directory that this process has locked. */
export function inspectLocked(directory: string): Inspection {
  const fs = filesOf(directory);
  return { ...replayLog(fs, SEGMENT_SIZE), ownerPid: undefined, bytesOnDisk: sizeOnDisk(fs) };
}

/** Reads all of it, and remembers only where frames are. @throws as `inspect` does. */
export async function survey(directory: string): Promise<Survey> {
  const fs = filesOf(directory);
  const clientIds = new Map<number, string>();
  const record = (op: Op): void => {
    if (op.type === "open" || op.type === "session") clientIds.set(op.session, op.clientId);
  };
  const { reading, ownerPid } = await settled(directory, () => {
    const recovered = readLog(fs, SEGMENT_SIZE, { restart: () => {}, record });
    return { recovered, missing: [] };
  });
  return { ...reading, fs, clientIds, ownerPid };
}

/** The files of a data directory, to be read. @throws NoStoreError, FormatError; the system's. */
export function filesOf(directory: string): Fs {
  const fs = ForgivingFs.of(directory, false);
  const hasSegments = fs.list().some((name) => segmentNumber(name) > 0);
  if (!readVersion(directory) && !hasSegments) throw new NoStoreError(directory);
  return fs;
}

/**
 * While a broker goes on, files may go and come between the reading of one and of the next, which
 * then looks like damage; but such is never the same twice.
 */
async function settled<T extends Reading>(
  directory: string,
  read: () => T,
): Promise<{ reading: T; ownerPid: number | undefined }> {
  const path = resolve(directory);
  const before = lockOwner(path);
  let reading = read();
  const ownerPid = before ?? lockOwner(path);
  if (ownerPid === undefined) return { reading, ownerPid };
  for (let readings = 1; isDamaged(reading); readings += 1) {
    if (readings === READINGS_MAX) throw new BusyError(directory, ownerPid);
    await new Promise((done) => setTimeout(done, PAUSE_MS));
    const next = read();
    const isSame = whatIsWrong(next) === whatIsWrong(reading);
    reading = next;
    if (isSame) break;
  }
  return { reading, ownerPid };
}

function whatIsWrong({ recovered, missing }: Reading): string {
  const ranges = recovered.damages.map(({ file, from, to }) => `${file} ${from} ${to}`);
  return [...ranges, ...missing.map(({ position }) => position)].join("\n");
}

function sizeOnDisk(fs: Fs): number {
  let total = 0;
  for (const name of fs.list()) {
    if (name !== RESERVE_NAME && segmentNumber(name) === 0) continue;
    const file = fs.openSync(name);
    total += file.size;
    file.close();
  }
  return total;
}
