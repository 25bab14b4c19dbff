/**
 * One subscriber that reads nothing must not slow the others.
 *
 *     node --import tsx bench/frozen-subscriber.ts [mqtt://127.0.0.1:1883]
 *         [--subscribers 1000] [--rate 20] [--seconds 5] [--rounds 3]
 *
 * Measures p99 latency (at a steady rate) and throughput (as fast as all keep up), in turn without
 * and with a frozen subscriber whose socket and whose queue in the broker were filled beforehand.
 * Prints one line, PASS or FAIL; the exit code is 0 or 1. MQTT 3.1.1, QoS 0.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { RawClient } from "./raw-client.ts";

const PAYLOAD_SIZE = 256;
/** More than the buffers of both kernels (some 10 MB) and a broker's queue hold. */
const FLOOD_MESSAGES = 1000;
const FLOOD_PAYLOAD_SIZE = 65_536;
const WINDOW = 8;
/** What is not here after so long without progress is lost, and counted. */
const PATIENCE_MS = 5000;
/** What still counts as "does not slow": room for the noise of a shared machine. */
const P99_FACTOR_MAX = 1.5;
const P99_SLACK_MS = 2;
const THROUGHPUT_FACTOR_MIN = 0.8;

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    subscribers: { type: "string", default: "1000" },
    rate: { type: "string", default: "20" },
    seconds: { type: "string", default: "5" },
    rounds: { type: "string", default: "3" },
  },
});
const url = new URL(positionals[0] ?? "mqtt://127.0.0.1:1883");
const subscribersWanted = Number(flags.subscribers);
const seconds = Number(flags.seconds);
const ratePerSec = Number(flags.rate);

interface Figures {
  readonly p99Ms: number;
  readonly deliveriesPerSec: number;
  readonly lost: number;
}

/** Everyone who reads, and what arrives there. */
class Audience {
  readonly #subscribers: RawClient[] = [];
  readonly topic: string;
  #received = 0;
  #expected = 0;
  /** Waits until so many messages are here. */
  #waiting: { received: number; resolve: () => void } | undefined;
  latenciesMs: number[] = [];

  constructor(topic: string) {
    this.topic = topic;
  }

  async gather(size: number): Promise<void> {
    for (let at = 0; at < size; at += 1) {
      const clientId = `audience-${process.pid}-${at}`;
      const subscriber = await RawClient.connect(url, clientId, localAddress(at));
      await subscriber.subscribe(this.topic);
      subscriber.onMessage = (payload) => this.#heard(payload);
      this.#subscribers.push(subscriber);
    }
  }

  get size(): number {
    return this.#subscribers.length;
  }

  get missing(): number {
    return this.#expected - this.#received;
  }

  async address(publisher: RawClient): Promise<void> {
    this.#expected += this.size;
    await publisher.publish(this.topic, stamped());
  }

  /** Resolves when at most `messages` for each are on their way, or no more come. */
  async keptUp(messages: number): Promise<void> {
    const wanted = this.#expected - messages * this.size;
    for (let before = -1; this.#received < wanted && this.#received > before; ) {
      before = this.#received;
      await new Promise<void>((resolve) => {
        const patience = setTimeout(resolve, PATIENCE_MS);
        this.#waiting = {
          received: wanted,
          resolve: () => {
            clearTimeout(patience);
            resolve();
          },
        };
      });
    }
  }

  leave(): void {
    for (const subscriber of this.#subscribers) subscriber.close();
  }

  #heard(payload: Buffer): void {
    this.#received += 1;
    this.latenciesMs.push(performance.now() - payload.readDoubleBE(0));
    if (this.#waiting === undefined || this.#received < this.#waiting.received) return;
    this.#waiting.resolve();
    this.#waiting = undefined;
  }
}

await main();

