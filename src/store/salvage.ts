/**
 * Offline repair: what is left of a damaged log is said once more behind it, and the log begins
 * there. The damaged files are put aside first, and no byte of them is ever changed.
 */
import { Buffer } from "node:buffer";
import { existsSync, linkSync, mkdirSync, unlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { Broker, type Wanted } from "../core/broker.ts";
import { DEFAULT_LIMITS } from "../core/limits.ts";
import { thisMachine, VERSION_FILE } from "./data-directory.ts";
import { DirectoryLock } from "./directory-lock.ts";
import type { Fs } from "./fs.ts";
import { filesOf, type Inspection, inspectLocked } from "./inspection.ts";
import { KeepingFs } from "./keeping-fs.ts";
import type { LogEvent } from "./log.ts";
import { NodeFs } from "./node-fs.ts";
import { openStore, SEGMENT_SIZE, type Store, type StoreReport } from "./open-store.ts";
import { SEGMENT_HEADER_SIZE, segmentNumber } from "./segment.ts";

/** It could not be finished. What was in the log is still there. */
export class SalvageError extends Error {}

export interface Salvaged {
  /** Where the damaged files are, in the directory. */
  readonly keptIn: string;
  /** The directory as it is now. */
  readonly after: Inspection;
}

/**
 * @param found Told what is lost, before anything is changed.
 * @returns undefined: it was whole, and nothing was done.
 * @throws LockedError, NoStoreError, FormatError, SalvageError; the system's.
 */
export async function salvage(
  directory: string,
  clock: () => number,
  found: (report: StoreReport) => void,
): Promise<Salvaged | undefined> {
  filesOf(directory);
  const lock = DirectoryLock.take(resolve(directory));
  try {
    const files = new NodeFs(directory, true);
    const names = files.list().filter((name) => segmentNumber(name) > 0);
    const fs = new KeepingFs(files, names);
    const writing = new Writing();
    const store = openStore({
      ...{ fs, segmentSize: SEGMENT_SIZE, machine: thisMachine(), clock, salvage: true },
      report: (event) => writing.told(event),
    });
    const { damages, missing } = store.report;
    if (damages.length === 0 && missing.length === 0) return undefined;
    found(store.report);
    const keptIn = await keep(directory, fs, names);
    await writing.unlessItFails(sayAgain(store));
    for (const name of names) {
      const path = join(directory, name);
      if (existsSync(path)) unlinkSync(path);
    }
    await synced(fs);
    return { keptIn, after: inspectLocked(directory) };
  } finally {
    lock.release();
  }
}

/** Gives all that was ever written another name, in a directory of its own. @returns Its name. */
async function keep(directory: string, fs: Fs, names: readonly string[]): Promise<string> {
  const keptIn = `damaged-${new Date().toISOString().replaceAll(":", "-")}`;
  const path = join(directory, keptIn);
  mkdirSync(path, { mode: 0o700 });
  const written = names.filter((name) => isWritten(fs, name));
  for (const name of [...written, VERSION_FILE]) {
    if (existsSync(join(directory, name))) linkSync(join(directory, name), join(path, name));
  }
  await synced(new NodeFs(path, true));
  await synced(fs);
  return keptIn;
}

/** It is more than a file made ready for later. */
function isWritten(fs: Fs, name: string): boolean {
  const bytes = Buffer.alloc(SEGMENT_HEADER_SIZE);
  const file = fs.openSync(name);
  file.readSync(bytes, 0);
  file.close();
  return bytes.some((byte) => byte !== 0);
}

function synced(fs: Fs): Promise<void> {
  return new Promise((done, failed) => {
    fs.syncDirectory((error) => (error === null ? done() : failed(error)));
  });
}

/** The compaction of a running broker, at one go and without one. */
async function sayAgain({ journal, state, clock }: Store): Promise<void> {
  const broker = new Broker({ ...NOBODY, journal, state }, clock());
  const position = journal.compactTo(broker.liveBytes);
  journal.start();
  if (position > 0) broker.compact(position);
  while (position > 0 && broker.compacted === 0) {
    broker.tidy();
    await committed(journal);
    await recalled(journal, broker);
  }
  journal.drop(position);
  await new Promise<void>((done) => journal.close(done));
}

const NOBODY = {
  ...{ limits: DEFAULT_LIMITS, observer: {}, authenticator: undefined, authorizer: undefined },
  ...{ randomId: () => "", isUtf8: () => true, responseInformation: undefined },
  ...{ sysIntervalMs: 0, version: "" },
};

function committed(journal: Store["journal"]): Promise<void> {
  const position = journal.appended;
  return new Promise((done) => {
    const look = (): void => {
      if (journal.committed >= position) done();
    };
    journal.commit(look);
    look();
  });
}

function recalled(journal: Store["journal"], broker: Broker): Promise<void> {
  const wanted = broker.takeWanted();
  const unread: Wanted[] = [];
  return new Promise((done, failed) => {
    journal.recall(
      wanted,
      (item, message) => {
        if (message === undefined) unread.push(item);
        else broker.recalled(item, message);
      },
      () => {
        const [first] = unread;
        if (first === undefined) done();
        else failed(new SalvageError(`what was read at position ${first.position} is not there`));
      },
    );
  });
}

/** Writes to the new files: where one cannot be made, all that waits for it fails. */
class Writing {
  readonly #failed: Promise<never>;
  #fail: (error: Error) => void = () => {};
  #cause: Error | undefined = undefined;

  constructor() {
    this.#failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.#failed.catch(() => {}); // Nobody may be waiting.
  }

  told(event: LogEvent): void {
    if ("error" in event) this.#cause = event.error;
    if (event.what !== "full" && event.what !== "failed") return;
    const why = event.what === "full" ? "the disk is full" : "it cannot be written";
    const detail = this.#cause === undefined ? "" : ` (${this.#cause.message})`;
    this.#fail(new SalvageError(`${why}${detail}`));
  }

  unlessItFails(work: Promise<void>): Promise<void> {
    return Promise.race([work, this.#failed]);
  }
}
