/** The file system of forgetful-fs.c: compiled, mounted, without power, unmounted. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Disk } from "./disk.ts";

const FLAGS = ["-O2", "-Wall", "-D_FILE_OFFSET_BITS=64", "-I/usr/include/fuse3"];
const SOURCES = ["forgetful-fs.c", "forgetful-state.c"].map((name) =>
  fileURLToPath(new URL(name, import.meta.url)),
);

/** @returns The Debian package that is not installed, or undefined when all are. */
export function missingPackage(): string | undefined {
  if (!succeeds("cc", ["--version"])) return "gcc";
  if (!succeeds("cc", ["-E", ...FLAGS, ...SOURCES])) return "libfuse3-dev";
  if (!succeeds("fusermount3", ["--version"])) return "fuse3";
  return undefined;
}

/** @returns Why this machine lets nobody mount a file system, or undefined when it does. */
export async function whyNoMount(): Promise<string | undefined> {
  if (!existsSync("/dev/fuse")) return "there is no /dev/fuse here";
  try {
    const fs = await ForgetfulFs.mount();
    await fs.close();
    return undefined;
  } catch (error) {
    return `no file system can be mounted here: ${(error as Error).message.trim()}`;
  }
}

function succeeds(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args).status === 0;
}

export interface Forgotten {
  readonly bytes: number;
  /** Files and folders that were made, renamed or removed. */
  readonly names: number;
}

export class ForgetfulFs {
  /** What was synced, after each loss and at the end. */
  readonly backing: string;
  readonly mountPoint: string;
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #lines: Interface;

  private constructor(folder: string, child: ChildProcess, lines: Interface) {
    this.#folder = folder;
    this.backing = join(folder, "backing");
    this.mountPoint = join(folder, "mount");
    this.#child = child;
    this.#lines = lines;
  }

  /** @param seed What was not synced is lost in part, as chance will have it; else all of it. */
  static async mount(seed?: number): Promise<ForgetfulFs> {
    const folder = mkdtempSync(join(tmpdir(), "nightjar-forgetful-"));
    const [backing, mountPoint] = [join(folder, "backing"), join(folder, "mount")];
    mkdirSync(backing);
    mkdirSync(mountPoint);
    const args = [backing, mountPoint, ...(seed === undefined ? [] : [`${seed}`])];
    const child = spawn(program(), args, { stdio: ["ignore", "pipe", "pipe"] });
    let complaints = "";
    child.stderr.on("data", (text) => {
      complaints += text;
    });
    const lines = createInterface(child.stdout);
    const isReady = await Promise.race([
      once(lines, "line").then(() => true),
      once(child, "close").then(() => false),
    ]);
    if (isReady) return new ForgetfulFs(folder, child, lines);
    rmSync(folder, { recursive: true });
    throw new Error(complaints);
  }

  /** The power is lost, and there again. */
  async losePower(): Promise<Forgotten> {
    const said = once(this.#lines, "line");
    this.#child.kill("SIGUSR1");
    const [line = ""]: string[] = await said;
    const [, bytes, names] = /^forgot (\d+) bytes, (\d+) names$/.exec(line) ?? [];
    return { bytes: Number(bytes), names: Number(names) };
  }

  /** Unmounts it; what was not synced is saved to `backing`. */
  async unmount(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    // Should a process still be in it, it goes as soon as that has gone.
    if (!succeeds("fusermount3", ["-u", this.mountPoint])) {
      spawnSync("fusermount3", ["-u", "-z", this.mountPoint]);
      this.#child.kill("SIGTERM");
    }
    await ended;
  }

  async close(): Promise<void> {
    await this.unmount();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A disk that loses its power with each kill. */
export class ForgetfulDisk implements Disk {
  readonly folder: string;
  readonly #fs: ForgetfulFs;
  #bytes = 0;
  #names = 0;

  private constructor(fs: ForgetfulFs) {
    this.#fs = fs;
    this.folder = fs.mountPoint;
  }

  /** @param seed As of `ForgetfulFs.mount`. */
  static async mount(seed?: number): Promise<ForgetfulDisk> {
    return new ForgetfulDisk(await ForgetfulFs.mount(seed));
  }

  /** In all losses: that there was something to lose. */
  get forgotten(): Forgotten {
    return { bytes: this.#bytes, names: this.#names };
  }

  async killed(): Promise<void> {
    const { bytes, names } = await this.#fs.losePower();
    this.#bytes += bytes;
    this.#names += names;
  }

  async close(): Promise<void> {
    await this.#fs.close();
  }
}

let compiled: string | undefined;

/** Compiled once for this process, and gone with it. */
function program(): string {
  if (compiled !== undefined) return compiled;
  const folder = mkdtempSync(join(tmpdir(), "nightjar-forgetful-fs-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  compiled = join(folder, "forgetful-fs");
  execFileSync("cc", [...FLAGS, ...SOURCES, "-lfuse3", "-o", compiled], { stdio: "pipe" });
  return compiled;
}
