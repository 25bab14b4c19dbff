/** The large states that memory and restart are measured with. */
import type { LoadResult } from "../rows.ts";
import type { RunningBroker } from "../running-broker.ts";
import { visit } from "../visits.ts";
import type { Bench } from "./row.ts";

/** Queued messages, over 100 sessions. */
export const MESSAGES = 1_000_000;
export const SESSIONS = 100_000;

/** Each with two subscriptions of its own. */
export async function makeSessions(
  broker: RunningBroker,
  sessions: { readonly name: string; readonly count: number },
): Promise<void> {
  await visit(broker.port, {
    count: sessions.count,
    cleanSession: false,
    clientId: (index) => `${sessions.name}-${index}`,
    topicFilters: (index) => [
      `device/${sessions.name}-${index}/command`,
      `device/${sessions.name}-${index}/config`,
    ],
  });
}

/** @returns How many of them, as a sample, the broker still knows: 1 is all of them. */
export async function shareOfSessionsPresent(
  broker: RunningBroker,
  sessions: { readonly name: string; readonly count: number },
): Promise<number> {
  const count = Math.min(sessions.count, 500);
  const step = Math.floor(sessions.count / count);
  const present = await visit(broker.port, {
    count,
    cleanSession: false,
    clientId: (index) => `${sessions.name}-${index * step}`,
    topicFilters: () => [],
  });
  return present / count;
}

/** One half of mqload's mode `offline`: messages of 200 bytes, at QoS 1. */
export async function queued(
  phase: "load" | "drain" | "all",
  messages: number,
  broker: RunningBroker,
  bench: Bench,
): Promise<LoadResult> {
  const flags = `--mode offline --phase ${phase} --qos 1 --subs 100 --payload 200`;
  return bench.load(`${flags} --messages ${messages} --prefix queued${messages}`, broker);
}
