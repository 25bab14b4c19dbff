/** What a process and its children use, as Linux tells it. */
import { readdirSync, readFileSync } from "node:fs";

/** Ticks of /proc/PID/stat per second: USER_HZ, which is 100 on every Linux of today. */
const TICKS_PER_SEC = 100;
/** Fields of /proc/PID/stat behind the name in brackets, counted from 0. */
const UTIME = 11;
const STIME = 12;

/** User and system time so far, in steps of 10 ms. */
export function cpuSeconds(pid: number): number {
  return total(pid, (one) => {
    const stat = readFileSync(`/proc/${one}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[UTIME]) + Number(fields[STIME])) / TICKS_PER_SEC;
  });
}

export function rssBytes(pid: number): number {
  return total(pid, (one) => {
    const status = readFileSync(`/proc/${one}/status`, "utf8");
    return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  });
}

/** Handed to the disk so far; without what was deleted before it got there. */
export function diskBytesWritten(pid: number): number {
  return total(pid, (one) => {
    const io = readFileSync(`/proc/${one}/io`, "utf8");
    const [written = 0, cancelled = 0] = ["write_bytes", "cancelled_write_bytes"].map((name) =>
      Number(new RegExp(`^${name}: (\\d+)$`, "m").exec(io)?.[1] ?? 0),
    );
    return written - cancelled;
  });
}

function total(pid: number, of: (pid: number) => number): number {
  return [pid, ...childrenOf(pid)].reduce((sum, one) => sum + of(one), 0);
}

function childrenOf(pid: number): number[] {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const own = tasks.flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean),
  );
  return own.map(Number).flatMap((child) => [child, ...childrenOf(child)]);
}
