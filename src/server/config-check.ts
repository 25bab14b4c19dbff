/** Checks a tree of configuration against a schema; every problem is found in one go. */
import * as v from "valibot";
import { ConfigError, type ConfigProblem } from "./config-error.ts";
import { type ConfigEntry, type ConfigNode, type ConfigScalar, showPath } from "./config-tree.ts";
import { didYouMean, nearest } from "./did-you-mean.ts";
import { shapeOf } from "./schema-walk.ts";

type Path = readonly string[];

/** @throws ConfigError with all that is wrong. */
export function checkConfig<Config>(
  schema: v.GenericSchema<unknown, Config>,
  tree: ConfigNode,
): Config {
  const problems: ConfigProblem[] = [];
  const value = valueFor(schema, tree, [], problems);
  const result = v.safeParse(schema, value);
  if (!result.success) {
    for (const issue of result.issues) {
      const path = (issue.path ?? []).map((item) => String(item.key));
      problems.push({ origin: originAt(tree, path), path: showPath(path), message: issue.message });
    }
  }
  if (problems.length > 0 || !result.success) throw new ConfigError(problems);
  return result.output;
}

/** Options given in code. @throws ConfigError */
export function checkOptions<Input, Config>(
  schema: v.GenericSchema<Input, Config>,
  tree: ConfigNode,
): Config {
  return checkConfig(schema as unknown as v.GenericSchema<unknown, Config>, tree);
}

/** The node at `path`, or undefined: nobody said anything there. */
export function nodeAt(tree: ConfigNode, path: Path): ConfigNode | undefined {
  let node: ConfigNode | undefined = tree;
  for (const key of path) node = node === undefined ? undefined : childOf(node, key);
  return node;
}

function childOf(node: ConfigNode, key: string): ConfigNode | undefined {
  if (node.kind === "map") return node.entries.get(key)?.node;
  return node.kind === "list" ? node.items[Number(key)] : undefined;
}

/** Of the node at `path`, or of the nearest one above it that is there. */
export function originAt(tree: ConfigNode, path: Path): string {
  let origin = tree.origin;
  for (let depth = 1; depth <= path.length; depth += 1) {
    origin = nodeAt(tree, path.slice(0, depth))?.origin ?? origin;
  }
  return origin;
}

/** The plain value of `node` where `schema` stands; keys that it does not know are left out. */
function valueFor(
  schema: v.GenericSchema,
  node: ConfigNode,
  path: Path,
  problems: ConfigProblem[],
): unknown {
  const shape = shapeOf(schema);
  if (shape.kind === "leaf") {
    if (node.kind === "scalar") return scalarFor(shape.metadata, node);
    return node.kind === "list" ? [] : {}; // Enough for the error.
  }
  // `limits:` with everything below it commented out.
  if (node.kind === "scalar") return node.value === null ? undefined : node.value;
  if (shape.kind === "map") {
    return node.kind === "map" ? objectFor(shape.entries, node.entries, path, problems) : "";
  }
  if (node.kind === "map" && ![...node.entries.keys()].some(isIndex)) return node;
  const items = node.kind === "list" ? node.items : itemsOf(node.entries, path, problems);
  return items.map((item, index) => {
    return valueFor(shape.item, item, [...path, String(index)], problems);
  });
}

function objectFor(
  schemas: Readonly<Record<string, v.GenericSchema>>,
  entries: ReadonlyMap<string, ConfigEntry>,
  path: Path,
  problems: ConfigProblem[],
): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const [key, { origin, node }] of entries) {
    const schema = Object.hasOwn(schemas, key) ? schemas[key] : undefined;
    if (schema === undefined) {
      problems.push({ origin, path: showPath([...path, key]), message: unknownKey(schemas, key) });
      continue;
    }
    const item = valueFor(schema, node, [...path, key], problems);
    if (item !== undefined) value[key] = item;
  }
  return value;
}

function unknownKey(schemas: Readonly<Record<string, v.GenericSchema>>, key: string): string {
  const keys = Object.keys(schemas);
  if (nearest(key, keys) !== undefined) return `unknown key${didYouMean(key, keys)}`;
  return keys.length > 12 ? "unknown key" : `unknown key; there are ${keys.join(", ")}`;
}

/** Items by index, as the environment gives them: 0 to n, none missing. */
function itemsOf(
  entries: ReadonlyMap<string, ConfigEntry>,
  path: Path,
  problems: ConfigProblem[],
): ConfigNode[] {
  const items: ConfigNode[] = [];
  while (entries.has(String(items.length))) {
    const entry = entries.get(String(items.length));
    if (entry !== undefined) items.push(entry.node);
  }
  for (const [key, { origin }] of entries) {
    if (isIndex(key) && Number(key) < items.length) continue;
    const next = showPath([...path, String(items.length)]);
    const message = `the next one in this list is ${next}`;
    problems.push({ origin, path: showPath([...path, key]), message });
  }
  return items;
}

function isIndex(key: string): boolean {
  return /^\d+$/.test(key);
}

/** Text that can only have meant a boolean or a number is one. */
function scalarFor(
  metadata: { readonly json?: Readonly<Record<string, unknown>> },
  { value, isText }: ConfigScalar,
): unknown {
  if (!isText || typeof value !== "string") return value;
  const { type, enum: options } = metadata.json ?? {};
  if (type === "boolean" && (value === "true" || value === "false")) return value === "true";
  const number = /^-?\d+$/.test(value) ? Number(value) : undefined;
  if (number === undefined) return value;
  if (type === "integer" || number === 0) return number;
  return Array.isArray(options) && options.includes(number) ? number : value;
}
