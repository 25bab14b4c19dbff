/** What the parts of the log share. */
import type { FsFile } from "./fs.ts";
import { SEGMENT_HEADER_SIZE } from "./segment.ts";

/** A segment that has begun. */
export interface Segment {
  readonly name: string;
  readonly number: number;
  /** Position of its first frame. */
  readonly base: number;
  /** Position behind its last frame. */
  end: number;
  /** What the checksums of its frames begin with. */
  readonly seed: number;
  readonly fileSize: number;
  /** Positions of its frames, in order. */
  frames: number[];
  /** Its file, once something was read back. */
  reader: FsFile | undefined;
}

/** What of its file is used. */
export function sizeOfSegment({ base, end }: Segment): number {
  return SEGMENT_HEADER_SIZE + end - base;
}

/** The machine that it runs on, as far as the log must know it. */
export interface Machine {
  /** Another one for each start of the machine; "" where that is not known. */
  readonly boot: string;
  /** Time since that start; setting the clock does not change it. */
  uptimeMs(): number;
  /** Time of day, ms since 1970. */
  wallMs(): number;
  random32(): number;
}
