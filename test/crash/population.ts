/** All clients of a run, and what happens to them while the broker lives. */
import { Random } from "../sim/prng.ts";
import type { Client, World } from "./client.ts";
import { Publisher } from "./publisher.ts";
import { Receiver, type ReceiverOptions } from "./receiver.ts";
import { RetainedTopic } from "./retained.ts";
import { TESTATOR_KINDS, Testator } from "./testator.ts";
import { CHURN_TOPICS, GROUP_NUMBERS, loadFilters, PROBED_TOPICS, WILL_FILTER } from "./topics.ts";

export interface Sizes {
  readonly publishers: number;
  /** The first three of them get the wills. */
  readonly receivers: number;
  /** Of those, the ones that are connected in drains only. */
  readonly sleepers: number;
  readonly retainedTopics: number;
}

const HEIRS = 3;
/** Subscriptions that change at once. */
const CHANGES = 8;

export class Population {
  readonly retained: readonly RetainedTopic[];
  readonly #random: Random;
  readonly #publishers: readonly Publisher[];
  readonly #prober: Publisher;
  readonly #receivers: readonly Receiver[];
  readonly #testators: readonly Testator[];
  readonly #sleepers: number;

  constructor(world: World, random: Random, sizes: Sizes) {
    this.#random = random;
    this.#sleepers = sizes.sleepers;
    this.retained = range(sizes.retainedTopics).map(
      (number) => new RetainedTopic(number, number % 2 === 0 ? 1 : 2),
    );
    this.#publishers = range(sizes.publishers).map((number) => this.#publisher(world, number));
    this.#prober = this.#publisher(world, sizes.publishers);
    this.#receivers = range(sizes.receivers).map(
      (number) => new Receiver(world, number, this.#version(), this.#subscriptions(number)),
    );
    this.#testators = TESTATOR_KINDS.map((kind, number) => new Testator(world, number, kind));
  }

  get isGone(): boolean {
    return this.#clients().every((client) => !client.hasLink);
  }

  get isSubscribed(): boolean {
    return this.#receivers.every((receiver) => receiver.isConnected && receiver.isSubscribed);
  }

  /** Everything is acknowledged, and delivered to all who had subscribed. */
  get isDrained(): boolean {
    return this.isIdle && this.#receivers.every((one) => one.isConnected && one.isSettled);
  }

  /** Everything is acknowledged. */
  get isIdle(): boolean {
    return [...this.#publishers, this.#prober].every((one) => one.isConnected && one.isIdle);
  }

  /** Who receives is there, and nobody else. */
  comeToReceive(): void {
    for (const receiver of this.#receivers) receiver.come();
  }

  /** All but those with a will are there, and nothing new is published. */
  comeToDrain(): void {
    this.comeToReceive();
    for (const publisher of [...this.#publishers, this.#prober]) {
      publisher.pause();
      publisher.come();
    }
  }

  probe(): void {
    this.#prober.probe(PROBED_TOPICS);
  }

  /** Those who stayed away for their will to be published may come again. */
  drained(): void {
    for (const testator of this.#testators) testator.isAway = false;
  }

  /** The usual crowd is there, and publishes. */
  comeToLive(): void {
    this.#receivers.forEach((receiver, number) => {
      if (this.#isAwake(number)) receiver.come();
      else receiver.leave();
    });
    for (const testator of this.#testators) if (!testator.isAway) testator.come();
    for (const publisher of this.#publishers) {
      publisher.come();
      publisher.begin();
    }
  }

  /** Something happens to somebody. */
  disturb(): void {
    const random = this.#random;
    const receiver = random.pick(this.#receivers);
    const at = random.below(100);
    if (at < 50) this.#churn();
    else if (at < 65) receiver.drop();
    else if (at < 75) random.pick(this.#publishers).drop();
    else if (at < 85) receiver.leave();
    else if (at < 93) random.pick(this.#testators).drop();
    else if (at < 96) random.pick(this.#testators).leave();
    else receiver.renew();
  }

  #churn(): void {
    for (let changes = 0; changes < CHANGES; changes += 1) {
      this.#random.pick(this.#receivers).churn((items) => this.#random.pick(items));
    }
  }

  /** No connection outlives the broker; what is left of one is cut. */
  cut(): void {
    for (const client of this.#clients()) {
      client.isWanted = false;
      client.drop();
    }
  }

  #clients(): readonly Client[] {
    return [...this.#publishers, this.#prober, ...this.#receivers, ...this.#testators];
  }

  #publisher(world: World, number: number): Publisher {
    const random = this.#random;
    return new Publisher(world, this.#version(), new Random(random.below(2 ** 31)), {
      number,
      window: random.between(5, 40),
      reusesIds: random.chance(50),
      retained: this.retained[number],
    });
  }

  #version(): 4 | 5 {
    return this.#random.chance(50) ? 4 : 5;
  }

  #subscriptions(number: number): ReceiverOptions {
    const random = this.#random;
    const first = random.below(GROUP_NUMBERS.length);
    const second = (first + random.between(1, GROUP_NUMBERS.length - 1)) % GROUP_NUMBERS.length;
    const filters = loadFilters([first, second], () => random.chance(50));
    return {
      receiveMaximum: random.chance(50) ? random.between(5, 30) : 65_535,
      filters: [
        ...filters.map((filter) => [filter, random.chance(75) ? 2 : 1] as const),
        ...(number < HEIRS ? [[WILL_FILTER, 2] as const] : []),
      ],
      churnFilters: CHURN_TOPICS.filter(() => random.chance(30)),
    };
  }

  /** The last ones sleep; the first heir never does, so that wills come to one who waits. */
  #isAwake(number: number): boolean {
    if (number >= this.#receivers.length - this.#sleepers) return false;
    return number === 0 || this.#random.chance(70);
  }
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at);
}
