/**
 * `limits` of the configuration: core/limits.ts under the names of the file.
 *
 * A name there ends in Max and in its unit; here the value carries the unit, and that it is a
 * maximum goes without saying: `connectTimeoutMs` is `connectTimeout: 10s`, `packetSizeMax` is
 * `packetSize: 1MiB`.
 */
import * as v from "valibot";
import { DEFAULT_LIMITS, type Limits } from "../core/limits.ts";
import { count, duration, size, UNBOUNDED } from "./config-values.ts";
import { type Duration, formatDuration, formatSize, type Size } from "./units.ts";

type WithoutMax<Name extends string> = Name extends `${infer Short}Max` ? Short : Name;
type OptionName<Name extends string> = Name extends `${infer Long}${"Ms" | "Sec"}`
  ? WithoutMax<Long>
  : WithoutMax<Name>;
type OptionValue<Name extends string> = Name extends `${string}${"Ms" | "Sec"}`
  ? Duration
  : Name extends `${string}${"Size" | "Bytes"}Max`
    ? Size
    : number;

/** Limits as an option of the library or in the file: `{ packetSize: "1MiB", sessions: 1000 }`. */
export type LimitOptions = {
  readonly [Name in keyof Limits as OptionName<Name>]?: OptionValue<Name> | undefined;
};

interface Rule {
  /** In the unit of the limit's name. */
  readonly min: number;
  readonly max: number;
  readonly about: string;
}

/** A Variable Byte Integer ends at 268,435,455 (§1.5.5); with the fixed header, 5 bytes more. */
const PACKET_SIZE_MAX = 268_435_460;
const UINT16_MAX = 65_535;
const UINT32_MAX = 0xffff_ffff;
const DAY_MS = 86_400_000;

const RULES: Readonly<Record<keyof Limits, Rule>> = {
  packetSizeMax: { min: 128, max: PACKET_SIZE_MAX, about: "A whole packet (§3.2.2.3.6)." },
  connectPacketSizeMax: {
    min: 128,
    max: PACKET_SIZE_MAX,
    about: "The same before the client is authenticated.",
  },
  connectTimeoutMs: {
    min: 10,
    max: DAY_MS,
    about: "From the first byte to a whole CONNECT and its authentication.",
  },
  connectionsMax: { min: 1, max: UNBOUNDED, about: "Connections." },
  connectionsPerAddressMax: {
    min: 1,
    max: UNBOUNDED,
    about: "Connections from one IP address; from one /64 with IPv6.",
  },
  keepAliveMaxSec: {
    min: 1,
    max: UINT16_MAX,
    about:
      "Longest Keep Alive. MQTT 5 clients that ask for none, or for more, are told to keep it.",
  },
  stalledTimeoutMs: {
    min: 100,
    max: DAY_MS,
    about: "How long a client may take no byte while there is something to send.",
  },
  clientIdBytesMax: { min: 23, max: UINT16_MAX, about: "A Client Identifier." },
  topicBytesMax: { min: 1, max: UINT16_MAX, about: "A Topic Name or Topic Filter." },
  topicLevelsMax: { min: 1, max: UINT16_MAX, about: "Levels of one." },
  userPropertiesMax: { min: 0, max: UINT16_MAX, about: "User Properties in one packet." },
  sessionsMax: { min: 1, max: UNBOUNDED, about: "Sessions, connected or not." },
  sessionExpiryMaxSec: {
    min: 0,
    max: UINT32_MAX,
    about: "How long a session outlives its connection.",
  },
  subscriptionsPerSessionMax: { min: 1, max: UNBOUNDED, about: "Subscriptions of one session." },
  queueMessagesMax: {
    min: 1,
    max: UNBOUNDED,
    about: "Messages of QoS 1 and 2 waiting for one session, beyond those in flight.",
  },
  queueBytesMax: { min: 1, max: UNBOUNDED, about: "Bytes of those, and of those in flight." },
  qos0MessagesMax: {
    min: 1,
    max: UNBOUNDED,
    about: "Messages of QoS 0 that a connected client is slow to take.",
  },
  qos0BytesMax: { min: 1, max: UNBOUNDED, about: "Bytes of those." },
  receiveMaximum: {
    min: 1,
    max: UINT16_MAX,
    about: "Messages of QoS 1 and 2 from one client at once (§3.2.2.3.3).",
  },
  inflightMax: {
    min: 1,
    max: UINT16_MAX,
    about: "Messages of QoS 1 and 2 in flight to one client, whatever it asks for.",
  },
  topicAliasMax: {
    min: 0,
    max: UINT16_MAX,
    about: "Topic Aliases that a client may use (§3.2.2.3.8).",
  },
  topicAliasOutboundMax: {
    min: 0,
    max: UINT16_MAX,
    about: "Topic Aliases that the broker uses towards a client.",
  },
  takeOversPerMinuteMax: {
    min: 0,
    max: UNBOUNDED,
    about: "How often one Client Identifier may be taken over within a minute; then it waits.",
  },
  messageMemoryBytesMax: {
    min: 0,
    max: UNBOUNDED,
    about: "Messages of QoS 1 and 2 in memory as well as in the log; others are read back.",
  },
  retainedMessagesMax: { min: 0, max: UNBOUNDED, about: "Retained messages." },
  retainedBytesMax: { min: 0, max: UNBOUNDED, about: "Bytes of those." },
  retainedLevelsMax: {
    min: 0,
    max: UNBOUNDED,
    about: "Topic levels of those, shared ones counted once: some 250 bytes each.",
  },
  routesMax: {
    min: 1,
    max: UNBOUNDED,
    about:
      'Remembered answers to "who gets this topic": one for each topic and each receiver of it.',
  },
  ledgerEntriesMax: {
    min: 1,
    max: 1_000_000,
    about: "Latest losses that the ledger keeps in full.",
  },
};

