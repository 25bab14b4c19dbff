#!/usr/bin/env node
/** `nightjar`: finds the command, loads its file and no other, and says what went wrong. */
import module from "node:module";

type Command = (argv: string[]) => Promise<number>;

const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import("./serve.ts")).serve,
  check: async () => (await import("./check.ts")).check,
  conform: async () => (await import("./conform.ts")).conform,
  store: async () => (await import("./store.ts")).store,
  version: async () => (await import("./help.ts")).version,
  help: async () => (await import("./help.ts")).help,
};

const ALIASES: Readonly<Record<string, string>> = {
  "--help": "help",
  "-h": "help",
  "--version": "version",
  "-V": "version",
};

// From Node 22.1 on: compiled code is kept between starts.
(module as { enableCompileCache?: () => void }).enableCompileCache?.();
process.exitCode = await run(process.argv.slice(2));
// Nothing that is still open keeps a command alive that has ended; its output is written first.
process.stdout.write("", () => process.exit());

async function run(argv: string[]): Promise<number> {
  const [word = "serve", ...rest] = argv;
  const name = ALIASES[word] ?? word;
  try {
    if (name.startsWith("-")) return await (await import("./serve.ts")).serve(argv);
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (command !== undefined) return await (await command())(rest);
    const { UsageError } = await import("./flags.ts");
    const { didYouMean } = await import("../server/did-you-mean.ts");
    const hint = didYouMean(name, Object.keys(COMMANDS)) || "; see nightjar --help";
    throw new UsageError(`there is no command ${JSON.stringify(name)}${hint}`);
  } catch (error) {
    const { explain } = await import("./explain.ts");
    return explain(error);
  }
}
