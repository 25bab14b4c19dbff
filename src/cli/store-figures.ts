/** What a data directory holds, in numbers. */
import type { Session } from "../core/session.ts";
import type { BrokerState } from "../core/state.ts";
import { FORMAT, type Inspection } from "../server/store-inspection.ts";

const LARGEST_MAX = 10;

/** Times are ISO 8601 by the machine's calendar, sizes bytes. Also what `stat --json` prints. */
export interface Figures {
  readonly format: number;
  /** The process that has the directory open, or null. */
  readonly inUseBy: number | null;
  readonly lastWrite: string | null;
  readonly log: {
    readonly segments: number;
    readonly frames: number;
    readonly records: number;
    readonly start: number;
    readonly end: number;
    /** What of it is still needed, about. */
    readonly liveBytes: number;
    readonly bytesOnDisk: number;
    readonly tornBytes: number;
    readonly damages: number;
  };
  readonly sessions: {
    readonly total: number;
    /** At the last write. */
    readonly connected: number;
    readonly offline: number;
    readonly withWill: number;
  };
  readonly subscriptions: { readonly total: number; readonly shared: number };
  /** For sessions: each message counts in every queue that it is in. */
  readonly queues: {
    /** Not sent yet, as far as is on record. */
    readonly waiting: number;
    /** Sent, and not acknowledged. */
    readonly inflight: number;
    /** As `limits.queueBytes` counts them. */
    readonly bytes: number;
  };
  /** QoS 2 messages whose publishers have still to send PUBREL. */
  readonly unreleased: number;
  /** Messages in the log that some queue refers to; each counts once. */
  readonly stored: { readonly messages: number; readonly bytes: number };
  readonly retained: { readonly messages: number; readonly bytes: number };
  readonly sharedGroups: {
    readonly total: number;
    readonly waiting: number;
    readonly bytes: number;
  };
  readonly largestQueues: readonly QueueFigures[];
}

export interface QueueFigures {
  readonly clientId: string;
  readonly connected: boolean;
  readonly waiting: number;
  readonly inflight: number;
  readonly bytes: number;
}

export function figuresOf(inspection: Inspection): Figures {
  const { state, recovered, missing, ownerPid, bytesOnDisk } = inspection;
  const { past, damages, frames, records, tornBytes, lastWallMs } = recovered;
  return {
    format: FORMAT,
    inUseBy: ownerPid ?? null,
    lastWrite: lastWallMs === 0 ? null : new Date(lastWallMs).toISOString(),
    log: {
      ...{ segments: past.segments.length, frames, records },
      ...{ start: past.logStart, end: past.end },
      liveBytes: Math.max(0, Math.round(state.shelf.bytes + state.slots.bytes)),
      ...{ bytesOnDisk, tornBytes, damages: damages.length + missing.length },
    },
    ...sessionFigures(state),
    stored: { messages: state.shelf.count, bytes: state.shelf.bytes },
    retained: { messages: state.retained.count, bytes: state.retained.bytes },
    sharedGroups: groupFigures(state),
  };
}

type SessionFigures = Pick<
  Figures,
  "sessions" | "subscriptions" | "queues" | "unreleased" | "largestQueues"
>;

function sessionFigures(state: BrokerState): SessionFigures {
  const sessions = [...state.recorded.values()];
  const queues = sessions.map(queueFigures);
  const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
  const connected = queues.filter((queue) => queue.connected).length;
  return {
    sessions: {
      ...{ total: sessions.length, connected, offline: sessions.length - connected },
      withWill: sessions.filter(({ will }) => will !== undefined).length,
    },
    subscriptions: {
      total: state.subscriptionsTotal,
      shared: sum(sessions.map(({ shared }) => shared?.size ?? 0)),
    },
    queues: {
      waiting: sum(queues.map(({ waiting }) => waiting)),
      inflight: sum(queues.map(({ inflight }) => inflight)),
      bytes: sum(queues.map(({ bytes }) => bytes)),
    },
    unreleased: sum(sessions.map(({ inboundIfAny }) => inboundIfAny?.size ?? 0)),
    largestQueues: queues
      .filter(({ waiting, inflight }) => waiting + inflight > 0)
      .sort((a, b) => b.waiting + b.inflight - a.waiting - a.inflight || b.bytes - a.bytes)
      .slice(0, LARGEST_MAX),
  };
}

function queueFigures({ clientId, isOpen, windowIfAny: window }: Session): QueueFigures {
  const waiting = window?.queued ?? 0;
  const inflight = (window?.unfinished ?? 0) - waiting;
  return { clientId, connected: isOpen, waiting, inflight, bytes: window?.bytes ?? 0 };
}

function groupFigures({ groups }: BrokerState): Figures["sharedGroups"] {
  let [waiting, bytes] = [0, 0];
  for (const { queue, queueBytes } of groups.values()) {
    waiting += queue.length;
    bytes += queueBytes;
  }
  return { total: groups.size, waiting, bytes };
}
