import type { Message } from "../protocol/message.ts";
import type { Context } from "./context.ts";
import { NOT_ON_WHEEL, type Timed } from "./wheel.ts";

/**
 * Has retained messages removed when they expire (§3.3.2.3.3). One deadline a topic, however
 * often a message is stored under it.
 */
export class RetainedExpiry {
  readonly #context: Context;
  readonly #deadlines = new Map<string, Timed<unknown>>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** `message` is now its topic's retained message or, with an empty payload, has removed it. */
  stored(message: Message): void {
    const { topicName, expiresAtMs } = message;
    if (expiresAtMs === Number.POSITIVE_INFINITY || message.payloadSize === 0) {
      if (this.#deadlines.size > 0) this.#forget(topicName);
      return;
    }
    let timed = this.#deadlines.get(topicName);
    if (timed === undefined) {
      timed = { wheelSlot: NOT_ON_WHEEL, due: (nowMs) => this.#due(topicName, nowMs) };
      this.#deadlines.set(topicName, timed);
    }
    this.#context.wheel.set(timed, expiresAtMs);
  }

  #forget(topicName: string): void {
    const timed = this.#deadlines.get(topicName);
    if (timed === undefined) return;
    this.#context.wheel.delete(timed);
    this.#deadlines.delete(topicName);
  }

  #due(topicName: string, nowMs: number): void {
    const { state, ledger, recorder } = this.#context;
    this.#deadlines.delete(topicName);
    const message = state.retained.get(topicName);
    if (message === undefined) return;
    ledger.record("expired", message, "", nowMs);
    recorder.retainedExpired(topicName);
  }
}
