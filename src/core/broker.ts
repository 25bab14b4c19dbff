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
import { Compaction } from "./compaction.ts";
import type { Context } from "./context.ts";
import { undeliverable } from "./delivering.ts";
import { Dispatcher } from "./dispatcher.ts";
import { Ledger } from "./ledger.ts";
import { Lifecycle, setExpiry } from "./lifecycle.ts";
import type { Limits } from "./limits.ts";
import { Peer } from "./peer.ts";
import type { Authenticator, Authorizer, Journal, Link, Observer } from "./ports.ts";
import { Recorder } from "./recorder.ts";
import { REHEARSAL_BOUNDS, Rehearsal, type RehearsalBounds } from "./rehearsal.ts";
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
  /** What one step of compaction may append; less than the usual only in simulations. */
  readonly compactionStepBytesMax?: number;
  /** Others than the usual only in simulations. */
  readonly rehearsalBounds?: RehearsalBounds;
  /** What a replay of the journal has brought back; undefined: nothing is kept. */
  readonly state?: BrokerState | undefined;
}

/** A message to be read back: its number, where its record ends and how long that is. */
export interface Wanted {
  readonly id: number;
  readonly position: number;
  readonly size: number;
}

/** Messages read ahead for one peer, and bytes read at a time for all. */
const READ_AHEAD_MAX = 128;
const READ_BYTES_MAX = 4 * 1024 * 1024;

export class Broker {
  readonly #context: Context;
  readonly #peers = new Set<Peer>();
  readonly #sys: SysTopics;
  readonly #compaction: Compaction;
  readonly #rehearsal: Rehearsal;
  /** Peers that wait for what is being read. */
  #fed: Peer[] = [];
  /** Messages that the log does not have as they were written, until all who wait are told. */
  #unreadable = new Set<number>();

  constructor(options: BrokerOptions, nowMs: number) {
    const { limits, journal, observer, authenticator, authorizer } = options;
    const state = options.state ?? new BrokerState(options.packetIdMax);
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
      wheel: new Wheel<Context>(nowMs),
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
      starving: [],
    } as unknown as { -readonly [Key in keyof Context]: Context[Key] };
    context.dispatcher = new Dispatcher(context);
    context.lifecycle = new Lifecycle(context);
    if (journal.recent !== undefined) state.shelf.recent = journal.recent;
    this.#context = context;
    this.#compaction = new Compaction(context, options.compactionStepBytesMax);
    this.#rehearsal = new Rehearsal(context, options.rehearsalBounds ?? REHEARSAL_BOUNDS, nowMs);
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
    this.#context.wheel.advance(nowMs, this.#context);
    this.#sys.due(nowMs);
    this.#rehearsal.tick(nowMs);
  }

  /** Connections, sessions and retained messages that something is due of some time. */
  get deadlines(): number {
    return this.#context.wheel.size;
  }

  /** Peers that may have something to send, at most so many, those first that wait longest. */
  takeReady(most: number = Number.POSITIVE_INFINITY): Peer[] {
    const ready = this.#context.ready.splice(0, most);
    for (const peer of ready) peer.isReady = false;
    return ready;
  }

  get readyCount(): number {
    return this.#context.ready.length;
  }

  get hasReady(): boolean {
    return this.#context.ready.length > 0;
  }

  /** The journal has committed more: replies that waited for it may leave. */
  committed(): void {
    const { uncommitted } = this.#context;
    if (uncommitted.length === 0) return;
    this.#context.uncommitted = [];
    for (const peer of uncommitted) {
      peer.awaitsCommit = false;
      peer.markReady();
    }
  }

  /**
   * The broker begins with the state of an earlier one: nobody is connected any more, and what
   * was due meanwhile is due now.
   */
  recover(nowMs: number): void {
    const { state, lifecycle, dispatcher } = this.#context;
    const sessions = [...state.recorded.values()];
    // All of them first: a will that follows from one must not find another as it was.
    for (const session of sessions) if (session.isOpen) lifecycle.orphaned(session);
    for (const session of sessions) {
      if (session.isOpen) lifecycle.leave(session, false, nowMs);
      else lifecycle.resume(session);
    }
    for (const message of state.retained.all()) dispatcher.expectExpiry(message);
  }

  /** What is needed of the log, about. */
  get liveBytes(): number {
    const { shelf, slots } = this.#context.state;
    return shelf.bytes + slots.bytes;
  }

  /** What is needed of the log before `position` is to be said again behind it; see `compacted`. */
  compact(position: number): void {
    this.#compaction.begin(position);
  }

  /** Up to here nothing of the log is needed; 0: nothing is known of that. */
  get compacted(): number {
    return this.#compaction.isDone ? this.#compaction.below : 0;
  }

  /**
   * What is put off to the end of a turn: messages that leave memory, a little compaction, and a
   * little of the rehearsal of a restart.
   *
   * @returns Whether there is more to do.
   */
  tidy(): boolean {
    const { state, limits, journal } = this.#context;
    const isMore = this.#compaction.step(); // What was read back for it must be there still.
    state.shelf.evict(limits.messageMemoryBytesMax / 2, journal.committed);
    return this.#rehearsal.step() || isMore;
  }

  /** Messages that are to be read back now, in the order of the log. */
  takeWanted(): Wanted[] {
    const { starving, state, journal } = this.#context;
    const { shelf } = state;
    const cold = this.#compaction.cold;
    if (starving.length === 0 && cold.length === 0) return NONE_WANTED;
    this.#context.starving = [];
    const ids = new Set(cold);
    let bytes = 0;
    for (const peer of starving) {
      peer.awaitsRecall = false;
      if (bytes >= READ_BYTES_MAX)
        peer.markReady(); // It asks again.
      else {
        for (const id of peer.session?.windowIfAny?.coldNext(READ_AHEAD_MAX) ?? []) {
          if (shelf.position(id) <= journal.committed) ids.add(id);
          bytes += shelf.size(id);
        }
        this.#fed.push(peer);
      }
    }
    return [...ids]
      .map((id) => ({ id, position: shelf.position(id), size: shelf.size(id) }))
      .sort((a, b) => a.position - b.position);
  }

  /**
   * A message of `takeWanted` was read. It owns its bytes, or lies among others of those.
   *
   * @param message `undefined`: the log has lost it, and whoever waits for it will not get it.
   */
  recalled({ id, position }: Wanted, message: Message | undefined): void {
    const { shelf } = this.#context.state;
    if (shelf.refs(id) === 0 || shelf.position(id) !== position) return; // It is another by now.
    if (message !== undefined) shelf.warm(id, message);
    else {
      shelf.giveUp(id);
      this.#unreadable.add(id);
    }
  }

  /** All of the latest `takeWanted` were read, or cannot be read now. */
  recallDone(nowMs: number): void {
    if (this.#unreadable.size > 0) {
      this.#context.lifecycle.loseUnreadable(this.#unreadable, nowMs);
      this.#unreadable = new Set();
    }
    const fed = this.#fed;
    this.#fed = [];
    for (const peer of fed) peer.markReady();
  }

  /** Ends every connection with 0x8B; sessions stay. */
  shutdown(nowMs: number): void {
    for (const peer of this.#peers) {
      peer.close(ReasonCode.serverShuttingDown, "server shutting down", nowMs);
    }
  }
}

const NONE_WANTED: Wanted[] = [];
const NOTHING = MessageClass.of("", new Uint8Array(), 0, false, undefined);
