/** Where the broker keeps its data, and what becomes of that when it is killed. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Disk {
  readonly folder: string;
  /** After each kill: what happens to the data. */
  killed(): Promise<void>;
  close(): Promise<void>;
}

/** Keeps everything that was written, synced or not: a kill is no power loss. */
export function plainDisk(): Disk {
  const folder = mkdtempSync(join(tmpdir(), "nightjar-crash-"));
  return {
    folder,
    killed: async () => {},
    close: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Leaves the folder itself, which may be a mount point. */
export function emptyFolder(folder: string): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
}
