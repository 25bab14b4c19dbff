import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { MUTANTS } from "../../tools/mutants-list.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

test("each mutant still has its place: `tools/mutants.ts` can be run", () => {
  assert.ok(MUTANTS.length >= 24);
  for (const { file, was, becomes } of MUTANTS) {
    const places = readFileSync(join(root, file), "utf8").split(was).length - 1;
    assert.equal(places, 1, `${file}: "${was}" should occur once`);
    assert.notEqual(was, becomes);
  }
});
