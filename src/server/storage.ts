/** From `data` and `durability` of the configuration to the Journal and the state to begin with. */
import type { Trouble } from "../core/ports.ts";
import type { BrokerState } from "../core/state.ts";
import type { CommittableJournal } from "../net/turn.ts";
import { openDirectory } from "../store/data-directory.ts";
import { LockedError } from "../store/directory-lock.ts";
import type { LogEvent } from "../store/log.ts";
import { MemoryJournal } from "../store/memory-journal.ts";
import {
  DamageError,
  describeDamage,
  describeMissing,
  type StoreReport,
} from "../store/open-store.ts";
import { FormatError } from "../store/recovery.ts";
import type { Config } from "./config-schema.ts";

/** The data directory cannot be used; one line a problem, and what to do. */
export class StoreError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[], cause?: unknown) {
    super(problems.join("\n"), { cause });
    this.problems = problems;
  }
}

/** What a rehearsal of a restart reads has to be there still (`core/rehearsal.ts`). */
const RECENT_SIZE_MIN = 1024 * 1024;
/** One buffer of Node's; and more than what is read back at once gains nothing. */
const RECENT_SIZE_MAX = 1024 * 1024 * 1024;

/** Something that the operator should know of the store. */
export interface StoreEvent {
  readonly level: "info" | "warn" | "error";
  readonly message: string;
}

export interface Storage {
  readonly journal: CommittableJournal;
  /** What was there; undefined: nothing is kept. */
  readonly state: BrokerState | undefined;
  readonly clock: () => number;
  /** For people: `./nightjar-data (fsync)`; "" when nothing is kept. */
  readonly description: string;
  close(done: () => void): void;
  /** Ends a `close` that the disk does not let end. */
  giveUp(): void;
}

/**
 * @param salvage Go on without what is damaged.
 * @throws StoreError
 */
export function openStorage(
  { data, durability, limits }: Pick<Config, "data" | "durability" | "limits">,
  clock: () => number,
  salvage: boolean,
  tell: (event: StoreEvent) => void,
): Storage {
  if (data === undefined || durability === "memory") {
    const close = (done: () => void): void => done();
    const journal = new MemoryJournal();
    return { journal, state: undefined, clock, description: "", close, giveUp: () => {} };
  }
  const report = (event: LogEvent): void => tell(storeEvent(event, data));
  const wantedSize = Math.max(limits.messageMemoryBytesMax / 2, RECENT_SIZE_MIN);
  const recentSize = Math.min(wantedSize, RECENT_SIZE_MAX);
  const options = {
    ...{ path: data, durable: durability === "fsync", recentSize },
    ...{ salvage, clock, report },
  };
  try {
    const { journal, state, report: found, clock: storeClock, release } = openDirectory(options);
    for (const event of eventsOf(found)) tell(event);
    const close = (done: () => void): void =>
      journal.close(() => {
        release();
        done();
      });
    const description = `${data} (${durability})`;
    return {
      journal,
      state,
      clock: storeClock,
      description,
      close,
      giveUp: () => journal.giveUp(),
    };
  } catch (error) {
    throw new StoreError(explained(error, data), error);
  }
}

function explained(error: unknown, data: string): string[] {
  if (error instanceof LockedError) {
    return [`${error.message}: stop it, or choose another directory with --data DIR`];
  }
  if (error instanceof FormatError) {
    const what = Number.isNaN(error.format) ? "restore a copy" : "use the version that wrote it";
    return [`${error.message}: ${what}, or another directory with --data DIR`];
  }
  if (error instanceof DamageError) {
    return [
      ...error.message.split("\n").map((line) => `${data}/${line}`),
      `${data} is damaged: restore a copy, or go on without what is lost with --salvage`,
    ];
  }
  if (error instanceof Error && "code" in error) {
    return [`${data} cannot be used (${error.message}): choose another with --data DIR`];
  }
  throw error;
}

/** What the operator is told of a recovery. */
function eventsOf({ damages, missing, records, tornBytes }: StoreReport): StoreEvent[] {
  const events: StoreEvent[] = [];
  if (records > 0) events.push({ level: "info", message: `replayed ${records} records` });
  if (tornBytes > 0) {
    const message = `the last write was torn: ${tornBytes} bytes, which nobody was told of`;
    events.push({ level: "info", message });
  }
  for (const damage of damages) events.push({ level: "error", message: describeDamage(damage) });
  for (const lost of missing) events.push({ level: "error", message: describeMissing(lost) });
  return events;
}

function storeEvent(event: LogEvent, data: string): StoreEvent {
  switch (event.what) {
    case "write-failed": {
      const message = `${data}/${event.file}: cannot be written (${event.error.message})`;
      return { level: "error", message: `${message}; going on in another file` };
    }
    case "cannot-prepare": {
      const message = `${data}/${event.file}: cannot be made (${event.error.message})`;
      return { level: "error", message };
    }
    case "recovered":
      return { level: "info", message: `${data} can be written again` };
    default:
      return { level: "error", message: TROUBLES[event.what] };
  }
}

const TROUBLES: Readonly<Record<Exclude<Trouble, "none">, string>> = {
  full: "the disk is full: no more messages are taken to be kept until there is room",
  failed: "the disk has failed: nothing is acknowledged that would have to be kept",
};
