import { listenerProblems } from "./anonymous.ts";
import { checkOptions } from "./config-check.ts";
import { ConfigError } from "./config-error.ts";
import { type Config, type ConfigOptions, ConfigSchema } from "./config-schema.ts";
import { treeOf } from "./config-tree.ts";

/**
 * Options given in code, checked as a file would be.
 *
 * @throws ConfigError
 */
export function checkedOptions(options: ConfigOptions, hasUsers: boolean): Config {
  const config = checkOptions(ConfigSchema, treeOf(options, ""));
  const problems = listenerProblems(config, hasUsers).map(({ index, message }) => {
    return { origin: "", path: `listeners[${index}].url`, message };
  });
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}
