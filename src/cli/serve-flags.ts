/** The flags of `nightjar serve` and `nightjar check`, and what they say of the configuration. */
import { type ConfigMap, type ConfigNode, emptyMap, setText } from "../server/config-tree.ts";
import { type Flag, type ReadFlags, readFlags, UsageError } from "./flags.ts";

export const SERVE_FLAGS: readonly Flag[] = [
  { name: "config", short: "c", value: "FILE", about: "read this YAML file" },
  {
    name: "listen",
    value: "URL",
    about: "tcp://host:port, ws://host:port/path or unix:///path; may be repeated",
  },
  { name: "port", short: "p", value: "PORT", about: "the same as --listen tcp://127.0.0.1:PORT" },
  { name: "allow-anonymous", about: "let clients connect without saying who they are" },
  { name: "data", value: "DIR", about: "keep sessions, queues and retained messages here" },
  {
    name: "durability",
    value: "MODE",
    about: "what an acknowledgement promises: fsync (the disk has it), os or memory",
  },
  { name: "salvage", about: "go on without what is damaged in the data directory" },
  { name: "log-level", value: "LEVEL", about: "error, warn, info or debug" },
  { name: "log-format", value: "FORMAT", about: "text or json" },
  { name: "verbose", short: "v", about: "the same as --log-level debug" },
  { name: "set", value: "KEY=VALUE", about: "any key of the file, e.g. limits.packetSize=2MiB" },
  { name: "help", short: "h", about: "show this" },
];

export interface ServeArguments {
  readonly help: boolean;
  readonly file: string | undefined;
  /** Go on without what is damaged in the data directory. */
  readonly salvage: boolean;
  readonly flags: ConfigMap;
}

/** @throws UsageError */
export function readServeArguments(argv: readonly string[]): ServeArguments {
  const { values, rest } = readFlags(argv, SERVE_FLAGS);
  if (rest[0] !== undefined) {
    throw new UsageError(`${rest[0]} is no flag: a file is given as --config FILE`);
  }
  const files = values.get("config") ?? [];
  if (files.length > 1) throw new UsageError("--config can be given once");
  const [help, salvage] = [values.has("help"), values.has("salvage")];
  return { help, salvage, file: files[0], flags: configFromFlags(values) };
}

function configFromFlags(values: ReadFlags["values"]): ConfigMap {
  const map = emptyMap("flags");
  for (const assignment of values.get("set") ?? []) {
    const [key = "", ...value] = assignment.split("=");
    if (key === "" || value.length === 0) throw new UsageError("--set takes KEY=VALUE");
    const path = key.split(/[.[\]]+/).filter((step) => step !== "");
    setText(map, path, value.join("="), `--set ${key}`);
  }
  if (values.has("verbose")) setText(map, ["log", "level"], "debug", "--verbose");
  for (const level of values.get("log-level") ?? []) {
    setText(map, ["log", "level"], level, "--log-level");
  }
  for (const format of values.get("log-format") ?? []) {
    setText(map, ["log", "format"], format, "--log-format");
  }
  for (const directory of values.get("data") ?? []) setText(map, ["data"], directory, "--data");
  for (const mode of values.get("durability") ?? []) {
    setText(map, ["durability"], mode, "--durability");
  }
  if (values.has("allow-anonymous")) {
    setText(map, ["allowAnonymous"], "true", "--allow-anonymous");
  }
  const items = listenersFrom(values);
  if (items.length > 0) {
    const origin = "--listen";
    map.entries.set("listeners", { origin, node: { kind: "list", origin, items } });
  }
  return map;
}

function listenersFrom(values: ReadFlags["values"]): ConfigNode[] {
  const urls = [
    ...(values.get("port") ?? []).map((port) => ["--port", `tcp://127.0.0.1:${port}`] as const),
    ...(values.get("listen") ?? []).map((url) => ["--listen", url] as const),
  ];
  return urls.map(([origin, url]) => {
    const map = emptyMap(origin);
    setText(map, ["url"], url, origin);
    return map;
  });
}
