import { ForgivingFs } from "./forgiving-fs.ts";
import type { Done, Fs } from "./fs.ts";

/**
 * A directory in which the bytes of some files are never changed: who gives one of them another
 * name, so as to use it again, gets a new file. They have another name elsewhere by which they
 * stay.
 */
export class KeepingFs extends ForgivingFs {
  readonly #kept: ReadonlySet<string>;

  constructor(fs: Fs, kept: Iterable<string>) {
    super(fs);
    this.#kept = new Set(kept);
  }

  override rename(from: string, to: string, done: Done): void {
    if (!this.#kept.has(from)) {
      super.rename(from, to, done);
      return;
    }
    const { size } = this.openSync(from);
    this.create(to, size, (error, file) => {
      file?.close();
      if (error === null) this.remove(from, done);
      else done(error);
    });
  }
}
