/**
 * Nightjar as a library: an MQTT 3.1, 3.1.1 and 5.0 broker inside your program.
 *
 * @example
 * import { createBroker } from "nightjar-mqtt";
 *
 * const broker = createBroker({ listeners: [{ url: "tcp://127.0.0.1:1883" }] });
 * await broker.listen();
 * broker.on("connected", ({ clientId }) => console.log(`hello, ${clientId}`));
 * broker.publish("greeting", "good evening", { retain: true });
 */
import type { AuthenticatorFunction, AuthorizerFunction } from "./admission.ts";
import { checkedOptions } from "./checked-options.ts";
import type { ConfigOptions } from "./config-schema.ts";
import { monotonicClock } from "./monotonic-clock.ts";
import { NightjarBroker } from "./nightjar-broker.ts";

export type { LossReason } from "../core/ledger.ts";
export { Ledger } from "../core/ledger.ts";
export type { Limits } from "../core/limits.ts";
export type {
  Action,
  AuthDecision,
  ConnectedEvent,
  DisconnectedEvent,
  LossEvent,
  Principal,
} from "../core/ports.ts";
export { ListenError } from "../net/listeners.ts";
export type { PublishProperties, Qos } from "../protocol/packets.ts";
export { ReasonCode } from "../protocol/reason-code.ts";
export type {
  AuthenticationRequest,
  AuthenticatorFunction,
  AuthorizerFunction,
} from "./admission.ts";
export type { BrokerEventListener, BrokerEventName, BrokerEvents } from "./broker-events.ts";
export { ConfigError } from "./config-error.ts";
export type { ConfigOptions, ListenerOptions, PolicyOptions } from "./config-schema.ts";
export type { LimitOptions } from "./limit-schema.ts";
export type { PublishOptions, StreamInfo } from "./nightjar-broker.ts";
export { NightjarBroker } from "./nightjar-broker.ts";
export type { StoreEvent } from "./storage.ts";
export { StoreError } from "./storage.ts";
export type { Duration, Size } from "./units.ts";

export interface CreateBrokerOptions extends ConfigOptions {
  /**
   * Who may connect, and as whom; asked once for each CONNECT. Without it clients are anonymous.
   *
   * @example
   * authenticator: async ({ userName, password }) => await checkPassword(userName, password)
   */
  readonly authenticator?: AuthenticatorFunction | undefined;
  /** Authentication Methods of AUTH that `authenticator` knows (MQTT 5.0 §4.12). */
  readonly authenticationMethods?: readonly string[] | undefined;
  /**
   * Who may publish and subscribe to what; asked for each packet, so it has to be quick.
   *
   * @example
   * authorizer: ({ name }, clientId, action, topic) => topic.startsWith(`${name}/`)
   */
  readonly authorizer?: AuthorizerFunction | undefined;
}

/**
 * Makes a broker. It does nothing until `listen`, `handle` or `handleUpgrade` brings it clients.
 *
 * @throws ConfigError with everything that is wrong with `options`; also if a listener could be
 *   reached from elsewhere while neither an `authenticator` nor `allowAnonymous: true` is given.
 *   StoreError if `data` is in use by another process, damaged, or cannot be written.
 * @example
 * const broker = createBroker({
 *   listeners: [{ url: "tcp://0.0.0.0:1883" }, { url: "ws://0.0.0.0:8083/mqtt" }],
 *   authenticator: async ({ userName, password }) => await checkPassword(userName, password),
 *   data: "./broker-data",
 *   limits: { packetSize: "256KiB", sessionExpiry: "1d" },
 * });
 * await broker.listen();
 */
export function createBroker(options: CreateBrokerOptions = {}): NightjarBroker {
  const { authenticator, authenticationMethods = [], authorizer, ...rest } = options;
  const config = checkedOptions(rest, authenticator !== undefined);
  return new NightjarBroker(config, {
    ...{ authenticator, authenticationMethods, authorizer },
    clock: monotonicClock,
    failed: warn,
  });
}

/** The program's own function failed; the broker goes on. */
function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}
