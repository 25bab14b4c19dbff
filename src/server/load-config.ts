/** The configuration of `nightjar serve`: defaults < file < environment < flags. */
import { readFile } from "node:fs/promises";
import { listenerProblems } from "./anonymous.ts";
import { checkConfig, originAt } from "./config-check.ts";
import { configFromEnvironment, type Environment } from "./config-environment.ts";
import { ConfigError, type ConfigProblem } from "./config-error.ts";
import { type ListenerOptions, type ServeConfig, ServeSchema } from "./config-schema.ts";
import { type ConfigMap, type ConfigNode, merged, treeOf } from "./config-tree.ts";

export interface ConfigSources {
  /** Path of the YAML file, if there is one. */
  readonly file: string | undefined;
  readonly environment: Environment;
  readonly flags: ConfigMap;
}

export interface LoadedConfig {
  readonly config: ServeConfig;
  /** What was said and where. */
  readonly tree: ConfigNode;
}

/** Where `nightjar serve` listens when nobody says anything. */
export const DEFAULT_LISTENERS: readonly ListenerOptions[] = [
  { url: "tcp://127.0.0.1:1883" },
  { url: "ws://127.0.0.1:8083/mqtt" },
];

/** Where it keeps what survives the process. */
export const DEFAULT_DATA = "./nightjar-data";

/** @throws ConfigError with all that is wrong. */
export async function loadConfig(sources: ConfigSources): Promise<LoadedConfig> {
  const { file, environment, flags } = sources;
  let tree = treeOf({ listeners: DEFAULT_LISTENERS, data: DEFAULT_DATA }, "default");
  if (file !== undefined) tree = merged(tree, await readConfigFile(file));
  tree = merged(merged(tree, configFromEnvironment(environment)), flags);
  const config = checkConfig(ServeSchema, tree);
  refuseUnsafe(config, tree);
  return { config, tree };
}

async function readConfigFile(file: string): Promise<ConfigNode> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const message = code === "ENOENT" ? "there is no such file" : `cannot be read (${code})`;
    throw new ConfigError([{ origin: file, path: "", message }]);
  }
  const { parseConfigFile } = await import("./config-file.ts");
  return parseConfigFile(bytes.toString("utf8"), file);
}

function refuseUnsafe(config: ServeConfig, tree: ConfigNode): void {
  const problems = listenerProblems(config, false).map(({ index, message }): ConfigProblem => {
    const origin = originAt(tree, ["listeners", String(index), "url"]);
    return { origin, path: `listeners[${index}].url`, message };
  });
  if (config.listeners?.length === 0) {
    const origin = originAt(tree, ["listeners"]);
    problems.push({ origin, path: "listeners", message: "there is none, so nobody could connect" });
  }
  if (problems.length > 0) throw new ConfigError(problems);
}
