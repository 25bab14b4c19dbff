import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  close as fsClose,
  open as fsOpen,
  openSync as fsOpenSync,
  read as fsRead,
  rename as fsRename,
  fstat,
  fstatSync,
  write as fsWrite,
  fsync,
  fsyncSync,
  readdirSync,
  readSync,
  unlink,
  writeSync,
} from "node:fs";
import { type Done, errorCode, type Fs, type FsFile } from "./fs.ts";

const OWNER_ONLY = 0o600;

/** What a new file is filled with, piece by piece: one for all of them. */
const ZEROS = Buffer.alloc(1_048_576);

/** What a platform answers that cannot sync a directory, and need not. */
const NO_DIRECTORY_SYNC = ["EISDIR", "EPERM", "EINVAL"];

/** How a write becomes durable: by itself (the file is open with `O_DSYNC`), by a sync, or not. */
type Durability = "written" | "synced" | "none";

/** A directory of the machine. All that is asynchronous runs in the pool of threads. */
export class NodeFs implements Fs {
  readonly #directory: string;
  readonly #durability: Durability;

  /** @param durable Whether writes are on the disk when they are done, or with the system only. */
  constructor(directory: string, durable: boolean) {
    this.#directory = directory;
    const synced = process.platform === "linux" ? "written" : "synced";
    this.#durability = durable ? synced : "none";
  }

