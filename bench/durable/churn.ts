/**
 * A day of use in a minute: queues are filled and drained, retained messages and sessions come and
 * go, and a few stragglers hold on to messages of every age, while no more than some 100 MB are
 * alive at a time.
 *
 * `Live` counts what the broker must still have: a message from its PUBACK until it is delivered,
 * and of each only the bytes of payload and names. So it is never more than what the broker holds.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Publication } from "../packets.ts";
import { SessionClient } from "../session-client.ts";
import { visit } from "../visits.ts";

/** Fills and drains queues at a time; each has QUEUES of its own. */
const FILLERS = 4;
const QUEUES = 20;
const FILL = 2000;
const PAYLOAD_MIN = 64;
const PAYLOAD_MAX = 1024;
const STRAGGLERS = 5;
const STRAGGLER_FILL = 50;
const STRAGGLER_PAUSE_MS = 500;
/** Fills between two drains of a straggler: most keep what they have until the end. */
const STRAGGLER_ROUNDS = 40;
const RETAINED_TOPICS = 5000;
const RETAINED_BATCH = 200;
const RETAINED_PAUSE_MS = 50;
const SESSIONS = 2000;
const SESSIONS_BATCH = 100;
const SESSIONS_PAUSE_MS = 500;
/** Without a message for so long, what has not come is lost. */
const PATIENCE_MS = 10_000;

export class Live {
  bytes = 0;
  /** Acknowledged so far, of all kinds, and their bytes. */
  messages = 0;
  bytesTotal = 0;
  /** Acknowledged and not delivered, or delivered twice. */
  lost = 0;

  stored(bytes: number): void {
    this.bytes += bytes;
    this.messages += 1;
    this.bytesTotal += bytes;
  }
}

function bytesOf({ topicName, payload }: Publication): number {
  return topicName.length + payload.length;
}

/** A session that is away, but for when it drains. */
class Queue {
  readonly topicName: string;
  readonly #port: number;
  readonly #live: Live;
  #held = 0;

  constructor(port: number, live: Live, topicName: string) {
    this.#port = port;
    this.#live = live;
    this.topicName = topicName;
  }

