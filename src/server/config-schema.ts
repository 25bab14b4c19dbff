/**
 * The configuration: its keys, their bounds and what they mean. One schema for the file, the
 * environment, the flags and the options of the library; nightjar.schema.json and the tables of
 * docs/configuration.md are made from it.
 */
import * as v from "valibot";
import type { Limits } from "../core/limits.ts";
import type { ListenerPolicy } from "../core/ports.ts";
import { expectedListenerUrl, type ListenerTarget, parseListenerUrl } from "../net/listener-url.ts";
import { duration, flag, leaf, oneOf, text } from "./config-values.ts";
import { type LimitOptions, LimitsSchema } from "./limit-schema.ts";
import type { Duration } from "./units.ts";

/** What the clients of one listener may do; all optional, with the defaults of the schema. */
export interface PolicyOptions {
  /** What a full queue does with one more message (default `drop-oldest`). */
  readonly queueFullPolicy?: ListenerPolicy["queueFullPolicy"] | undefined;
  /** Highest QoS that clients may publish (default 2). */
  readonly maximumQos?: ListenerPolicy["maximumQos"] | undefined;
  /** Whether clients may publish retained messages (default true). */
  readonly retainAvailable?: boolean | undefined;
  /** Whether subscriptions may have `+` and `#` (default true). */
  readonly wildcardSubscriptionAvailable?: boolean | undefined;
  /** Whether clients may use `$share/…` (default true). */
  readonly sharedSubscriptionAvailable?: boolean | undefined;
  /** Whether clients may use Subscription Identifiers (default true). */
  readonly subscriptionIdentifiersAvailable?: boolean | undefined;
  /** Refuse a PUBLISH that says its payload is UTF-8 when it is not (default true). */
  readonly validatePayloadFormat?: boolean | undefined;
  /** Overrides `allowAnonymous` of the broker. */
  readonly allowAnonymous?: boolean | undefined;
  /**
   * Web pages that may connect by WebSocket, as `https://host` or `*` for all. Default: pages of
   * this machine, and any page once clients have to say who they are.
   */
  readonly origins?: readonly string[] | undefined;
}

export interface ListenerOptions extends PolicyOptions {
  /** `tcp://host:port`, `ws://host:port/path` or `unix:///path`; port 0 takes a free one. */
  readonly url: string;
}

/** What can be configured, in the library and in the file alike. */
export interface ConfigOptions {
  /** None: the library opens no port; `nightjar serve` has its two. */
  readonly listeners?: readonly ListenerOptions[] | undefined;
  /**
   * Whether clients may connect without saying who they are. Default: only from this machine, and
   * only while there is no `authenticator`.
   */
  readonly allowAnonymous?: boolean | undefined;
  readonly limits?: LimitOptions | undefined;
  /**
   * Directory for what must survive the process: sessions, queues, retained messages. The library
   * keeps nothing unless it is set; `nightjar serve` has `./nightjar-data`.
   */
  readonly data?: string | undefined;
  /**
   * What an acknowledgement promises: `fsync` that the message is on the disk (default), `os` that
   * the operating system has it, `memory` that the process has it; then nothing is written.
   */
  readonly durability?: Durability | undefined;
  readonly sys?:
    | {
        /** Time between two publications of `$SYS/…`; 0 turns them off (default 10s). */
        readonly interval?: Duration | 0 | undefined;
      }
    | undefined;
  /** Response Information for clients that ask for it (MQTT 5.0 §3.2.2.3.15). */
  readonly responseInformation?: string | undefined;
}

export type Durability = (typeof DURABILITIES)[number];

export type LogLevel = (typeof LOG_LEVELS)[number];

/** What `nightjar serve` takes beyond that. */
export interface ServeOptions extends ConfigOptions {
  readonly log?:
    | {
        readonly level?: LogLevel | undefined;
        readonly format?: "text" | "json" | undefined;
      }
    | undefined;
}

/** Policy as configured: the core's part, and what the server itself looks at. */
export interface Policy extends Omit<ListenerPolicy, "name"> {
  readonly allowAnonymous: boolean | undefined;
  readonly origins: readonly string[] | undefined;
}

