const WINDOW_MS = 60_000;

/**
 * How often each Client Identifier has changed hands within the present minute.
 *
 * Two devices that were given the same identifier take it from one another without end, and each
 * time a whole Session is set up. Beyond a number of times the one that has it keeps it until the
 * minute is over. The table starts anew with each minute, so that it stays small.
 */
export class TakeOvers {
  readonly #counts = new Map<string, number>();
  #window = 0;

  /** Counts one more. */
  happened(clientId: string, nowMs: number): void {
    this.#startWindow(nowMs);
    this.#counts.set(clientId, (this.#counts.get(clientId) ?? 0) + 1);
  }

  /** Within the present minute. */
  count(clientId: string, nowMs: number): number {
    this.#startWindow(nowMs);
    return this.#counts.get(clientId) ?? 0;
  }

  #startWindow(nowMs: number): void {
    const window = Math.floor(nowMs / WINDOW_MS);
    if (window === this.#window) return;
    this.#window = window;
    this.#counts.clear();
  }
}
