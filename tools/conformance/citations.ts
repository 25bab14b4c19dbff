/**
 * Finds statements cited in source files and documents.
 *
 * A citation counts (as enforcement or proof, by the file it is in) where it stands outside
 * comments, which is to say in a string: `malformed("MQTT-3.3.1-4", …)`, a test's title, a byte
 * dialogue; and in a comment where it stands in brackets: `// [MQTT-4.7.2-1]`. Any other one in a
 * comment, and each one in a document, is a mention: its number must exist, no more.
 */

export interface Citation {
  /** "MQTT-3.3.1-4", "3.1.1 MQTT-4.7.1-3" */
  readonly name: string;
  readonly path: string;
  readonly line: number;
  readonly counts: boolean;
}

export type Role = "enforcement" | "proof" | "document";

/** What citations in a file are worth, or undefined: it is not looked at. Paths have "/". */
export function roleOf(path: string): Role | undefined {
  if (path.endsWith(".md")) return path === "docs/conformance.md" ? undefined : "document";
  if (!path.endsWith(".ts")) return undefined;
  if (path.startsWith("test/") || path.startsWith("src/conform/")) return "proof";
  if (!path.startsWith("src/")) return undefined;
  return /\.(?:test|suite)\.ts$/.test(path) ? "proof" : "enforcement";
}

/** "3.1.1 " may be at the end of one comment line and the number on the next. */
const CITATION = /(3\.1\.1[\s*/]+)?(MQTT-\d+(?:\.\d+)+-\d+)/g;
/** "[MQTT-3.3.1]": in brackets as a citation is, but no statement's number. */
const BROKEN = /\[(?:3\.1\.1 )?MQTT-(?=\d)(?!\d+(?:\.\d+)+-\d)/g;
/** "..3", "/2" or ", -2" after a number; "] .. [" after the first of two. */
const ABBREVIATED = /^(?:\.\.|-| ?[/,] ?-?)\d|^\] ?(?:\.\.|…|–|to) ?\[/;

export interface Scan {
  readonly citations: readonly Citation[];
  readonly problems: readonly string[];
}

export function scanFile(path: string, source: string): Scan {
  // A pattern in a test writes "[MQTT-6\\.0\\.0-3]"; lines stay where they are.
  const text = source.replaceAll("\\.", ".");
  const isDocument = roleOf(path) === "document";
  const comments = isDocument ? [] : commentsOf(text);
  const lineAt = lineCounter(text);
  const citations: Citation[] = [];
  const problems: string[] = [];
  for (const match of text.matchAll(CITATION)) {
    const at = match.index + (match[1]?.length ?? 0);
    const id = match[2] ?? "";
    const name = match[1] === undefined ? id : `3.1.1 ${id}`;
    const line = lineAt(at);
    if (ABBREVIATED.test(text.slice(at + id.length, at + id.length + 8))) {
      problems.push(`${path}:${line}: ${name}…: abbreviated; write each number out`);
    }
    citations.push({ name, path, line, counts: !isDocument && counts(text, at, comments) });
  }
  for (const match of text.matchAll(BROKEN)) {
    problems.push(`${path}:${lineAt(match.index)}: ${match[0].slice(1)}…: no statement's number`);
  }
  return { citations, problems };
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * Comments and strings, so that "mqtt://x" starts no comment. Regular expressions are taken for
 * code and a template's `${…}` for text: that can only make a bare mention in a comment count.
 */
const TOKEN =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|[^`\\])*`/g;

/** Line comments that follow one another are one comment, as their text runs on. */
function commentsOf(text: string): Range[] {
  const comments: Range[] = [];
  for (const match of text.matchAll(TOKEN)) {
    if (!match[0].startsWith("/")) continue;
    const end = match.index + match[0].length;
    const last = comments.at(-1);
    const runsOn = last !== undefined && text.slice(last.end, match.index).trim() === "";
    if (runsOn && match[0].startsWith("//")) comments[comments.length - 1] = { ...last, end };
    else comments.push({ start: match.index, end });
  }
  return comments;
}

function counts(text: string, at: number, comments: readonly Range[]): boolean {
  const comment = comments.find((range) => range.start <= at && at < range.end);
  if (comment === undefined) return true;
  const before = text.slice(comment.start, at);
  return before.lastIndexOf("[") > before.lastIndexOf("]");
}

/** Line numbers of offsets that only grow, or start anew. */
function lineCounter(text: string): (offset: number) => number {
  let line = 1;
  let seen = 0;
  return (offset) => {
    if (offset < seen) {
      line = 1;
      seen = 0;
    }
    for (; seen < offset; seen += 1) if (text.charCodeAt(seen) === 10) line += 1;
    return line;
  };
}