export interface ListenerConfig extends Policy {
  readonly url: string;
  readonly target: ListenerTarget;
}

/** A checked configuration: every value there, numbers in the unit of their name. */
export interface Config {
  readonly listeners: readonly ListenerConfig[] | undefined;
  readonly allowAnonymous: boolean | undefined;
  readonly limits: Limits;
  readonly data: string | undefined;
  readonly durability: Durability;
  readonly sysIntervalMs: number;
  readonly responseInformation: string | undefined;
}

export interface ServeConfig extends Config {
  readonly log: { readonly level: LogLevel; readonly format: "text" | "json" };
}

const DURABILITIES = ["fsync", "os", "memory"] as const;
export const LOG_LEVELS = ["error", "warn", "info", "debug"] as const;

const HOUR_MS = 3_600_000;

function origin(): v.GenericSchema<string, string> {
  const parse = (value: unknown) =>
    typeof value === "string" && (value === "*" || /^https?:\/\/[^/?#\s]+$/.test(value))
      ? value
      : undefined;
  return leaf(parse, "https://host[:port] without a path, or *", {
    json: { type: "string", pattern: "^(\\*|https?://[^/?#\\s]+)$" },
  });
}

function about<Input, Output>(
  schema: v.GenericSchema<Input, Output>,
  description: string,
): v.GenericSchema<Input, Output> {
  return v.pipe(schema, v.description(description)) as v.GenericSchema<Input, Output>;
}

const POLICY_ENTRIES = {
  queueFullPolicy: v.optional(
    about(
      oneOf(["drop-oldest", "drop-newest", "reject"]),
      "What a full queue does with one more message; reject answers the publisher with 0x97.",
    ),
    "drop-oldest",
  ),
  maximumQos: v.optional(about(oneOf([0, 1, 2]), "Highest QoS that clients may publish."), 2),
  retainAvailable: v.optional(about(flag(), "Clients may publish retained messages."), true),
  wildcardSubscriptionAvailable: v.optional(about(flag(), "Subscriptions may have + and #."), true),
  sharedSubscriptionAvailable: v.optional(about(flag(), "Clients may use $share/…."), true),
  subscriptionIdentifiersAvailable: v.optional(
    about(flag(), "Clients may use Subscription Identifiers."),
    true,
  ),
  validatePayloadFormat: v.optional(
    about(flag(), "Refuse a PUBLISH that says its payload is UTF-8 when it is not."),
    true,
  ),
  allowAnonymous: v.optional(
    about(flag(), "As the key of the same name at the top, for this one."),
  ),
  origins: v.optional(
    about(
      v.array(origin(), "expected a list"),
      "Web pages that may connect by WebSocket, as https://host or * for all. " +
        "Not set: pages of this machine, and any page once clients have to say who they are.",
    ),
  ),
};

const ListenerSchema = v.pipe(
  v.strictObject(
    {
      url: about(
        leaf<string, string>(
          (url) => (typeof url === "string" && parseListenerUrl(url) ? url : undefined),
          expectedListenerUrl,
          { json: { type: "string", pattern: "^(tcp|mqtt|ws|unix)://.+" } },
        ),
        "tcp://host:port, ws://host:port/path or unix:///path; port 0 takes a free one.",
      ),
      ...POLICY_ENTRIES,
    },
    "expected a mapping with url",
  ),
  v.transform((listener) => ({
    ...toPolicy(listener),
    url: listener.url,
    target: parseListenerUrl(listener.url) as ListenerTarget,
  })),
);

const CONFIG_ENTRIES = {
  listeners: v.optional(
    about(
      v.array(ListenerSchema, "expected a list of listeners"),
      "Where clients connect. Not set: tcp://127.0.0.1:1883 and ws://127.0.0.1:8083/mqtt.",
    ),
  ),
  allowAnonymous: v.optional(
    about(
      flag(),
      "Whether clients may connect without saying who they are. " +
        "Not set: only those on this machine, and only while no users are set.",
    ),
  ),
  limits: v.optional(about(LimitsSchema, "Bounds of everything that clients can make grow."), {}),
  data: v.optional(
    about(
      text(),
      "Directory for what survives the process. Not set: ./nightjar-data; in the library, none.",
    ),
  ),
  durability: v.optional(
    about(
      oneOf(DURABILITIES),
      "What an acknowledgement promises: fsync, that the message is on the disk; os, that the " +
        "operating system has it; memory, that the process has it, and nothing is written.",
    ),
    "fsync",
  ),
  sys: v.optional(
    v.strictObject(
      {
        interval: v.optional(
          about(
            duration(0, 24 * HOUR_MS),
            "Time between two publications of $SYS/…; 0 turns them off.",
          ),
          "10s",
        ),
      },
      "expected a mapping",
    ),
    {},
  ),
  responseInformation: v.optional(
    about(text(), "Response Information for clients that ask for it (MQTT 5.0 §3.2.2.3.15)."),
  ),
};

/** Options of the library. */
export const ConfigSchema: v.GenericSchema<ConfigOptions, Config> = v.pipe(
  v.strictObject(CONFIG_ENTRIES, "expected a mapping"),
  v.transform(toConfig),
);

/** The file, environment and flags of `nightjar serve`. */
export const ServeSchema: v.GenericSchema<ServeOptions, ServeConfig> = v.pipe(
  v.strictObject(
    {
      ...CONFIG_ENTRIES,
      log: v.optional(
        v.strictObject(
          {
            level: v.optional(about(oneOf(LOG_LEVELS), "The least that is logged."), "info"),
            format: v.optional(
              about(oneOf(["text", "json"]), "Lines for people, or JSON lines for machines."),
              "text",
            ),
          },
          "expected a mapping",
        ),
        {},
      ),
    },
    "expected a mapping",
  ),
  v.transform((config) => ({ ...toConfig(config), log: config.log })),
);

/** What one stream given to the library by hand may do. */
export const PolicySchema: v.GenericSchema<PolicyOptions, Policy> = v.pipe(
  v.strictObject(POLICY_ENTRIES, "expected an object"),
  v.transform(toPolicy),
);

/** Keys that a running broker cannot change, with what they stand for. */
const RESTART: Readonly<Record<string, (config: Config) => unknown>> = {
  "limits.ledgerEntries": ({ limits }) => limits.ledgerEntriesMax,
  data: ({ data }) => data,
  durability: ({ durability }) => durability,
  "sys.interval": ({ sysIntervalMs }) => sysIntervalMs,
  responseInformation: ({ responseInformation }) => responseInformation,
};

export const RESTART_KEYS: ReadonlySet<string> = new Set(Object.keys(RESTART));

/** The keys that differ and take a restart. */
export function restartKeys(before: Config, after: Config): string[] {
  return Object.keys(RESTART).filter((key) => RESTART[key]?.(before) !== RESTART[key]?.(after));
}

type Parsed<Entries extends v.ObjectEntries> = v.InferOutput<
  v.StrictObjectSchema<Entries, undefined>
>;

/** All fields always there: the core reads these objects often, and they should have one shape. */
function toPolicy(options: Parsed<typeof POLICY_ENTRIES>): Policy {
  return {
    queueFullPolicy: options.queueFullPolicy,
    maximumQos: options.maximumQos,
    retainAvailable: options.retainAvailable,
    wildcardSubscriptionAvailable: options.wildcardSubscriptionAvailable,
    sharedSubscriptionAvailable: options.sharedSubscriptionAvailable,
    subscriptionIdentifiersAvailable: options.subscriptionIdentifiersAvailable,
    validatePayloadFormat: options.validatePayloadFormat,
    allowAnonymous: options.allowAnonymous,
    origins: options.origins,
  };
}

function toConfig(options: Parsed<typeof CONFIG_ENTRIES>): Config {
  return {
    listeners: options.listeners,
    allowAnonymous: options.allowAnonymous,
    limits: options.limits,
    data: options.data,
    durability: options.durability,
    sysIntervalMs: options.sys.interval,
    responseInformation: options.responseInformation,
  };
}
