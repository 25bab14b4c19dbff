/** `nightjar store` on directories that a broker has written, whole and damaged. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createBroker } from "../server/index.ts";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
const TOPICS = ["a", "b", "c"];

interface Run {
  readonly out: string;
  readonly err: string;
  readonly code: number | null;
}

function store(...args: string[]): Run {
  const argv = ["--import", "tsx", MAIN, "store", ...args];
  const { stdout, stderr, status } = spawnSync(process.execPath, argv, { encoding: "utf8" });
  return { out: stdout, err: stderr, code: status };
}

/** A directory with three retained messages, each from a life of its own. */
async function written(t: TestContext): Promise<string> {
  const data = mkdtempSync(join(tmpdir(), "nightjar-store-"));
  t.after(() => rmSync(data, { recursive: true }));
  for (const topic of TOPICS) {
    const broker = createBroker({ data });
    broker.publish(topic, `of ${topic}`, { retain: true });
    await broker.close();
  }
  return data;
}

/** Of all files but the lock's. */
function contents(data: string): string[] {
  return readdirSync(data)
    .filter((name) => !name.startsWith("LOCK"))
    .sort()
    .map((name) => `${name} ${readFileSync(join(data, name)).toString("latin1")}`);
}

/** Turns a bit of the payload of topic "b". */
function spoil(data: string): void {
  for (const name of readdirSync(data)) {
    const bytes = readFileSync(join(data, name));
    const at = bytes.indexOf("of b");
    if (at < 0) continue;
    bytes.writeUInt8((bytes[at] as number) ^ 1, at);
    writeFileSync(join(data, name), bytes);
    return;
  }
  assert.fail("it is nowhere");
}

function topicsIn(dump: string): string[] {
  return dump
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line).topic);
}

test("store: check, stat and dump of what is whole, and nothing is written", async (t) => {
  const data = await written(t);
  const before = contents(data);
  const check = store("check", data);
  assert.deepEqual([check.code, check.err], [0, ""]);
  const counts =
    /is whole: 3 segments, \d+ frames, 3 records; 0 sessions, .* 3 retained messages; /;
  assert.match(check.out, counts);
  const { out } = store("stat", "--json", data);
  assert.equal(JSON.parse(out).log.records, 3);
  assert.match(store("stat", data).out, /^retained +3 messages, /m);
  const dump = store("dump", "--type", "publish", "--text", data).out;
  assert.deepEqual(topicsIn(dump), TOPICS);
  assert.equal(JSON.parse(dump.split("\n")[0] ?? "").text, "of a");
  const { position, size } = JSON.parse(dump.split("\n")[1] ?? "");
  const later = store("dump", "--type", "publish", "--from", `${position - size}`, data).out;
  assert.deepEqual(topicsIn(later), ["b", "c"]);
  assert.match(store("salvage", data).out, /is whole: there is nothing to salvage/);
  assert.deepEqual(contents(data), before);
});

test("store: damage is said with its positions, and exit code 74", async (t) => {
  const data = await written(t);
  spoil(data);
  const { err, code } = store("check", data);
  assert.equal(code, 74);
  assert.match(err, /segment-\d+\.log: bytes are not as they were written: positions \d+ to \d+ /);
  assert.match(err, /salvage/);
  const { out } = store("dump", data);
  assert.ok(
    out.split("\n").some((line) => line.includes('"type":"damage"')),
    out,
  );
});

test("store: salvage keeps the damaged files, and leaves a whole store", async (t) => {
  const data = await written(t);
  spoil(data);
  const before = contents(data);
  const dry = store("salvage", "--dry-run", data);
  assert.equal(dry.code, 0);
  assert.match(dry.out, /is lost$/m);
  assert.deepEqual(contents(data), before);
  const { code, out, err } = store("salvage", data);
  assert.equal(code, 0, err);
  const kept = readdirSync(data).find((name) => name.startsWith("damaged-")) ?? "";
  assert.match(out, new RegExp(kept));
  const old = contents(join(data, kept)).map((file) => file.split(" ")[0]);
  assert.ok(old.length >= 3, old.join());
  assert.equal(store("check", data).code, 0);
  const dump = store("dump", "--type", "publish", data).out;
  assert.deepEqual(topicsIn(dump).sort(), ["a", "c"]);
});

test("store: a directory in use is looked at, but not salvaged", async (t) => {
  const data = await written(t);
  const broker = createBroker({ data });
  t.after(() => broker.close());
  const check = store("check", data);
  assert.equal(check.code, 0);
  assert.match(check.err, new RegExp(`is in use by process ${process.pid}`));
  assert.notEqual(store("salvage", data).code, 0);
});

test("store: mistakes are one line that says what to do", (t) => {
  const empty = mkdtempSync(join(tmpdir(), "nightjar-store-"));
  t.after(() => rmSync(empty, { recursive: true }));
  for (const args of [[], ["chekc"], ["check", join(empty, "nowhere")], ["dump", "--type", "x"]]) {
    const { out, err, code } = store(...args);
    assert.equal(out, "", args.join(" "));
    assert.match(err, /^nightjar: [^\n]+\n$/, args.join(" "));
    assert.notEqual(code, 0);
  }
});
