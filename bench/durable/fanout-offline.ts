/** One message for 10,000 sessions that are away: it is stored once, and acknowledged soon. */
import { visit } from "../visits.ts";
import { writtenBytes } from "./folder-size.ts";
import {
  DURABLE,
  type DurableRow,
  figureClaim,
  LOOP_CLAIM,
  LOOP_METRICS,
  metric,
  watched,
} from "./row.ts";

const SESSIONS = 10_000;
const MESSAGES = 100;
const PAYLOAD = 200;
const TOPIC = "fleet/news";

const p50 = metric("PUBLISH to PUBACK, p50, ms", "lower", 2);
const worst = metric("the worst of 100, ms", "lower", 2);
const coldFirst = metric("the first one of all, ms", "lower", 2);
const coldP50 = metric("p50 of the first 100, ms", "lower", 2);
const perMessage = metric("bytes of log per message", "lower", 0);
const perRecipient = metric("bytes of log per recipient", "lower", 2);

export const FANOUT_OFFLINE: DurableRow = {
  name: "fanout-offline",
  peers: [DURABLE, "mosquitto"],
  metrics: [p50, worst, coldFirst, coldP50, perMessage, perRecipient, ...LOOP_METRICS],
  claims: [
    figureClaim(p50, { must: 30, goal: 5 }),
    // A copy for each would be 200 and more; a reference is a few bytes.
    figureClaim(perRecipient, { must: 20, goal: 4 }),
    LOOP_CLAIM,
  ],
  run: async (broker, bench) => {
    const count = Math.round(SESSIONS * bench.scale);
    const clientId = (index: number) => `fanout-${index}`;
    const sessions = { count, clientId, cleanSession: false, topicFilters: () => [TOPIC] };
    await visit(broker.port, sessions);
    const publish = () => bench.ackLatency([TOPIC, PAYLOAD, MESSAGES, 0], broker);
    const { ack_us: cold } = await publish(); // As mqload does: what is measured is at full speed.
    const before = writtenBytes(broker.dataFolder);
    const { result, loop } = await watched(broker, publish);
    const growth = writtenBytes(broker.dataFolder) - before;
    const { ack_us } = result;
    const stored = growth > 0 ? growth / MESSAGES : Number.NaN;
    const timesMs = [ack_us.p50, ack_us.max, cold.first, cold.p50].map((us) => us / 1000);
    return { values: [...timesMs, stored, stored / count, ...loop], found: [] };
  },
};
