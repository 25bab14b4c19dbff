import { isUtf8 } from "node:buffer";
import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { Broker } from "../core/broker.ts";
import type { Ledger } from "../core/ledger.ts";
import type { Limits } from "../core/limits.ts";
import type { Stats } from "../core/stats.ts";
import { Connection, type Wiring } from "../net/connection.ts";
import { Doorkeeper } from "../net/doorkeeper.ts";
import { asSocket } from "../net/foreign-stream.ts";
import { type Listener, type ListenerWiring, openListener, upgrade } from "../net/listeners.ts";
import { Turn } from "../net/turn.ts";
import { Message } from "../protocol/message.ts";
import type { PublishProperties, Qos } from "../protocol/packets.ts";
import { isTopicName } from "../protocol/topic.ts";
import {
  Admission,
  type AuthenticatorFunction,
  type AuthorizerFunction,
  guardedAuthorizer,
  type ServerPolicy,
} from "./admission.ts";
import { anonymousFor } from "./anonymous.ts";
import { BrokerEventHub, type BrokerEventListener, type BrokerEventName } from "./broker-events.ts";
import { checkedOptions } from "./checked-options.ts";
import { checkOptions } from "./config-check.ts";
import {
  type Config,
  type ConfigOptions,
  type ListenerConfig,
  type Policy,
  type PolicyOptions,
  PolicySchema,
  restartKeys,
} from "./config-schema.ts";
import { treeOf } from "./config-tree.ts";
import { openStorage, type Storage, type StoreEvent } from "./storage.ts";
import { packageVersion } from "./version.ts";

/** How long `close` waits for clients to take what is left for them. */
const CLOSE_TIMEOUT_MS = 3_000;

/** What a program may plug in. */
export interface BrokerHooks {
  readonly authenticator: AuthenticatorFunction | undefined;
  readonly authenticationMethods: readonly string[];
  readonly authorizer: AuthorizerFunction | undefined;
  /** Milliseconds since the epoch that never jump. */
  readonly clock: () => number;
  /** Told what the program's own functions threw. */
  readonly failed: (error: unknown) => void;
  /** Go on without what is damaged in the data directory. */
  readonly salvage?: boolean;
}

export interface PublishOptions {
  readonly qos?: Qos;
  readonly retain?: boolean;
  readonly properties?: Partial<PublishProperties>;
}

/** A stream given to `handle`. */
export interface StreamInfo {
  /** `10.0.0.7:51022`; none: it comes from inside this process. */
  readonly remoteAddress?: string;
  /** What its client may do. */
  readonly policy?: PolicyOptions;
}

interface OpenListener {
  readonly listener: Listener;
  policy: ServerPolicy;
}

/** An MQTT broker in this process. Made by `createBroker`. */
export class NightjarBroker {
  #config: Config;
  readonly #hooks: BrokerHooks;
  readonly #events: BrokerEventHub;
  readonly #core: Broker;
  readonly #storage: Storage;
  readonly #turn: Turn;
  readonly #wiring: Wiring;
  readonly #doorkeeper: Doorkeeper;
  /** By URL, and which of those with the same URL (port 0) it is. */
  #listeners = new Map<string, OpenListener>();
  #closing: Promise<void> | undefined = undefined;

