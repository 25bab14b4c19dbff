import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  configSchemaJson,
  DOCS_FILE,
  SCHEMA_FILE,
  withKeyTables,
} from "../../tools/config-schema.ts";
import { checkConfig } from "./config-check.ts";
import { parseConfigFile } from "./config-file.ts";
import { ServeSchema } from "./config-schema.ts";

const AGAIN = "run: node --import tsx tools/config-schema.ts";

test("nightjar.schema.json is as the schema says", () => {
  // As values: the formatter lays the file out in its own way.
  const committed: unknown = JSON.parse(readFileSync(SCHEMA_FILE, "utf8"));
  assert.deepEqual(committed, JSON.parse(configSchemaJson()), AGAIN);
});

test("the tables of docs/configuration.md are as the schema says", () => {
  const docs = readFileSync(DOCS_FILE, "utf8");
  assert.ok(docs === withKeyTables(docs), AGAIN);
});

test("nightjar.example.yaml is a configuration", () => {
  const text = readFileSync(new URL("../../nightjar.example.yaml", import.meta.url), "utf8");
  const { listeners } = checkConfig(ServeSchema, parseConfigFile(text, "nightjar.example.yaml"));
  assert.equal(listeners?.length, 2);
});
