/**
 * The broker's core: opens peers, takes messages and the time, lists who has something to send.
 *
 * It has no sockets, no clock, no timer, no random and no Promise. One turn around it:
 * `peer.receive` for what has come, the journal's commit, `peer.poll` for each of `takeReady`.
 */
import type { Message } from "../protocol/message.ts";
import { Message as MessageClass } from "../protocol/message.ts";
import { Delivery } from "../protocol/packets.ts";
import { ReasonCode } from "../protocol/reason-code.ts";
import type { Context } from "./context.ts";
import { undeliverable } from "./delivering.ts";
import { Dispatcher } from "./dispatcher.ts";
import { Ledger } from "./ledger.ts";
import { Lifecycle, setExpiry } from "./lifecycle.ts";
import type { Limits } from "./limits.ts";
import { Peer } from "./peer.ts";
import type { Authenticator, Authorizer, Journal, Link, Observer } from "./ports.ts";
import { Recorder } from "./recorder.ts";
import { Routes } from "./routes.ts";
import { BrokerState } from "./state.ts";
import { Stats } from "./stats.ts";
import { SysTopics } from "./sys-topics.ts";
import { Wheel } from "./wheel.ts";

export interface BrokerOptions {
  readonly limits: Limits;
  readonly journal: Journal;
  readonly observer: Observer;
  /** Undefined: everybody is let in, as nobody in particular. */
  readonly authenticator: Authenticator | undefined;
  /** Undefined: everybody may do everything. */
  readonly authorizer: Authorizer | undefined;
  /** A new Client Identifier; the core draws no random numbers. */
  readonly randomId: () => string;
  readonly isUtf8: (bytes: Uint8Array) => boolean;
  /** Response Information for clients that ask (§3.2.2.3.15). */
  readonly responseInformation: string | undefined;
  /** How often `$SYS` topics are published; 0: never. */
  readonly sysIntervalMs: number;
  readonly version: string;
  /** Highest Packet Identifier towards clients: below 65,535 only in simulations. */
  readonly packetIdMax?: number;
}

export class Broker {
  readonly #context: Context;
  readonly #peers = new Set<Peer>();
  readonly #sys: SysTopics;

  constructor(options: BrokerOptions, nowMs: number) {
    const { limits, journal, observer, authenticator, authorizer } = options;
    const state = new BrokerState(options.packetIdMax);
    const mayReceive =
      authorizer === undefined
        ? undefined
        : (
            { principal, clientId }: { principal: { name: string }; clientId: string },
            topic: string,
          ) => authorizer.authorize(principal, clientId, "receive", topic);
    const context = {
      limits,
      state,
      journal,
      recorder: new Recorder(journal, state),
      routes: new Routes(state, mayReceive),
      wheel: new Wheel(nowMs),
      ledger: new Ledger(limits.ledgerEntriesMax, observer),
      stats: new Stats(),
      observer,
      authenticator,
      authorizer,
      randomId: options.randomId,
      isUtf8: options.isUtf8,
      responseInformation: options.responseInformation,
      delivery: new Delivery(NOTHING),
      ready: [],
      uncommitted: [],
    } as unknown as { -readonly [Key in keyof Context]: Context[Key] };
    context.dispatcher = new Dispatcher(context);
    context.lifecycle = new Lifecycle(context);
    this.#context = context;
    this.#sys = new SysTopics(context, options.version, options.sysIntervalMs, nowMs);
  }

  get stats(): Stats {
    return this.#context.stats;
  }

  get ledger(): Ledger {
    return this.#context.ledger;
  }

  /** Read-only for everybody else. */
  get state(): BrokerState {
    return this.#context.state;
  }

  get limits(): Limits {
    return this.#context.limits;
  }

  /** May be replaced at any time; what is over a new bound already stays. */
  set limits(limits: Limits) {
    this.#context.limits = limits;
  }

  /** A Network Connection was made. */
  open(link: Link, nowMs: number): Peer {
    const peer = new Peer(link, this.#context, nowMs);
    this.#peers.add(peer);
    this.stats.connectionsOpened += 1;
    this.stats.connections += 1;
    return peer;
  }

  /** The Network Connection of `peer` is gone. */
  lost(peer: Peer, nowMs: number): void {
    if (!this.#peers.delete(peer)) return;
    this.stats.connections -= 1;
    peer.lost(nowMs);
  }

  /** `peer.poll` gave a delivery that is larger than its Maximum Packet Size. */
  undeliverable(peer: Peer, nowMs: number): void {
    const { session } = peer;
    if (session !== undefined) undeliverable(peer, session, this.#context, nowMs);
  }

  /**
   * Publishes from inside the process, as a client with every permission would.
   *
   * @param message Its bytes are not copied: they must not change afterwards.
   * @returns How many subscriptions and shared groups it matched.
   */
  publish(message: Message, nowMs: number): number {
    const { dispatcher } = this.#context;
    setExpiry(message, nowMs);
    dispatcher.dispatch(message, undefined, 0, nowMs);
    return dispatcher.matched;
  }

  /** The time, pushed in about four times a second: what is due happens now. */
  tick(nowMs: number): void {
    this.#context.wheel.advance(nowMs);
    this.#sys.due(nowMs);
  }

  /** Connections, sessions and retained messages that something is due of some time. */
  get deadlines(): number {
    return this.#context.wheel.size;
  }

  /** The peers that may have something to send since the last call. */
  takeReady(): Peer[] {
    const { ready } = this.#context;
    if (ready.length === 0) return ready;
    this.#context.ready = [];
    for (const peer of ready) peer.isReady = false;
    return ready;
  }

  get hasReady(): boolean {
    return this.#context.ready.length > 0;
  }

  /** The journal has committed more: replies that waited for it may leave. */
  committed(): void {
    const { uncommitted } = this.#context;
    this.#context.uncommitted = [];
    for (const peer of uncommitted) {
      peer.awaitsCommit = false;
      peer.markReady();
    }
  }

  /** Ends every connection with 0x8B; sessions stay. */
  shutdown(nowMs: number): void {
    for (const peer of this.#peers) {
      peer.close(ReasonCode.serverShuttingDown, "server shutting down", nowMs);
    }
  }
}

const NOTHING = MessageClass.of("", new Uint8Array(), 0, false, undefined);
