/** Real processes want one data directory: at most one has it, and a dead one never keeps it. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { DirectoryLock, lockOwner } from "../../src/store/directory-lock.ts";

const RACER = fileURLToPath(new URL("lock-racer.ts", import.meta.url));
const RACERS = 3;
const RACE_MS = 800;
/** How many are killed, whatever they do just then. */
const KILLS = 4;

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "nightjar-lock-"));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

function racer(what: "race" | "hold", directory: string): ChildProcess {
  const args = ["--import", "tsx", RACER, what, directory];
  const env = { ...process.env, RACE_MS: String(RACE_MS) };
  return spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "inherit"] });
}

/** The next that it says, a line or more. */
async function said({ stdout }: ChildProcess): Promise<string> {
  assert.ok(stdout);
  const [bytes] = await once(stdout, "data");
  return String(bytes);
}

async function allSaid(child: ChildProcess): Promise<string> {
  let text = "";
  child.stdout?.on("data", (bytes) => {
    text += bytes;
  });
  await once(child, "close");
  return text;
}

test("lock: of processes that race for a directory, at most one has it at any time", async (t) => {
  const directory = folder(t);
  const racers = Array.from({ length: RACERS }, () => racer("race", directory));
  const texts = await Promise.all(racers.map(allSaid));
  const text = texts.join("");
  assert.doesNotMatch(text, /two/);
  const rounds = [...text.matchAll(/done (\d+)/g)].map(([, held]) => Number(held));
  assert.equal(rounds.length, RACERS);
  assert.ok(rounds.reduce((total, held) => total + held) > 30, `${rounds}`);
  assert.equal(lockOwner(directory), undefined);
  const locks = readdirSync(directory).filter((name) => /^LOCK\.\d+$/.test(name));
  assert.equal(locks.length, 1, "what is left is one file, whose number is the next one's");
});

test("lock: those that are killed, at any moment, do not keep it", async (t) => {
  const directory = folder(t);
  const survivor = allSaid(racer("race", directory));
  const victims = Array.from({ length: KILLS }, (_, n) =>
    racer(n === 0 ? "hold" : "race", directory),
  );
  for (const [turns, victim] of victims.entries()) {
    await said(victim);
    for (let left = turns; left > 0; left -= 1) await new Promise((done) => setImmediate(done));
    const ended = once(victim, "close");
    victim.kill("SIGKILL");
    await ended;
  }
  assert.doesNotMatch(await survivor, /two/);
  assert.equal(lockOwner(directory), undefined);
  DirectoryLock.take(directory).release();
});

const hasProc = existsSync("/proc/self/stat");

test("lock: nor does one whose parent never asks about it", { skip: !hasProc }, async (t) => {
  const directory = folder(t);
  const command = `"$0" --import tsx "$1" hold "$2" & echo pid $!; exec sleep 60`;
  const args = ["-c", command, process.execPath, RACER, directory];
  const parent = spawn("sh", args, { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => parent.kill("SIGKILL"));
  const pid = Number(/pid (\d+)/.exec(await said(parent))?.[1]);
  assert.match(await said(parent), /held/);
  assert.equal(lockOwner(directory), pid);
  assert.throws(() => DirectoryLock.take(directory), /in use by process/);
  process.kill(pid, "SIGKILL");
  const endMs = performance.now() + 5_000;
  while (lockOwner(directory) === pid && performance.now() < endMs) {
    await new Promise((done) => setImmediate(done));
  }
  DirectoryLock.take(directory).release();
});
