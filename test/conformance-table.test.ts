/** The scanner and the table of `tools/conformance.ts`, on sources that exist only here. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { roleOf, scanFile } from "../tools/conformance/citations.ts";
import {
  citationProblems,
  coverageProblems,
  indexCitations,
  renderReport,
} from "../tools/conformance/report.ts";
import { parseStatements, type Statement } from "../tools/conformance/statements.ts";

/** Put together, or this very file would cite all the statements below. */
const id = (number: string): string => `MQTT-${number}`;

const PATH = "mqtt5.tsv";
const A = id("3.3.1-1");
const B = id("3.3.1-2");
const C = id("3.3.1-3");

/** Three statements of 5.0 and two of 3.1.1, of which the second is `B` under another number. */
const STATEMENTS: readonly Statement[] = [
  ...parse("5.0", [
    [A, "DUP on a resend", "both"],
    [B, "No DUP on QoS 0", "broker"],
    [C, "Clients ask nicely", "client", "Only clients ask."],
  ]).statements,
  ...parse("3.1.1", [
    [A, "Otherwise than in 5.0", "broker", "", "Quite so."],
    [id("3.3.1-9"), "No DUP on QoS 0", "broker", "", `= ${B}`],
  ]).statements,
];

function parse(version: "5.0" | "3.1.1", rows: string[][]) {
  const text = rows.map((row) => `${row.join("\t")}\n`).join("");
  return parseStatements({ path: PATH, version, text });
}

