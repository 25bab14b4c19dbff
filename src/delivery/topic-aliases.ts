/** Topic Aliases (§3.3.2.3.4). Both tables belong to one connection [MQTT-3.3.2-7]. */

/** What the aliases that the other side sends stand for. */
export class InboundAliases {
  readonly #names: string[] = [];

  /** @param alias Checked by the caller: 1 .. the maximum that was announced. */
  set(alias: number, topicName: string): void {
    this.#names[alias] = topicName;
  }

  get(alias: number): string | undefined {
    return this.#names[alias];
  }
}

/** Shorter Topic Names are not worth the three bytes of the property. */
const TOPIC_LENGTH_MIN = 4;

/**
 * Gives aliases to the topics that are sent, by use: when all are taken, a hand goes round them
 * (the "clock" of page replacement), spares each that was used since it last came by, and takes
 * the first that was not. Constant work for a topic seen once, and a busy topic keeps its alias.
 */
export class OutboundAliases {
  readonly #max: number;
  readonly #aliases = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #used: boolean[] = [];
  #hand = 1;

  /** @param max The receiver's Topic Alias Maximum, or our own bound [MQTT-3.1.2-26]. */
  constructor(max: number) {
    this.#max = max;
  }

  /** The alias that stands for `topicName` already, or 0. */
  known(topicName: string): number {
    const alias = this.#aliases.get(topicName);
    if (alias === undefined) return 0;
    this.#used[alias] = true;
    return alias;
  }

  /** A new alias, to be sent together with the name, or 0: it is not worth one now. */
  assign(topicName: string): number {
    if (topicName.length < TOPIC_LENGTH_MIN || this.#max === 0) return 0;
    const alias = this.#aliases.size < this.#max ? this.#aliases.size + 1 : this.#sweep();
    if (alias === 0) return 0;
    this.#aliases.set(topicName, alias);
    this.#names[alias] = topicName;
    this.#used[alias] = true;
    return alias;
  }

  /** The packet that would have introduced `topicName` was not sent. */
  forget(topicName: string): void {
    const alias = this.#aliases.get(topicName);
    if (alias !== undefined) this.#used[alias] = false;
    // The number stays taken under a name that no topic can have; the hand will free it.
    this.#aliases.delete(topicName);
    if (alias !== undefined) {
      this.#names[alias] = `#${alias}`;
      this.#aliases.set(`#${alias}`, alias);
    }
  }

  /** Moves the hand by one. @returns The alias it took away from its topic, or 0. */
  #sweep(): number {
    const alias = this.#hand;
    this.#hand = (this.#hand % this.#max) + 1;
    if (this.#used[alias]) {
      this.#used[alias] = false;
      return 0;
    }
    this.#aliases.delete(this.#names[alias] ?? "");
    return alias;
  }
}
