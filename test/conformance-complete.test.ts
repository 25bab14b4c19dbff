import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { check, readSources } from "../tools/conformance.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

test("every statement that binds a broker is enforced and proven", () => {
  const problems = check(readSources(ROOT));
  assert.equal(problems.length, 0, problems.join("\n"));
});
