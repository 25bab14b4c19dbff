/** How soon a broker with much to remember listens again: killed, and ended as it should be. */
import {
  MESSAGES,
  makeSessions,
  queued,
  SESSIONS,
  shareOfSessionsPresent,
} from "./many-sessions.ts";
import { DURABLE, type DurableRow, figureClaim, loadRun, metric } from "./row.ts";

const BOUNDS = { must: 5, goal: 1 };

const afterKill = metric("s from spawn to listening, after SIGKILL", "lower", 2);
const afterTerm = metric("s from spawn to listening, after SIGTERM", "lower", 2);
const ending = metric("s from SIGTERM to the end", "lower", 2);

export const RESTART: DurableRow = {
  name: "restart",
  peers: [DURABLE],
  metrics: [afterKill, afterTerm, ending],
  claims: [figureClaim(afterKill, BOUNDS), figureClaim(afterTerm, BOUNDS)],
  run: async (broker, bench) => {
    const sessions = { name: "restart", count: Math.round(SESSIONS * bench.scale) };
    const messages = Math.round(MESSAGES * bench.scale);
    const before = await queued("load", messages, broker, bench);
    await makeSessions(broker, sessions);
    // Killed first: then the whole state comes from what was written as it was made.
    await broker.end("SIGKILL");
    const second = await broker.startAgain();
    const endMs = await second.end("SIGTERM");
    const third = await second.startAgain();
    try {
      // A start is worth nothing that does not bring everything back.
      const share = await shareOfSessionsPresent(third, sessions);
      const lost = share === 1 ? [] : [`only ${share * 100} % of the sessions came back`];
      const after = await queued("drain", messages, third, bench);
      const values = [second.startMs, third.startMs, endMs].map((ms) => ms / 1000);
      return loadRun(values, [before, after], lost);
    } finally {
      await third.end("SIGTERM");
    }
  },
};
