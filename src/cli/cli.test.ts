/** The command as a process: what it prints, how it ends. Runs dist/, which `npm test` builds. */
import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { after, before, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { PacketClient } from "../../test/packet-client.ts";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const HERE = ["--listen", "tcp://127.0.0.1:0"];

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "nightjar-cli-"));
});
after(() => rm(folder, { recursive: true }));

type Process = ChildProcessByStdio<null, Readable, Readable>;

let started = 0;

/** Each process has a data directory of its own. */
function start(args: readonly string[], env: Record<string, string> = {}): Process {
  started += 1;
  const data = join(folder, `data-${started}`);
  return spawn(process.execPath, [MAIN, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"] ?? "", NIGHTJAR_DATA: data, ...env },
  });
}

/** A command that ends by itself. */
async function run(args: readonly string[], env: Record<string, string> = {}) {
  const child = start(args, env);
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit"),
  ]);
  return { out, err, code };
}

/** A broker that has said its start line. */
async function serving(t: TestContext, args: readonly string[], env: Record<string, string> = {}) {
  const child = start(args, env);
  t.after(() => child.kill("SIGKILL"));
  const log = new Lines(child.stderr);
  const out = new Lines(child.stdout);
  const startLine = await out.matching(/./);
  const address = /mqtt:\S+?(?=[ ;,])/.exec(startLine)?.[0] ?? "";
  const exit = once(child, "exit");
  return { child, log, out, startLine, address, exit };
}

/** The lines of an output, as they come. */
class Lines {
  text = "";
  readonly #output: Readable;

  constructor(output: Readable) {
    this.#output = output;
    output.setEncoding("utf8").on("data", (part: string) => {
      this.text += part;
    });
  }

