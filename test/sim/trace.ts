/** Lines kept for a failure to show. */
const LINES_KEPT = 200;

/**
 * What happened, in order: a hash of all of it, so that two runs of one seed can be compared, and
 * the latest lines, for people. `SIM_LOG=1 SEED=123 npm test` prints every line.
 */
export class Trace {
  readonly #lines: string[] = [];
  readonly #prints: boolean = process.env["SIM_LOG"] !== undefined;
  #hash = 0x811c_9dc5;

  note(line: string): void {
    let hash = this.#hash;
    for (let at = 0; at < line.length; at += 1) {
      hash = Math.imul(hash ^ line.charCodeAt(at), 0x0100_0193);
    }
    this.#hash = hash;
    if (this.#prints) console.log(line);
    this.#lines.push(line);
    if (this.#lines.length > 2 * LINES_KEPT) this.#lines.splice(0, LINES_KEPT);
  }

  get hash(): number {
    return this.#hash >>> 0;
  }
}
