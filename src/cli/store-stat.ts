/** `nightjar store stat`: what a data directory holds, in numbers. */
import { inspectStore, isDamaged } from "../server/store-inspection.ts";
import { ExitCode } from "./exit-code.ts";
import { escapeControls } from "./log.ts";
import { sayIfLive } from "./store-check.ts";
import { type Figures, figuresOf, type QueueFigures } from "./store-figures.ts";

export async function statStore(directory: string, isJson: boolean): Promise<number> {
  const inspection = await inspectStore(directory);
  sayIfLive(directory, inspection);
  if (isDamaged(inspection)) {
    process.stderr.write(
      `nightjar: ${directory} is damaged, and this is what is left: ` +
        `nightjar store check ${directory} says what is not\n`,
    );
  }
  const figures = figuresOf(inspection);
  const text = isJson ? JSON.stringify(figures, undefined, 2) : tableOf(figures);
  process.stdout.write(`${escaped(text)}\n`);
  return ExitCode.ok;
}

/** Line by line: only what clients say may have to be escaped. */
function escaped(text: string): string {
  return text.split("\n").map(escapeControls).join("\n");
}

function tableOf(figures: Figures): string {
  const rows = rowsOf(figures);
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  const lines = rows.map(([name, value]) => `${name.padEnd(width)}${value}`);
  return [...lines, ...queueLines(figures.largestQueues)].join("\n");
}

function rowsOf(figures: Figures): [string, string][] {
  const { log, sessions, subscriptions, queues, stored, retained, sharedGroups } = figures;
  return [
    ["format", `${figures.format}`],
    ["in use", figures.inUseBy === null ? "no" : `by process ${figures.inUseBy}`],
    ["last write", figures.lastWrite ?? "never"],
    ["log", `positions ${log.start} to ${log.end}: ${sized(log.end - log.start)}`],
    ["", `${grouped(log.frames)} frames, ${grouped(log.records)} records`],
    ["needed of it", `${sized(log.liveBytes)}, about`],
    [
      "on disk",
      `${sized(log.bytesOnDisk)}, spare files included; segments in use: ${log.segments}`,
    ],
    ...(log.tornBytes > 0 ? [["torn", sized(log.tornBytes)] as [string, string]] : []),
    [
      "sessions",
      `${grouped(sessions.total)}: ${grouped(sessions.connected)} connected at the last write, ` +
        `${grouped(sessions.offline)} offline`,
    ],
    ["wills", grouped(sessions.withWill)],
    [
      "subscriptions",
      `${grouped(subscriptions.total)}, ${grouped(subscriptions.shared)} of them shared`,
    ],
    ["queued", `${grouped(queues.waiting)} messages to be sent`],
    ["in flight", `${grouped(queues.inflight)} sent and not acknowledged`],
    ["", `${sized(queues.bytes)} of both, as limits.queueBytes counts`],
    ["not released", `${grouped(figures.unreleased)} of QoS 2 that await their publisher's PUBREL`],
    ["stored", `${grouped(stored.messages)} messages, ${sized(stored.bytes)} in the log`],
    ["retained", `${grouped(retained.messages)} messages, ${sized(retained.bytes)}`],
    [
      "shared groups",
      `${grouped(sharedGroups.total)}, in which ${grouped(sharedGroups.waiting)} messages wait, ` +
        sized(sharedGroups.bytes),
    ],
  ];
}

function queueLines(queues: readonly QueueFigures[]): string[] {
  if (queues.length === 0) return [];
  const head = ["largest queues", "queued", "in flight", "size", ""];
  const rows = queues.map(({ clientId, connected, waiting, inflight, bytes }) => [
    clientId,
    grouped(waiting),
    grouped(inflight),
    sized(bytes),
    connected ? "connected" : "offline",
  ]);
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const cell = (text: string, column: number): string => {
    const width = widths[column] ?? 0;
    return column === 0 || column === 4 ? text.padEnd(width) : text.padStart(width);
  };
  return ["", ...all.map((row) => row.map(cell).join("  ").trimEnd())];
}

/** 1,234,567 */
function grouped(count: number): string {
  return count.toLocaleString("en-US");
}

/** `12.3 MiB`: about, for people. */
function sized(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let [value, unit] = [bytes, 0];
  for (; value >= 1_024 && unit < units.length - 1; unit += 1) value /= 1_024;
  return unit === 0 ? `${grouped(value)} bytes` : `${value.toFixed(1)} ${units[unit]}`;
}