async function main(): Promise<void> {
  // A frozen subscriber that stops the publisher would stop this too.
  setTimeout(
    () => {
      console.log("FAIL the broker stopped taking or delivering messages");
      process.exit(1);
    },
    Number(flags.rounds) * (seconds + 30) * 4000,
  );
  const rounds: Array<[without: Figures, beside: Figures]> = [];
  for (let round = 0; round < Number(flags.rounds); round += 1) {
    rounds.push([await measure(false), await measure(true)]);
  }
  const without = middle(rounds.map(([figures]) => figures));
  const beside = middle(rounds.map(([, figures]) => figures));
  const passed =
    beside.p99Ms <= without.p99Ms * P99_FACTOR_MAX + P99_SLACK_MS &&
    beside.deliveriesPerSec >= without.deliveriesPerSec * THROUGHPUT_FACTOR_MIN &&
    beside.lost === 0;
  console.log(
    `${passed ? "PASS" : "FAIL"} ${subscribersWanted} subscribers, one more frozen: ` +
      `p99 ${without.p99Ms.toFixed(1)} → ${beside.p99Ms.toFixed(1)} ms at ` +
      `${ratePerSec * subscribersWanted} deliveries/s, at most ` +
      `${Math.round(without.deliveriesPerSec)} → ${Math.round(beside.deliveriesPerSec)} ` +
      `deliveries/s, lost ${without.lost} → ${beside.lost}`,
  );
  process.exit(passed ? 0 : 1);
}

async function measure(withFrozen: boolean): Promise<Figures> {
  const audience = new Audience(`frozen-bench/${process.pid}`);
  await audience.gather(subscribersWanted);
  const publisher = await RawClient.connect(url, `publisher-${process.pid}`);
  const frozen = withFrozen ? await freeze(audience.topic, publisher) : undefined;
  await keepUp(audience, publisher, 1); // Warm-up.
  const deliveriesPerSec = await keepUp(audience, publisher, seconds);
  await steady(audience, publisher, 1);
  audience.latenciesMs = [];
  await steady(audience, publisher, seconds);
  const sorted = audience.latenciesMs.sort((a, b) => a - b);
  const p99Ms = sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;
  frozen?.close();
  publisher.close();
  audience.leave();
  return { p99Ms, deliveriesPerSec, lost: audience.missing };
}

/** Subscribes, stops reading, and is sent more than anyone holds for it. */
async function freeze(topic: string, publisher: RawClient): Promise<RawClient> {
  const frozen = await RawClient.connect(url, `frozen-${process.pid}`);
  const floodTopic = `${topic}/flood`;
  await frozen.subscribe(floodTopic);
  await frozen.subscribe(topic);
  frozen.stopReading();
  const payload = Buffer.alloc(FLOOD_PAYLOAD_SIZE);
  for (let sent = 0; sent < FLOOD_MESSAGES; sent += 1) await publisher.publish(floodTopic, payload);
  await publisher.ping(); // Its answer says that the broker has read the flood.
  return frozen;
}

/** As fast as the slowest of the audience. @returns deliveries per second. */
async function keepUp(audience: Audience, publisher: RawClient, forSec: number): Promise<number> {
  const startedMs = performance.now();
  let sent = 0;
  while (performance.now() - startedMs < forSec * 1000) {
    await audience.address(publisher);
    sent += 1;
    await audience.keptUp(WINDOW);
  }
  await audience.keptUp(0);
  return (sent * audience.size) / ((performance.now() - startedMs) / 1000);
}

async function steady(audience: Audience, publisher: RawClient, forSec: number): Promise<void> {
  const startedMs = performance.now();
  for (let sent = 0; sent < forSec * ratePerSec; sent += 1) {
    const dueMs = startedMs + (sent * 1000) / ratePerSec;
    await sleep(Math.max(0, dueMs - performance.now()));
    await audience.address(publisher);
  }
  await audience.keptUp(0);
}

/** On loopback, 500 connections from each of many addresses; elsewhere the kernel's choice. */
function localAddress(connection: number): string | undefined {
  if (!url.hostname.startsWith("127.")) return undefined;
  return `127.0.0.${2 + Math.floor(connection / 500)}`;
}

function stamped(): Buffer {
  const payload = Buffer.alloc(PAYLOAD_SIZE);
  payload.writeDoubleBE(performance.now(), 0);
  return payload;
}

function middle(figures: readonly Figures[]): Figures {
  const median = (values: number[]) =>
    values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
  return {
    p99Ms: median(figures.map(({ p99Ms }) => p99Ms)),
    deliveriesPerSec: median(figures.map(({ deliveriesPerSec }) => deliveriesPerSec)),
    lost: figures.reduce((total, { lost }) => total + lost, 0),
  };
}
