import type { Done, Fs, FsFile } from "./fs.ts";
import { NodeFs } from "./node-fs.ts";

/** What is read on its own where not all of a file can be read. */
const PIECE = 4_096;

/**
 * A directory as one that looks for damage sees it: bytes that the disk does not give are such as
 * are written nowhere (zeros would be a file that nothing was written to yet), and a file that has
 * gone meanwhile, as it may in a directory in use, is empty. So whatever is not there as it was
 * written shows as what it is: a range of the log.
 */
export class ForgivingFs implements Fs {
  readonly #fs: Fs;

  constructor(fs: Fs) {
    this.#fs = fs;
  }

  static of(directory: string, durable: boolean): ForgivingFs {
    return new ForgivingFs(new NodeFs(directory, durable));
  }

  list(): string[] {
    return this.#fs.list();
  }

  openSync(name: string): FsFile {
    try {
      return new ForgivingFile(this.#fs.openSync(name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return new MissingFile(name);
      throw error;
    }
  }

  rewriteSync(name: string, bytes: Uint8Array, at: number): void {
    this.#fs.rewriteSync(name, bytes, at);
  }

  open(name: string, done: (error: Error | null, file?: FsFile) => void): void {
    this.#fs.open(name, done);
  }

  create(name: string, size: number, done: (error: Error | null, file?: FsFile) => void): void {
    this.#fs.create(name, size, done);
  }

  rename(from: string, to: string, done: Done): void {
    this.#fs.rename(from, to, done);
  }

  remove(name: string, done: Done): void {
    this.#fs.remove(name, done);
  }

  syncDirectory(done: Done): void {
    this.#fs.syncDirectory(done);
  }

  syncDirectorySync(): void {
    this.#fs.syncDirectorySync();
  }
}

class ForgivingFile implements FsFile {
  readonly #file: FsFile;

  constructor(file: FsFile) {
    this.#file = file;
  }

  get name(): string {
    return this.#file.name;
  }

  get size(): number {
    return this.#file.size;
  }

  readSync(bytes: Uint8Array, at: number): number {
    try {
      return this.#file.readSync(bytes, at);
    } catch {
      return this.#readPieces(bytes, at);
    }
  }

  #readPieces(bytes: Uint8Array, at: number): number {
    const size = Math.max(0, Math.min(bytes.length, this.size - at));
    for (let from = 0; from < size; from += PIECE) {
      const piece = bytes.subarray(from, Math.min(from + PIECE, size));
      try {
        this.#file.readSync(piece, at + from);
      } catch {
        piece.fill(0xff); // The disk does not give it.
      }
    }
    return size;
  }

  read(bytes: Uint8Array, at: number, done: (error: Error | null, size?: number) => void): void {
    this.#file.read(bytes, at, (error, size) => {
      if (error === null) done(null, size);
      else done(null, this.readSync(bytes, at));
    });
  }

  write(bytes: Uint8Array, at: number, done: Done): void {
    this.#file.write(bytes, at, done);
  }

  close(): void {
    this.#file.close();
  }
}

class MissingFile implements FsFile {
  readonly name: string;
  readonly size = 0;

  constructor(name: string) {
    this.name = name;
  }

  readSync(): number {
    return 0;
  }

  read(_bytes: Uint8Array, _at: number, done: (error: Error | null, size?: number) => void): void {
    setImmediate(done, null, 0);
  }

  write(_bytes: Uint8Array, _at: number, done: Done): void {
    setImmediate(done, Object.assign(new Error(`${this.name} is not there`), { code: "ENOENT" }));
  }

  close(): void {}
}
