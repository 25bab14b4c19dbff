/** Tells when there is no more to wait for: a condition holds, or nothing happens any more. */
const WAIT_MAX_MS = 120_000;

export class Activity {
  #lastMs = 0;
  #wake: () => void = () => {};

  /** Something has come from the broker. */
  touch(): void {
    this.#lastMs = performance.now();
    this.#wake();
  }

  /**
   * Waits until `condition` holds.
   *
   * @returns false when it did not, though for `quietMs` nothing has come. A broker that has lost
   * what is waited for costs that time, and no more.
   */
  async until(condition: () => boolean, quietMs: number): Promise<boolean> {
    const startedMs = performance.now();
    this.#lastMs = startedMs;
    while (!condition()) {
      const nowMs = performance.now();
      const leftMs = Math.min(this.#lastMs + quietMs, startedMs + WAIT_MAX_MS) - nowMs;
      if (leftMs <= 0) return false;
      await this.#touched(leftMs);
    }
    return true;
  }

  /** Resolves with the next touch and all that come in the same turn, or after `timeoutMs`. */
  async #touched(timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = () => {};
        setImmediate(resolve);
      };
    });
  }
}
