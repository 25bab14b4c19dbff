/** Rules for Topic Names and Topic Filters (§4.7) and for Shared Subscriptions (§4.8.2). */

/** `$share/{ShareName}/{topicFilter}`, or a plain filter with `shareName` "". */
export interface ParsedFilter {
  readonly shareName: string;
  /** What is matched against Topic Names: without `$share/{ShareName}/`. */
  readonly topicFilter: string;
}

const SHARE_PREFIX = "$share/";

/** Number of levels: one more than there are "/". */
export function topicLevels(topic: string): number {
  let levels = 1;
  for (let at = topic.indexOf("/"); at >= 0; at = topic.indexOf("/", at + 1)) levels += 1;
  return levels;
}

/**
 * Whether `topicName` may stand in a PUBLISH: not empty, no wildcard [MQTT-4.7.3-1] [MQTT-4.7.0-1].
 * U+0000 and ill-formed UTF-8 are the codec's to refuse.
 */
export function isTopicName(topicName: string): boolean {
  return topicName !== "" && !topicName.includes("+") && !topicName.includes("#");
}

/** Whether `topicFilter`, without `$share/…/`, is well formed (§4.7.1). */
export function isTopicFilter(topicFilter: string): boolean {
  if (topicFilter === "") return false; // [MQTT-4.7.3-1]
  for (let at = 0; at < topicFilter.length; at += 1) {
    const char = topicFilter.charCodeAt(at);
    if (char !== PLUS && char !== HASH) continue;
    const startsLevel = at === 0 || topicFilter.charCodeAt(at - 1) === SLASH;
    const endsFilter = at === topicFilter.length - 1;
    // [MQTT-4.7.1-1] "#" is a whole level and the last; [MQTT-4.7.1-2] "+" is a whole level.
    if (!startsLevel || !(endsFilter || (char === PLUS && isSlash(topicFilter, at + 1))))
      return false;
  }
  return true;
}

/** Takes a SUBSCRIBE's Topic Filter apart, or undefined where it breaks §4.7 or §4.8.2. */
export function parseFilter(topicFilter: string): ParsedFilter | undefined {
  if (!topicFilter.startsWith(SHARE_PREFIX)) {
    // "$share" alone is no filter that a message could ever match.
    if (topicFilter === "$share" || !isTopicFilter(topicFilter)) return undefined;
    return { shareName: "", topicFilter };
  }
  const nameEnd = topicFilter.indexOf("/", SHARE_PREFIX.length);
  if (nameEnd < 0) return undefined; // [MQTT-4.8.2-2]
  const shareName = topicFilter.slice(SHARE_PREFIX.length, nameEnd);
  // [MQTT-4.8.2-1] at least one character, [MQTT-4.8.2-2] none of them a wildcard.
  if (!isTopicName(shareName)) return undefined;
  const rest = topicFilter.slice(nameEnd + 1);
  return isTopicFilter(rest) ? { shareName, topicFilter: rest } : undefined;
}

/** Whether a filter, well formed and without `$share/…/`, matches a Topic Name (§4.7.1, §4.7.2). */
export function filterMatches(topicFilter: string, topicName: string): boolean {
  const filter = topicFilter.split("/");
  const name = topicName.split("/");
  // [MQTT-4.7.2-1] A wildcard in the FIRST level never matches "$SYS/..."; deeper ones do.
  if (topicName.startsWith("$") && (filter[0] === "#" || filter[0] === "+")) return false;
  for (let depth = 0; depth < filter.length; depth += 1) {
    const level = filter[depth];
    if (level === "#") return true; // Also the parent: "a/#" matches "a" (§4.7.1.2).
    if (depth >= name.length || (level !== "+" && level !== name[depth])) return false;
  }
  return filter.length === name.length;
}

const PLUS = 0x2b;
const HASH = 0x23;
const SLASH = 0x2f;

function isSlash(text: string, at: number): boolean {
  return text.charCodeAt(at) === SLASH;
}
