/** What a broker holds in memory for each session that is away, and for each message in a queue. */
import { setTimeout as sleep } from "node:timers/promises";
import { rssBytes } from "../process-usage.ts";
import type { RunningBroker } from "../running-broker.ts";
import { MESSAGES, makeSessions, queued, SESSIONS } from "./many-sessions.ts";
import {
  type Claim,
  DURABLE,
  type DurableRow,
  figureClaim,
  IN_MEMORY,
  loadRun,
  metric,
} from "./row.ts";

const PEERS = [DURABLE, IN_MEMORY, "mosquitto-persistent"];
/** Payload that a durable broker may keep in memory, however much there is on disk. */
const PAYLOAD_BUDGET = 64 * 1024 * 1024;
/** Done before the first look, so that the broker's own warming up is not counted. */
const WARMUP_SESSIONS = 2000;
const WARMUP_MESSAGES = 10_000;
/** Freed pages go back to the system after the collection. */
const SETTLE_MS = 1000;

const perSession = metric("bytes of RSS per session, garbage collected", "lower", 0);
const perSessionRaw = metric("bytes of RSS per session, as it is", "lower", 0);
const perMessage = metric("bytes of RSS per queued message, garbage collected", "lower", 0);
const perMessageRaw = metric("bytes of RSS per queued message, as it is", "lower", 0);

export const SESSION_MEMORY: DurableRow = {
  name: "session-memory",
  peers: PEERS,
  metrics: [perSession, perSessionRaw],
  claims: [figureClaim(perSession, { must: 1536, goal: 512 })],
  run: async (broker, bench) => {
    const count = Math.round(SESSIONS * bench.scale);
    await makeSessions(broker, { name: "warmup", count: WARMUP_SESSIONS });
    const before = await memory(broker);
    await makeSessions(broker, { name: "memory", count });
    return { values: growth(before, await memory(broker), count), found: [] };
  },
};

export const QUEUE_MEMORY: DurableRow = {
  name: "queue-memory",
  peers: PEERS,
  metrics: [perMessage, perMessageRaw],
  claims: [beyondBudget({ must: 100, goal: 40 })],
  run: async (broker, bench) => {
    const count = Math.round(MESSAGES * bench.scale);
    await queued("all", WARMUP_MESSAGES, broker, bench);
    const before = await memory(broker);
    const result = await queued("load", count, broker, bench);
    return loadRun(growth(before, await memory(broker), count), [result]);
  },
};

interface Memory {
  readonly collected: number;
  readonly raw: number;
}

async function memory(broker: RunningBroker): Promise<Memory> {
  await sleep(SETTLE_MS);
  const raw = rssBytes(broker.pid);
  await broker.report();
  await sleep(SETTLE_MS);
  return { collected: rssBytes(broker.pid), raw };
}

/** Both from the same clean state: how much more there is as it is, and without garbage. */
function growth(before: Memory, after: Memory, count: number): number[] {
  return [after.collected, after.raw].map((bytes) => (bytes - before.collected) / count);
}

function beyondBudget(bounds: Pick<Claim, "must" | "goal">): Claim {
  return {
    label: `${perMessage.label}, beyond 64 MiB of payload`,
    better: "lower",
    digits: 0,
    ...bounds,
    value: (medians) => medians(perMessage, DURABLE) - PAYLOAD_BUDGET / MESSAGES,
  };
}
