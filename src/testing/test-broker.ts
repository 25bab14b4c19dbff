import type { Duplex } from "node:stream";
import { Doorkeeper } from "../net/doorkeeper.ts";
import { type Listener, openListener } from "../net/listeners.ts";
import { checkedOptions } from "../server/checked-options.ts";
import type { CreateBrokerOptions } from "../server/index.ts";
import { NightjarBroker, type PublishOptions } from "../server/nightjar-broker.ts";
import { FaultyLink, type Passing } from "./faulty-link.ts";
import { MemoryStream } from "./memory-stream.ts";

export interface TestBrokerOptions extends CreateBrokerOptions {
  /** What the broker's clock shows at first; it moves by `advance` only. */
  readonly nowMs?: number;
}

/** What can be made to go wrong between clients and the broker. Each returns its own undoing. */
export interface Faults {
  /**
   * Loses acknowledgements on the way (PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK).
   *
   * @param which How many of those that the broker sends next; or a function that is asked for
   *   each one, in both directions.
   * @example
   * faults.dropAck(({ packet, clientId }) => packet.type === "puback" && clientId === "pump");
   */
  dropAck(which: number | ((passing: Passing) => boolean)): () => void;
  /** The client stops reading: nothing more reaches it, and the broker has to hold it. */
  slowReader(clientId: string): () => void;
  /** Its connection breaks, without a DISCONNECT. */
  cut(clientId: string): void;
}

/** Loop turns that let what is under way in memory arrive. */
const SETTLE_TURNS = 10;
/** `advance` moves by so much at a time, as the broker itself looks, unless that takes too long. */
const STEP_MS = 250;
const STEPS_MAX = 1_000;

/** A broker for tests of other programs. Made by `createTestBroker`. */
export class TestBroker {
  /** The broker itself: its events, statistics, ledger. */
  readonly broker: NightjarBroker;
  readonly faults: Faults;
  #nowMs: number;
  readonly #links = new Set<FaultyLink>();
  readonly #drops = new Set<(passing: Passing) => boolean>();
  readonly #slow = new Map<string, number>();
  readonly #listeners: Listener[] = [];

  constructor(options: TestBrokerOptions) {
    const { nowMs = 0, authenticator, authorizer, authenticationMethods = [], ...rest } = options;
    this.#nowMs = nowMs;
    const config = checkedOptions(rest, authenticator !== undefined);
    this.broker = new NightjarBroker(config, {
      ...{ authenticator, authorizer, authenticationMethods },
      clock: () => this.#nowMs,
      failed: (error) => process.emitWarning(error instanceof Error ? error : String(error)),
    });
    this.faults = {
      dropAck: (which) => this.#dropAck(which),
      slowReader: (clientId) => this.#slowReader(clientId),
      cut: (clientId) => {
        for (const link of this.#linksOf(clientId)) link.cut();
      },
    };
  }

  /**
   * A connection to the broker without a socket: the client's end of it.
   *
   * @example
   * const client = new mqtt.MqttClient(() => testBroker.connect(), { clientId: "pump" });
   */
  connect(): Duplex {
    const [client, near] = MemoryStream.pair();
    this.#link(near);
    return client;
  }

  /**
   * For clients that need a port: listens on a free one of this machine.
   *
   * @returns Its address, such as `mqtt://127.0.0.1:43211`.
   */
  async listen(): Promise<string> {
    const limits = () => this.broker.limits;
    const target = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;
    const listener = await openListener(target, {
      doorkeeper: new Doorkeeper(limits),
      limits,
      originRule: () => ({ origins: undefined, anonymous: false }),
      accept: (socket) => this.#link(socket),
      refused: () => {},
    });
    this.#listeners.push(listener);
    return listener.address;
  }

  /** What the broker's clock shows. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /**
   * Lets time pass for the broker, and what follows from it: keep-alives, expiries, delayed Wills.
   * Resolves when its packets have arrived at clients in memory.
   */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    const stepMs = Math.max(STEP_MS, Math.ceil(ms / STEPS_MAX));
    await settled();
    while (this.#nowMs < endMs) {
      this.#nowMs = Math.min(this.#nowMs + stepMs, endMs);
      this.broker.tick();
      await loopTurn();
      this.broker.tick(); // After a long step the first only lets clients be heard (net/turn.ts).
      await loopTurn();
    }
    await settled();
  }

  /** See `NightjarBroker.publish`. */
  publish(topicName: string, payload: Uint8Array | string, options: PublishOptions = {}): number {
    return this.broker.publish(topicName, payload, options);
  }

  async close(): Promise<void> {
    for (const listener of this.#listeners) listener.stop();
    const closing = this.broker.close();
    await settled();
    for (const link of this.#links) link.cut();
    await closing;
  }

  #link(near: Duplex): void {
    const [far, end] = MemoryStream.pair();
    const isDropped = (passing: Passing) => {
      for (const drops of this.#drops) if (drops(passing)) return true;
      return false;
    };
    const link = new FaultyLink(near, far, isDropped, (clientId) => this.#slow.has(clientId));
    this.#links.add(link);
    far.on("close", () => this.#links.delete(link));
    this.broker.handle(end);
  }

  #dropAck(which: number | ((passing: Passing) => boolean)): () => void {
    let left = typeof which === "number" ? which : 0;
    const drops =
      typeof which === "function"
        ? which
        : ({ from }: Passing) => {
            if (from === "client" || left === 0) return false;
            left -= 1;
            return true;
          };
    this.#drops.add(drops);
    return () => this.#drops.delete(drops);
  }

  #slowReader(clientId: string): () => void {
    this.#slow.set(clientId, (this.#slow.get(clientId) ?? 0) + 1);
    for (const link of this.#linksOf(clientId)) link.isSlow = true;
    return () => {
      const others = (this.#slow.get(clientId) ?? 1) - 1;
      if (others > 0) this.#slow.set(clientId, others);
      else this.#slow.delete(clientId);
      if (others === 0) for (const link of this.#linksOf(clientId)) link.isSlow = false;
    };
  }

  #linksOf(clientId: string): FaultyLink[] {
    return [...this.#links].filter((link) => link.clientId === clientId);
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < SETTLE_TURNS; turn += 1) await loopTurn();
}

async function loopTurn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
