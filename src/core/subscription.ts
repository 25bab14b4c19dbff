import type { Grant } from "../delivery/outbound-window.ts";
import type { Qos, SubscriptionOptions } from "../protocol/packets.ts";
import type { ParsedFilter } from "../protocol/topic.ts";
import type { Session } from "./session.ts";

/** One Topic Filter of one Session, with its options (§3.8.3.1). */
export interface Subscription {
  readonly session: Session;
  /** As it was subscribed to, `$share/…/` included: what UNSUBSCRIBE names. */
  readonly topicFilter: string;
  readonly parsed: ParsedFilter;
  readonly options: SubscriptionOptions;
  /** 0: none. */
  readonly subscriptionIdentifier: number;
  /** What it grants taken alone: to others' messages, and to those of its own Session. */
  readonly grant: Grant;
  readonly ownGrant: Grant | undefined;
}

export function newSubscription(
  session: Session,
  topicFilter: string,
  parsed: ParsedFilter,
  options: SubscriptionOptions,
  subscriptionIdentifier: number,
): Subscription {
  // Of several copies, as shared Subscriptions make them, each has its own [MQTT-3.3.4-5].
  const grant: Grant = {
    qos: options.qos,
    retainAsPublished: options.retainAsPublished,
    subscriptionIdentifiers: subscriptionIdentifier === 0 ? NONE : [subscriptionIdentifier],
    shareKey: parsed.shareName === "" ? "" : topicFilter,
  };
  const ownGrant = options.noLocal ? undefined : grant; // [MQTT-3.8.3-3]
  return { session, topicFilter, parsed, options, subscriptionIdentifier, grant, ownGrant };
}

/**
 * What overlapping subscriptions of one Session grant together: one copy, at the highest QoS
 * [MQTT-3.3.4-2], with every Subscription Identifier [MQTT-3.3.4-3] [MQTT-3.3.4-4].
 */
export function mergeGrants(subscriptions: readonly Subscription[]): Grant | undefined {
  const [first] = subscriptions;
  if (first === undefined || subscriptions.length === 1) return first?.grant;
  let qos: Qos = 0;
  let retainAsPublished = false;
  const identifiers: number[] = [];
  for (const { options, subscriptionIdentifier } of subscriptions) {
    if (options.qos > qos) qos = options.qos;
    retainAsPublished ||= options.retainAsPublished;
    if (subscriptionIdentifier !== 0) identifiers.push(subscriptionIdentifier);
  }
  return { qos, retainAsPublished, subscriptionIdentifiers: identifiers, shareKey: "" };
}

const NONE: readonly number[] = [];
