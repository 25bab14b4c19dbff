import type { Fs, FsFile } from "./fs.ts";
import { SEGMENT_HEADER_SIZE, segmentName } from "./segment.ts";

export interface SupplyOptions {
  readonly fs: Fs;
  readonly segmentSize: number;
  readonly lastNumber: number;
  /** Files that are not part of the log: the reserve, and what an earlier run left behind. */
  readonly leftOver: readonly string[];
  /** There is a next segment, or none can be had; called later only. */
  readonly changed: (error: Error | undefined) => void;
}

/** A file that is ready to be begun. */
export interface Supplied {
  readonly number: number;
  readonly file: FsFile;
  readonly size: number;
}

export const RESERVE_NAME = "reserve";

/**
 * Files for the log's next segments: the next one, one in reserve, and the removal of old ones.
 *
 * One thing is done at a time, in the background. Files that the log is done with are used again,
 * since a file that has its blocks costs the disk less: at once, or they go. So none is kept beyond
 * those two, and a new one is made only when no old one can be waited for: see `prepare`.
 */
export class SegmentSupply {
  readonly #options: SupplyOptions;
  #lastNumber: number;
  #next: Supplied | undefined = undefined;
  /** A segment of this size is waited for; 0: of the usual size, for later. */
  #wantedSize = 0;
  #isWanted = false;
  /** The next segment is made from a new file, if there is no old one. */
  #isDue = false;
  #hasReserve: boolean;
  /** Names of files of the usual size that may be used again, and of those that may not. */
  readonly #old: string[] = [];
  readonly #surplus: string[] = [];
  #isBusy = false;
  #isClosed = false;
  /** Why there is no next segment, or no reserve. */
  #problem: Error | undefined = undefined;

  constructor(options: SupplyOptions) {
    this.#options = options;
    this.#lastNumber = options.lastNumber;
    this.#hasReserve = options.leftOver.includes(RESERVE_NAME);
    this.#surplus.push(...options.leftOver.filter((name) => name !== RESERVE_NAME));
  }

  get problem(): Error | undefined {
    return this.#problem;
  }

  get hasNext(): boolean {
    return this.#next !== undefined;
  }

