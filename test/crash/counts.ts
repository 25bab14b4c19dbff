/** What is counted while a broker is killed again and again. */

export interface Counts {
  // How much was done.
  /** Messages that were sent, each counted once. */
  published: number;
  /** Of those: QoS 1 with PUBACK, QoS 2 with PUBREC. */
  acknowledged: number;
  /** Deliveries that those acknowledgements promise: one for each session that had subscribed. */
  owed: number;
  /** Deliveries that came, each counted once. */
  received: number;
  /** QoS 1 deliveries that came again, as they may. */
  qos1Repeats: number;
  retainedChecked: number;
  willsOwed: number;
  /** Kills while the broker was starting; all others come while it serves. */
  earlyKills: number;
  drains: number;

  // What must not be.
  /** Acknowledged messages that a session which had subscribed did not get. */
  lost: number;
  /** First deliveries of messages that were counted as lost, or of which nothing was left. */
  late: number;
  qos2Duplicates: number;
  /** Messages of one publisher, topic and QoS that came for the first time in another order. */
  orderInversions: number;
  /** Session Present was 0 where it had to be 1. */
  sessionsLost: number;
  /** Subscriptions of sessions that were still there. */
  subscriptionsLost: number;
  /** Messages for a subscription that had been given up. */
  subscriptionsReturned: number;
  /** Deliveries with another QoS or Subscription Identifier than that of the subscription. */
  subscriptionsAltered: number;
  /** Messages of a session that a Clean Start had ended. */
  sessionsReturned: number;
  retainedLost: number;
  /** Another message was retained than the last acknowledged one, or one sent later. */
  retainedStale: number;
  willsLost: number;
  /** At QoS 2. */
  willsDuplicated: number;
  /** Published although the client had come back before the Will Delay had passed. */
  willsUnwanted: number;
  /** Payloads and topics that are not what was sent, and packets that are malformed. */
  corrupt: number;
  /** CONNECT, SUBSCRIBE and PUBLISH that the broker refused, and connections that it closed. */
  refused: number;
  /** The broker did not start on what it had left behind; it was given an empty folder. */
  startsFailed: number;
  /** The broker ended without having been killed. */
  ends: number;
}

/** The counts that are 0 for a broker that keeps its word. */
export const VIOLATIONS: ReadonlyArray<keyof Counts> = [
  "lost",
  "late",
  "qos2Duplicates",
  "orderInversions",
  "sessionsLost",
  "subscriptionsLost",
  "subscriptionsReturned",
  "subscriptionsAltered",
  "sessionsReturned",
  "retainedLost",
  "retainedStale",
  "willsLost",
  "willsDuplicated",
  "willsUnwanted",
  "corrupt",
  "refused",
  "startsFailed",
  "ends",
];

export function noCounts(): Counts {
  return {
    published: 0,
    acknowledged: 0,
    owed: 0,
    received: 0,
    qos1Repeats: 0,
    retainedChecked: 0,
    willsOwed: 0,
    earlyKills: 0,
    drains: 0,
    lost: 0,
    late: 0,
    qos2Duplicates: 0,
    orderInversions: 0,
    sessionsLost: 0,
    subscriptionsLost: 0,
    subscriptionsReturned: 0,
    subscriptionsAltered: 0,
    sessionsReturned: 0,
    retainedLost: 0,
    retainedStale: 0,
    willsLost: 0,
    willsDuplicated: 0,
    willsUnwanted: 0,
    corrupt: 0,
    refused: 0,
    startsFailed: 0,
    ends: 0,
  };
}

/** Those that are not 0, as they are printed. */
export function violationsOf(counts: Counts): string[] {
  return VIOLATIONS.filter((name) => counts[name] > 0).map((name) => `${name} ${counts[name]}`);
}
