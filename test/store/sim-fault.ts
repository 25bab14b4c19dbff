import type { Fs, FsFile } from "../../src/store/fs.ts";

/** One call of the port. */
export interface SimCall {
  readonly op: Exclude<keyof Fs, "list"> | Exclude<keyof FsFile, "name" | "size" | "close">;
  /** Of the file; of a rename, the name that goes. */
  readonly name: string;
  /** How many calls there were to this disk, with this one. */
  readonly nth: number;
  readonly at?: number;
  readonly size?: number;
}

/** `short`: a part is written before there is no space left; where nothing is written, `EIO`. */
export type SimFault = "EIO" | "ENOSPC" | "short";

/** What a call ends with instead of success. */
export class SimError extends Error {
  readonly code: string;
  readonly isShort: boolean;

  constructor(code: string, what: string, isShort: boolean = false) {
    super(`${code}: ${what}`);
    this.code = code;
    this.isShort = isShort;
  }

  static of(fault: SimFault, { op, name }: Pick<SimCall, "op" | "name">): SimError {
    const isShort = fault === "short" && (op === "write" || op === "create");
    const code = fault === "short" ? (isShort ? "ENOSPC" : "EIO") : fault;
    return new SimError(code, `${op} ${name}`, isShort);
  }
}