  list(): string[] {
    return readdirSync(this.#directory);
  }

  openSync(name: string): FsFile {
    const fd = fsOpenSync(this.#path(name), constants.O_RDONLY);
    try {
      return new NodeFile(fd, name, fstatSync(fd).size, "none");
    } catch (error) {
      fsClose(fd, ignore);
      throw error;
    }
  }

  rewriteSync(name: string, bytes: Uint8Array, at: number): void {
    if (this.#durability === "none") return; // The system has them.
    const fd = fsOpenSync(this.#path(name), constants.O_RDWR);
    try {
      for (let from = 0; from < bytes.length; ) {
        const written = writeSync(fd, bytes, from, bytes.length - from, at + from);
        if (written === 0) throw nothingWritten();
        from += written;
      }
      fdatasyncSync(fd);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw Object.assign(new Error(`${message} of ${name}`, { cause: error }), { code });
    } finally {
      closeSync(fd);
    }
  }

  open(name: string, done: (error: Error | null, file?: FsFile) => void): void {
    const dsync = this.#durability === "written" ? constants.O_DSYNC : 0;
    fsOpen(this.#path(name), constants.O_RDWR | dsync, (error, fd) => {
      if (error !== null) return done(error);
      fstat(fd, (error, stats) => {
        if (error === null) return done(null, new NodeFile(fd, name, stats.size, this.#durability));
        fsClose(fd, () => done(error));
      });
    });
  }

  create(name: string, size: number, done: (error: Error | null, file?: FsFile) => void): void {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;
    unlink(this.#path(name), (error) => {
      if (error !== null && errorCode(error) !== "ENOENT") return done(error);
      fsOpen(this.#path(name), flags, OWNER_ONLY, (error, fd) => {
        if (error !== null) return done(error);
        this.#fill(fd, size, (error) => this.#filled(fd, name, error, done));
      });
    });
  }

  rename(from: string, to: string, done: Done): void {
    fsRename(this.#path(from), this.#path(to), done);
  }

  remove(name: string, done: Done): void {
    unlink(this.#path(name), done);
  }

  syncDirectory(done: Done): void {
    const finish = (error: NodeJS.ErrnoException | null): void => {
      done(error !== null && needsNoDirectorySync(error) ? null : error);
    };
    fsOpen(this.#directory, constants.O_RDONLY, (error, fd) => {
      if (error !== null) return finish(error);
      fsync(fd, (error) => fsClose(fd, () => finish(error)));
    });
  }

  syncDirectorySync(): void {
    try {
      const fd = fsOpenSync(this.#directory, constants.O_RDONLY);
      try {
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      if (!needsNoDirectorySync(error as Error)) throw error;
    }
  }

  /** Without `O_DSYNC`, since one sync at the end is enough. */
  #fill(fd: number, size: number, done: Done, at = 0): void {
    if (at < size) {
      const piece = ZEROS.subarray(0, size - at);
      writeAll(fd, piece, at, (error) => {
        if (error !== null) done(error);
        else this.#fill(fd, size, done, at + piece.length);
      });
    } else if (this.#durability === "none") done(null);
    else fdatasync(fd, done);
  }

  /** A file that is not all there goes again. */
  #filled(
    fd: number,
    name: string,
    failure: Error | null,
    done: (error: Error | null, file?: FsFile) => void,
  ): void {
    const undo = (error: Error): void => unlink(this.#path(name), () => done(error));
    fsClose(fd, (error) => {
      const cause = failure ?? error ?? null;
      if (cause !== null) return undo(cause);
      this.open(name, (error, file) => {
        if (error !== null) undo(error);
        else done(null, file);
      });
    });
  }

  #path(name: string): string {
    return `${this.#directory}/${name}`;
  }
}

function needsNoDirectorySync(error: Error): boolean {
  return process.platform === "win32" && NO_DIRECTORY_SYNC.includes(errorCode(error));
}

/** What is under way when it is closed is done nevertheless: the descriptor goes after it. */
class NodeFile implements FsFile {
  readonly name: string;
  readonly size: number;
  readonly #fd: number;
  readonly #durability: Durability;
  #underWay = 0;
  #isOpen = true;

  constructor(fd: number, name: string, size: number, durability: Durability) {
    this.#fd = fd;
    this.name = name;
    this.size = size;
    this.#durability = durability;
  }

  readSync(bytes: Uint8Array, at: number): number {
    if (!this.#isOpen) throw this.#closedError();
    let size = 0;
    while (size < bytes.length) {
      const more = this.#readSome(bytes, size, at);
      if (more === 0) break;
      size += more;
    }
    return size;
  }

  /** The system's own error does not say of which file it is. */
  #readSome(bytes: Uint8Array, from: number, at: number): number {
    try {
      return readSync(this.#fd, bytes, from, bytes.length - from, at + from);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const what = `${message} of ${this.name} at ${at + from}`;
      throw Object.assign(new Error(what, { cause: error }), { code });
    }
  }

  read(bytes: Uint8Array, at: number, done: (error: Error | null, size?: number) => void): void {
    if (!this.#begin(done)) return;
    readAll(this.#fd, bytes, at, (error, size) => {
      this.#end();
      done(error, size);
    });
  }

  write(bytes: Uint8Array, at: number, done: Done): void {
    if (!this.#begin(done)) return;
    const finish: Done = (error) => {
      this.#end();
      done(error);
    };
    writeAll(this.#fd, bytes, at, (error) => {
      if (error === null && this.#durability === "synced") fdatasync(this.#fd, finish);
      else finish(error);
    });
  }

  close(): void {
    const isFirst = this.#isOpen;
    this.#isOpen = false;
    if (isFirst && this.#underWay === 0) fsClose(this.#fd, ignore);
  }

  /** @returns Whether the file is open; else `done` gets to know, later. */
  #begin(done: Done): boolean {
    if (this.#isOpen) this.#underWay += 1;
    else process.nextTick(done, this.#closedError());
    return this.#isOpen;
  }

  #end(): void {
    this.#underWay -= 1;
    if (!this.#isOpen && this.#underWay === 0) fsClose(this.#fd, ignore);
  }

  /** The number of a closed descriptor may be that of another file by now. */
  #closedError(): Error {
    return Object.assign(new Error(`${this.name} is closed`), { code: "EBADF" });
  }
}

/** A write may be short, most of all when there is little space left: the rest follows. */
function writeAll(fd: number, bytes: Uint8Array, at: number, done: Done, from = 0): void {
  fsWrite(fd, bytes, from, bytes.length - from, at + from, (error, written) => {
    const next = from + written;
    if (error !== null) done(error);
    else if (next === bytes.length) done(null);
    else if (written === 0) done(nothingWritten());
    else writeAll(fd, bytes, at, done, next);
  });
}

function nothingWritten(): Error {
  return Object.assign(new Error("nothing was written"), { code: "EIO" });
}

function readAll(
  fd: number,
  bytes: Uint8Array,
  at: number,
  done: (error: Error | null, size?: number) => void,
  from = 0,
): void {
  fsRead(fd, bytes, from, bytes.length - from, at + from, (error, more) => {
    const next = from + more;
    if (error !== null) done(error);
    else if (more === 0 || next === bytes.length) done(null, next);
    else readAll(fd, bytes, at, done, next);
  });
}

/** What was to be durable is so before a file is closed: the answer says nothing more. */
function ignore(): void {}
