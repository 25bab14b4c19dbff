/**
 * What the broker has promised, kept where no kill reaches it.
 *
 * All clients live in one process and one thread, so a counter that each event moves on tells
 * which of two events came first.
 */
import { type Counts, noCounts } from "./counts.ts";

export type Kind = "load" | "probe" | "will";

/** One message that a publisher sends, or that a client leaves as its will. */
export interface Sent {
  readonly serial: number;
  readonly kind: Kind;
  readonly topic: string;
  readonly qos: 1 | 2;
  /** One number for each publisher, topic and QoS, whose messages have an order; 0: none. */
  readonly stream: number;
  /** When it was first sent. */
  readonly sentTick: number;
  /** When it was acknowledged, or 0. */
  ackTick: number;
  /** When its exchange was over, acknowledged or given up; 0: it may be sent again. */
  doneTick: number;
  /** A will that is not to be published. */
  isUnwanted: boolean;
}

/** A session that messages can be owed to. */
export interface Creditor {
  /** @returns whether it has a claim to the message, be it met or not. */
  owe(message: Sent): boolean;
  /** What is owed is written off, and counted. */
  writeOff(): void;
}

export class Ledger {
  readonly counts: Counts = noCounts();
  readonly creditors: Creditor[] = [];
  readonly #messages = new Map<number, Sent>();
  #tick = 0;
  #serial = 0;

  /** A new point in time: later than all others. */
  tick(): number {
    this.#tick += 1;
    return this.#tick;
  }

  newMessage(kind: Kind, topic: string, qos: 1 | 2, stream: number): Sent {
    this.#serial += 1;
    const message: Sent = {
      ...{ serial: this.#serial, kind, topic, qos, stream, sentTick: this.tick() },
      ...{ ackTick: 0, doneTick: 0, isUnwanted: false },
    };
    this.#messages.set(message.serial, message);
    if (kind !== "will") this.counts.published += 1;
    return message;
  }

  find(serial: number): Sent | undefined {
    return this.#messages.get(serial);
  }

  /** The broker has taken it over: from now on it is owed to whoever had subscribed before. */
  acknowledged(message: Sent): void {
    if (message.ackTick > 0) return;
    message.ackTick = this.tick();
    this.counts.acknowledged += 1;
    this.due(message);
  }

  done(message: Sent): void {
    message.doneTick = this.tick();
  }

  /** It has to come to whoever had subscribed before it was sent. */
  due(message: Sent): void {
    for (const creditor of this.creditors) {
      if (!creditor.owe(message)) continue;
      if (message.kind === "will") this.counts.willsOwed += 1;
      else this.counts.owed += 1;
    }
  }

  /**
   * After a drain: what was not delivered is not going to be. Messages are forgotten, but for
   * wills and for what is under way; each session goes on to know what it has had.
   */
  settle(): void {
    this.counts.drains += 1;
    for (const creditor of this.creditors) creditor.writeOff();
    for (const [serial, message] of this.#messages) {
      if (message.doneTick > 0 && message.kind !== "will") this.#messages.delete(serial);
    }
  }
}
