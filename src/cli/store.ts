/** `nightjar store`: looks into a data directory, and repairs it. */
import { didYouMean } from "../server/did-you-mean.ts";
import { ExitCode } from "./exit-code.ts";
import { describeFlags, type Flag, type ReadFlags, readFlags, UsageError } from "./flags.ts";
import { LINE_TYPES } from "./log-lines.ts";
import { checkStore } from "./store-check.ts";
import { dumpOptionsOf, dumpStore } from "./store-dump.ts";
import { salvageDirectory } from "./store-salvage.ts";
import { statStore } from "./store-stat.ts";

/** Where nightjar serve keeps its data when nobody says anything. */
const DIRECTORY = "./nightjar-data";

const HELP_FLAG: Flag = { name: "help", short: "h", about: "show this" };

interface Action {
  readonly flags: readonly Flag[];
  readonly about: string;
  readonly help: string;
  run(directory: string, values: ReadFlags["values"]): Promise<number>;
}

const ACTIONS: Readonly<Record<string, Action>> = {
  check: {
    flags: [],
    about: "read every byte, verify every frame and replay every record",
    help: `Says in one line what is there if all of it is as it was written, and else what is
not, at which positions of the log, and what that costs. Writes nothing. A broker may be using the
directory.

Exit codes: 0 all is well, ${ExitCode.store} something is damaged or cannot be read.

Examples:
  nightjar store check
  nightjar store check /var/lib/nightjar`,
    run: (directory) => checkStore(directory),
  },
  stat: {
    flags: [
      { name: "json", about: "print the numbers as JSON, times as ISO 8601, sizes in bytes" },
    ],
    about: "count sessions, queues, retained messages and the log's bytes",
    help: `Shows what a broker that started now would begin with, and the ten largest queues.
Writes nothing. A broker may be using the directory.

Examples:
  nightjar store stat
  nightjar store stat --json /var/lib/nightjar`,
    run: (directory, values) => statStore(directory, values.has("json")),
  },
  dump: {
    flags: [
      { name: "from", value: "POSITION", about: "only what does not end before this position" },
      { name: "to", value: "POSITION", about: "only what begins before this position" },
      { name: "type", value: "TYPE", about: "only lines of this type; may be repeated" },
      { name: "client", value: "ID", about: "only records about this client; may be repeated" },
      { name: "text", about: "show payloads that are UTF-8 as text, instead of base64" },
    ],
    about: "print every frame and record, one JSON object a line",
    help: `The position of a record is where it ends: by that others name it (storedAt, from).
All else has the position where it starts. What is damaged has a line as well. Writes nothing. A
broker may be using the directory.

Types: ${LINE_TYPES.slice(0, 11).join(", ")},
${LINE_TYPES.slice(11).join(", ")}.

Examples:
  nightjar store dump --type publish --text
  nightjar store dump --client kitchen /var/lib/nightjar
  nightjar store dump --from 4096 --to 8192 > part.ndjson`,
    run: (directory, values) => dumpStore(directory, dumpOptionsOf(values)),
  },
  salvage: {
    flags: [{ name: "dry-run", about: "list what is lost, and change nothing" }],
    about: "write what is left of a damaged directory anew",
    help: `Lists everything that is lost, puts the files as they are into DIR/damaged-TIME,
writes what is left anew, and checks the result. The broker must not be running. Without damage it
does nothing.

Exit codes: 0 the directory is whole, ${ExitCode.store} it is not, or it is in use.

Examples:
  nightjar store salvage --dry-run
  nightjar store salvage /var/lib/nightjar`,
    run: (directory, values) => salvageDirectory(directory, values.has("dry-run")),
  },
};

/** @returns The exit code. @throws UsageError, StoreError */
export async function store(argv: readonly string[]): Promise<number> {
  const [name = "", ...rest] = argv;
  if (name === "--help" || name === "-h") return show(overview());
  const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
  if (action === undefined) throw new UsageError(noAction(name));
  const flags = [...action.flags, HELP_FLAG];
  const { values, rest: directories } = readFlags(rest, flags);
  if (values.has("help")) return show(helpOf(name, action, flags));
  const [directory = DIRECTORY, ...more] = directories;
  if (more.length > 0)
    throw new UsageError(`one directory at a time, not ${directories.join(" and ")}`);
  return action.run(directory, values);
}

function show(text: string): number {
  process.stdout.write(text);
  return ExitCode.ok;
}

function overview(): string {
  const actions = Object.entries(ACTIONS).map(([name, { about }]) => `  ${name.padEnd(9)}${about}`);
  return `nightjar store ACTION [flags] [DIR]

Looks into the data directory of a broker; DIR is ${DIRECTORY} unless it is given.

${actions.join("\n")}

nightjar store ACTION --help shows the flags of one.

Examples:
  nightjar store check
  nightjar store stat /var/lib/nightjar
  nightjar store dump --type publish --text /var/lib/nightjar
  nightjar store salvage --dry-run /var/lib/nightjar

When to use which, backups, and what to do about damage: docs/operations.md.
`;
}

function helpOf(name: string, { about, help }: Action, flags: readonly Flag[]): string {
  const first = `nightjar store ${name} [flags] [DIR]`;
  const what = `${about[0]?.toUpperCase()}${about.slice(1)}`;
  const sentence = `${what}. DIR is ${DIRECTORY} unless it is given.`;
  return `${first}\n\n${sentence}\n\n${describeFlags(flags)}\n\n${help}\n`;
}

function noAction(name: string): string {
  const names = Object.keys(ACTIONS);
  if (name === "") return `store does what? Say nightjar store ${names.join("|")} [DIR]`;
  const hint = didYouMean(name, names) || `; there are ${names.join(", ")}`;
  return `there is no action ${JSON.stringify(name)} of nightjar store${hint}`;
}
