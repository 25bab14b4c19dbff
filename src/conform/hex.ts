/**
 * Packets as readable hex, so that a dialogue shows its exact bytes without counting lengths:
 *
 *     82 { 0001 <> "~/a" 01 }     # SUBSCRIBE, packet id 1, QoS 1
 *
 *     82 0001 pairs of hex digits; "?" stands for a digit that does not matter
 *     'text'  UTF-8, as it is
 *     "text"  UTF-8 String: two bytes of length first (§1.5.4)
 *     [ … ]   Binary Data: two bytes of length first (§1.5.6)
 *     { … }   Variable Byte Integer of the length first (§1.5.5): the body of a packet
 *     < … >   the same, but in 5.0 only: the properties. Nothing at all in 3.x
 *     # …     comment, to the end of the line
 *
 * Inside quotes "~" stands for a prefix that is unique in each run, so that dialogues disturb
 * neither one another nor a broker in use.
 */
import type { ProtocolVersion } from "../protocol/packets.ts";

export interface HexContext {
  readonly version: ProtocolVersion;
  /** What "~" stands for. */
  readonly prefix: string;
}

/** Expected bytes. Where `mask` is 0 the bits may be anything. Both have one length. */
export interface Pattern {
  readonly bytes: Uint8Array;
  readonly mask: Uint8Array;
}

/** A pattern in the making, in pieces: payloads can be large. */
class Part {
  readonly opener: string;
  size = 0;
  readonly #bytes: Uint8Array[] = [];
  readonly #mask: Uint8Array[] = [];

  constructor(opener: string) {
    this.opener = opener;
  }

  push(bytes: Uint8Array, mask: Uint8Array = new Uint8Array(bytes.length).fill(0xff)): void {
    this.#bytes.push(bytes);
    this.#mask.push(mask);
    this.size += bytes.length;
  }

  append(other: Part): void {
    const { bytes, mask } = other.joined();
    this.push(bytes, mask);
  }

  joined(): Pattern {
    return { bytes: join(this.#bytes, this.size), mask: join(this.#mask, this.size) };
  }
}

function join(pieces: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

const CLOSERS: ReadonlyMap<string, string> = new Map([
  ["]", "["],
  ["}", "{"],
  [">", "<"],
]);
const OPENERS = new Set(CLOSERS.values());
const HEX_PAIR = /[0-9a-f?]{2}/iy;

/** @throws SyntaxError on bad notation: a mistake in a dialogue, not in the broker. */
export function parsePattern(text: string, context: HexContext): Pattern {
  const stack: Part[] = [new Part("")];
  let at = 0;
  while (at < text.length) {
    const char = text[at] as string;
    const part = stack.at(-1) as Part;
    if (/\s/.test(char)) at += 1;
    else if (char === "#") at = endOfLine(text, at);
    else if (char === "'" || char === '"') at = quoted(text, at, part, context);
    else if (OPENERS.has(char)) {
      stack.push(new Part(char));
      at += 1;
    } else if (CLOSERS.has(char)) {
      close(stack, char, text, context);
      at += 1;
    } else at = hexPair(text, at, part);
  }
  const [whole] = stack;
  if (whole === undefined || stack.length > 1) throw new SyntaxError(`not closed: ${text}`);
  return whole.joined();
}

/** Bytes to send: a pattern without "?". */
export function parseBytes(text: string, context: HexContext): Uint8Array {
  const { bytes, mask } = parsePattern(text, context);
  if (mask.includes(0) || mask.includes(0x0f) || mask.includes(0xf0)) {
    throw new SyntaxError(`"?" cannot be sent: ${text}`);
  }
  return bytes;
}

/** `00 0f a1`: what people compare by eye. "?" for digits that do not matter. */
export function formatHex(bytes: Uint8Array, mask?: Uint8Array): string {
  return Array.from(bytes, (byte, at) => {
    const [high, low] = byte.toString(16).padStart(2, "0");
    const bits = mask?.[at] ?? 0xff;
    return `${bits & 0xf0 ? high : "?"}${bits & 0x0f ? low : "?"}`;
  }).join(" ");
}

/** §1.5.5 */
export function variableByteInteger(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  do {
    const more = left > 127 ? 0x80 : 0;
    bytes.push((left & 127) | more);
    left = Math.floor(left / 128);
  } while (left > 0);
  return bytes;
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end;
}

function quoted(text: string, at: number, part: Part, context: HexContext): number {
  const quote = text[at] as string;
  const end = text.indexOf(quote, at + 1);
  if (end < 0) throw new SyntaxError(`quote not closed: ${text}`);
  const value = new TextEncoder().encode(text.slice(at + 1, end).replaceAll("~", context.prefix));
  if (quote === '"') part.push(twoBytes(value.length));
  part.push(value);
  return end + 1;
}

function hexPair(text: string, at: number, part: Part): number {
  HEX_PAIR.lastIndex = at;
  const pair = HEX_PAIR.exec(text)?.[0];
  if (pair === undefined) throw new SyntaxError(`not hex at "${text.slice(at, at + 10)}": ${text}`);
  const [high, low] = pair as unknown as [string, string];
  const mask = (high === "?" ? 0 : 0xf0) | (low === "?" ? 0 : 0x0f);
  part.push(Uint8Array.of(Number.parseInt(pair.replaceAll("?", "0"), 16)), Uint8Array.of(mask));
  return at + 2;
}

function close(stack: Part[], closer: string, text: string, context: HexContext): void {
  const inner = stack.pop() as Part;
  const outer = stack.at(-1);
  if (outer === undefined || inner.opener !== CLOSERS.get(closer)) {
    throw new SyntaxError(`"${closer}" closes nothing: ${text}`);
  }
  const { size } = inner;
  if (closer === "]") outer.push(twoBytes(size));
  else if (closer === "}" || context.version === 5) {
    outer.push(Uint8Array.from(variableByteInteger(size)));
  } else if (size > 0) throw new SyntaxError(`properties in 3.x: ${text}`);
  outer.append(inner);
}

function twoBytes(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}
