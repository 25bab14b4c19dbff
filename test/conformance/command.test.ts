/** `nightjar conform` as a process: what it prints, how it ends. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createBroker } from "../../src/server/index.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

async function conform(...args: string[]) {
  const child = spawn(process.execPath, ["--import", "tsx", MAIN, "conform", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit"),
  ]);
  return { out, err, code };
}

test("conform: a broker that does right: a line for each dialogue, exit code 0", async (t) => {
  const broker = createBroker({ listeners: [{ url: "tcp://127.0.0.1:0" }] });
  await broker.listen();
  t.after(() => broker.close());
  const { out, code } = await conform("--only", "3-12", broker.addresses[0] ?? "");
  const lines = out.split("\n");
  assert.match(lines[0] ?? "", /^pass {2}3\.12-01 3\.1 .*PINGREQ is answered with PINGRESP/);
  assert.match(out, /\n3 dialogues: 3 passed, 0 failed, 0 skipped, in \d+\.\d s\n$/);
  assert.equal(code, 0);
});

test("conform: a broker that does wrong: what differs, exit code 1", async (t) => {
  // Takes every client of 5.0, and answers all else with PUBACK 7.
  const server = createServer((socket) => {
    socket.once("data", () => {
      socket.write(Uint8Array.of(0x20, 3, 0, 0, 0));
      socket.on("data", () => socket.write(Uint8Array.of(0x40, 2, 0, 7)));
    });
    socket.on("error", () => socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const text = await conform("--only", "3.12", url);
  assert.equal(text.code, 1);
  assert.match(text.out, /^fail {2}3\.12-01 5\.0 .*\n +a: expected PINGRESP: d0 00\n/m);
  assert.match(text.out, /a: byte 0 \(packet type and flags\): expected d0, got 40\n/);
  const json = await conform("--only", "3.12", "--json", url);
  assert.equal(json.code, 1);
  const results = JSON.parse(json.out) as ReadonlyArray<Record<string, unknown>>;
  assert.deepEqual(
    results.map(({ id, version, outcome }) => [id, version, outcome]),
    [
      ["3.12-01", "3.1", "skip"],
      ["3.12-01", "3.1.1", "skip"],
      ["3.12-01", "5.0", "fail"],
    ],
  );
});

test("conform: a broker that lets nobody in: one line, exit code 69", async (t) => {
  const server = createServer((socket) => {
    socket.once("data", () => socket.end(Uint8Array.of(0x20, 3, 0, 0x87, 0)));
    socket.on("error", () => socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const { err, code } = await conform(`mqtt://127.0.0.1:${port}`);
  assert.match(err, /^nightjar: the broker takes no CONNECT of ours: CONNACK 0x87 notAuthorized/);
  assert.equal(code, 69);
});

test("conform: --list connects to nothing", async () => {
  const { out, code } = await conform("--list", "--only", "MQTT-3.12.4-1");
  assert.match(out, /^3\.12-01 5\.0 .* \[MQTT-3\.12\.4-1\]\n$/);
  assert.equal(code, 0);
});

test("conform: --help", async () => {
  const { out, code } = await conform("--help");
  assert.match(out, /nightjar conform --list --only 3-08\n/);
  assert.equal(code, 0);
});

const MISTAKES: ReadonlyArray<readonly [args: string[], code: number, says: RegExp]> = [
  [[], 64, /which broker\? Give its URL, such as mqtt:/],
  [["wss://broker.example"], 64, /wss:\/\/broker\.example: not mqtt:\/\/ or tcp:\/\//],
  [["--only", "9.9", "mqtt://127.0.0.1"], 64, /--only 9\.9: there is no such dialogue; see --list/],
  [["--timeout", "soon", "mqtt://127.0.0.1"], 64, /--timeout soon: give milliseconds/],
  [["mqtt://127.0.0.1:1"], 69, /no broker there: connect ECONNREFUSED/],
];

for (const [args, expected, says] of MISTAKES) {
  test(`conform ${args.join(" ")}: one line, exit code ${expected}`, async () => {
    const { err, code } = await conform(...args);
    assert.match(err, says);
    assert.equal(err.trimEnd().split("\n").length, 1, err);
    assert.equal(code, expected);
  });
}
