/** `nightjar check`: is the configuration right, and what does it come to? */
import { printConfig } from "../server/config-print.ts";
import { ServeSchema } from "../server/config-schema.ts";
import { loadConfig } from "../server/load-config.ts";
import { ExitCode } from "./exit-code.ts";
import { describeFlags } from "./flags.ts";
import { readServeArguments, SERVE_FLAGS } from "./serve-flags.ts";

const HELP = `nightjar check [flags]

Checks the configuration as nightjar serve would read it (file, NIGHTJAR_ variables, flags) and
prints it whole, as YAML, with where each value that is not a default was said.

${describeFlags(SERVE_FLAGS)}
`;

export async function check(argv: readonly string[]): Promise<number> {
  const { help, file, flags } = readServeArguments(argv);
  if (help) {
    process.stdout.write(HELP);
    return ExitCode.ok;
  }
  const { tree } = await loadConfig({ file, environment: process.env, flags });
  process.stdout.write(printConfig(ServeSchema, tree));
  return ExitCode.ok;
}