  async make(): Promise<void> {
    const topicFilters = () => [this.topicName];
    const clientId = () => this.topicName;
    await visit(this.#port, { count: 1, cleanSession: false, clientId, topicFilters });
  }

  stored(message: Publication): void {
    this.#held += 1;
    this.#live.stored(bytesOf(message));
  }

  /** Connects, takes everything, and leaves; in the end without a session. */
  async drain(): Promise<void> {
    let heardMs = performance.now();
    const client = await SessionClient.open(
      this.#port,
      { clientId: this.topicName, cleanSession: false },
      (bytes) => {
        this.#held -= 1;
        this.#live.bytes -= bytes;
        heardMs = performance.now();
      },
    );
    while (this.#held > 0 && performance.now() - heardMs < PATIENCE_MS) await sleep(1);
    this.#live.lost += Math.abs(this.#held);
    this.#held = 0;
    await client.disconnect();
  }
}

/** Everything that goes on at the same time, until it is stopped. */
export class Churn {
  readonly live: Live = new Live();
  readonly #port: number;
  #isStopped = false;
  /** Of each retained topic, as it was acknowledged. */
  readonly #retained = new Map<string, number>();

  constructor(port: number) {
    this.#port = port;
  }

  /** Resolves after `stop`, when nothing is alive any more. */
  async run(): Promise<void> {
    const fillers = Array.from({ length: FILLERS }, (_, index) =>
      this.#fillAndDrain(`filler${index}`, { queues: QUEUES, fill: FILL, pauseMs: 0, each: 1 }),
    );
    const stragglers = this.#fillAndDrain("straggler", {
      ...{ queues: STRAGGLERS, fill: STRAGGLER_FILL },
      ...{ pauseMs: STRAGGLER_PAUSE_MS, each: STRAGGLER_ROUNDS },
    });
    await Promise.all([...fillers, stragglers, this.#retain(), this.#comeAndGo()]);
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Drains one queue at random after `each` fills: some messages stay much longer than others. */
  async #fillAndDrain(
    name: string,
    how: { queues: number; fill: number; pauseMs: number; each: number },
  ): Promise<void> {
    const queues = Array.from(
      { length: how.queues },
      (_, index) => new Queue(this.#port, this.live, `churn/${name}/${index}`),
    );
    for (const queue of queues) await queue.make();
    const byTopic = new Map(queues.map((queue) => [queue.topicName, queue]));
    const publisher = await this.#publisher(name);
    for (let round = 1; !this.#isStopped; round += 1) {
      const messages = Array.from({ length: how.fill }, (_, index) =>
        message(queues[index % queues.length]?.topicName ?? ""),
      );
      await publisher.publishAll(messages, (sent) => byTopic.get(sent.topicName)?.stored(sent));
      if (round % how.each === 0) await queues[below(queues.length)]?.drain();
      await sleep(how.pauseMs);
    }
    for (const queue of queues) await queue.drain();
    await publisher.disconnect();
  }

  /** Sets, replaces and now and then deletes. */
  async #retain(): Promise<void> {
    const publisher = await this.#publisher("retainer");
    const topic = () => `churn/retained/${below(RETAINED_TOPICS)}`;
    const stored = (sent: Publication) => this.#retainedIs(sent);
    while (!this.#isStopped) {
      const messages = Array.from({ length: RETAINED_BATCH }, () =>
        below(5) === 0 ? deleted(topic()) : { ...message(topic()), retain: true },
      );
      await publisher.publishAll(messages, stored);
      await sleep(RETAINED_PAUSE_MS);
    }
    await publisher.publishAll([...this.#retained.keys()].map(deleted), stored);
    await publisher.disconnect();
  }

  #retainedIs(message: Publication): void {
    const before = this.#retained.get(message.topicName) ?? 0;
    const now = message.payload.length > 0 ? bytesOf(message) : 0;
    this.live.stored(now);
    this.live.bytes -= before;
    if (now > 0) this.#retained.set(message.topicName, now);
    else this.#retained.delete(message.topicName);
  }

  /** Sessions with a subscription each: the oldest go when there are SESSIONS. */
  async #comeAndGo(): Promise<void> {
    let first = 0;
    let next = 0;
    while (!this.#isStopped) {
      await this.#visit(next, SESSIONS_BATCH, "make");
      next += SESSIONS_BATCH;
      if (next - first > SESSIONS) {
        await this.#visit(first, SESSIONS_BATCH, "end");
        first += SESSIONS_BATCH;
      }
      await sleep(SESSIONS_PAUSE_MS);
    }
    await this.#visit(first, next - first, "end");
  }

  async #visit(from: number, count: number, what: "make" | "end"): Promise<void> {
    await visit(this.#port, {
      count,
      cleanSession: what === "end",
      clientId: (index) => `churn-${from + index}`,
      topicFilters: (index) => (what === "make" ? [`churn/session/${from + index}`] : []),
    });
  }

  async #publisher(name: string): Promise<SessionClient> {
    return SessionClient.open(this.#port, { clientId: `churn-${name}`, cleanSession: true });
  }
}

const noise = Buffer.from(Array.from({ length: 2 * PAYLOAD_MAX }, () => below(256)));

function message(topicName: string): Publication {
  const size = PAYLOAD_MIN + below(PAYLOAD_MAX - PAYLOAD_MIN);
  const start = below(PAYLOAD_MAX);
  return { topicName, payload: noise.subarray(start, start + size), retain: false };
}

function deleted(topicName: string): Publication {
  return { topicName, payload: Buffer.alloc(0), retain: true };
}

function below(max: number): number {
  return Math.floor(Math.random() * max);
}
