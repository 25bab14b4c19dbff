/** Joins statements with citations: what is missing, and `docs/conformance.md`. */
import { type Citation, roleOf } from "./citations.ts";
import { bindsBroker, parseId, type Statement } from "./statements.ts";

/** Where a statement is enforced and proven. */
interface Places {
  readonly enforced: Citation[];
  readonly proven: Citation[];
}

export type Index = ReadonlyMap<string, Places>;

const PROOFS_SHOWN_MAX = 3;
/** Code of the client's side: it keeps no promise of the broker's. */
const CLIENT_SIDE = /^src\/(?:client|probe)\//;

const CHAPTERS: ReadonlyMap<string, string> = new Map([
  ["1.5", "Data representation"],
  ["2.1", "Fixed header"],
  ["2.2", "Variable header"],
  ["2.3", "Packet identifiers"],
  ["3.1", "CONNECT"],
  ["3.2", "CONNACK"],
  ["3.3", "PUBLISH"],
  ["3.4", "PUBACK"],
  ["3.5", "PUBREC"],
  ["3.6", "PUBREL"],
  ["3.7", "PUBCOMP"],
  ["3.8", "SUBSCRIBE"],
  ["3.9", "SUBACK"],
  ["3.10", "UNSUBSCRIBE"],
  ["3.11", "UNSUBACK"],
  ["3.12", "PINGREQ"],
  ["3.14", "DISCONNECT"],
  ["3.15", "AUTH"],
  ["4.1", "Sessions"],
  ["4.2", "Network connections"],
  ["4.3", "Quality of service"],
  ["4.4", "Delivery again"],
  ["4.5", "Receipt of messages"],
  ["4.6", "Order"],
  ["4.7", "Topics"],
  ["4.8", "Shared subscriptions; in 3.1.1: errors"],
  ["4.9", "Flow control"],
  ["4.12", "Enhanced authentication"],
  ["4.13", "Errors"],
  ["6.0", "WebSocket"],
  ["7.0", "Conformance"],
  ["7.1", "Transports"],
]);

/** Gathers the citations that count, in the order of path and line, each place once. */
export function indexCitations(citations: readonly Citation[]): Index {
  const index = new Map<string, Places>();
  const seen = new Set<string>();
  for (const citation of [...citations].sort(byPlace)) {
    const key = `${citation.name} ${placeOf(citation)}`;
    if (!citation.counts || seen.has(key)) continue;
    seen.add(key);
    const places = index.get(citation.name) ?? { enforced: [], proven: [] };
    index.set(citation.name, places);
    const list = roleOf(citation.path) === "proof" ? places.proven : places.enforced;
    list.push(citation);
  }
  return index;
}

/** A line for each citation of a statement that does not exist. */
export function citationProblems(
  statements: readonly Statement[],
  citations: readonly Citation[],
): string[] {
  const names = new Set(statements.map((statement) => statement.name));
  return [...citations]
    .sort(byPlace)
    .filter(({ name }) => !names.has(name))
    .map(
      (citation) => `${placeOf(citation)}: no statement ${citation.name}${hint(citation, names)}`,
    );
}

/** A line for each statement that binds the broker and is not enforced, or not proven. */
export function coverageProblems(statements: readonly Statement[], index: Index): string[] {
  const problems: string[] = [];
  for (const statement of statements.filter(mustBeCovered)) {
    const { name, paraphrase } = statement;
    if (!isEnforced(name, index)) problems.push(`${name}: enforced nowhere in src (${paraphrase})`);
    if (!isProven(name, index)) problems.push(`${name}: no test proves it (${paraphrase})`);
  }
  for (const { name, sameAs } of statements) {
    const unknown = sameAs.filter((id) => !statements.some((other) => other.name === id));
    problems.push(...unknown.map((id) => `${name}: the same as ${id}, which does not exist`));
  }
  return problems;
}

/** `docs/conformance.md`, whole. */
export function renderReport(statements: readonly Statement[], index: Index): string {
  const of5 = statements.filter(({ version }) => version === "5.0");
  const of311 = statements.filter(({ version }) => version === "3.1.1");
  return [
    ...HEAD,
    "",
    "| | statements | bind the broker | of those enforced | of those tested |",
    "| --- | --- | --- | --- | --- |",
    countRow("MQTT 5.0", of5, index),
    countRow("MQTT 3.1.1, what it says otherwise", of311, index),
    "",
    "# MQTT 5.0",
    ...chapters(of5).flatMap(([chapter, rows]) => table(chapter, rows, index)),
    "",
    "# MQTT 3.1.1",
    "",
    ...HEAD_311,
    ...chapters(of311).flatMap(([chapter, rows]) => table(chapter, rows, index)),
    "",
  ].join("\n");
}

