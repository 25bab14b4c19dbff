/** The log of `nightjar serve`: one line an event, for people or as JSON. */
import { LOG_LEVELS, type LogLevel } from "../server/config-schema.ts";
import { LogSink } from "./log-sink.ts";

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: "text" | "json";
}

export class Log {
  readonly #sink = new LogSink();
  #options: LogOptions;

  constructor(options: LogOptions) {
    this.#options = options;
  }

  /** May change while it runs. */
  set options(options: LogOptions) {
    this.#options = options;
  }

  includes(level: LogLevel): boolean {
    return LOG_LEVELS.indexOf(level) <= LOG_LEVELS.indexOf(this.#options.level);
  }

  /** @param message Ours; whatever clients said belongs into `fields`, where it is escaped. */
  write(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (!this.includes(level)) return;
    const time = new Date().toISOString();
    this.#sink.write(
      this.#options.format === "json"
        ? escapeControls(JSON.stringify({ time, level, message, ...fields }))
        : textLine(time, level, message, fields),
    );
  }

  /** Before the process ends. */
  async drained(): Promise<void> {
    await this.#sink.drained();
  }

  /** Before the process ends at once. */
  flush(): void {
    this.#sink.flush();
  }
}

function textLine(time: string, level: LogLevel, message: string, fields: LogFields): string {
  let line = `${time} ${level.padEnd(5)} ${message}`;
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    line += ` ${name}=${typeof value === "string" ? quoted(value) : value}`;
  }
  return escapeControls(line);
}

function quoted(value: string): string {
  return /^[\w.:/[\]@$+#-]+$/.test(value) ? value : JSON.stringify(value);
}

/**
 * What a terminal or an editor could take for more than text: C1 controls, which start escape
 * sequences; separators of lines; what turns the direction of writing; what is invisible.
 * JSON.stringify has escaped the rest.
 */
const TRICKY =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

export function escapeControls(text: string): string {
  return text.replace(TRICKY, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
