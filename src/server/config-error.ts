/** One thing wrong with a configuration. */
export interface ConfigProblem {
  /** `nightjar.yaml:12:5`, `NIGHTJAR_LOG__LEVEL`, `--listen`; "" for options given in code. */
  readonly origin: string;
  /** `listeners[0].url`; "" for the whole. */
  readonly path: string;
  readonly message: string;
}

/** The configuration cannot be used; nothing of it was applied. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** All of them, one line each: `nightjar.yaml:12:5 log.level: expected …`. */
  readonly problems: readonly string[];

  constructor(problems: readonly ConfigProblem[]) {
    const lines = [...problems].sort(byOrigin).map(showProblem);
    super(lines.join("\n"));
    this.problems = lines;
  }
}

function byOrigin(a: ConfigProblem, b: ConfigProblem): number {
  return a.origin.localeCompare(b.origin, "en", { numeric: true });
}

function showProblem({ origin, path, message }: ConfigProblem): string {
  const where = [origin, path].filter((part) => part !== "").join(" ");
  return where === "" ? message : `${where}: ${message}`;
}
