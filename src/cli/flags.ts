/** Reads a command's flags: `--flag value`, `--flag=value`, `-f value`, `-fvalue`. */
import { didYouMean } from "../server/did-you-mean.ts";

export interface Flag {
  readonly name: string;
  readonly short?: string;
  /** What stands for the value in the help; without one the flag is a switch. */
  readonly value?: string;
  readonly about: string;
}

/** A mistake on the command line: one line that says what to do. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export interface ReadFlags {
  /** By name, in the order given; a switch has "" for each time. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  /** What is no flag. */
  readonly rest: readonly string[];
}

/** @throws UsageError for a flag that there is not, or one without its value. */
export function readFlags(argv: readonly string[], flags: readonly Flag[]): ReadFlags {
  const values = new Map<string, string[]>();
  const rest: string[] = [];
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? "";
    if (word === "--") {
      rest.push(...argv.slice(at + 1));
      break;
    }
    if (!/^-./.test(word)) {
      rest.push(word);
      continue;
    }
    const { flag, inline } = flagOf(word, flags);
    let value = inline ?? "";
    if (flag.value !== undefined && inline === undefined) {
      at += 1;
      const next = argv[at];
      if (next === undefined || next.startsWith("--")) {
        throw new UsageError(`${word} needs a value: ${word} ${flag.value}`);
      }
      value = next;
    }
    values.set(flag.name, [...(values.get(flag.name) ?? []), value]);
  }
  return { values, rest };
}

/** The lines of a help text that say what the flags do. */
export function describeFlags(flags: readonly Flag[]): string {
  const left = flags.map(({ name, short, value }) => {
    return `  ${short === undefined ? "    " : `-${short}, `}--${name}${value ? ` ${value}` : ""}`;
  });
  const width = Math.max(...left.map((text) => text.length)) + 2;
  return flags.map(({ about }, at) => `${left[at]?.padEnd(width)}${about}`).join("\n");
}

function flagOf(word: string, flags: readonly Flag[]): { flag: Flag; inline: string | undefined } {
  const [name = "", ...after] = word.split("=");
  let inline = after.length > 0 ? after.join("=") : undefined;
  let flag = flags.find((one) => name === `--${one.name}` || name === `-${one.short}`);
  if (flag === undefined && !word.startsWith("--")) {
    flag = flags.find((one) => one.value !== undefined && word.slice(0, 2) === `-${one.short}`);
    inline = word.slice(2);
  }
  if (flag === undefined) {
    const names = flags.map((one) => `--${one.name}`);
    throw new UsageError(`there is no flag ${name}${didYouMean(name, names) || "; see --help"}`);
  }
  if (flag.value === undefined && inline !== undefined) {
    throw new UsageError(`--${flag.name} takes no value`);
  }
  return { flag, inline };
}
