/**
 * The leaves of the configuration's schema: each takes a value as written and says what it means.
 *
 * All are made by `leaf`: one parser, and the JSON schema of what it takes as metadata, so that
 * tools/config-schema.ts can tell editors what is checked here.
 */
import * as v from "valibot";
import { didYouMean } from "./did-you-mean.ts";
import {
  DURATION_PATTERN,
  type Duration,
  formatDuration,
  formatSize,
  parseDuration,
  parseSize,
  SIZE_PATTERN,
  type Size,
} from "./units.ts";

/** As a `max`: there is none. */
export const UNBOUNDED: number = Number.MAX_SAFE_INTEGER;

/** What a leaf tells the tools about itself. */
export interface LeafMetadata {
  /** JSON Schema of the value as written. */
  readonly json: Readonly<Record<string, unknown>>;
  /** Never shown: not in errors, not by `nightjar check`. */
  readonly secret?: true;
}

/** `undefined`: the value is not one of those expected. */
type Parser<Output> = (value: unknown) => Output | undefined;

/** @param expected What to say when `parse` gives undefined, e.g. "a whole number 1..10". */
export function leaf<Input, Output>(
  parse: Parser<Output>,
  expected: string | ((value: unknown) => string),
  metadata: LeafMetadata,
): v.GenericSchema<Input, Output> {
  return v.pipe(
    v.custom<Input>(() => true),
    v.rawTransform<Input, Output>(({ dataset, addIssue, NEVER }) => {
      const output = parse(dataset.value);
      if (output !== undefined) return output;
      const wanted = typeof expected === "string" ? expected : expected(dataset.value);
      const got = metadata.secret ? "" : `, got ${show(dataset.value)}`;
      addIssue({ message: `expected ${wanted}${got}` });
      return NEVER;
    }),
    v.metadata({ ...metadata }),
  );
}

export function count(min: number, max: number): v.GenericSchema<number, number> {
  const parse = (value: unknown) =>
    typeof value === "number" && Number.isInteger(value) && value >= min && value <= max
      ? value
      : undefined;
  if (max === UNBOUNDED) {
    return leaf(parse, `a whole number from ${min}`, { json: { type: "integer", minimum: min } });
  }
  const json = { type: "integer", minimum: min, maximum: max };
  return leaf(parse, `a whole number ${min}..${max}`, { json });
}

export function flag(): v.GenericSchema<boolean, boolean> {
  const parse = (value: unknown) => (typeof value === "boolean" ? value : undefined);
  return leaf(parse, "true or false", { json: { type: "boolean" } });
}

export function text(): v.GenericSchema<string, string> {
  const parse = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
  return leaf(parse, "a text", { json: { type: "string", minLength: 1 } });
}

export function oneOf<const Option extends string | number>(
  options: readonly Option[],
): v.GenericSchema<Option, Option> {
  const parse = (value: unknown) => options.find((option) => option === value);
  const expected = options.join(options.length > 2 ? ", " : " or ");
  return leaf(
    parse,
    (value) => {
      const hint = typeof value === "string" ? didYouMean(value, options.map(String)) : "";
      return hint === "" ? expected : `${expected}${hint.slice(0, -1)}`;
    },
    { json: { enum: options } },
  );
}

/** @returns A leaf whose output is milliseconds. A bare 0 needs no unit. */
export function duration(minMs: number, maxMs: number): v.GenericSchema<Duration | 0, number> {
  const parse = (value: unknown) => {
    const ms = value === 0 ? 0 : typeof value === "string" ? parseDuration(value) : undefined;
    return ms !== undefined && ms >= minMs && ms <= maxMs ? ms : undefined;
  };
  const range = `${formatDuration(minMs)} to ${formatDuration(maxMs)}`;
  const expected = (value: unknown) =>
    typeof value === "number" && value !== 0
      ? `a duration with its unit such as "${value}s" (${range})`
      : `a duration such as 250ms, 30s, 5m, 1h or 7d (${range})`;
  const json = { anyOf: [{ type: "string", pattern: DURATION_PATTERN }, { const: 0 }] };
  return leaf(parse, expected, { json: minMs > 0 ? (json.anyOf[0] ?? json) : json });
}

/** @returns A leaf whose output is bytes. */
export function size(min: number, max: number): v.GenericSchema<Size, number> {
  const parse = (value: unknown) => {
    const bytes = typeof value === "string" ? parseSize(value) : value;
    if (typeof bytes !== "number" || !Number.isInteger(bytes)) return undefined;
    return bytes >= min && bytes <= max ? bytes : undefined;
  };
  const range = max === UNBOUNDED ? "or more" : `to ${formatSize(max)}`;
  const bounds = max === UNBOUNDED ? { minimum: min } : { minimum: min, maximum: max };
  return leaf(parse, `a size such as 64KiB or 1MiB (${formatSize(min)} ${range})`, {
    json: {
      anyOf: [
        { type: "integer", ...bounds },
        { type: "string", pattern: SIZE_PATTERN },
      ],
    },
  });
}

/** A value as it may stand in a one-line error. */
function show(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
  return shown.length > 80 ? `${shown.slice(0, 77)}...` : shown;
}