  get nextName(): string {
    return segmentName(this.#lastNumber + 1);
  }

  /** The next segment is to be ready soon: that an old file comes back is not waited for. */
  prepare(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#work();
  }

  retry(): void {
    if (this.#problem !== undefined) this.#work();
  }

  close(): void {
    this.#isClosed = true;
    this.#next?.file.close();
    this.#next = undefined;
  }

  /** The next segment, if it is ready and takes `size` bytes; if not, `changed` tells when. */
  take(size: number): Supplied | undefined {
    const next = this.#next;
    if (next !== undefined && next.size >= size) {
      this.#next = undefined;
      this.#isWanted = false;
      this.#isDue = false;
      this.#wantedSize = 0;
      this.#work();
      return next;
    }
    this.#isWanted = true;
    this.#isDue = true;
    this.#wantedSize = size > this.#options.segmentSize ? size : 0;
    if (next !== undefined) {
      next.file.close();
      this.#surplus.push(segmentName(next.number));
      this.#next = undefined;
    }
    this.#work();
    return undefined;
  }

  /** A segment is no longer part of the log. */
  giveBack(name: string, size: number): void {
    if (size === this.#options.segmentSize) this.#old.push(name);
    else this.#surplus.push(name);
    this.#work();
  }

  /** A file that nothing is in that counts, and that is not trusted any more. */
  discard(name: string): void {
    this.#surplus.push(name);
    this.#work();
  }

  /**
   * Begins what is to be done next, if anything is. New files are made last: until what is of no
   * use is removed, they would be on top of it.
   */
  #work(): void {
    if (this.#isBusy || this.#isClosed) return;
    const lacksNext = this.#next === undefined;
    if (this.#old.length > 0 && lacksNext && this.#wantedSize === 0) this.#makeNext();
    else if (this.#old.length > 0 && !this.#hasReserve) this.#makeReserve();
    else if (this.#old.length > 0 || this.#surplus.length > 0) this.#remove();
    else if (lacksNext && this.#isDue) this.#makeNext();
    else if (!this.#hasReserve) this.#makeReserve();
  }

  /** The thing that was begun is over. */
  #ended(error: Error | null): void {
    this.#isBusy = false;
    if (this.#isClosed) return;
    const isWhole = (this.#next !== undefined || !this.#isDue) && this.#hasReserve;
    if (error !== null) {
      this.#problem = error;
      this.#isDue = true; // Else what has failed might never be tried again.
    } else if (isWhole) this.#problem = undefined;
    this.#options.changed(error ?? undefined);
    // After an error nothing new is tried at once; what came back meanwhile may help.
    if (error === null || this.#old.length + this.#surplus.length > 0) this.#work();
  }

  #makeNext(): void {
    const { fs, segmentSize } = this.#options;
    const number = this.#lastNumber + 1;
    const name = segmentName(number);
    const size = this.#wantedSize > 0 ? this.#wantedSize : segmentSize;
    this.#isBusy = true;
    const made = (error: Error | null, file?: FsFile): void => {
      if (error !== null || file === undefined) {
        if (this.#hasReserve && this.#isWanted && size <= segmentSize) this.#useReserve(error);
        else this.#ended(error);
        return;
      }
      fs.syncDirectory((syncError) => {
        if (syncError === null && !this.#isClosed) {
          this.#lastNumber = number;
          this.#next = { number, file, size };
        } else file.close();
        this.#ended(syncError);
      });
    };
    const old = size === segmentSize ? this.#old.pop() : undefined;
    if (old === undefined) fs.create(name, size, made);
    else this.#reuse(old, number, made);
  }

  /** An old file under a new name, with zeros where its header was. */
  #reuse(old: string, number: number, made: (error: Error | null, file?: FsFile) => void): void {
    const { fs } = this.#options;
    const name = segmentName(number);
    fs.rename(old, name, (error) => {
      if (error !== null) {
        if (old !== RESERVE_NAME) this.#surplus.push(old);
        made(error);
        return;
      }
      fs.open(name, (openError, file) => {
        if (openError !== null || file === undefined) {
          this.#giveUp(number);
          made(openError);
          return;
        }
        file.write(new Uint8Array(SEGMENT_HEADER_SIZE), 0, (writeError) => {
          if (writeError === null) made(null, file);
          else {
            file.close();
            this.#giveUp(number);
            made(writeError);
          }
        });
      });
    });
  }

  /** The file of this number will be removed: no other may ever have its name. */
  #giveUp(number: number): void {
    this.#lastNumber = number;
    this.#surplus.push(segmentName(number));
  }

  /** No file can be made, and one is needed now. */
  #useReserve(problem: Error | null): void {
    this.#hasReserve = false;
    this.#problem = problem ?? undefined;
    const { fs, segmentSize } = this.#options;
    const number = this.#lastNumber + 1;
    this.#reuse(RESERVE_NAME, number, (error, file) => {
      if (error !== null || file === undefined) {
        this.#ended(error);
        return;
      }
      fs.syncDirectory((syncError) => {
        this.#lastNumber = number;
        if (syncError === null && !this.#isClosed) this.#next = { number, file, size: segmentSize };
        else {
          file.close();
          this.#giveUp(number);
        }
        this.#ended(syncError);
      });
    });
  }

  #makeReserve(): void {
    const { fs, segmentSize } = this.#options;
    this.#isBusy = true;
    const old = this.#old.pop();
    const ended = (error: Error | null): void => {
      this.#hasReserve = error === null;
      this.#ended(error);
    };
    if (old !== undefined) {
      fs.rename(old, RESERVE_NAME, (error) => {
        if (error === null) fs.syncDirectory(ended);
        else {
          this.#surplus.push(old);
          ended(error);
        }
      });
      return;
    }
    fs.create(RESERVE_NAME, segmentSize, (error, file) => {
      file?.close();
      if (error === null) fs.syncDirectory(ended);
      else ended(error);
    });
  }

  #remove(): void {
    const name = this.#surplus.pop() ?? this.#old.pop();
    if (name === undefined) return;
    this.#isBusy = true;
    this.#options.fs.remove(name, () => {
      // If it is still there, the next start finds it and tries again.
      this.#isBusy = false;
      this.#work();
    });
  }
}