const NAMES = Object.keys(DEFAULT_LIMITS) as (keyof Limits)[];

export const LimitsSchema: v.GenericSchema<LimitOptions, Limits> = v.pipe(
  v.strictObject(
    Object.fromEntries(NAMES.map((name) => [optionName(name), limitSchema(name)])),
    "expected a mapping of limits",
  ),
  v.transform(toLimits),
) as v.GenericSchema<LimitOptions, Limits>;

/** The way back: checked options, defaults filled in, under the core's names. */
function toLimits(options: Readonly<Record<string, unknown>>): Limits {
  const limits: Partial<Record<keyof Limits, number>> = {};
  for (const name of NAMES) {
    const value = options[optionName(name)] as number;
    limits[name] = name.endsWith("Sec") ? Math.ceil(value / 1_000) : value;
  }
  const { packetSizeMax = 0, connectPacketSizeMax = 0 } = limits;
  limits.connectPacketSizeMax = Math.min(connectPacketSizeMax, packetSizeMax);
  return limits as Limits;
}

function optionName(name: keyof Limits): string {
  return name.replace(/(Max)?(Ms|Sec)?$/, "");
}

function limitSchema(name: keyof Limits): v.GenericSchema {
  const { min, max, about } = RULES[name];
  const value = DEFAULT_LIMITS[name];
  const described = (schema: v.GenericSchema) => v.pipe(schema, v.description(about));
  if (name.endsWith("Sec")) {
    const schema = described(duration(min * 1_000, max * 1_000));
    return v.optional(schema, formatDuration(value * 1_000));
  }
  if (name.endsWith("Ms")) {
    return v.optional(described(duration(min, max)), formatDuration(value));
  }
  if (/(Size|Bytes)Max$/.test(name)) {
    return v.optional(described(size(min, max)), formatSize(value));
  }
  return v.optional(described(count(min, max)), value);
}
