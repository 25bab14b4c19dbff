/** The data directory of a broker: made, checked, locked, and opened as a store. */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { uptime } from "node:os";
import { join, resolve } from "node:path";
import { bootId, DirectoryLock } from "./directory-lock.ts";
import type { LogEvent } from "./log.ts";
import type { Machine } from "./log-parts.ts";
import { NodeFs } from "./node-fs.ts";
import { openStore, SEGMENT_SIZE, type Store } from "./open-store.ts";
import { FormatError } from "./recovery.ts";
import { FORMAT } from "./segment.ts";

export interface DirectoryOptions {
  readonly path: string;
  /** What is acknowledged is on the disk; else with the operating system. */
  readonly durable: boolean;
  /** See `LogOptions`. */
  readonly recentSize: number;
  readonly salvage: boolean;
  readonly clock: () => number;
  readonly report: (event: LogEvent) => void;
}

/** A store on a directory, which nobody else has open meanwhile. */
export interface OpenDirectory extends Store {
  readonly path: string;
  /** After the Journal was closed. */
  release(): void;
}

export const VERSION_FILE = "VERSION";
const VERSION_TEXT = `nightjar-store ${FORMAT}\n`;

/** This machine, by its own clocks. */
export function thisMachine(): Machine {
  const boot = bootId();
  return {
    boot,
    uptimeMs: () => uptime() * 1_000,
    wallMs: () => Date.now(),
    random32: () => randomBytes(4).readUInt32LE(0),
  };
}

/**
 * Opens the store in a directory, which is made if there is none.
 *
 * @throws LockedError, FormatError, DamageError; the system's Error when it cannot be made or read.
 */
export function openDirectory(options: DirectoryOptions): OpenDirectory {
  const path = resolve(options.path);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const lock = DirectoryLock.take(path);
  try {
    chmodSync(path, 0o700); // What clients send is nobody else's to read.
    checkVersion(path);
    const store = openStore({
      fs: new NodeFs(path, options.durable),
      segmentSize: SEGMENT_SIZE,
      recentSize: options.recentSize,
      machine: thisMachine(),
      clock: options.clock,
      salvage: options.salvage,
      report: options.report,
    });
    store.journal.start();
    return { ...store, path, release: () => lock.release() };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** @throws FormatError if the directory is of another version. */
export function checkVersion(directory: string): void {
  if (readVersion(directory)) return;
  const path = join(directory, VERSION_FILE);
  writeFileSync(path, VERSION_TEXT, { mode: 0o600, flush: true });
}

/**
 * @returns Whether the directory says which version it is of.
 * @throws FormatError if that is another.
 */
export function readVersion(directory: string): boolean {
  const path = join(directory, VERSION_FILE);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
  if (text === VERSION_TEXT) return true;
  throw new FormatError(path, Number(/^nightjar-store (\d+)\n$/.exec(text)?.[1] ?? Number.NaN));
}
