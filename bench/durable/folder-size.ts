/** How large a data folder is: what it takes of the disk, and how much of that is written. */
import {
  closeSync,
  type Dirent,
  existsSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
} from "node:fs";
import { join } from "node:path";

const BLOCK = 512;
const CHUNK = 1 << 20;

/** Blocks that the files take, preallocated ones included. */
export function allocatedBytes(folder: string): number {
  return total(folder, (path) => statSync(path).blocks * BLOCK);
}

/**
 * Without the zeros at the end of each file: what is preallocated and not yet written. A segment
 * that is used again has old data behind the new; a folder just filled has none of those.
 */
export function writtenBytes(folder: string): number {
  return total(folder, lengthWithoutZeros);
}

function total(folder: string, size: (path: string) => number): number {
  if (!existsSync(folder)) return 0;
  const files = readdirSync(folder, { recursive: true, withFileTypes: true });
  return files.filter((file) => file.isFile()).reduce((sum, file) => sum + sizeOf(file, size), 0);
}

/** The broker deletes files while we look. */
function sizeOf(file: Dirent, size: (path: string) => number): number {
  try {
    return size(join(file.parentPath, file.name));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return 0;
    throw error;
  }
}

function lengthWithoutZeros(path: string): number {
  const zeros = Buffer.alloc(CHUNK);
  const chunk = Buffer.alloc(CHUNK);
  const file = openSync(path, "r");
  try {
    let end = statSync(path).size;
    while (end > 0) {
      const start = Math.floor((end - 1) / CHUNK) * CHUNK;
      const size = readSync(file, chunk, 0, end - start, start);
      if (chunk.compare(zeros, 0, size, 0, size) !== 0) {
        return start + 1 + chunk.subarray(0, size).findLastIndex((byte) => byte !== 0);
      }
      end = start;
    }
    return 0;
  } finally {
    closeSync(file);
  }
}
