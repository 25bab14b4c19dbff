/**
 * The broker's events for the program around it: the Observer port as `on` and `off`.
 *
 * A listener is called after the core has finished what it was doing, in a microtask: so it may
 * publish or close, and what it throws is its own affair.
 */
import type {
  ConnectedEvent,
  DisconnectedEvent,
  DivergenceEvent,
  LossEvent,
  Observer,
} from "../core/ports.ts";
import type { Qos } from "../protocol/packets.ts";
import type { StoreEvent } from "./storage.ts";

export interface BrokerEvents {
  /** A client is connected and accepted. */
  connected: ConnectedEvent;
  /** The connection of an accepted client is gone. */
  disconnected: DisconnectedEvent;
  subscribed: { clientId: string; topicFilter: string; qos: Qos };
  unsubscribed: { clientId: string; topicFilter: string };
  /** A session has expired or was discarded. */
  sessionEnded: { clientId: string };
  /** Somebody did not get a message. In a flood some are not told; the ledger counts all. */
  lost: LossEvent;
  /** Somebody broke the protocol or a limit, or was turned away; `message` says what and which. */
  violated: { clientId: string; remoteAddress: string; message: string };
  /** Something is to be said of the data directory: what was found, what failed, what is well. */
  store: StoreEvent;
}

export type BrokerEventName = keyof BrokerEvents;
export type BrokerEventListener<Name extends BrokerEventName> = (event: BrokerEvents[Name]) => void;

/** Events that wait for their microtask; a flood of losses must not fill the memory. */
const PENDING_MAX = 10_000;

export class BrokerEventHub implements Observer {
  readonly #listeners = new Map<BrokerEventName, Set<(event: never) => void>>();
  readonly #failed: (error: unknown) => void;
  #pending: [name: BrokerEventName, event: unknown][] = [];

  /** @param failed Told what a listener threw, or rejected with. */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  on<Name extends BrokerEventName>(name: Name, listener: BrokerEventListener<Name>): void {
    const listeners = this.#listeners.get(name) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(name, listeners);
  }

  off<Name extends BrokerEventName>(name: Name, listener: BrokerEventListener<Name>): void {
    const listeners = this.#listeners.get(name);
    listeners?.delete(listener);
    if (listeners?.size === 0) this.#listeners.delete(name);
  }

  store(event: StoreEvent): void {
    this.#emit("store", event);
  }

  connected(event: ConnectedEvent): void {
    this.#emit("connected", event);
  }

  disconnected(event: DisconnectedEvent): void {
    this.#emit("disconnected", event);
  }

  subscribed(event: BrokerEvents["subscribed"]): void {
    this.#emit("subscribed", event);
  }

  unsubscribed(event: BrokerEvents["unsubscribed"]): void {
    this.#emit("unsubscribed", event);
  }

  sessionEnded(event: BrokerEvents["sessionEnded"]): void {
    this.#emit("sessionEnded", event);
  }

  lost(event: LossEvent): void {
    // The ledger writes over its entries.
    if (this.#listeners.has("lost")) this.#emit("lost", { ...event });
  }

  violated(event: BrokerEvents["violated"]): void {
    this.#emit("violated", event);
  }

  diverged({ what, count, from, to }: DivergenceEvent): void {
    const others = count > 1 ? ` (and ${count - 1} more)` : "";
    const message = `a restart would not bring back what is live: ${what}${others}`;
    this.store({ level: "error", message: `${message}; log positions ${from} to ${to}` });
  }

  #emit(name: BrokerEventName, event: unknown): void {
    if (!this.#listeners.has(name) || this.#pending.length >= PENDING_MAX) return;
    if (this.#pending.length === 0) queueMicrotask(() => this.#deliver());
    this.#pending.push([name, event]);
  }

  #deliver(): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const [name, event] of pending) {
      for (const listener of this.#listeners.get(name) ?? []) this.#call(listener, event);
    }
  }

  #call(listener: (event: never) => unknown, event: unknown): void {
    try {
      const result = listener(event as never);
      if (result instanceof Promise) result.catch(this.#failed);
    } catch (error) {
      this.#failed(error);
    }
  }
}
