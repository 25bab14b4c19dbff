/** Time in which repeats are held back, once there were enough of them. */
const WINDOW_MS = 10_000;
/** Kinds told apart at once; a flood from many addresses shares the last. */
const KINDS_MAX = 1_000;

interface Repeat {
  readonly kind: string;
  readonly startedMs: number;
  readonly inFull: number;
  count: number;
}

/**
 * Holds back repeats, so that who floods the broker does not flood its log as well.
 *
 * Time is given, not read: `due` is to be called now and then with the present time.
 */
export class Repeats {
  readonly #repeats = new Map<string, Repeat>();
  readonly #more: (kind: string, count: number) => void;

  /** @param more Called once a window is over: how many of `kind` were held back in it. */
  constructor(more: (kind: string, count: number) => void) {
    this.#more = more;
  }

  /**
   * @param inFull How many of `kind` are logged before they are only counted.
   * @returns Whether to log this one.
   */
  admit(kind: string, inFull: number, nowMs: number): boolean {
    const key = this.#repeats.has(kind) || this.#repeats.size < KINDS_MAX ? kind : "others";
    let repeat = this.#repeats.get(key);
    if (repeat === undefined) {
      repeat = { kind: key, startedMs: nowMs, inFull, count: 0 };
      this.#repeats.set(key, repeat);
    }
    repeat.count += 1;
    return repeat.count <= repeat.inFull;
  }

  due(nowMs: number): void {
    for (const [key, { kind, startedMs, inFull, count }] of this.#repeats) {
      if (nowMs < startedMs + WINDOW_MS) continue;
      this.#repeats.delete(key);
      if (count > inFull) this.#more(kind, count - inFull);
    }
  }
}