  async matching(pattern: RegExp): Promise<string> {
    for (;;) {
      const line = this.text
        .split("\n")
        .slice(0, -1)
        .find((one) => pattern.test(one));
      if (line !== undefined) return line;
      assert.ok(!this.#output.readableEnded, `no line ${pattern} in:\n${this.text}`);
      await Promise.race([once(this.#output, "data"), once(this.#output, "end")]);
    }
  }
}

test("serve: one line says what listens where, who may connect, and what is kept", async (t) => {
  const args = [...HERE, "--listen", "ws://127.0.0.1:0/mqtt"];
  const { child, startLine, out, exit, log } = await serving(t, ["serve", ...args]);
  assert.match(
    startLine,
    /^Nightjar \d+\.\d+\.\d+ listens on mqtt:\S+127\.0\.0\.1:\d+ and ws:\S+:\d+\/mqtt; anyone/,
  );
  assert.match(
    startLine,
    /; anyone on this machine may connect \(no users are set\); data is kept in \S+ \(fsync\)$/,
  );
  child.kill("SIGTERM");
  assert.deepEqual(await exit, [0, null]);
  assert.equal(out.text, `${startLine}\n`);
  assert.match(log.text, /info {2}closing signal=SIGTERM connections=0\n$/);
});

test("serve: an open listener is said to be open, each time", async (t) => {
  const args = ["--listen", "tcp://0.0.0.0:0", "--allow-anonymous", "--durability", "memory"];
  const { startLine, log } = await serving(t, args);
  assert.match(startLine, /anyone who reaches tcp:\/\/0\.0\.0\.0:0 may connect/);
  assert.match(startLine, /; nothing is kept on disk$/);
  await log.matching(/ warn {2}everyone who reaches this listener .* listener=tcp:/);
});

test("serve: a port that is taken", async (t) => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  t.after(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  assert.deepEqual(await run(["-p", String(port)]), {
    out: "",
    err:
      `nightjar: port ${port} on 127.0.0.1 is taken by another process: stop it, or choose ` +
      `another with --listen tcp://127.0.0.1:${port + 1}\n`,
    code: 69,
  });
});

const MISTAKES: { args: string[]; env?: Record<string, string>; err: RegExp; code: number }[] = [
  { args: ["srve"], err: /^there is no command "srve"; did you mean serve\?$/, code: 64 },
  { args: ["\u001b[31m"], err: /^there is no command "\\u001b\[31m"; see/, code: 64 },
  { args: ["--lisen", "x"], err: /^there is no flag --lisen; did you mean --listen\?$/, code: 64 },
  { args: ["serve", "--zzzz"], err: /^there is no flag --zzzz; see --help$/, code: 64 },
  { args: ["serve", "--listen"], err: /^--listen needs a value: --listen URL$/, code: 64 },
  {
    args: ["serve", "nightjar.yaml"],
    err: /^nightjar\.yaml is no flag: .*--config FILE$/,
    code: 64,
  },
  { args: ["-c", "/no/such.yaml"], err: /^\/no\/such\.yaml: there is no such file$/, code: 78 },
  {
    args: ["-p", "99999"],
    err: /^--port listeners\[0\]\.url: expected a port 0\.\.65535/,
    code: 78,
  },
  {
    args: ["--listen", "tcp://0.0.0.0:1883"],
    err: /^--listen listeners\[0\]\.url: no users are set, so anyone .*--allow-anonymous/,
    code: 78,
  },
  {
    args: ["check", "--set", "limits.sesions=1"],
    err: /^--set limits\.sesions limits\.sesions: unknown key; did you mean sessions\?$/,
    code: 78,
  },
  {
    args: [],
    env: { NIGHTJAR_LOG__LEVEL: "loud" },
    err: /^NIGHTJAR_LOG__LEVEL log\.level: expected error, warn, info, debug, got "loud"$/,
    code: 78,
  },
];

for (const { args, env, err, code } of MISTAKES) {
  test(`mistake: ${JSON.stringify(args)} ${JSON.stringify(env ?? "")}`, async () => {
    const result = await run(args, env);
    assert.equal(result.out, "");
    assert.equal(result.err.trimEnd().split("\n").length, 1, result.err);
    assert.match(result.err.trimEnd().replace(/^nightjar: /, ""), err);
    assert.equal(result.code, code);
  });
}

test("check: every problem of a file, one line each; nothing of it when it is right", async () => {
  const file = join(folder, "check.yaml");
  await writeFile(file, "limits:\n  sesions: 1\n  routes: 0\n");
  const bad = await run(["check", "-c", file]);
  assert.equal(bad.code, 78);
  assert.deepEqual(bad.err.replaceAll(`${folder}/`, "").trimEnd().split("\n"), [
    "nightjar: check.yaml:2:3 limits.sesions: unknown key; did you mean sessions?",
    "nightjar: check.yaml:3:11 limits.routes: expected a whole number from 1, got 0",
  ]);
  await writeFile(file, "limits:\n  sessions: 1\n");
  const good = await run(["check", "-c", file], { NIGHTJAR_LOG__LEVEL: "warn" });
  assert.deepEqual([good.code, good.err], [0, ""]);
  assert.match(good.out, /^ {2}sessions: 1 # .*check\.yaml:2:13$/m);
  assert.match(good.out, /^ {2}level: warn # NIGHTJAR_LOG__LEVEL$/m);
});

test("help and version", async () => {
  assert.match((await run(["--version"])).out, /^\d+\.\d+\.\d+\n$/);
  assert.match((await run(["--help"])).out, /Examples\n {2}nightjar /);
  const { out, code } = await run(["serve", "--help"]);
  assert.match(out, /-p, --port PORT/);
  assert.equal(code, 0);
  for (const line of out.split("\n")) assert.ok(line.length <= 100, line);
});

test("SIGTERM: 0x8B to a client of 5.0, then exit code 0", async (t) => {
  const { child, address, exit } = await serving(t, HERE);
  const client = await PacketClient.dial(address);
  await client.connect();
  child.kill("SIGTERM");
  const packet = await client.next();
  assert.ok(packet?.type === "disconnect");
  assert.equal(packet.reasonCode, 0x8b);
  assert.deepEqual(await exit, [0, null]);
});

test("a second signal ends at once, whoever still hangs on", async (t) => {
  const { child, address, exit } = await serving(t, HERE);
  const { hostname, port } = new URL(address);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  await once(socket, "connect");
  const client = new PacketClient(socket);
  await client.connect();
  child.kill("SIGINT");
  assert.equal((await client.next())?.type, "disconnect");
  child.kill("SIGTERM"); // The socket is still open on our side.
  assert.deepEqual(await exit, [143, null]);
});

test("SIGHUP: all of a right file, nothing of a wrong one", async (t) => {
  const file = join(folder, "reload.yaml");
  const listeners = "listeners: [{url: tcp://127.0.0.1:0}]\n";
  await writeFile(file, `${listeners}limits: {receiveMaximum: 10}\n`);
  const { child, address, log } = await serving(t, ["--config", file]);
  const receiveMaximum = async () => {
    const client = await PacketClient.dial(address);
    const connack = await client.connect();
    client.stream.destroy();
    return connack?.type === "connack" ? connack.properties?.receiveMaximum : undefined;
  };
  assert.equal(await receiveMaximum(), 10);

  await writeFile(file, `${listeners}limits: {receiveMaximum: 20, ledgerEntries: 5}\n`);
  child.kill("SIGHUP");
  await log.matching(/ info {2}reloaded listening=mqtt/);
  await log.matching(/ warn {2}changed, but takes a restart keys=limits\.ledgerEntries/);
  assert.equal(await receiveMaximum(), 20);

  await writeFile(file, `${listeners}limits: {receiveMaximum: 0, sesions: 1}\n`);
  child.kill("SIGHUP");
  await log.matching(/ error not reloaded: the configuration stays as it was/);
  await log.matching(/ error .*reload\.yaml:2:26 limits\.receiveMaximum: expected/);
  await log.matching(/ error .*reload\.yaml:2:29 limits\.sesions: unknown key/);
  assert.equal(await receiveMaximum(), 20);

  await writeFile(file, "");
  child.kill("SIGHUP");
  await log.matching(/ error .*reload\.yaml:1:1: the file is empty/);
  assert.equal(await receiveMaximum(), 20);
});

test("an error nobody caught is logged, and the process ends with 70", async (t) => {
  const boom = 'process.on("SIGUSR2", () => { throw new Error("boom"); });';
  const { child, log, exit } = await serving(t, HERE, {
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(boom)}`,
  });
  child.kill("SIGUSR2");
  await log.matching(/ error crash error="Error: boom\\n {4}at /);
  assert.deepEqual(await exit, [70, null]);
});

test("what clients say cannot pass for lines of the log", async (t) => {
  const { address, log } = await serving(t, [...HERE, "--verbose"]);
  const client = await PacketClient.dial(address);
  await client.connect({ clientId: 'a" level=error \u202eforged' });
  const line = await log.matching(/ connected /);
  assert.match(line, /clientId="a\\" level=error \\u202eforged" remoteAddress=/);
  await client.subscribe("a b/\u2028");
  await log.matching(/ debug subscribed .*topicFilter="a b\/\\u2028" qos=0$/);
});

test("repeats are held back, and counted at the end", async (t) => {
  const { child, address, log, exit } = await serving(t, HERE);
  for (let at = 0; at < 8; at += 1) {
    const client = await PacketClient.dial(address);
    client.stream.write(Buffer.alloc(10, 0xff));
    while ((await client.next()) !== undefined);
  }
  child.kill("SIGTERM");
  await exit;
  assert.equal(log.text.match(/refused remoteAddress=/g)?.length, 5);
  assert.match(log.text, / warn {2}refused 127\.0\.0\.1: 3 more like it\n$/);
});

test("log.format json: an object a line; the level is obeyed", async (t) => {
  const args = [...HERE, "--log-format", "json", "--log-level", "info"];
  const { child, address, log, exit } = await serving(t, args);
  const client = await PacketClient.dial(address);
  await client.connect({ clientId: "c 1" });
  await client.subscribe("a");
  client.stream.destroy();
  await log.matching(/"disconnected"/);
  child.kill("SIGTERM");
  await exit;
  const lines = log.text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ level, message }) => `${level} ${message}`),
    ["info connected", "info disconnected", "info closing"],
  );
  assert.equal(lines[0].clientId, "c 1");
});
