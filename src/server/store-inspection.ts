/** What `nightjar store` asks of a data directory, with errors that say what to do. */
import { LockedError } from "../store/directory-lock.ts";
import {
  BusyError,
  type Inspection,
  inspect,
  NoStoreError,
  type Survey,
  survey,
} from "../store/inspection.ts";
import type { StoreReport } from "../store/open-store.ts";
import { FormatError } from "../store/recovery.ts";
import { type Salvaged, SalvageError, salvage } from "../store/salvage.ts";
import { monotonicClock } from "./monotonic-clock.ts";
import { StoreError } from "./storage.ts";

export type { Inspection, Survey } from "../store/inspection.ts";
export { isDamaged } from "../store/inspection.ts";
export { type LogItem, type LogRange, walkLog } from "../store/log-walk.ts";
export { describeDamage, describeMissing } from "../store/open-store.ts";
export { FORMAT } from "../store/segment.ts";

/** Reads and replays all of it; see `Inspection`. @throws StoreError */
export function inspectStore(directory: string): Promise<Inspection> {
  return explained(directory, () => inspect(directory));
}

/** Reads all of it, to be walked through. @throws StoreError */
export function surveyStore(directory: string): Promise<Survey> {
  return explained(directory, () => survey(directory));
}

/**
 * Leaves behind what is damaged; see `salvage`.
 *
 * @param found Told what is lost, before anything is changed.
 * @throws StoreError
 */
export function salvageStore(
  directory: string,
  found: (report: StoreReport) => void,
): Promise<Salvaged | undefined> {
  return explained(directory, () => salvage(directory, monotonicClock, found));
}

async function explained<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new StoreError([explanation(error, directory)], error);
  }
}

function explanation(error: unknown, directory: string): string {
  if (error instanceof LockedError) return `${error.message}: stop it first`;
  if (error instanceof BusyError) return `${error.message}: try again, or stop it first`;
  if (error instanceof FormatError) return `${error.message}: use the version that wrote it`;
  if (error instanceof NoStoreError) {
    return `${error.message}; give the directory that nightjar serve has as --data`;
  }
  if (error instanceof SalvageError) {
    return `${directory} could not be salvaged: ${error.message}; nothing that was there is gone`;
  }
  const { code } = error as NodeJS.ErrnoException;
  if (!(error instanceof Error) || code === undefined) throw error;
  if (code === "ENOENT") return `${directory}: there is no such directory`;
  if (code === "ENOTDIR") return `${directory} is no directory`;
  const advice = code === "EACCES" ? ": run this as the user that the broker runs as" : "";
  return `${directory} cannot be used (${error.message})${advice}`;
}