/** Problems and report over these files, with `STATEMENTS`. */
function run(files: Readonly<Record<string, string>>) {
  const scans = Object.entries(files).map(([path, text]) => scanFile(path, text));
  const citations = scans.flatMap((scan) => scan.citations);
  const index = indexCitations(citations);
  return {
    cited: citationProblems(STATEMENTS, citations),
    missing: coverageProblems(STATEMENTS, index).map((line) => line.replace(/ \(.*/, "")),
    report: renderReport(STATEMENTS, index),
  };
}

/** What is found in one source file, as "line name" or "(line name)" for a mere mention. */
function found(text: string): string[] {
  return scanFile("src/codec/publish.ts", text).citations.map(({ line, name, counts }) =>
    counts ? `${line} ${name}` : `(${line} ${name})`,
  );
}

test("a citation in a comment counts in brackets, else it is a mention", () => {
  assert.deepEqual(found(`f(); // [${A}] never twice`), [`1 ${A}`]);
  assert.deepEqual(found(`f(); // e.g. "${A}"`), [`(1 ${A})`]);
  assert.deepEqual(found(`/**\n * Kept in order [${A}],\n * as ${B} has it.\n */`), [
    `2 ${A}`,
    `(3 ${B})`,
  ]);
});

test("several in one comment, in one pair of brackets or each in its own", () => {
  assert.deepEqual(found(`// [${A}] [${B}]`), [`1 ${A}`, `1 ${B}`]);
  assert.deepEqual(found(`// [${A}, 3.1.1 ${B},\n// ${C}]`), [`1 ${A}`, `1 3.1.1 ${B}`, `2 ${C}`]);
});

test("a citation in a string counts: error calls, titles, dialogues", () => {
  assert.deepEqual(found(`throw malformed("${A}", "QoS 3");`), [`1 ${A}`]);
  assert.deepEqual(found(`throw malformed(\n  "3.1.1 ${A}",\n);`), [`2 3.1.1 ${A}`]);
  assert.deepEqual(found(`test(\`QoS \${qos} [${A}]\`, run);`), [`1 ${A}`]);
  assert.deepEqual(found(`{ specs: ["${A}", '3.1.1 ${B}'] }`), [`1 ${A}`, `1 3.1.1 ${B}`]);
});

test('"//" in a string starts no comment', () => {
  assert.deepEqual(found(`open("mqtt://x", "${A}"); // ${B}`), [`1 ${A}`, `(1 ${B})`]);
});

test("3.1.1 and 5.0 are told apart, across a line end too", () => {
  assert.deepEqual(found(`// [3.1.1 ${A}] and [${A}]`), [`1 3.1.1 ${A}`, `1 ${A}`]);
  assert.deepEqual(found(`/**\n * Says so [3.1.1\n * ${A}].\n */`), [`3 3.1.1 ${A}`]);
});

test("a number that is broken or abbreviated is a problem", () => {
  const problems = (text: string) => scanFile("src/a.ts", text).problems;
  assert.match(problems(`// [${id("3.3.1")}]`).join(), /^src\/a\.ts:1: .* no statement's number$/);
  for (const rest of ["..3", "/2", ", -2", `] .. [${B}`]) {
    assert.match(problems(`\n// [${A}${rest}]`).join(), /^src\/a\.ts:2: .* abbreviated/);
  }
  assert.deepEqual(problems(`// [${A}, ${B}]; [${C}].`), []);
});

test("where a file is decides what its citations are worth", () => {
  assert.equal(roleOf("src/codec/publish.ts"), "enforcement");
  assert.equal(roleOf("src/codec/publish.test.ts"), "proof");
  assert.equal(roleOf("src/store/journal.suite.ts"), "proof");
  assert.equal(roleOf("src/conform/chapters/publish.ts"), "proof");
  assert.equal(roleOf("test/sim/world.ts"), "proof");
  assert.equal(roleOf("docs/adr/0001-a.md"), "document");
  assert.equal(roleOf("docs/conformance.md"), undefined);
  assert.equal(roleOf("tools/conformance.ts"), undefined);
});

test("an unknown statement is reported wherever it is cited", () => {
  const unknown = id("9.9.9-9");
  const { cited } = run({
    "src/a.ts": `// e.g. ${unknown}`,
    "docs/ARCHITECTURE.md": `\nsee ${unknown}`,
    "test/a.test.ts": `test("x [${unknown}]", run);`,
  });
  assert.deepEqual(cited, [
    `docs/ARCHITECTURE.md:2: no statement ${unknown}`,
    `src/a.ts:1: no statement ${unknown}`,
    `test/a.test.ts:1: no statement ${unknown}`,
  ]);
});

test("a number of the other version is unknown, and the problem says so", () => {
  const { cited } = run({ "src/a.ts": `// [${id("3.3.1-9")}] [3.1.1 ${B}]` });
  assert.equal(cited.length, 2);
  assert.match(cited[0] ?? "", /in 3\.1\.1: write 3\.1\.1 before it$/);
  assert.match(cited[1] ?? "", /in 3\.1\.1; 5\.0 has that number$/);
});

test("what binds the broker needs a line and a proof; 3.1.1 under its own name", () => {
  assert.deepEqual(run({}).missing, [
    `${A}: enforced nowhere in src`,
    `${A}: no test proves it`,
    `${B}: enforced nowhere in src`,
    `${B}: no test proves it`,
    `3.1.1 ${A}: enforced nowhere in src`,
    `3.1.1 ${A}: no test proves it`,
  ]);
  const files = {
    "src/a.ts": `f("${A}"); // [${B}]\n// [3.1.1 ${A}]`,
    "src/a.test.ts": `test("[${A}]"); test("[3.1.1 ${A}]");`,
    "src/conform/chapters/a.ts": `["${B}"]`,
  };
  assert.deepEqual(run(files).missing, []);
  assert.deepEqual(run({ ...files, "src/conform/chapters/a.ts": "" }).missing, [
    `${B}: no test proves it`,
  ]);
  assert.deepEqual(run({ ...files, "src/a.ts": `// ${A} [${B}] [3.1.1 ${A}]` }).missing, [
    `${A}: enforced nowhere in src`,
  ]);
});

test("neither a document, a proof nor the client's side enforces anything", () => {
  const { missing } = run({
    "docs/ARCHITECTURE.md": `[${A}]`,
    "src/conform/a.ts": `"${A}" "${B}" "3.1.1 ${A}"`,
    "src/client/a.ts": `// [${A}] [${B}] [3.1.1 ${A}]`,
  });
  assert.deepEqual(missing, [
    `${A}: enforced nowhere in src`,
    `${B}: enforced nowhere in src`,
    `3.1.1 ${A}: enforced nowhere in src`,
  ]);
});

test("the report links lines, three proofs at most, and says why not", () => {
  const title = `test("[${A}]");\n`;
  const { report } = run({ "src/a.ts": `// [${A}] [${A}]`, "test/b.test.ts": title.repeat(5) });
  assert.ok(
    report.includes(
      "| 3.3.1-1 | DUP on a resend | both | [src/a.ts:1](../src/a.ts#L1) | " +
        "[test/b.test.ts:1](../test/b.test.ts#L1)<br>[test/b.test.ts:2](../test/b.test.ts#L2)" +
        "<br>[test/b.test.ts:3](../test/b.test.ts#L3)<br>… 2 more |",
    ),
  );
  assert.ok(
    report.includes("| 3.3.1-3 | Clients ask nicely. *Only clients ask.* | client |  |  |"),
  );
  assert.ok(report.includes("| MQTT 5.0 | 3 | 2 | 1 | 1 |"));
  assert.ok(report.includes("| MQTT 3.1.1, what it says otherwise | 2 | 1 | 0 | 0 |"));
});

test("a file of statements that is out of step is reported line by line", () => {
  const { problems } = parse("5.0", [
    [id("3.3.1-2"), "x", "broker"],
    [id("3.3.1-4"), "x".repeat(101), "client"],
    [id("3.3.1-3"), "", "server", "why"],
    [id("3.2.9-1"), "x", "broker", "yet why not"],
    ["3.3.1-4", "x", "both"],
  ]);
  assert.deepEqual(problems, [
    `${PATH}:1: ${B}: out of order`,
    `${PATH}:2: ${id("3.3.1-4")}: paraphrase over 100 characters`,
    `${PATH}:2: ${id("3.3.1-4")}: does not bind a broker, but not why`,
    `${PATH}:2: ${id("3.3.1-4")}: out of order`,
    `${PATH}:3: ${C}: no paraphrase`,
    `${PATH}:3: ${C}: binds "server"`,
    `${PATH}:3: ${C}: out of order`,
    `${PATH}:4: ${id("3.2.9-1")}: binds a broker, yet says why not`,
    `${PATH}:4: ${id("3.2.9-1")}: out of order`,
    `${PATH}:5: 3.3.1-4: not a statement's number`,
    `${PATH}: 5 statements, not 251`,
  ]);
  const { problems: of311 } = parse("3.1.1", [[A, "x", "broker"]]);
  assert.deepEqual(of311, [
    `${PATH}:1: ${A}: not how 5.0 differs`,
    `${PATH}: 1 statements, not 141`,
  ]);
});

test("the project's own files of statements are in step", () => {
  const read = (name: string, version: "5.0" | "3.1.1") => {
    const path = `tools/conformance/${name}`;
    const root = fileURLToPath(new URL("..", import.meta.url));
    return parseStatements({ path, version, text: readFileSync(join(root, path), "utf8") });
  };
  const of5 = read("mqtt5.tsv", "5.0");
  const of311 = read("mqtt311.tsv", "3.1.1");
  assert.deepEqual([...of5.problems, ...of311.problems], []);
  const known = new Set(of5.statements.map((statement) => statement.name));
  for (const { name, sameAs } of of311.statements) {
    for (const same of sameAs) assert.ok(known.has(same), `${name} = ${same}`);
  }
});
