/** `$SYS/broker/…`: the names and meanings that mosquitto gave them. */
import { Message } from "../protocol/message.ts";
import type { Context } from "./context.ts";
import type { Ledger } from "./ledger.ts";
import type { Stats } from "./stats.ts";

/** Windows of the moving averages under `$SYS/broker/load`, in minutes. */
const LOAD_MINUTES = [1, 5, 15] as const;

/** The counters that have a load average, by the name of their topic. */
const LOADS: Readonly<Record<string, (stats: Stats, ledger: Ledger) => number>> = {
  "messages/received": (stats) => stats.messagesReceived,
  "messages/sent": (stats) => stats.messagesSent,
  "publish/received": (stats) => stats.publishReceived,
  "publish/sent": (stats) => stats.publishSent,
  "publish/dropped": (_stats, ledger) => droppedTotal(ledger),
  "bytes/received": (stats) => stats.bytesReceived,
  "bytes/sent": (stats) => stats.bytesSent,
  sockets: (stats) => stats.connectionsOpened,
  connections: (stats) => stats.connectsAccepted,
};

interface Load {
  readonly count: (stats: Stats, ledger: Ledger) => number;
  last: number;
  /** Per minute, one for each window. */
  readonly averages: number[];
}

export class SysTopics {
  readonly #context: Context;
  readonly #version: string;
  readonly #intervalMs: number;
  readonly #startedMs: number;
  readonly #loads = new Map<string, Load>();
  /** What each topic said last: only what has changed is published, as mosquitto does. */
  readonly #said = new Map<string, string>();
  #nextMs: number;

  /** @param intervalMs 0: nothing is ever published. */
  constructor(context: Context, version: string, intervalMs: number, nowMs: number) {
    this.#context = context;
    this.#version = version;
    this.#intervalMs = intervalMs;
    this.#startedMs = nowMs;
    this.#nextMs = intervalMs === 0 ? Number.POSITIVE_INFINITY : nowMs;
    for (const [name, count] of Object.entries(LOADS)) {
      this.#loads.set(name, { count, last: 0, averages: LOAD_MINUTES.map(() => 0) });
    }
  }

  due(nowMs: number): void {
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + this.#intervalMs;
    for (const [name, value] of Object.entries(this.#values(nowMs))) {
      this.#say(name, String(value), nowMs);
    }
    this.#sayLoads(nowMs);
  }

  #values(nowMs: number): Record<string, string | number> {
    const { stats, state, ledger } = this.#context;
    const { sessions, retained, groups } = state;
    const shared = [...groups.values()].reduce((total, group) => total + group.size, 0);
    let queued = 0;
    let queuedBytes = 0;
    for (const { windowIfAny: window } of sessions.values()) {
      queued += window?.unfinished ?? 0;
      queuedBytes += window?.bytes ?? 0;
    }
    return {
      version: `nightjar version ${this.#version}`,
      uptime: `${Math.floor((nowMs - this.#startedMs) / 1_000)} seconds`,
      "clients/total": sessions.size,
      "clients/connected": stats.clientsConnected,
      "clients/active": stats.clientsConnected,
      "clients/disconnected": sessions.size - stats.clientsConnected,
      "clients/inactive": sessions.size - stats.clientsConnected,
      "clients/maximum": stats.clientsMaximum,
      "clients/expired": stats.sessionsExpired,
      "messages/received": stats.messagesReceived,
      "messages/sent": stats.messagesSent,
      "messages/stored": queued + retained.count,
      "store/messages/count": queued + retained.count,
      "store/messages/bytes": queuedBytes + retained.bytes,
      "publish/messages/received": stats.publishReceived,
      "publish/messages/sent": stats.publishSent,
      "publish/messages/dropped": droppedTotal(ledger),
      "publish/bytes/received": stats.publishBytesReceived,
      "publish/bytes/sent": stats.publishBytesSent,
      "bytes/received": stats.bytesReceived,
      "bytes/sent": stats.bytesSent,
      "retained messages/count": retained.count,
      "subscriptions/count": state.subscriptionsTotal,
      "shared_subscriptions/count": shared,
      ...this.#rehearsals(),
    };
  }

  /** Ours alone: mosquitto has nothing like it. */
  #rehearsals(): Record<string, number> {
    const { journal, stats } = this.#context;
    if (journal.playback === undefined) return {};
    return {
      "store/rehearsals/count": stats.rehearsals,
      "store/rehearsals/diverged": stats.rehearsalsDiverged,
      "store/rehearsals/abandoned": stats.rehearsalsAbandoned,
    };
  }

  /** Exponentially weighted, as the load averages of Unix are. */
  #sayLoads(nowMs: number): void {
    const intervalMin = this.#intervalMs / 60_000;
    for (const [name, load] of this.#loads) {
      const count = load.count(this.#context.stats, this.#context.ledger);
      const perMinute = (count - load.last) / intervalMin;
      load.last = count;
      LOAD_MINUTES.forEach((minutes, at) => {
        const weight = 1 - Math.exp(-intervalMin / minutes);
        const before = load.averages[at] as number;
        const average = before + weight * (perMinute - before);
        load.averages[at] = average;
        this.#say(`load/${name}/${minutes}min`, average.toFixed(2), nowMs);
      });
    }
  }

  #say(name: string, text: string, nowMs: number): void {
    if (this.#said.get(name) === text) return;
    this.#said.set(name, text);
    const topicName = `$SYS/broker/${name}`;
    const message = Message.of(topicName, asciiBytes(text), 0, true, undefined);
    this.#context.dispatcher.dispatch(message, undefined, 0, nowMs);
  }
}

/** "Dropped due to inflight/queuing limits", says mosquitto. */
function droppedTotal(ledger: Ledger): number {
  return ledger.count("queue-full") + ledger.count("qos0-slow-consumer");
}

function asciiBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
}
