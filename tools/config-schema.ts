/**
 * Writes what follows from the schema of the configuration: nightjar.schema.json, for editors, and
 * the tables in docs/configuration.md.
 *
 *     node --import tsx tools/config-schema.ts
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type * as v from "valibot";
import { RESTART_KEYS, ServeSchema } from "../src/server/config-schema.ts";
import { defaultOf, descriptionOf, isRequired, shapeOf } from "../src/server/schema-walk.ts";

export const SCHEMA_FILE: string = fileURLToPath(
  new URL("../nightjar.schema.json", import.meta.url),
);
export const DOCS_FILE: string = fileURLToPath(
  new URL("../docs/configuration.md", import.meta.url),
);

const BEGIN = "<!-- keys: made by tools/config-schema.ts -->";
const END = "<!-- keys end -->";

type Json = Record<string, unknown>;

/** The text of nightjar.schema.json. */
export function configSchemaJson(): string {
  const schema = {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Nightjar configuration",
    ...jsonSchema(ServeSchema),
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

/** `docs` with its tables made anew. */
export function withKeyTables(docs: string): string {
  const [before = "", rest = ""] = docs.split(BEGIN);
  const [, after = ""] = rest.split(END);
  return `${before}${BEGIN}\n\n${keyTables()}\n${END}${after}`;
}

function jsonSchema(schema: v.GenericSchema): Json {
  const description = descriptionOf(schema);
  const about = description === "" ? {} : { description };
  const shape = shapeOf(schema);
  if (shape.kind === "leaf") {
    const value = defaultOf(schema);
    return { ...about, ...shape.metadata.json, ...(value === undefined ? {} : { default: value }) };
  }
  if (shape.kind === "list") return { ...about, type: "array", items: jsonSchema(shape.item) };
  const entries = Object.entries(shape.entries);
  const required = entries.filter(([, item]) => isRequired(item)).map(([key]) => key);
  return {
    ...about,
    // `limits:` with nothing below it is a null.
    type: required.length > 0 ? "object" : ["object", "null"],
    properties: Object.fromEntries(entries.map(([key, item]) => [key, jsonSchema(item)])),
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: false,
  };
}

/** One table for the keys at the top, one for each mapping below. */
function keyTables(): string {
  const tables: string[] = [];
  const visit = (title: string, path: string, schema: v.GenericSchema) => {
    const shape = shapeOf(schema);
    if (shape.kind === "list") return visit(title, `${path}[]`, shape.item);
    if (shape.kind !== "map") return;
    const rows: string[] = [];
    const below: [string, v.GenericSchema][] = [];
    for (const [key, item] of Object.entries(shape.entries)) {
      const itemPath = path === "" ? key : `${path}.${key}`;
      const inner = shapeOf(item);
      const isTable =
        inner.kind === "map" || (inner.kind === "list" && shapeOf(inner.item).kind === "map");
      if (isTable) below.push([itemPath, item]);
      else rows.push(row(itemPath, item));
    }
    if (rows.length > 0) {
      const head = "| key | value | default | live | what |\n| --- | --- | --- | --- | --- |";
      tables.push(`### ${title}\n\n${head}\n${rows.join("\n")}\n`);
    }
    for (const [itemPath, item] of below) visit(`\`${itemPath}\``, itemPath, item);
  };
  visit("At the top", "", ServeSchema);
  return tables.join("\n");
}

function row(path: string, schema: v.GenericSchema): string {
  const value = defaultOf(schema);
  const shown = value === undefined ? (isRequired(schema) ? "required" : "–") : `\`${value}\``;
  const live = RESTART_KEYS.has(path) ? "restart" : "yes";
  const about = descriptionOf(schema).replaceAll("|", "\\|");
  return `| \`${path}\` | ${describeValue(schema)} | ${shown} | ${live} | ${about} |`;
}

/** What may stand there, in a few words. */
function describeValue(schema: v.GenericSchema): string {
  const shape = shapeOf(schema);
  if (shape.kind === "list") return "list";
  if (shape.kind === "map") return "mapping";
  const json = shape.metadata.json as Json & { anyOf?: Json[] };
  if (Array.isArray(json["enum"])) return json["enum"].map((one) => `\`${one}\``).join(" ");
  const pattern = String(json.anyOf?.find((one) => one["pattern"])?.["pattern"] ?? json["pattern"]);
  if (pattern.includes("KiB")) return "size";
  if (pattern.includes("ms|s|m")) return "duration";
  if (json["type"] === "integer") return `${json["minimum"]}..${json["maximum"] ?? ""}`;
  return json["type"] === "boolean" ? "true/false" : "text";
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(SCHEMA_FILE, configSchemaJson());
  writeFileSync(DOCS_FILE, withKeyTables(readFileSync(DOCS_FILE, "utf8")));
}
