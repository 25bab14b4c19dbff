/** `nightjar store dump`: every frame and record of a log, one JSON object a line. */

import { didYouMean } from "../server/did-you-mean.ts";
import {
  describeDamage,
  type LogItem,
  type LogRange,
  surveyStore,
  walkLog,
} from "../server/store-inspection.ts";
import { ExitCode } from "./exit-code.ts";
import { type ReadFlags, UsageError } from "./flags.ts";
import { escapeControls } from "./log.ts";
import { LINE_TYPES, LogLines } from "./log-lines.ts";
import { Output } from "./output.ts";
import { sayIfLive } from "./store-check.ts";

export interface DumpOptions extends LogRange {
  /** See LINE_TYPES; empty: all. */
  readonly types: readonly string[];
  /** Only records that have to do with one of these; empty: all. */
  readonly clientIds: readonly string[];
  /** Payloads that are text are shown as text. */
  readonly asText: boolean;
}

export async function dumpStore(directory: string, options: DumpOptions): Promise<number> {
  const { fs, recovered, clientIds, ownerPid } = await surveyStore(directory);
  sayIfLive(directory, { recovered, ownerPid });
  const lines = new LogLines(clientIds, options.asText);
  const output = new Output();
  for (const item of walkLog(fs, recovered, options)) {
    if (!isWanted(item, options, lines)) continue;
    await output.line(escapeControls(JSON.stringify(lines.of(item))));
  }
  await output.end();
  for (const damage of recovered.damages) {
    process.stderr.write(`nightjar: ${directory}/${escapeControls(describeDamage(damage))}\n`);
  }
  return ExitCode.ok;
}

/** With --client, frames and segments are left out: they are of everybody. */
function isWanted(item: LogItem, { types, clientIds }: DumpOptions, lines: LogLines): boolean {
  if (types.length > 0 && !types.includes(item.is === "record" ? item.op.type : item.is)) {
    return false;
  }
  if (clientIds.length === 0 || item.is === "damage" || item.is === "torn") return true;
  return item.is === "record" && lines.clientsOf(item.op).some((id) => clientIds.includes(id));
}

/** @throws UsageError */
export function dumpOptionsOf(values: ReadFlags["values"]): DumpOptions {
  const types = values.get("type") ?? [];
  for (const type of types) {
    if (LINE_TYPES.includes(type)) continue;
    const hint = didYouMean(type, LINE_TYPES) || "; see nightjar store dump --help";
    throw new UsageError(`--type ${type}: there is no such type${hint}`);
  }
  return {
    ...{ types, clientIds: values.get("client") ?? [], asText: values.has("text") },
    from: positionOf(values, "from", 0),
    to: positionOf(values, "to", Number.POSITIVE_INFINITY),
  };
}

function positionOf(values: ReadFlags["values"], name: string, otherwise: number): number {
  const text = values.get(name)?.at(-1);
  if (text === undefined) return otherwise;
  if (!/^\d{1,15}$/.test(text)) {
    throw new UsageError(`--${name} ${text}: expected a position, such as 4096`);
  }
  return Number(text);
}
