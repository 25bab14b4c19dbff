/**
 * A process that wants the lock of a directory again and again, for a moment each time; or, with
 * `hold`, once and for ever. Says `two` when another process has it too.
 *
 *     node --import tsx test/crash/lock-racer.ts race|hold DIRECTORY
 */
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DirectoryLock, LockedError } from "../../src/store/directory-lock.ts";

const [what, directory = ""] = process.argv.slice(2);
const MARK = /^holder\.(\d+)$/;
const own = join(directory, `holder.${process.pid}`);

/** Nobody else who is alive has left a mark. */
function checkAlone(): void {
  for (const name of readdirSync(directory)) {
    const pid = Number(MARK.exec(name)?.[1] ?? process.pid);
    if (pid !== process.pid && isAlive(pid)) process.stdout.write(`two ${pid} ${process.pid}\n`);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function take(): DirectoryLock | undefined {
  try {
    return DirectoryLock.take(directory);
  } catch (error) {
    if (error instanceof LockedError) return undefined;
    throw error;
  }
}

/** @returns Whether it had the lock. */
function round(): boolean {
  const lock = take();
  if (lock === undefined) return false;
  writeFileSync(own, "");
  checkAlone();
  rmSync(own);
  lock.release();
  return true;
}

if (what === "hold") {
  const lock = take();
  process.stdout.write(lock === undefined ? "refused\n" : "held\n");
  setInterval(() => lock, 1_000); // It stays, and its lock with it.
} else {
  process.stdout.write("begun\n");
  let held = 0;
  const endMs = performance.now() + Number(process.env["RACE_MS"] ?? 1_000);
  while (performance.now() < endMs) if (round()) held += 1;
  process.stdout.write(`done ${held}\n`);
}