  /** @throws StoreError if the data directory cannot be used. */
  constructor(config: Config, hooks: BrokerHooks) {
    this.#config = config;
    this.#events = new BrokerEventHub(hooks.failed);
    const { authenticator, authenticationMethods: methods, authorizer, failed } = hooks;
    const { salvage = false } = hooks;
    // What a recovery found is told once somebody can have begun to listen.
    const tell = (event: StoreEvent): void => queueMicrotask(() => this.#events.store(event));
    this.#storage = openStorage(config, hooks.clock, salvage, tell);
    const { journal, state, clock } = this.#storage;
    this.#hooks = { ...hooks, clock };
    const admission = new Admission({
      ...{ authenticator, methods, clock, failed },
      config: () => this.#config,
      decided: () => this.#turn.schedule(),
    });
    const options = {
      limits: config.limits,
      journal,
      observer: this.#events,
      authenticator: admission,
      authorizer: authorizer === undefined ? undefined : guardedAuthorizer(authorizer, failed),
      randomId: () => `auto-${randomBytes(9).toString("hex")}`, // 23 characters [MQTT-3.1.3-5].
      isUtf8,
      responseInformation: config.responseInformation,
      sysIntervalMs: config.sysIntervalMs,
      version: packageVersion(),
      state,
    };
    this.#core = new Broker(options, clock());
    this.#turn = new Turn(this.#core, journal, clock);
    const limits = () => this.#config.limits;
    this.#wiring = { broker: this.#core, turn: this.#turn, limits };
    this.#doorkeeper = new Doorkeeper(limits);
    this.#core.recover(clock());
    this.#turn.start();
    this.#turn.schedule();
  }

  /** Where it keeps what survives the process, for people; "" if it keeps nothing. */
  get storage(): string {
    return this.#storage.description;
  }

  /** The disk takes what is to be kept; "full" or "failed" if not, and then no more is taken. */
  get storageTrouble(): "none" | "full" | "failed" {
    return this.#storage.journal.trouble;
  }

  /**
   * Opens the listeners of the options; resolves once all of them listen.
   *
   * @throws ListenError if one cannot, e.g. because its port is taken; then none listens.
   */
  async listen(): Promise<void> {
    this.#refuseIfClosed();
    this.#listeners = await this.#opened(this.#config);
  }

  /** Where it listens, with the real ports: `mqtt://127.0.0.1:43211`, `ws://[::1]:8083/mqtt`. */
  get addresses(): string[] {
    return [...this.#listeners.values()].map(({ listener }) => listener.address);
  }

  /** Counters since the start. */
  get stats(): Readonly<Stats> {
    return this.#core.stats;
  }

  /** Every message that did not reach somebody, and why. */
  get ledger(): Ledger {
    return this.#core.ledger;
  }

  get limits(): Limits {
    return this.#config.limits;
  }

  /** `close` was called. */
  get isClosed(): boolean {
    return this.#closing !== undefined;
  }

  /** Connections open now. */
  get connections(): number {
    return this.#doorkeeper.size;
  }

  /**
   * Publishes from inside the process, as a client with every permission would.
   *
   * @param payload Not copied: do not change it afterwards.
   * @returns How many subscriptions and shared groups it matched.
   * @throws RangeError if `topicName` is empty, over 65,535 bytes or has a wildcard (§4.7), or
   *   `qos` is not 0, 1 or 2.
   * @example
   * broker.publish("lamp/1", "on", { qos: 1, retain: true });
   */
  publish(topicName: string, payload: Uint8Array | string, options: PublishOptions = {}): number {
    const { qos = 0, retain = false, properties } = options;
    if (!isTopicName(topicName) || Buffer.byteLength(topicName) > 65_535) {
      throw new RangeError(`not a Topic Name: ${JSON.stringify(topicName).slice(0, 80)}`);
    }
    if (qos !== 0 && qos !== 1 && qos !== 2) throw new RangeError(`no such QoS: ${qos}`);
    const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
    const full = properties === undefined ? undefined : { ...NO_PROPERTIES, ...properties };
    const message = Message.of(topicName, bytes, qos, retain, full);
    const matched = this.#core.publish(message, this.#hooks.clock());
    this.#turn.schedule();
    return matched;
  }

  /**
   * Serves MQTT on any ordered stream of bytes: a socket accepted elsewhere, a pipe, a pair of
   * streams in memory. The broker owns it from here on.
   *
   * @example
   * net.createServer((socket) => broker.handle(socket, { remoteAddress: socket.remoteAddress }));
   */
  handle(stream: Duplex, info: StreamInfo = {}): void {
    const { remoteAddress = "", policy = {} } = info;
    const checked = this.#policyOf(policy, "stream");
    const why =
      this.#closing === undefined
        ? this.#doorkeeper.admit(stream, withoutPort(remoteAddress))
        : "the broker is closed";
    if (why !== undefined) {
      stream.destroy();
      this.#refused(remoteAddress, why);
      return;
    }
    this.#serve(asSocket(stream), checked, remoteAddress);
  }

  /**
   * Serves MQTT over WebSocket on an HTTP server of the program's own.
   *
   * @example
   * httpServer.on("upgrade", (request, socket, head) => {
   *   if (request.url === "/mqtt") broker.handleUpgrade(request, socket, head);
   * });
   */
  handleUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    policy: PolicyOptions = {},
  ): void {
    const { remoteAddress: address = "", remotePort } = request.socket;
    const remoteAddress = address === "" ? "" : `${address}:${remotePort}`;
    const checked = this.#policyOf(policy, "upgrade");
    const why =
      this.#closing === undefined
        ? this.#doorkeeper.admit(socket, address)
        : "the broker is closed";
    if (why !== undefined) {
      socket.destroy();
      this.#refused(remoteAddress, why);
      return;
    }
    const rules = {
      path: undefined,
      origin: this.#originRule(checked),
      messageSizeMax: this.#config.limits.packetSizeMax,
    };
    upgrade(request, socket, head, rules, {
      accept: (stream) => this.#serve(stream, checked, remoteAddress),
      refused: (message) => this.#refused(remoteAddress, message),
    });
  }

  /**
   * Calls `listener` for each event of that name, after the broker has done what it tells of. What
   * a listener throws does not touch the broker; it becomes a warning of the process.
   *
   * @example
   * broker.on("lost", ({ reason, topicName }) => console.warn(`${topicName}: ${reason}`));
   */
  on<Name extends BrokerEventName>(name: Name, listener: BrokerEventListener<Name>): this {
    this.#events.on(name, listener);
    return this;
  }

  off<Name extends BrokerEventName>(name: Name, listener: BrokerEventListener<Name>): this {
    this.#events.off(name, listener);
    return this;
  }

  /**
   * Goes over to another configuration as a whole: what is not in `options` has its default again.
   * Connections stay, also those of a listener that is there no longer; policies apply to
   * connections made from now on.
   *
   * @returns The keys that changed and take a restart.
   * @throws ConfigError if `options` are wrong, ListenError if a new listener cannot listen; then
   *   everything stays as it was.
   */
  async reload(options: ConfigOptions): Promise<string[]> {
    return this.apply(checkedOptions(options, this.#hooks.authenticator !== undefined));
  }

  /**
   * `reload` with a configuration that is checked already.
   *
   * @internal
   */
  async apply(config: Config): Promise<string[]> {
    this.#refuseIfClosed();
    const before = this.#config;
    const listeners = await this.#opened(config);
    for (const [key, { listener }] of this.#listeners) {
      if (!listeners.has(key)) listener.stop();
    }
    this.#listeners = listeners;
    this.#config = config;
    this.#core.limits = config.limits;
    return restartKeys(before, config);
  }

  /**
   * Lets the broker look at its clock now, for those whose clock does not run by itself.
   *
   * @internal
   */
  tick(): void {
    this.#turn.tick();
  }

  /**
   * Takes no more connections, says 0x8B to the clients, lets them take what waits for them for
   * at most 3 seconds, and ends. Sessions are not ended by it.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const { listener } of this.#listeners.values()) listener.stop();
    this.#core.shutdown(this.#hooks.clock());
    this.#turn.schedule();
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
    });
    await Promise.race([this.#doorkeeper.empty(), patience]);
    clearTimeout(timer);
    for (const stream of this.#doorkeeper.streams()) stream.destroy();
    await this.#doorkeeper.empty();
    this.#turn.stop();
    const tooLong = setTimeout(() => this.#storage.giveUp(), CLOSE_TIMEOUT_MS);
    await new Promise<void>((resolve) => this.#storage.close(resolve));
    clearTimeout(tooLong);
  }

  /** The listeners of `config`: those that listen already, and the others opened. All or none. */
  async #opened(config: Config): Promise<Map<string, OpenListener>> {
    const all = new Map<string, OpenListener>();
    const fresh: Listener[] = [];
    try {
      for (const [key, listenerConfig] of keyed(config.listeners ?? [])) {
        const policy = { ...listenerConfig, name: listenerConfig.url };
        const open = this.#listeners.get(key) ?? (await this.#open(listenerConfig, policy));
        if (!this.#listeners.has(key)) fresh.push(open.listener);
        all.set(key, open);
        this.#refuseIfClosed(); // Meanwhile.
      }
    } catch (error) {
      for (const listener of fresh) listener.stop();
      throw error;
    }
    for (const [key, { url, ...policy }] of keyed(config.listeners ?? [])) {
      const open = all.get(key);
      if (open !== undefined) open.policy = { ...policy, name: url };
    }
    return all;
  }

  async #open({ target }: ListenerConfig, policy: ServerPolicy): Promise<OpenListener> {
    const wiring: ListenerWiring = {
      doorkeeper: this.#doorkeeper,
      limits: () => this.#config.limits,
      originRule: () => this.#originRule(open.policy),
      accept: (stream, remoteAddress) => this.#serve(stream, open.policy, remoteAddress),
      refused: (remoteAddress, why) => this.#refused(remoteAddress, why),
    };
    const open: OpenListener = { listener: await openListener(target, wiring), policy };
    return open;
  }

  #serve(stream: Duplex, policy: ServerPolicy, remoteAddress: string): void {
    if (this.#closing === undefined) {
      new Connection(stream, this.#wiring, policy, remoteAddress);
    } else stream.destroy();
  }

  #policyOf(options: PolicyOptions, name: string): ServerPolicy {
    return { ...checkOptions(PolicySchema, treeOf(options, "")), name };
  }

  #originRule(policy: Policy): { origins: readonly string[] | undefined; anonymous: boolean } {
    const hasUsers = this.#hooks.authenticator !== undefined;
    const anonymous = anonymousFor(this.#config, policy, hasUsers) !== "nobody";
    return { origins: policy.origins, anonymous };
  }

  #refused(remoteAddress: string, message: string): void {
    this.#events.violated({ clientId: "", remoteAddress, message });
  }

  #refuseIfClosed(): void {
    if (this.#closing !== undefined) throw new Error("the broker is closed: create another");
  }
}

const NO_PROPERTIES: PublishProperties = {
  payloadFormatIndicator: undefined,
  messageExpiryIntervalSec: undefined,
  contentType: undefined,
  responseTopic: undefined,
  correlationData: undefined,
  userProperties: [],
};

function keyed(listeners: readonly ListenerConfig[]): [string, ListenerConfig][] {
  const seen = new Map<string, number>();
  return listeners.map((listener) => {
    const nth = seen.get(listener.url) ?? 0;
    seen.set(listener.url, nth + 1);
    return [`${listener.url} ${nth}`, listener];
  });
}

/** `10.0.0.7:51022` and `[fd00::7]:51022` without their ports; an address alone as it is. */
function withoutPort(address: string): string {
  return /^\[(.*)\]/.exec(address)?.[1] ?? address.replace(/^([^:]*):\d+$/, "$1");
}
