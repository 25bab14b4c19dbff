/** `nightjar check`: the whole configuration as YAML, and where each value came from. */
import type * as v from "valibot";
import { Document, isMap, type Node, YAMLMap, YAMLSeq } from "yaml";
import { nodeAt } from "./config-check.ts";
import type { ConfigNode } from "./config-tree.ts";
import { defaultOf, shapeOf } from "./schema-walk.ts";

/** @param tree Checked already. Values not said in it are shown with their defaults. */
export function printConfig(schema: v.GenericSchema, tree: ConfigNode): string {
  const document = new Document();
  document.contents = printed(schema, tree, document) ?? new YAMLMap();
  return document.toString({ lineWidth: 100 });
}

function printed(
  schema: v.GenericSchema,
  node: ConfigNode | undefined,
  document: Document,
): Node | undefined {
  const shape = shapeOf(schema);
  if (shape.kind === "leaf") {
    const given = node?.kind === "scalar" ? node : undefined;
    const value = given?.value ?? defaultOf(schema);
    if (value === undefined) return undefined;
    const scalar = document.createNode(shape.metadata.secret ? "***" : value) as Node;
    if (given !== undefined && given.origin !== "default") scalar.comment = ` ${given.origin}`;
    return scalar;
  }
  if (shape.kind === "list") {
    const count =
      node?.kind === "list" ? node.items.length : node?.kind === "map" ? node.entries.size : 0;
    if (node === undefined) return undefined;
    const list = new YAMLSeq();
    for (let index = 0; index < count; index += 1) {
      list.add(printed(shape.item, nodeAt(node, [String(index)]), document));
    }
    return list;
  }
  const map = new YAMLMap();
  for (const [key, item] of Object.entries(shape.entries)) {
    const below = node === undefined ? undefined : nodeAt(node, [key]);
    const value = printed(item, below, document);
    if (value !== undefined && !(isMap(value) && value.items.length === 0)) map.add({ key, value });
  }
  return map;
}
