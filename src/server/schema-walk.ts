/** Looks into a valibot schema: its keys, its leaves, and what they say about themselves. */
import * as v from "valibot";
import type { LeafMetadata } from "./config-values.ts";

export type SchemaShape =
  | { readonly kind: "map"; readonly entries: Readonly<Record<string, v.GenericSchema>> }
  | { readonly kind: "list"; readonly item: v.GenericSchema }
  | { readonly kind: "leaf"; readonly metadata: LeafMetadata };

export function shapeOf(schema: v.GenericSchema): SchemaShape {
  const core = unwrapped(schema);
  if ("entries" in core) return { kind: "map", entries: core.entries as v.ObjectEntries };
  if ("item" in core) return { kind: "list", item: core.item as v.GenericSchema };
  return { kind: "leaf", metadata: leafMetadata(schema) };
}

/** Undefined: the key need not be there, or has none. */
export function defaultOf(schema: v.GenericSchema): unknown {
  return "default" in schema ? schema.default : undefined;
}

export function isRequired(schema: v.GenericSchema): boolean {
  return schema.type !== "optional";
}

export function descriptionOf(schema: v.GenericSchema): string {
  return v.getDescription(wrapped(schema)) ?? "";
}

function leafMetadata(schema: v.GenericSchema): LeafMetadata {
  return v.getMetadata(wrapped(schema)) as unknown as LeafMetadata;
}

/** Without `optional` around it. */
function wrapped(schema: v.GenericSchema): v.GenericSchema {
  return schema.type === "optional" && "wrapped" in schema
    ? (schema.wrapped as v.GenericSchema)
    : schema;
}

/** Without `optional` and pipes around it. */
function unwrapped(schema: v.GenericSchema): v.GenericSchema {
  const inner = wrapped(schema);
  if (!("pipe" in inner)) return inner;
  const [first] = inner.pipe as readonly v.GenericSchema[];
  return first === undefined ? inner : unwrapped(first);
}
