/** Where two plain values differ, for people. */
export function differenceOf(is: unknown, replayed: unknown): string {
  const [path, ours, theirs] = find(is, replayed, "") ?? ["", is, replayed];
  const what = path === "" ? "it" : path;
  return `${what} is ${textOf(ours)}, and replayed it is ${textOf(theirs)}`;
}

type Difference = [path: string, ours: unknown, theirs: unknown];

/** The first of them. Ends: what is compared was read from bytes, and refers to nothing twice. */
function find(ours: unknown, theirs: unknown, path: string): Difference | undefined {
  if (Object.is(ours, theirs)) return undefined;
  if (ours instanceof Uint8Array && theirs instanceof Uint8Array && areEqual(ours, theirs)) {
    return undefined;
  }
  if (ours instanceof Uint8Array || !isObject(ours) || !isObject(theirs)) {
    return [path, ours, theirs];
  }
  for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    const found = find(ours[key], theirs[key], path === "" ? key : `${path}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

export function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Contents are nobody's business. */
function textOf(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (isObject(value)) return "there";
  return value === undefined ? "not there" : String(value).slice(0, TEXT_MAX);
}

const TEXT_MAX = 100;
