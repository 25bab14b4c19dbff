import type { Stub } from "../delivery/shelf.ts";
import type { LossEvent, Observer } from "./ports.ts";

/** Why a message did not reach somebody. */
export type LossReason =
  | "no-subscriber"
  | "not-authorized"
  | "topic-not-allowed"
  | "payload-format-invalid"
  | "queue-full"
  | "qos0-slow-consumer"
  | "qos0-offline"
  | "expired"
  | "packet-too-large"
  | "session-ended"
  | "refused-by-client"
  | "retained-full"
  | "share-without-member"
  | "will-not-authorized"
  | "unreadable"
  | "store-unavailable";

/**
 * The loss ledger: no message is dropped without passing `record` (ARCHITECTURE § 3).
 *
 * Counts per reason, and a ring of the latest entries. The ring's slots are written over in
 * place: a flood of losses allocates nothing.
 */
export class Ledger {
  readonly #counts = new Map<LossReason, number>();
  readonly #ring: { -readonly [Key in keyof LossEvent]: LossEvent[Key] }[] = [];
  readonly #entriesMax: number;
  readonly #observer: Observer;
  #next = 0;
  #total = 0;

  constructor(entriesMax: number, observer: Observer) {
    this.#entriesMax = entriesMax;
    this.#observer = observer;
  }

  /** @param clientId Who did not get it; "" when nobody in particular. */
  record(reason: LossReason, message: Stub, clientId: string, nowMs: number): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
    this.#total += 1;
    let entry = this.#ring[this.#next];
    if (entry === undefined) {
      entry = { reason, topicName: "", qos: 0, clientId: "", publisherId: "", atMs: 0 };
      this.#ring[this.#next] = entry;
    }
    this.#next = (this.#next + 1) % this.#entriesMax;
    entry.reason = reason;
    entry.topicName = message.topicName;
    entry.qos = message.qos;
    entry.clientId = clientId;
    entry.publisherId = message.publisherId;
    entry.atMs = nowMs;
    this.#observer.lost?.(entry);
  }

  /** Losses since the start, whatever the reason. */
  get total(): number {
    return this.#total;
  }

  count(reason: LossReason): number {
    return this.#counts.get(reason) ?? 0;
  }

  counts(): ReadonlyMap<LossReason, number> {
    return this.#counts;
  }

  /** The latest entries, oldest first, as copies. */
  entries(): LossEvent[] {
    const older = this.#ring.slice(this.#next);
    return [...older, ...this.#ring.slice(0, this.#next)].map((entry) => ({ ...entry }));
  }
}
