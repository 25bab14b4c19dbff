/**
 * Checks of the code itself: who may import whom, how long a thing may be, what must not stay.
 *
 * LAYERS is the architecture (docs/ARCHITECTURE.md § Layers). A change here is a change of design:
 * it needs an ADR.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const SRC = join(ROOT, "src/");

/** For each folder of src/: the folders, packages and Node modules that it may import. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  codec: ["protocol", "node:buffer"],
  delivery: ["protocol"],
  core: ["protocol", "delivery"],
  store: [
    "protocol",
    "codec",
    "delivery",
    "core",
    "node:buffer",
    "node:crypto",
    "node:fs",
    "node:os",
    "node:path",
    "node:zlib",
  ],
  auth: ["protocol", "core", "node:crypto", "node:fs"],
  net: [
    "protocol",
    "codec",
    "core",
    "node:buffer",
    "node:fs/promises",
    "node:http",
    "node:net",
    "node:stream",
    "ws",
  ],
  conform: ["protocol", "node:buffer", "node:crypto", "node:events", "node:net"],
  testing: ["protocol", "codec", "core", "net", "store", "server", "node:stream"],
  server: [
    "protocol",
    "codec",
    "core",
    "store",
    "auth",
    "net",
    "node:buffer",
    "node:crypto",
    "node:events",
    "node:fs",
    "node:fs/promises",
    "node:http",
    "node:module",
    "node:path",
    "node:stream",
    "node:url",
    "valibot",
    "yaml",
  ],
  cli: [
    "protocol",
    "codec",
    "core",
    "server",
    "conform",
    "node:buffer",
    "node:fs",
    "node:module",
    "node:util",
  ],
};

/** Where the clock, timers, random numbers and Promises do not exist (invariant 1). */
const PURE = ["protocol", "delivery", "core"];

const BANNED: ReadonlyArray<{ pattern: RegExp; instead: string; where?: readonly string[] }> = [
  { pattern: /\bFIXME\b|\bTODO\b|\bXXX\b|\bdebugger\b/, instead: "an issue" },
  { pattern: /@ts-(ignore|expect-error|nocheck)/, instead: "types that are true" },
  { pattern: /\bas any\b|: any\b/, instead: "unknown and a check" },
  { pattern: /catch \{\s*\}/, instead: "a word on why nothing is to be done" },
  { pattern: /\bDate\b\.|performance\./, instead: "an argument `nowMs`", where: PURE },
  { pattern: /\bMath\.random\b/, instead: "an injected source", where: PURE },
  { pattern: /\basync\b|\bawait\b|new Promise/, instead: "run to completion", where: PURE },
  { pattern: /\.flush\(/, instead: "be polled: the core never calls out", where: ["core"] },
];

const FILE_LINES_MAX = 500;
const LINE_LENGTH_MAX = 100;

interface Source {
  /** Under the root, e.g. `src/codec/publish.ts`. */
  readonly path: string;
  readonly text: string;
}

function sourcesUnder(...folders: string[]): Source[] {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts"))
      .map((path) => join(folder, path))
      .map((path) => ({ path, text: readFileSync(join(ROOT, path), "utf8") })),
  );
}

/** What a file imports, as folders of src/ or module names. */
function importsOf({ path, text }: Source): string[] {
  const names = [
    ...text.matchAll(/(?:^|\n)\s*(?:import|export)\b[^;]*?from\s+"([^"]+)"/g),
    ...text.matchAll(/\bimport\(\s*"([^"]+)"\s*\)/g),
  ];
  return names.map(([, name = ""]) =>
    name.startsWith(".")
      ? (relative(SRC, join(ROOT, dirname(path), name)).split("/")[0] ?? "")
      : name,
  );
}

for (const source of sourcesUnder("src")) {
  if (/\.(test|suite)\.ts$/.test(source.path)) continue;
  const layer = source.path.split("/")[1] ?? "";
  test(`tidy: layers of ${source.path}`, () => {
    const allowed = LAYERS[layer];
    assert.ok(allowed, `folder "${layer}" is not in LAYERS`);
    for (const imported of importsOf(source)) {
      assert.ok(
        imported === layer || allowed.includes(imported),
        `${source.path} imports "${imported}"; "${layer}" may import: ${allowed.join(", ")}`,
      );
    }
    for (const { pattern, instead, where } of BANNED) {
      if (where !== undefined && !where.includes(layer)) continue;
      const code = instead === "an issue" ? source.text : withoutComments(source.text);
      assert.doesNotMatch(code, pattern, `${source.path}: instead, ${instead}`);
    }
  });
}

test("tidy: sizes", () => {
  const long: string[] = [];
  for (const { path, text } of sourcesUnder("src", "test", "tools", "bench")) {
    const isVectors = /\/(accepted|refused|vectors)\.suite\.ts$/.test(path);
    const lines = text.split("\n");
    if (lines.length - 1 > FILE_LINES_MAX) long.push(`${path}: ${lines.length - 1} lines`);
    lines.forEach((line, at) => {
      // A vector is bytes in a row: breaking it would hide what it shows.
      if (!isVectors && line.length > LINE_LENGTH_MAX)
        long.push(`${path}:${at + 1}: ${line.length} characters`);
    });
  }
  assert.deepEqual(long, [], "split the idea, not the file");
});

test("tidy: nothing is skipped and nothing is the only one", () => {
  for (const { path, text } of sourcesUnder("src", "test")) {
    if (path === "test/tidy.test.ts") continue;
    assert.doesNotMatch(text, /\b(test|it|describe)\.(only|skip|todo)\(/, path);
  }
});

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "");
}
