/** The YAML file: text into a tree that remembers lines and columns. */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  type ParsedNode,
  parseDocument,
} from "yaml";
import { ConfigError, type ConfigProblem } from "./config-error.ts";
import { type ConfigNode, emptyMap } from "./config-tree.ts";

/** Deeper than any configuration; ends an alias that stands for what it is in. */
const DEPTH_MAX = 20;

/**
 * @param fileName As it is to stand in errors.
 * @throws ConfigError if it is not YAML, has a key twice, or is empty: a file that was cut short
 *   must not pass for "all defaults".
 */
export function parseConfigFile(text: string, fileName: string): ConfigNode {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const originOf = (offset: number | undefined): string => {
    const { line, col } = lines.linePos(offset ?? 0);
    return `${fileName}:${line}:${col}`;
  };
  const problems: ConfigProblem[] = document.errors.map((error) => ({
    origin: originOf(error.pos[0]),
    path: "",
    message: error.message,
  }));
  const refuse = (offset: number | undefined, message: string): never => {
    throw new ConfigError([{ origin: originOf(offset), path: "", message }]);
  };

  const convert = (node: ParsedNode | null, offset: number | undefined, depth: number) => {
    if (depth > DEPTH_MAX) return refuse(offset, `nested more than ${DEPTH_MAX} deep`);
    const at = node?.range?.[0] ?? offset;
    const origin = originOf(at);
    if (isAlias(node)) return convert(node.resolve(document) as ParsedNode, at, depth + 1);
    if (isMap(node)) return mapOf(node.items, origin, depth);
    if (isSeq(node)) {
      const items = (node.items as ParsedNode[]).map((item): ConfigNode => {
        return convert(item, at, depth + 1);
      });
      return { kind: "list", origin, items } as const;
    }
    const value = isScalar(node) ? node.value : null;
    return { kind: "scalar", origin, value, isText: false } as const;
  };
  const mapOf = (
    pairs: readonly Pair<ParsedNode, ParsedNode | null>[],
    origin: string,
    depth: number,
  ): ConfigNode => {
    const map = emptyMap(origin);
    for (const { key, value } of pairs) {
      const at = key.range?.[0];
      if (!isScalar(key)) return refuse(at, "a key must be a word");
      const node: ConfigNode = convert(value, at, depth + 1);
      map.entries.set(String(key.value), { origin: originOf(at), node });
    }
    return map;
  };

  if (problems.length > 0) throw new ConfigError(problems);
  if (document.contents === null) refuse(0, "the file is empty");
  const tree = convert(document.contents as ParsedNode, 0, 0);
  return tree.kind === "map" ? tree : refuse(0, "expected keys such as listeners: and limits:");
}
