/**
 * Breaks the core by hand, in a copy, and sees whether the simulation notices.
 *
 *     node --import tsx tools/mutants.ts [--seeds 400] [--seconds 30] [--only NUMBER] [--write]
 *
 * Says for each mutant of `mutants-list.ts` which seed and which check caught it; `--write` also
 * writes `docs/mutants.md`. Fails when one is missed. The files of this tree are never touched.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { MUTANTS, type Mutant } from "./mutants-list.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "400" },
    seconds: { type: "string", default: "30" },
    only: { type: "string" },
    write: { type: "boolean", default: false },
  },
});

const root = fileURLToPath(new URL("..", import.meta.url));
const copy = mkdtempSync(join(tmpdir(), "mutants-"));

/** What failed first, as `SEED=7: …`; "" when nothing did. */
function caughtBy(mutant: Mutant): string {
  const path = join(copy, mutant.file);
  const original = readFileSync(path, "utf8");
  if (original.split(mutant.was).length !== 2) throw new Error(`${mutant.file}: ${mutant.was}`);
  writeFileSync(
    path,
    original.replace(mutant.was, () => mutant.becomes),
  );
  const { seeds, seconds } = values;
  const run = spawnSync(
    process.execPath,
    ["--import", "tsx", "tools/soak-sim.ts", "--seeds", seeds, "--seconds", seconds].concat([
      "--failures",
      "1",
    ]),
    { cwd: copy, encoding: "utf8", env: { ...process.env, SEED: undefined } },
  );
  writeFileSync(path, original);
  const line = run.stdout.split("\n").find((text) => text.startsWith("SEED="));
  // One that does not even load says nothing about the simulation.
  if (line === undefined && run.status !== 0) throw new Error(`${mutant.file}: ${run.stderr}`);
  return line ?? "";
}

function report(results: readonly (readonly [Mutant, string])[]): string {
  const rows = results.map(([{ file, breaks }, caught]) => {
    const [, seed = "", check = ""] = /^SEED=(\d+): (.*)$/.exec(caught) ?? [];
    const what = check
      .replace(/ {2,}src\/.*/, "")
      .replaceAll("|", "\\|")
      .trim();
    return `| ${file.replace("src/", "")} | ${breaks} | ${seed} | ${what} |`;
  });
  return [
    "# Mutants",
    "",
    "Ways in which the core was broken by hand, and what the simulation in `test/sim` said to",
    "each: the first seed that failed, and the check. Written by",
    "`node --import tsx tools/mutants.ts --write`; the mutants are in `tools/mutants-list.ts`.",
    "",
    "| file | broken | seed | caught by |",
    "| --- | --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

try {
  for (const path of [
    "src",
    "test/sim",
    "test/store",
    "tools/soak-sim.ts",
    "package.json",
    "tsconfig.json",
  ]) {
    cpSync(join(root, path), join(copy, path), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  const only = values.only === undefined ? undefined : Number(values.only);
  const results = MUTANTS.filter((_, index) => only === undefined || index === only).map(
    (mutant, index) => {
      const caught = caughtBy(mutant);
      console.log(`${only ?? index} ${caught === "" ? "MISSED" : "caught"} ${mutant.breaks}`);
      if (caught !== "") console.log(`    ${caught.slice(0, 160)}`);
      return [mutant, caught] as const;
    },
  );
  const missed = results.filter(([, caught]) => caught === "").length;
  console.log(`${results.length - missed} of ${results.length} caught`);
  if (values.write) writeFileSync(join(root, "docs/mutants.md"), report(results));
  process.exitCode = missed > 0 ? 1 : 0;
} finally {
  rmSync(copy, { recursive: true });
}
