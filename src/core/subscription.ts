import type { Grant } from "../delivery/outbound-window.ts";
import type { Qos, SubscriptionOptions } from "../protocol/packets.ts";
import type { Session } from "./session.ts";

/**
 * One Topic Filter of one Session, with its options (§3.8.3.1).
 *
 * There may be millions: options, and grants that name nothing of their own, are shared.
 */
export class Subscription {
  readonly session: Session;
  /** As it was subscribed to, `$share/…/` included: what UNSUBSCRIBE names. */
  readonly topicFilter: string;
  readonly options: SubscriptionOptions;
  /** What it grants taken alone to others' messages. */
  readonly grant: Grant;

  /** @param subscriptionIdentifier 0: none. */
  constructor(
    session: Session,
    topicFilter: string,
    isShared: boolean,
    options: SubscriptionOptions,
    subscriptionIdentifier: number,
  ) {
    this.session = session;
    this.topicFilter = topicFilter;
    this.options = OPTIONS[indexOf(options)] as SubscriptionOptions;
    const plain = PLAIN_GRANTS[indexOf(options)] as Grant;
    // Of several copies, as shared Subscriptions make them, each has its own [MQTT-3.3.4-5].
    this.grant =
      !isShared && subscriptionIdentifier === 0
        ? plain
        : {
            ...plain,
            subscriptionIdentifiers: subscriptionIdentifier === 0 ? NONE : [subscriptionIdentifier],
            shareKey: isShared ? topicFilter : "",
          };
  }

  get isShared(): boolean {
    return this.grant.shareKey !== "";
  }

  /** 0: none. */
  get subscriptionIdentifier(): number {
    return this.grant.subscriptionIdentifiers[0] ?? 0;
  }

  /** What it grants to messages of its own Session. */
  get ownGrant(): Grant | undefined {
    return this.options.noLocal ? undefined : this.grant; // [MQTT-3.8.3-3]
  }
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

/** By the bits of their byte on the wire (§3.8.3.1). */
const OPTIONS: readonly SubscriptionOptions[] = Array.from({ length: 64 }, (_, bits) => ({
  qos: (bits & 3) as Qos,
  noLocal: (bits & 4) !== 0,
  retainAsPublished: (bits & 8) !== 0,
  retainHandling: (bits >> 4) as 0 | 1 | 2,
}));

const PLAIN_GRANTS: readonly Grant[] = OPTIONS.map(({ qos, retainAsPublished }) => ({
  qos,
  retainAsPublished,
  subscriptionIdentifiers: NONE,
  shareKey: "",
}));

function indexOf({ qos, noLocal, retainAsPublished, retainHandling }: SubscriptionOptions): number {
  return qos | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4);
}
