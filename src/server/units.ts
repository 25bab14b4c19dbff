/** Durations and sizes as people write them: `30s`, `250ms`, `7d`; `64KiB`, `2MB`. */

export type Duration = `${number}${"ms" | "s" | "m" | "h" | "d" | "w"}`;
export type Size = number | `${number}${"B" | "kB" | "MB" | "GB" | "KiB" | "MiB" | "GiB"}`;

const DURATION_MS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
  ["w", 604_800_000],
]);

const SIZE_BYTES: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["B", 1],
  ["kB", 1_000],
  ["KB", 1_000],
  ["MB", 1_000_000],
  ["GB", 1_000_000_000],
  ["KiB", 1_024],
  ["MiB", 1_024 ** 2],
  ["GiB", 1_024 ** 3],
]);

/** One pattern says it to the parser here, and to editors through the JSON schema. */
export const DURATION_PATTERN = "^\\d+(\\.\\d+)?(ms|s|m|h|d|w)$";
export const SIZE_PATTERN = "^\\d+(\\.\\d+)?(B|[kK]B|MB|GB|KiB|MiB|GiB)?$";

/** @returns Milliseconds, or undefined if `text` is no whole number of them with a unit. */
export function parseDuration(text: string): number | undefined {
  return scaled(text, new RegExp(DURATION_PATTERN), DURATION_MS);
}

/** @returns Bytes, or undefined if `text` is no whole number of them. */
export function parseSize(text: string): number | undefined {
  return scaled(text, new RegExp(SIZE_PATTERN), SIZE_BYTES);
}

/** In the largest unit that leaves a whole number, so that `parseDuration` gives `ms` back. */
export function formatDuration(ms: number): Duration {
  return inLargest(ms, ["d", "h", "m", "s"], DURATION_MS, "ms") as Duration;
}

/** In the largest binary unit that leaves a whole number. */
export function formatSize(bytes: number): string {
  return inLargest(bytes, ["GiB", "MiB", "KiB"], SIZE_BYTES, "B");
}

function scaled(
  text: string,
  pattern: RegExp,
  units: ReadonlyMap<string, number>,
): number | undefined {
  if (!pattern.test(text)) return undefined;
  const number = Number.parseFloat(text);
  const scale = units.get(text.replace(/^[\d.]+/, ""));
  if (scale === undefined) return undefined;
  const value = Math.round(number * scale * 1_000) / 1_000; // 1.1s: not 1100.0000000000002 ms.
  return Number.isSafeInteger(value) ? value : undefined;
}

function inLargest(
  value: number,
  names: readonly string[],
  units: ReadonlyMap<string, number>,
  smallest: string,
): string {
  for (const name of names) {
    const scale = units.get(name) ?? 1;
    if (value >= scale && value % scale === 0) return `${value / scale}${name}`;
  }
  return `${value}${smallest}`;
}
