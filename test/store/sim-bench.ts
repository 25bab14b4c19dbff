import assert from "node:assert/strict";
import type { FsFile } from "../../src/store/fs.ts";
import { SimDisk, type SimDiskOptions, SimFs } from "./sim-disk.ts";

export const SECTOR: number = 512;

export interface Bench {
  readonly disk: SimDisk;
  readonly fs: SimFs;
}

export function bench(seed: number, options: Partial<SimDiskOptions> = {}): Bench {
  const disk = new SimDisk({ ...options, seed });
  return { disk, fs: new SimFs(disk) };
}

export function mustDo(error: Error | null): void {
  assert.equal(error, null);
}

/** A new file of whose name and size nothing is lost. */
export function made({ disk, fs }: Bench, name: string, size: number): FsFile {
  let made: FsFile | undefined;
  fs.create(name, size, (error, file) => {
    mustDo(error);
    made = file;
  });
  disk.settle();
  fs.syncDirectory(mustDo);
  disk.settle();
  assert.ok(made);
  return made;
}

export function filled(size: number, byte: number): Uint8Array {
  return new Uint8Array(size).fill(byte);
}

/** A file in letters, one for each sector: the byte it is full of, or `?` for a mixture. */
export function sectorsOf(disk: SimDisk, name: string): string {
  const bytes = disk.bytesOf(name);
  let letters = "";
  for (let at = 0; at < bytes.length; at += SECTOR) {
    const sector = bytes.subarray(at, at + SECTOR);
    letters += sector.every((byte) => byte === sector[0]) ? sector[0] : "?";
  }
  return letters;
}

/** Names with the letters of each file. */
export function contents(disk: SimDisk): string {
  const files = disk.names().map((name) => `${name}=${sectorsOf(disk, name)}`);
  return files.sort().join(" ");
}

/** How often each outcome came up. */
export function counted(seeds: number, outcome: (seed: number) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (let seed = 1; seed <= seeds; seed += 1) {
    const one = outcome(seed);
    counts.set(one, (counts.get(one) ?? 0) + 1);
  }
  return counts;
}

/** Each of these comes up, not just once in a while, and nothing else does. */
export function assertAll(counts: Map<string, number>, expected: readonly string[]): void {
  assert.deepEqual([...counts.keys()].sort(), [...expected].sort());
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  for (const [outcome, count] of counts)
    assert.ok(count * 400 >= total, `"${outcome}" only ${count} times in ${total}`);
}

/** Every word of `size` letters that are each one of `letters`. */
export function words(letters: string, size: number): string[] {
  if (size === 0) return [""];
  return words(letters, size - 1).flatMap((word) => [...letters].map((letter) => word + letter));
}
