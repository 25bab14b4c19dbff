/** `nightjar conform`: holds the conformance dialogues with any broker. */
import { DIALOGUES } from "../conform/dialogues.ts";
import { NotOffered } from "../conform/difference.ts";
import {
  describeDialogue,
  describeResult,
  describeTotals,
  resultJson,
  selectDialogues,
} from "../conform/report.ts";
import { holdDialogues, parseTarget } from "../conform/runner.ts";
import { ExitCode } from "./exit-code.ts";
import { describeFlags, type Flag, readFlags, UsageError } from "./flags.ts";

/** At least one dialogue failed. */
const FAILED = 1;
const TIMEOUT_MS = 3_000;
/** Dialogues at a time. */
const CONCURRENCY = 8;

const FLAGS: readonly Flag[] = [
  {
    name: "only",
    value: "WHAT",
    about: "a chapter (3, 3.3 or 3-03), a dialogue (3.3-10) or a statement; may be repeated",
  },
  { name: "list", about: "list the dialogues and connect to nothing" },
  { name: "json", about: "print the results as JSON" },
  { name: "timeout", value: "MS", about: `wait so long for each answer (default: ${TIMEOUT_MS})` },
  { name: "help", short: "h", about: "show this" },
];

const HELP = `nightjar conform [flags] mqtt://[user:password@]host[:port]

Checks any MQTT broker against the specification.

Holds ${DIALOGUES.length} dialogues: exact bytes go out, exact bytes are expected. Each names the
statements of MQTT 5.0 or 3.1.1 that it proves, and shows the first byte that differs. Where the
specification leaves a choice, every legal answer passes. What the broker itself says it does not
offer is skipped.

The broker may be in use: client identifiers, topics and share names begin with a prefix of their
own, and retained messages and sessions are deleted afterwards. The user needs leave to publish and
subscribe everywhere. A run takes about ten seconds, because some rules are about time.

${describeFlags(FLAGS)}

Exit codes: 0 nothing failed, ${FAILED} something failed, ${ExitCode.usage} wrong usage,
${ExitCode.unavailable} no broker there.

Examples:
  nightjar conform mqtt://127.0.0.1
  nightjar conform --only 3.3 --only 4 mqtt://broker.example:1883
  nightjar conform --only MQTT-4.4.0-1 mqtt://user:secret@broker.example
  nightjar conform --only "3.1.1 MQTT-3.1.2-24" mqtt://127.0.0.1
  nightjar conform --json mqtt://127.0.0.1 > conformance.json
  nightjar conform --list --only 3-08
`;

interface Arguments {
  readonly url: string | undefined;
  readonly only: readonly string[];
  readonly list: boolean;
  readonly json: boolean;
  readonly help: boolean;
  readonly timeoutMs: number;
}

/** @returns The exit code. @throws UsageError */
export async function conform(argv: string[]): Promise<number> {
  const { url, only, list, json, help, timeoutMs } = readArguments(argv);
  if (help) {
    process.stdout.write(HELP);
    return ExitCode.ok;
  }
  const dialogues = only.length > 0 ? selectDialogues(DIALOGUES, only) : DIALOGUES;
  if (dialogues.length === 0) {
    throw new UsageError(`--only ${only.join(" ")}: there is no such dialogue; see --list`);
  }
  if (list) {
    for (const dialogue of dialogues) process.stdout.write(`${describeDialogue(dialogue)}\n`);
    return ExitCode.ok;
  }
  const target = readTarget(url, timeoutMs);
  const startMs = Date.now();
  const results = await holdDialogues(dialogues, target, { concurrency: CONCURRENCY }).catch(
    unreachable,
  );
  if (results === undefined) return ExitCode.unavailable;
  if (json) process.stdout.write(`${JSON.stringify(results.map(resultJson), null, 2)}\n`);
  else {
    for (const result of results) process.stdout.write(`${describeResult(result)}\n`);
    process.stdout.write(`\n${describeTotals(results, Date.now() - startMs)}\n`);
  }
  return results.some(({ outcome }) => outcome === "fail") ? FAILED : ExitCode.ok;
}

function readArguments(argv: string[]): Arguments {
  const { values, rest } = readFlags(argv, FLAGS);
  if (rest.length > 1) throw new UsageError(`one broker at a time, not ${rest.join(" and ")}`);
  const [timeout = `${TIMEOUT_MS}`] = values.get("timeout") ?? [];
  if (!/^[1-9]\d{0,6}$/.test(timeout)) {
    throw new UsageError(`--timeout ${timeout}: give milliseconds, such as ${TIMEOUT_MS}`);
  }
  return {
    url: rest[0],
    only: values.get("only") ?? [],
    list: values.has("list"),
    json: values.has("json"),
    help: values.has("help"),
    timeoutMs: Number(timeout),
  };
}

function readTarget(url: string | undefined, timeoutMs: number): ReturnType<typeof parseTarget> {
  if (url === undefined) {
    throw new UsageError("which broker? Give its URL, such as mqtt://127.0.0.1:1883");
  }
  try {
    return parseTarget(url, timeoutMs);
  } catch (error) {
    const why = (error as Error).message;
    throw new UsageError(`${why}; write mqtt://host:port (TCP, neither TLS nor WebSocket)`);
  }
}

/** A broker is first asked what it offers; that none is there, or open to us, shows then. */
function unreachable(error: Error): undefined {
  if (error instanceof NotOffered) {
    process.stderr.write(`nightjar: the broker takes no CONNECT of ours: ${error.message}\n`);
  } else if ("code" in error) {
    process.stderr.write(`nightjar: no broker there: ${error.message}\n`);
  } else throw error;
}