const HEAD: readonly string[] = [
  "<!-- Written by tools/conformance.ts: change that, its .tsv files, or a citation. -->",
  "",
  "Which normative statement of MQTT is enforced where, and which test proves it. The statements",
  "are given in our own words; what counts are the OASIS texts of",
  "[MQTT 5.0](https://docs.oasis-open.org/mqtt/mqtt/v5.0/mqtt-v5.0.html) and",
  "[MQTT 3.1.1](https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/mqtt-v3.1.1.html).",
  "",
  "`node --import tsx tools/conformance.ts` joins `tools/conformance/*.tsv` with the citations in",
  "`src/` and `test/` and writes this file. With `--check` it fails on a citation of no statement,",
  "on a statement that binds the broker without a line that enforces it or a test that proves it,",
  "and when this file is out of date.",
  "",
  "*Binds*: `broker`, `client`, or `both`, also where the form of a packet is ruled, which its",
  "sender must keep and its receiver check; `-` where nobody here can keep or break it. What binds",
  "only clients will bind the client library, once there is one. In italics: why it does not bind",
  "a broker. Lines that refuse what breaks such a statement are given all the same.",
];

const HEAD_311: readonly string[] = [
  "The codec translates 3.1 and 3.1.1 at its border; the core speaks 5.0. A statement with “=” is",
  "enforced and tested as that of 5.0; the others say something else and stand for themselves.",
  "MQTT 3.1 has no numbered statements.",
];

function countRow(title: string, statements: readonly Statement[], index: Index): string {
  const binding = statements.filter(mustBeCovered);
  const enforced = binding.filter(({ name }) => isEnforced(name, index));
  const proven = binding.filter(({ name }) => isProven(name, index));
  const counts = [statements, binding, enforced, proven].map((list) => list.length);
  return `| ${[title, ...counts].join(" | ")} |`;
}

function chapters(statements: readonly Statement[]): [string, Statement[]][] {
  const byChapter = new Map<string, Statement[]>();
  for (const statement of statements) {
    const [section = ""] = parseId(statement.id) ?? [];
    const chapter = section.split(".").slice(0, 2).join(".");
    byChapter.set(chapter, [...(byChapter.get(chapter) ?? []), statement]);
  }
  return [...byChapter];
}

function table(chapter: string, statements: readonly Statement[], index: Index): string[] {
  const is311 = statements[0]?.version === "3.1.1";
  const columns = ["id", "in short", "binds", ...(is311 ? ["and 5.0"] : [])];
  columns.push("enforced in", "tested by");
  return [
    "",
    `## ${chapter} ${CHAPTERS.get(chapter) ?? ""}`.trimEnd(),
    "",
    `| ${columns.join(" | ")} |`,
    `|${" --- |".repeat(columns.length)}`,
    ...statements.map((statement) => row(statement, index)),
  ];
}

function row(statement: Statement, index: Index): string {
  const places = index.get(statement.name);
  const proven = places?.proven ?? [];
  const more = proven.length - PROOFS_SHOWN_MAX;
  const tested = proven.slice(0, PROOFS_SHOWN_MAX).map(link);
  if (more > 0) tested.push(`… ${more} more`);
  const cells = [
    statement.id.slice("MQTT-".length),
    inShort(statement),
    statement.binds,
    ...(statement.version === "3.1.1" ? [cell(statement.difference)] : []),
    (places?.enforced ?? []).map(link).join("<br>"),
    tested.join("<br>"),
  ];
  return `| ${cells.join(" | ")} |`;
}

function inShort({ paraphrase, whyNot }: Statement): string {
  return whyNot === "" ? cell(paraphrase) : `${cell(paraphrase)}. *${cell(whyNot)}*`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}

function link(citation: Citation): string {
  return `[${placeOf(citation)}](../${citation.path}#L${citation.line})`;
}

/** What 3.1.1 says as 5.0 does is covered as the statement of 5.0. */
function mustBeCovered(statement: Statement): boolean {
  return bindsBroker(statement) && statement.sameAs.length === 0;
}

function isEnforced(name: string, index: Index): boolean {
  return index.get(name)?.enforced.some(({ path }) => !CLIENT_SIDE.test(path)) ?? false;
}

function isProven(name: string, index: Index): boolean {
  return index.get(name)?.proven.some(({ path }) => !CLIENT_SIDE.test(path)) ?? false;
}

function hint({ name }: Citation, names: ReadonlySet<string>): string {
  if (names.has(`3.1.1 ${name}`)) return ` in 5.0; in 3.1.1: write 3.1.1 before it`;
  return names.has(name.replace("3.1.1 ", "")) ? " in 3.1.1; 5.0 has that number" : "";
}

function placeOf({ path, line }: Citation): string {
  return `${path}:${line}`;
}

function byPlace(left: Citation, right: Citation): number {
  if (left.path !== right.path) return left.path < right.path ? -1 : 1;
  return left.line - right.line;
}
