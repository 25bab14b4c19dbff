/** `nightjar store check`: is all there as it was written? */
import { StoreError } from "../server/index.ts";
import {
  describeDamage,
  describeMissing,
  type Inspection,
  inspectStore,
  isDamaged,
} from "../server/store-inspection.ts";
import { ExitCode } from "./exit-code.ts";
import { type Figures, figuresOf } from "./store-figures.ts";

/** Messages that are named one by one; `salvage --dry-run` names all. */
const MISSING_MAX = 20;

/** @throws StoreError with all that is damaged. */
export async function checkStore(directory: string): Promise<number> {
  const inspection = await inspectStore(directory);
  sayIfLive(directory, inspection);
  if (isDamaged(inspection)) throw new StoreError(problemsOf(directory, inspection));
  process.stdout.write(`${wholeLine(directory, figuresOf(inspection))}\n`);
  return ExitCode.ok;
}

/** It is said on standard error: what was read is a moment of a log that goes on. */
export function sayIfLive(
  directory: string,
  { ownerPid, recovered }: Pick<Inspection, "ownerPid" | "recovered">,
): void {
  if (ownerPid === undefined) return;
  const { past } = recovered;
  process.stderr.write(
    `nightjar: ${directory} is in use by process ${ownerPid}: this is how it was a moment ago, ` +
      `up to position ${past.end}\n`,
  );
}

/** All of it in a line. */
export function wholeLine(directory: string, figures: Figures): string {
  const { log, lastWrite } = figures;
  const { segments, frames, records } = log;
  const torn =
    log.tornBytes > 0
      ? `; the last write was torn (${log.tornBytes} bytes, which nobody was told of)`
      : "";
  return (
    `${directory} is whole: ${counted(segments, "segment")}, ${counted(frames, "frame")}, ` +
    `${counted(records, "record")}; ${contentOf(figures)}; ` +
    `${log.bytesOnDisk} bytes on disk, positions ${log.start} to ${log.end}; ` +
    `${lastWrite === null ? "nothing was ever written" : `last write ${lastWrite}`}${torn}`
  );
}

/** What a broker would begin with. */
export function contentOf({ sessions, queues, sharedGroups, retained }: Figures): string {
  const queued = queues.waiting + queues.inflight + sharedGroups.waiting;
  return (
    `${counted(sessions.total, "session")}, ${counted(queued, "queued message")}, ` +
    `${counted(retained.messages, "retained message")}`
  );
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** One line for each loss, what would be left, and what to do. */
function problemsOf(directory: string, inspection: Inspection): string[] {
  const { recovered, missing, ownerPid } = inspection;
  const lines = recovered.damages.map((damage) => `${directory}/${describeDamage(damage)}`);
  for (const lost of missing.slice(0, MISSING_MAX)) {
    lines.push(`${directory}: ${describeMissing(lost)}`);
  }
  if (missing.length > MISSING_MAX) {
    const more = missing.length - MISSING_MAX;
    lines.push(
      `${directory}: and ${more} more messages; nightjar store salvage --dry-run names all`,
    );
  }
  lines.push(
    `${directory} is damaged (what is left: ${contentOf(figuresOf(inspection))}): ` +
      "restore a copy, or " +
      `${ownerPid === undefined ? "" : "stop the broker and "}` +
      `write what is left anew with: nightjar store salvage ${directory}`,
  );
  return lines;
}
