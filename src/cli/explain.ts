/** What the user is told when a command fails: one line a problem, and what to do. */
import { ConfigError } from "../server/config-error.ts";
import { ListenError, StoreError } from "../server/index.ts";
import { ExitCode } from "./exit-code.ts";
import { UsageError } from "./flags.ts";
import { escapeControls } from "./log.ts";

/** @returns The exit code. */
export function explain(error: unknown): number {
  if (error instanceof UsageError) return say([error.message], ExitCode.usage);
  if (error instanceof ConfigError) return say(error.problems, ExitCode.config);
  if (error instanceof StoreError) return say(error.problems, ExitCode.store);
  if (error instanceof ListenError) {
    return say([`${error.message}${advice(error)}`], ExitCode.unavailable);
  }
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`nightjar: this is a mistake in Nightjar, please report it: ${what}\n`);
  return ExitCode.software;
}

function say(lines: readonly string[], exitCode: number): number {
  for (const line of lines) process.stderr.write(`nightjar: ${escapeControls(line)}\n`);
  return exitCode;
}

function advice({ code, target }: ListenError): string {
  if (target.kind === "unix") return "";
  const host = target.host.includes(":") ? `[${target.host}]` : target.host;
  const path = target.kind === "ws" ? target.path : "";
  const listen = (port: number) => `--listen ${target.kind}://${host}:${port}${path}`;
  if (code === "EADDRINUSE") {
    return `: stop it, or choose another with ${listen(target.port + 1)}`;
  }
  if (code === "EACCES") return `: choose one from 1024 up, such as ${listen(target.port + 8_000)}`;
  return ": choose another with --listen";
}
