import type { Subscription } from "./subscription.ts";

/** From here on looking through them all would be slower than a Map. */
const FEW_MAX = 8;
const NONE: readonly Subscription[] = [];

/**
 * The Subscriptions of one Session by Topic Filter, in the order in which they were made.
 *
 * Nearly all Sessions have a few: in a list of just that length they take half of what a Map does.
 */
export class Subscriptions {
  #held: readonly Subscription[] | Map<string, Subscription> = NONE;

  get size(): number {
    return this.#held instanceof Map ? this.#held.size : this.#held.length;
  }

  get(topicFilter: string): Subscription | undefined {
    if (this.#held instanceof Map) return this.#held.get(topicFilter);
    return this.#held.find((one) => one.topicFilter === topicFilter);
  }

  has(topicFilter: string): boolean {
    return this.get(topicFilter) !== undefined;
  }

  /** Adds one at the end, or puts it in the place of the one with the same filter. */
  set(added: Subscription): void {
    const { topicFilter } = added;
    const held = this.#held;
    if (held instanceof Map) held.set(topicFilter, added);
    else if (this.has(topicFilter)) {
      this.#held = held.map((one) => (one.topicFilter === topicFilter ? added : one));
    } else if (held.length < FEW_MAX) {
      this.#held = held.concat(added); // Unlike `push`, with no room for more.
    } else this.#held = new Map([...held, added].map((one) => [one.topicFilter, one]));
  }

  delete(topicFilter: string): void {
    if (this.#held instanceof Map) this.#held.delete(topicFilter);
    else this.#held = this.#held.filter((one) => one.topicFilter !== topicFilter);
  }

  /** Their Topic Filters as they are now. */
  keys(): string[] {
    return Array.from(this.values(), ({ topicFilter }) => topicFilter);
  }

  values(): Iterable<Subscription> {
    return this.#held.values();
  }
}
