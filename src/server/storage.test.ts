import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { checkedOptions } from "./checked-options.ts";
import { createBroker, StoreError } from "./index.ts";
import { monotonicClock } from "./monotonic-clock.ts";
import { NightjarBroker } from "./nightjar-broker.ts";

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "nightjar-storage-"));
  t.after(() => rmSync(path, { recursive: true }));
  return join(path, "data");
}

function opened(data: string, salvage: boolean): NightjarBroker {
  return new NightjarBroker(checkedOptions({ data }, false), {
    ...{ authenticator: undefined, authenticationMethods: [], authorizer: undefined },
    ...{ clock: monotonicClock, failed: () => {}, salvage },
  });
}

/** A store that holds retained messages, each from a life of its own, and is closed. */
async function filled(data: string): Promise<void> {
  for (const name of ["first", "second", "third"]) {
    const broker = createBroker({ data });
    broker.publish(`topic/${name}`, `payload of the ${name}`, { retain: true });
    await broker.close();
  }
}

function spoil(data: string, text: string): void {
  for (const name of readdirSync(data).filter((file) => file.endsWith(".log"))) {
    const path = join(data, name);
    const bytes = readFileSync(path);
    const at = bytes.indexOf(text);
    if (at < 0) continue;
    bytes.writeUInt8((bytes[at] as number) ^ 1, at);
    writeFileSync(path, bytes);
    return;
  }
  assert.fail(`${text} is nowhere`);
}

test("a store is its owner's alone, and can be opened again", async (t) => {
  const data = folder(t);
  await filled(data);
  for (const name of readdirSync(data)) {
    assert.equal(statSync(join(data, name)).mode & 0o777, 0o600, name);
  }
  assert.equal(statSync(data).mode & 0o777, 0o700);
  const broker = createBroker({ data });
  assert.equal(broker.storage, `${data} (fsync)`);
  assert.equal(broker.storageTrouble, "none");
  await broker.close();
});

test("two brokers on one directory: the second is refused, and says by whom", async (t) => {
  const data = folder(t);
  const broker = createBroker({ data });
  assert.throws(() => createBroker({ data }), {
    message:
      `${data} is in use by process ${process.pid}: ` +
      "stop it, or choose another directory with --data DIR",
  });
  await broker.close();
  await createBroker({ data }).close();
});

test("a bit that has changed: refused with what is lost; gone on without if told to", async (t) => {
  const data = folder(t);
  await filled(data);
  spoil(data, "payload of the second");
  assert.throws(
    () => createBroker({ data }),
    (error: unknown) => {
      assert.ok(error instanceof StoreError);
      const [damage = "", advice = ""] = error.problems;
      assert.match(
        damage,
        /segment-\d+\.log: bytes are not as they were written: positions \d+ to \d+/,
      );
      assert.match(
        advice,
        /is damaged: restore a copy, or go on without what is lost with --salvage$/,
      );
      return true;
    },
  );
  const broker = opened(data, true);
  const told: string[] = [];
  broker.on("store", ({ level, message }) => told.push(`${level} ${message}`));
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(
    told.some((line) => line.startsWith("error") && line.includes("is lost")),
    told.join(),
  );
  await broker.close();
});

test("a directory of another version is left alone", async (t) => {
  const data = folder(t);
  await filled(data);
  writeFileSync(join(data, "VERSION"), "nightjar-store 99\n");
  assert.throws(
    () => createBroker({ data }),
    /format 99, which this version of Nightjar does not know/,
  );
});

test("a file that cannot be read: refused, and it is said which one, and where", async (t) => {
  const data = folder(t);
  await filled(data);
  mkdirSync(join(data, "segment-000000000099.log"));
  assert.throws(
    () => createBroker({ data }),
    /cannot be used \(EISDIR: .* of segment-000000000099\.log at 0\)/,
  );
});

test("durability memory writes nothing, and the data directory is not even made", async (t) => {
  const data = folder(t);
  const broker = createBroker({ data, durability: "memory" });
  broker.publish("topic", "payload", { retain: true });
  assert.equal(broker.storage, "");
  await broker.close();
  assert.throws(() => readdirSync(data), { code: "ENOENT" });
});
