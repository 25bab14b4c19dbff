/**
 * The normative statements as data: reads `mqtt5.tsv` and `mqtt311.tsv`.
 *
 * A statement is named the way a citation names it, version included, because the numbers of 3.1.1
 * and 5.0 differ: "MQTT-4.7.1-2", "3.1.1 MQTT-4.7.1-3".
 */

type Version = "5.0" | "3.1.1";
/** "-": nobody here, e.g. a rule for something that this project does not do. */
type Binds = "broker" | "client" | "both" | "-";

export interface Statement {
  readonly version: Version;
  /** "MQTT-3.3.1-4" */
  readonly id: string;
  /** `id`, with "3.1.1 " before it where that is the version. */
  readonly name: string;
  readonly paraphrase: string;
  readonly binds: Binds;
  /** Why it does not bind a broker; "" where it does. */
  readonly whyNot: string;
  /** 3.1.1 only: how 5.0 differs, and what the codec makes of it. */
  readonly difference: string;
  /** 3.1.1 only: ids of the 5.0 statements that say the same. */
  readonly sameAs: readonly string[];
}

export interface StatementFile {
  readonly path: string;
  readonly version: Version;
  readonly text: string;
}

const PARAPHRASE_MAX = 100;
/** Statements in Appendix B of each specification. */
const COUNT: Readonly<Record<Version, number>> = { "5.0": 251, "3.1.1": 141 };
/** Sections whose numbers do not begin at 1: 5.0 has no MQTT-2.2.1-1. */
const FIRST_NUMBER: ReadonlyMap<string, number> = new Map([["2.2.1", 2]]);
const BINDS: ReadonlySet<string> = new Set(["broker", "client", "both", "-"]);

/** "MQTT-3.3.1-4" as `["3.3.1", 4]`, or undefined. */
export function parseId(id: string): readonly [section: string, number: number] | undefined {
  const parts = /^MQTT-(\d+(?:\.\d+)+)-(\d+)$/.exec(id);
  return parts === null ? undefined : [parts[1] ?? "", Number(parts[2])];
}

/** Whether the statement is one that the broker keeps or breaks. */
export function bindsBroker(statement: Statement): boolean {
  return statement.binds === "broker" || statement.binds === "both";
}

/** Reads a file of statements; `problems` has a line for each that is out of step. */
export function parseStatements(file: StatementFile): {
  statements: Statement[];
  problems: string[];
} {
  const statements: Statement[] = [];
  const problems: string[] = [];
  let before: Statement | undefined;
  for (const [index, line] of file.text.split("\n").entries()) {
    if (line === "" || line.startsWith("#")) continue;
    const statement = parseLine(line, file.version);
    for (const fault of lineFaults(statement, before)) {
      problems.push(`${file.path}:${index + 1}: ${statement.id}: ${fault}`);
    }
    statements.push(statement);
    before = statement;
  }
  const count = COUNT[file.version];
  if (statements.length !== count) {
    problems.push(`${file.path}: ${statements.length} statements, not ${count}`);
  }
  return { statements, problems };
}

function parseLine(line: string, version: Version): Statement {
  const [id = "", paraphrase = "", binds = "", whyNot = "", difference = ""] = line.split("\t");
  return {
    version,
    id,
    name: version === "5.0" ? id : `${version} ${id}`,
    paraphrase,
    binds: binds as Binds, // `lineFaults` looks at it.
    whyNot,
    difference,
    sameAs: difference.startsWith("= ") ? (difference.match(/MQTT-[\d.]+-\d+/g) ?? []) : [],
  };
}

function* lineFaults(statement: Statement, before: Statement | undefined): Generator<string> {
  const { paraphrase, binds, whyNot, difference, version } = statement;
  if (paraphrase === "") yield "no paraphrase";
  if (paraphrase.length > PARAPHRASE_MAX) yield `paraphrase over ${PARAPHRASE_MAX} characters`;
  if (!BINDS.has(binds)) yield `binds "${binds}"`;
  else if (bindsBroker(statement) !== (whyNot === "")) {
    yield whyNot === ""
      ? "does not bind a broker, but not why"
      : "binds a broker, yet says why not";
  }
  if (version === "3.1.1" && difference === "") yield "not how 5.0 differs";
  const place = parseId(statement.id);
  if (place === undefined) yield "not a statement's number";
  else if (!follows(place, before)) yield "out of order";
}

/** Both lists are whole: within a section no number is left out. */
function follows(
  [section, number]: readonly [string, number],
  before: Statement | undefined,
): boolean {
  const [sectionBefore, numberBefore] = parseId(before?.id ?? "") ?? ["0", 0];
  if (section === sectionBefore) return number === numberBefore + 1;
  return sectionAfter(section, sectionBefore) && number === (FIRST_NUMBER.get(section) ?? 1);
}

function sectionAfter(section: string, before: string): boolean {
  const left = section.split(".").map(Number);
  const right = before.split(".").map(Number);
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}
