/** The topics of the load. No session has two subscriptions that match the same one. */

const GROUPS = 16;
const TOPICS_PER_GROUP = 4;

/** Sessions subscribe to these once, and keep the subscription. */
export const LOAD_TOPICS: readonly string[] = Array.from(
  { length: GROUPS * TOPICS_PER_GROUP },
  (_, at) => `load/${Math.floor(at / TOPICS_PER_GROUP)}/${at % TOPICS_PER_GROUP}`,
);

/** Sessions subscribe to these and unsubscribe all the time. */
export const CHURN_TOPICS: readonly string[] = Array.from({ length: 8 }, (_, at) => `churn/${at}`);

/** The prober says something here, as the wills do on the other levels. */
export const WILL_PROBE_TOPIC = "will/probe";
export const WILL_FILTER = "will/+";

export const PROBED_TOPICS: readonly string[] = [...LOAD_TOPICS, ...CHURN_TOPICS, WILL_PROBE_TOPIC];

const NUMBER_OF: ReadonlyMap<string, number> = new Map(PROBED_TOPICS.map((name, at) => [name, at]));

/** The number of what one publisher says on one topic with one QoS; from 1 on. */
export function streamOf(publisher: number, topic: string, qos: 1 | 2): number {
  return (publisher * PROBED_TOPICS.length + (NUMBER_OF.get(topic) ?? 0)) * 2 + qos;
}

/** @returns The topics, of all that are probed, that the filter matches. */
export function topicsOf(filter: string): string[] {
  const prefix = filter.endsWith("+") ? filter.slice(0, -1) : undefined;
  return PROBED_TOPICS.filter((topic) =>
    prefix === undefined ? topic === filter : topic.startsWith(prefix),
  );
}

/** Filters for `count` groups: all of a group with `+`, or two topics of it by name. */
export function loadFilters(
  groups: readonly number[],
  isWhole: (group: number) => boolean,
): string[] {
  return groups.flatMap((group) =>
    isWhole(group) ? [`load/${group}/+`] : [`load/${group}/0`, `load/${group}/2`],
  );
}

export const GROUP_NUMBERS: readonly number[] = Array.from({ length: GROUPS }, (_, at) => at);
