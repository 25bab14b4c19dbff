/**
 * Joins the normative statements of MQTT with the lines that cite them.
 *
 *     node --import tsx tools/conformance.ts            writes docs/conformance.md
 *     node --import tsx tools/conformance.ts --check    one line per problem; exit code 1 if any
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Citation, roleOf, scanFile } from "./conformance/citations.ts";
import {
  citationProblems,
  coverageProblems,
  indexCitations,
  renderReport,
} from "./conformance/report.ts";
import { parseStatements, type Statement } from "./conformance/statements.ts";

export interface Conformance {
  /** What `docs/conformance.md` should be. */
  readonly report: string;
  /** One line each, without the report being out of date. */
  readonly problems: readonly string[];
}

/** Text by path, with "/" between folders, relative to the root of the repository. */
export type Sources = ReadonlyMap<string, string>;

const REPORT = "docs/conformance.md";
const STATEMENTS = [
  { path: "tools/conformance/mqtt5.tsv", version: "5.0" },
  { path: "tools/conformance/mqtt311.tsv", version: "3.1.1" },
] as const;

/** Reads nothing but `sources`: the two files of statements, code, tests, documents. */
export function conformance(sources: Sources): Conformance {
  const statements: Statement[] = [];
  const citations: Citation[] = [];
  const problems: string[] = [];
  for (const { path, version } of STATEMENTS) {
    const parsed = parseStatements({ path, version, text: sources.get(path) ?? "" });
    statements.push(...parsed.statements);
    problems.push(...parsed.problems);
  }
  for (const [path, text] of sources) {
    if (roleOf(path) === undefined) continue;
    const scan = scanFile(path, text);
    citations.push(...scan.citations);
    problems.push(...scan.problems);
  }
  const index = indexCitations(citations);
  problems.push(...citationProblems(statements, citations), ...coverageProblems(statements, index));
  return { report: renderReport(statements, index), problems };
}

/** `conformance(sources).problems`, and whether the report among them is up to date. */
export function check(sources: Sources): string[] {
  const { report, problems } = conformance(sources);
  if (report === sources.get(REPORT)) return [...problems];
  return [...problems, `${REPORT}: out of date; run node --import tsx tools/conformance.ts`];
}

/** What of the repository at `root` concerns conformance. */
export function readSources(root: string): Sources {
  const paths = [
    ...STATEMENTS.map(({ path }) => path),
    ...["src", "test", "docs"].flatMap((folder) => filesIn(root, folder)),
    ...readdirSync(root).filter((name) => name.endsWith(".md")),
  ].filter((path) => /\.(?:ts|md|tsv)$/.test(path));
  return new Map(
    paths
      .filter((path) => existsSync(join(root, path)))
      .sort()
      .map((path) => [path, readFileSync(join(root, path), "utf8")]),
  );
}

function filesIn(root: string, folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map(
    (path) => `${folder}/${path.replaceAll("\\", "/")}`,
  );
}

function main(args: readonly string[]): number {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const sources = readSources(root);
  if (args.length === 1 && args[0] === "--check") {
    const problems = check(sources);
    if (problems.length > 0) console.log(problems.join("\n"));
    return problems.length === 0 ? 0 : 1;
  }
  if (args.length > 0) {
    console.error("usage: node --import tsx tools/conformance.ts [--check]");
    return 2;
  }
  const { report, problems } = conformance(sources);
  writeFileSync(join(root, REPORT), report);
  console.log(`${REPORT}: written; --check has ${problems.length} problems to show`);
  return 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.exitCode = main(process.argv.slice(2));
