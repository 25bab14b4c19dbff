/** What one seed's broker is like: every limit tiny, so that each is met all the time. */
import { DEFAULT_LIMITS, type Limits } from "../../src/core/limits.ts";
import type { Authorizer, ListenerPolicy, QueueFullPolicy } from "../../src/core/ports.ts";
import type { RehearsalBounds } from "../../src/core/rehearsal.ts";
import { Random } from "./prng.ts";

export interface Settings {
  readonly limits: Limits;
  readonly policy: ListenerPolicy;
  readonly packetIdMax: number;
  /** 0: every commit is done at once. */
  readonly commitDelayMaxMs: number;
  readonly linkDelayMaxMs: number;
  /** 0: no Authenticator. */
  readonly authenticationDelayMaxMs: number;
  readonly authorizer: Authorizer | undefined;
  /** Bytes that a connection's buffer takes before it says "drain first". */
  readonly highWaterMark: number;
  readonly flushBytesMax: number;
}

export const TOPICS: readonly string[] = ["a", "a/b", "a/bb/c", "d", "d/eeee", "f/g/h"];
/** Nobody may publish to it, where there is an Authorizer. */
const TOPIC_READ_ONLY = "f/g/h";
/** Clients whose id is in its first half may not receive it, where there is an Authorizer. */
const TOPIC_SECRET = "d/eeee";
export const FILTERS: readonly string[] = [
  "a",
  "a/b",
  "a/+",
  "a/#",
  "#",
  "+/b",
  "+/+",
  "d/#",
  "f/g/+",
  "$share/g/a/#",
  "$share/g/d/#",
  "$share/h/a/b",
  "$share/h/+/+",
];
export const FILTERS_BAD: readonly string[] = [
  "a/#/b",
  "a+",
  "$share/g",
  "$share/+/a",
  "a/b/c/d/e",
];

const AUTHORIZER: Authorizer = {
  authorize: (_principal, clientId, action, topic) =>
    !(action === "publish" && topic === TOPIC_READ_ONLY) &&
    !(action === "receive" && topic === TOPIC_SECRET && clientId < "c") &&
    !(action === "subscribe" && topic === "#" && clientId < "b"),
};

export function settingsOf(random: Random): Settings {
  const queueFullPolicy = random.pick<QueueFullPolicy>(["drop-oldest", "drop-newest", "reject"]);
  return {
    limits: limitsOf(random),
    policy: {
      name: "sim",
      queueFullPolicy,
      maximumQos: 2,
      retainAvailable: true,
      wildcardSubscriptionAvailable: true,
      sharedSubscriptionAvailable: true,
      subscriptionIdentifiersAvailable: true,
      validatePayloadFormat: false,
    },
    packetIdMax: random.chance(70) ? random.between(3, 9) : 65_535,
    commitDelayMaxMs: random.chance(60) ? random.between(1, 400) : 0,
    linkDelayMaxMs: random.pick([0, 5, 50]),
    authenticationDelayMaxMs: random.chance(20) ? 200 : 0,
    authorizer: random.chance(25) ? AUTHORIZER : undefined,
    highWaterMark: random.pick([60, 300, 2_000]),
    flushBytesMax: random.pick([80, 500]),
  };
}

/** Out of a source of its own: what else happens under a seed stays as it was. */
export function rehearsalBoundsOf(seed: number): RehearsalBounds {
  const random = new Random(seed + 0x5eed);
  return {
    thingsMax: random.pick([3, 20, 500]),
    spanBytesMax: random.pick([100, 1_000, 4_000]),
    spanMs: random.pick([300, 3_000]),
    stepMax: random.pick([1, 5, 64]),
    restMsPerThing: random.pick([0, 2, 4]),
  };
}

function limitsOf(random: Random): Limits {
  return {
    ...DEFAULT_LIMITS,
    packetSizeMax: 260,
    connectPacketSizeMax: 260,
    connectTimeoutMs: 2_000,
    keepAliveMaxSec: random.pick([0, 3, 10]),
    stalledTimeoutMs: 4_000,
    clientIdBytesMax: 10,
    topicBytesMax: 20,
    topicLevelsMax: 4,
    userPropertiesMax: 2,
    sessionsMax: random.between(4, 12),
    sessionExpiryMaxSec: random.pick([3, 20, 600]),
    subscriptionsPerSessionMax: random.between(3, 6),
    queueMessagesMax: random.between(2, 6),
    queueBytesMax: random.pick([400, 5_000]),
    qos0MessagesMax: random.between(2, 6),
    qos0BytesMax: random.pick([300, 5_000]),
    receiveMaximum: random.between(1, 4),
    inflightMax: random.between(1, 4),
    topicAliasMax: random.below(3),
    topicAliasOutboundMax: random.below(3),
    retainedMessagesMax: random.between(1, 4),
    retainedBytesMax: random.pick([250, 5_000]),
    routesMax: random.between(1, 5),
    ledgerEntriesMax: 8,
  };
}
