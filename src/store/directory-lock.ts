/**
 * One process at a time on a data directory.
 *
 * A lock is a file `LOCK.<n>` that names its owner; the one with the highest number counts. Whoever
 * finds its owner dead makes the next one, which only one can: link(2) fails if it is there. The
 * highest is never removed, nor is its number used twice: who lets go empties it. So whoever has
 * made one, and then finds none higher, has made it after all that were there, and is alone.
 */
import {
  linkSync,
  readdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

/** Another process has the directory open. */
export class LockedError extends Error {
  readonly pid: number;

  constructor(directory: string, pid: number) {
    super(`${directory} is in use by process ${pid}`);
    this.pid = pid;
  }
}

interface Owner {
  readonly pid: number;
  /** When the process was started, in the system's own terms: pids are used again. */
  readonly started: string;
  readonly boot: string;
}

/** Directories that this process has open. */
const held = new Set<string>();
const NAME = /^LOCK\.(\d+)$/;

export class DirectoryLock {
  readonly #directory: string;
  readonly #path: string;

  private constructor(directory: string, path: string) {
    this.#directory = directory;
    this.#path = path;
    held.add(directory);
  }

  /**
   * @param directory An absolute path.
   * @throws LockedError
   */
  static take(directory: string): DirectoryLock {
    if (held.has(directory)) throw new LockedError(directory, process.pid);
    const draft = drafted(directory);
    try {
      for (;;) {
        const numbers = numbersIn(directory);
        const last = numbers.at(-1) ?? 0;
        const owner = last === 0 ? undefined : ownerOf(join(directory, `LOCK.${last}`));
        if (owner !== undefined && isAlive(owner)) throw new LockedError(directory, owner.pid);
        const path = join(directory, `LOCK.${last + 1}`);
        if (!linked(draft, path)) continue; // Somebody was faster: look again.
        if (numbersIn(directory).at(-1) !== last + 1) {
          remove(path); // Others were so much faster that this number was free again.
          continue;
        }
        for (const old of numbers) remove(join(directory, `LOCK.${old}`));
        return new DirectoryLock(directory, path);
      }
    } finally {
      remove(draft);
      spare(directory);
    }
  }

  release(): void {
    held.delete(this.#directory);
    unlessMissing(() => truncateSync(this.#path));
  }
}

/**
 * The process that has `directory` open; undefined: none has. Writes nothing.
 *
 * @param directory An absolute path.
 */
export function lockOwner(directory: string): number | undefined {
  if (held.has(directory)) return process.pid;
  const last = numbersIn(directory).at(-1);
  const owner = last === undefined ? undefined : ownerOf(join(directory, `LOCK.${last}`));
  return owner !== undefined && isAlive(owner) ? owner.pid : undefined;
}

/** What a lock's file takes, on a disk that may be full. */
const LOCK_SIZE = 256;
const SPARE = "LOCK-spare";

/** Writes a file that says who wants the lock. @returns Its path. */
function drafted(directory: string): string {
  const self: Owner = { pid: process.pid, started: startOf(process.pid), boot: bootId() };
  const text = `${JSON.stringify(self).padEnd(LOCK_SIZE - 1)}\n`;
  const draft = join(directory, `LOCK-draft.${process.pid}`);
  try {
    writeFileSync(draft, text, { mode: 0o600 });
  } catch (error) {
    remove(draft);
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    // There is no space for a new file; this one has its own already.
    if (!unlessMissing(() => renameSync(join(directory, SPARE), draft))) throw error;
    writeFileSync(draft, text, { flag: "r+" });
  }
  return draft;
}

/** Leaves a file for the next who wants the lock, if there is space for one. */
function spare(directory: string): void {
  const path = join(directory, SPARE);
  try {
    writeFileSync(path, " ".repeat(LOCK_SIZE), { mode: 0o600, flag: "wx" });
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (code === "ENOSPC") remove(path);
    else if (code !== "EEXIST") throw error;
  }
}

function numbersIn(directory: string): number[] {
  return readdirSync(directory)
    .flatMap((name) => NAME.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/** Undefined when it has been removed meanwhile, or says nothing. */
function ownerOf(path: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Owner;
  } catch {
    return undefined;
  }
}

function isAlive({ pid, started, boot }: Owner): boolean {
  if (boot !== bootId()) return false;
  // Of this process there is only `held`: an equal pid is one of an earlier container.
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return startOf(pid) === started;
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function remove(path: string): void {
  unlessMissing(() => unlinkSync(path));
}

/** @returns Whether the file was there. */
function unlessMissing(change: () => void): boolean {
  try {
    change();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return false;
  }
}

/**
 * Field 22 of /proc/<pid>/stat; "" where there is none, or no such process. One that has ended and
 * that its parent does not ask about is none.
 */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? "" : (fields[19] ?? "");
  } catch {
    return "";
  }
}

/** Another one for each start of the machine; "" where that cannot be known. */
export function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}
