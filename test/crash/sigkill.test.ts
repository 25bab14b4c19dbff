/** What is acknowledged survives SIGKILL; and the harness finds out a broker where it does not. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type CrashBroker, NIGHTJAR, NIGHTJAR_MEMORY } from "./brokers.ts";
import { violationsOf } from "./counts.ts";
import { type CrashResult, crashCycles } from "./crash-cycles.ts";

const SEED = Number(process.env["SEED"] ?? 1);
const SMALL = { publishers: 16, receivers: 16, sleepers: 4, retainedTopics: 8 };

function assertKept({ counts }: CrashResult): void {
  assert.ok(counts.owed > 0, "nothing was promised");
  assert.deepEqual(violationsOf(counts), [], `SEED=${SEED}`);
}

test("50 SIGKILLs under load: whatever was acknowledged is kept", async () => {
  assertKept(await crashCycles({ broker: NIGHTJAR, cycles: 50, seed: SEED }));
});

test("the harness: a broker that keeps nothing is found out", async () => {
  const options = { cycles: 2, seed: SEED, quietMs: 1_000, sizes: SMALL };
  const { counts } = await crashCycles({ broker: NIGHTJAR_MEMORY, ...options });
  for (const name of ["lost", "sessionsLost", "retainedLost", "willsLost"] as const) {
    assert.notEqual(counts[name], 0, name);
  }
});

test("the harness: a broker that is not killed, only its connections, is not accused", async () => {
  const child = startedInMemory();
  try {
    const broker = relayTo(await portOf(child));
    assertKept(await crashCycles({ broker, cycles: 5, seed: SEED, drainEvery: 3, sizes: SMALL }));
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
});

function startedInMemory(): ChildProcess {
  const [program = "", ...args] = NIGHTJAR_MEMORY.command(0, "");
  return spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
}

async function portOf({ stdout }: ChildProcess): Promise<string> {
  assert.ok(stdout);
  const [line]: string[] = await once(createInterface(stdout), "line");
  const [, port] = /mqtt:\/\/127\.0\.0\.1:(\d+)/.exec(line ?? "") ?? [];
  assert.ok(port, line);
  return port;
}

function relayTo(brokerPort: string): CrashBroker {
  const relay = fileURLToPath(new URL("relay.mjs", import.meta.url));
  return {
    name: "relay",
    command: (port) => [process.execPath, relay, `${port}`, brokerPort],
    readyLine: /listens on/,
  };
}
