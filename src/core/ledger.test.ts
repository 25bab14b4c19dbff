import assert from "node:assert/strict";
import { test } from "node:test";
import { messageOf } from "./bench.suite.ts";
import { Ledger } from "./ledger.ts";

test("it counts for ever and keeps the latest, oldest first", () => {
  const heard: string[] = [];
  const ledger = new Ledger(3, { lost: ({ topicName }) => heard.push(topicName) });
  assert.deepEqual(ledger.entries(), []);
  for (let n = 1; n <= 5; n += 1) {
    const message = messageOf(`t/${n}`, "", { qos: 1 });
    message.publisherId = "p";
    ledger.record(n < 5 ? "expired" : "queue-full", message, `c${n}`, n);
    const kept = ledger.entries().map(({ atMs }) => atMs);
    assert.deepEqual(kept, [1, 2, 3, 4, 5].slice(Math.max(0, n - 3), n));
  }
  assert.deepEqual(ledger.entries().at(-1), {
    ...{ reason: "queue-full", topicName: "t/5", qos: 1, clientId: "c5" },
    ...{ publisherId: "p", atMs: 5 },
  });
  assert.equal(ledger.total, 5);
  assert.equal(ledger.count("expired"), 4);
  assert.equal(ledger.count("no-subscriber"), 0);
  assert.deepEqual(
    [...ledger.counts()],
    [
      ["expired", 4],
      ["queue-full", 1],
    ],
  );
  assert.equal(heard.length, 5);
});

test("entries are copies", () => {
  const ledger = new Ledger(1, {});
  ledger.record("expired", messageOf("a", "", {}), "", 1);
  const [before] = ledger.entries();
  ledger.record("expired", messageOf("b", "", {}), "", 2);
  assert.equal(before?.topicName, "a");
});
