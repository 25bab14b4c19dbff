/**
 * A configuration before it is checked: values, each with where it was said.
 *
 * File, environment, flags and code become such trees; they are merged, checked as one, and an
 * error can still name the line, variable or flag that is to be changed.
 */
export type ConfigNode = ConfigScalar | ConfigMap | ConfigList;

export interface ConfigScalar {
  readonly kind: "scalar";
  /** `nightjar.yaml:12:5`, `NIGHTJAR_LOG__LEVEL`, `--listen`; "" for code, "default". */
  readonly origin: string;
  readonly value: unknown;
  /** Said where all is text (environment, flags): `true` and `12` may mean boolean and number. */
  readonly isText: boolean;
}

export interface ConfigMap {
  readonly kind: "map";
  readonly origin: string;
  readonly entries: Map<string, ConfigEntry>;
}

export interface ConfigEntry {
  /** Of the key, where that has a place of its own. */
  readonly origin: string;
  readonly node: ConfigNode;
}

export interface ConfigList {
  readonly kind: "list";
  readonly origin: string;
  readonly items: readonly ConfigNode[];
}

export function emptyMap(origin: string): ConfigMap {
  return { kind: "map", origin, entries: new Map() };
}

/** A tree of plain values, all of one origin; what is undefined is as if it were not there. */
export function treeOf(value: unknown, origin: string): ConfigNode {
  if (Array.isArray(value)) {
    return { kind: "list", origin, items: value.map((item) => treeOf(item, origin)) };
  }
  if (typeof value !== "object" || value === null) {
    return { kind: "scalar", origin, value, isText: false };
  }
  const map = emptyMap(origin);
  for (const [key, item] of Object.entries(value)) {
    if (item !== undefined) map.entries.set(key, { origin, node: treeOf(item, origin) });
  }
  return map;
}

/** Puts `text` at `path` of `map`; a number in the path is the index of a list. */
export function setText(
  map: ConfigMap,
  path: readonly string[],
  text: string,
  origin: string,
): void {
  const [key = "", ...rest] = path;
  if (rest.length === 0) {
    map.entries.set(key, { origin, node: { kind: "scalar", origin, value: text, isText: true } });
    return;
  }
  const inner = map.entries.get(key)?.node;
  const below = inner?.kind === "map" ? inner : emptyMap(origin);
  map.entries.set(key, { origin, node: below });
  setText(below, rest, text, origin);
}

/** `over` wins, key by key. A list is replaced as a whole, or changed by a map of indices. */
export function merged(base: ConfigNode, over: ConfigNode): ConfigNode {
  if (over.kind !== "map" || base.kind === "scalar") return over;
  const entries = new Map(base.kind === "map" ? base.entries : indexed(base));
  for (const [key, entry] of over.entries) {
    const before = entries.get(key);
    const node = before === undefined ? entry.node : merged(before.node, entry.node);
    entries.set(key, { origin: entry.origin, node });
  }
  return { kind: "map", origin: over.origin, entries };
}

/** `listeners[0].url`. */
export function showPath(path: readonly (string | number)[]): string {
  return path
    .map((step, at) => (/^\d+$/.test(String(step)) ? `[${step}]` : at === 0 ? step : `.${step}`))
    .join("");
}

function indexed(list: ConfigList): [string, ConfigEntry][] {
  return list.items.map((node, index) => [String(index), { origin: node.origin, node }]);
}
