/**
 * What the log asks of a file system, and nothing more: one flat directory, few files in it.
 *
 * The port is narrow so that a simulation can stand in for the disk: tear, drop, reorder and fail
 * every write. What the log does while it runs is asynchronous; what it does before it runs
 * (looking at what is there) is not.
 */

/** Called once, later, never from within the call that it was given to. */
export type Done = (error: Error | null) => void;

export interface Fs {
  /** Names in the directory, in no particular order. */
  list(): string[];
  /** Opens an existing file, to be read only. */
  openSync(name: string): FsFile;
  /**
   * Writes `bytes` where they stand already. When it returns, they are as durable as the `Fs` was
   * told to make what is written, and so is all that was written to the file without an error.
   *
   * A process that was killed leaves what the system has and the disk may not have. A sync alone
   * is not enough: bytes of which an error was reported the system may show, and never write again.
   */
  rewriteSync(name: string, bytes: Uint8Array, at: number): void;
  /** Opens an existing file, to be written. */
  open(name: string, done: (error: Error | null, file?: FsFile) => void): void;
  /**
   * Makes a file of `size` zero bytes and opens it to be written. When it is done the file's bytes
   * and size are durable; its NAME is so after `syncDirectory`.
   */
  create(name: string, size: number, done: (error: Error | null, file?: FsFile) => void): void;
  /** Gives a file another name, over any that has it. Durable after `syncDirectory`. */
  rename(from: string, to: string, done: Done): void;
  /** Durable after `syncDirectory`. */
  remove(name: string, done: Done): void;
  /** Makes names durable: those made, changed and removed. */
  syncDirectory(done: Done): void;
  /** The same, at once. */
  syncDirectorySync(): void;
}

export interface FsFile {
  readonly name: string;
  /** When it was opened. */
  readonly size: number;
  /** @returns How many bytes were read: fewer than asked for at the end of the file only. */
  readSync(bytes: Uint8Array, at: number): number;
  /** The same; `done` gets how many. */
  read(bytes: Uint8Array, at: number, done: (error: Error | null, size?: number) => void): void;
  /**
   * Writes all of `bytes` at `at`. Done without an error, they are as durable as the `Fs` was told
   * to make them: on disk, or with the system. After an error nothing is known of them.
   */
  write(bytes: Uint8Array, at: number, done: Done): void;
  close(): void;
}

/** The system's own word for what went wrong: `ENOSPC`, `EIO`. */
export function errorCode(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? "";
}
