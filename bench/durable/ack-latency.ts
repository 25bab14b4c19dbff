/** One message at a time: how much later than the disk itself is the broker's PUBACK? */
import { join } from "node:path";
import { visit } from "../visits.ts";
import {
  DURABLE,
  type DurableRow,
  figureClaim,
  IN_MEMORY,
  LOOP_CLAIM,
  LOOP_METRICS,
  metric,
  watched,
} from "./row.ts";

const MESSAGES = 5000;
const WARMUP = 1000;
const PAYLOAD = 200;
const TOPIC = "ack-latency";

const p50 = metric("PUBLISH to PUBACK, p50, µs", "lower", 0);
const p99 = metric("PUBLISH to PUBACK, p99, µs", "lower", 0);
const diskP50 = metric("write and fdatasync of 300 bytes, p50, µs", "lower", 0);
const diskP99 = metric("write and fdatasync of 300 bytes, p99, µs", "lower", 0);
/** Of each run, whose messages and writes were in turn. */
const factor = metric("PUBACK's p50 ÷ the disk's", "lower", 2);

export const ACK_LATENCY: DurableRow = {
  name: "ack-latency",
  peers: [DURABLE, IN_MEMORY, "mosquitto"],
  metrics: [p50, p99, diskP50, diskP99, factor, ...LOOP_METRICS],
  claims: [figureClaim(factor, { must: 2, goal: 1.3 }), LOOP_CLAIM],
  run: async (broker, bench) => {
    const away = { clientId: () => "away", topicFilters: () => [TOPIC] };
    await visit(broker.port, { count: 1, cleanSession: false, ...away });
    const counts = [MESSAGES, WARMUP].map((count) => Math.ceil(count * bench.scale));
    const file = join(broker.folder, "disk");
    const { result, loop } = await watched(broker, () =>
      bench.ackLatency([TOPIC, PAYLOAD, ...counts, file, bench.brokerCore], broker),
    );
    const { ack_us: ack, disk_us: disk = { p50: Number.NaN, p99: Number.NaN } } = result;
    const values = [ack.p50, ack.p99, disk.p50, disk.p99, ack.p50 / disk.p50, ...loop];
    return { values, found: [] };
  },
};
