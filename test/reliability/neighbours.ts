/**
 * A publisher and a subscriber who do nothing wrong, beside somebody who does.
 *
 * They pass messages of QoS 1 to each other, the next as soon as the last is there and
 * acknowledged, all the while. Disturbed are they when one is lost, doubled, late or out of order,
 * or when one of them is cut off.
 */
import assert from "node:assert/strict";
import type { TestBroker } from "./harness.ts";
import { publishBytes, WireClient } from "./wire-client.ts";

/** Longest that one message and its acknowledgement may take. A stalled event loop takes longer. */
export const NEIGHBOUR_DELAY_MAX_MS = 1_000;
/** Exchanges after the attack, to see that nothing of it lingers. */
const EXCHANGES_AFTER = 5;

const TOPIC = "neighbours/garden";

export class Neighbours {
  readonly #publisher: WireClient;
  readonly #subscriber: WireClient;
  readonly #delaysMs: number[] = [];
  #packetId = 0;
  #isLeaving = false;
  #running: Promise<void> = Promise.resolve();

  static async moveIn({ port }: TestBroker): Promise<Neighbours> {
    const publisher = await WireClient.connect(port, "neighbour-publisher", 4);
    const subscriber = await WireClient.connect(port, "neighbour-subscriber", 5);
    subscriber.send(`82 .. 0001 () "${TOPIC}" 01`);
    await subscriber.expect("suback");
    const neighbours = new Neighbours(publisher, subscriber);
    await neighbours.exchange();
    neighbours.#running = neighbours.#exchangeOnAndOn();
    neighbours.#running.catch(() => {}); // `leave` tells.
    return neighbours;
  }

  private constructor(publisher: WireClient, subscriber: WireClient) {
    this.#publisher = publisher;
    this.#subscriber = subscriber;
  }

  async #exchangeOnAndOn(): Promise<void> {
    while (!this.#isLeaving) await this.exchange();
  }

  /** One message there, and its two acknowledgements. */
  async exchange(): Promise<void> {
    const startMs = performance.now();
    this.#packetId = (this.#packetId % 65_535) + 1;
    const text = `${this.#packetId} of neighbours`;
    this.#publisher.send(publishBytes(4, TOPIC, text, 1, this.#packetId));
    const { message, packetId, dup } = await this.#subscriber.expect("publish");
    assert.equal(Buffer.from(message.payload).toString(), text);
    assert.equal(dup, false);
    this.#subscriber.send(`40 .. ${packetId.toString(16).padStart(4, "0")}`);
    const puback = await this.#publisher.expect("puback");
    assert.equal(puback.packetId, this.#packetId);
    this.#delaysMs.push(performance.now() - startMs);
  }

  /** Resolves when the exchange that is under way, or the next one, is done. */
  async turn(): Promise<void> {
    const { length } = this.#delaysMs;
    while (this.#delaysMs.length === length) await new Promise((resolve) => setImmediate(resolve));
  }

  /** The slowest exchange so far, in milliseconds. */
  get slowestMs(): number {
    return Math.max(...this.#delaysMs);
  }

  /** Asserts that they were not disturbed. */
  async leave(): Promise<void> {
    this.#isLeaving = true;
    await this.#running;
    for (let count = 0; count < EXCHANGES_AFTER; count += 1) await this.exchange();
    assert.deepEqual(this.#publisher.take(), []);
    assert.deepEqual(this.#subscriber.take(), []);
    assert.equal(this.#publisher.isClosed || this.#subscriber.isClosed, false);
    const slowest = this.slowestMs;
    assert.ok(slowest < NEIGHBOUR_DELAY_MAX_MS, `neighbours waited ${slowest.toFixed(0)} ms`);
    await Promise.all([this.#publisher.destroy(), this.#subscriber.destroy()]);
  }
}

/** Runs `attack` while neighbours exchange messages, and asserts that they did not notice. */
export async function besideNeighbours(
  broker: TestBroker,
  attack: (neighbours: Neighbours) => Promise<void>,
): Promise<void> {
  const neighbours = await Neighbours.moveIn(broker);
  await attack(neighbours);
  await neighbours.leave();
}
