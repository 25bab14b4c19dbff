/** Nightjar in the conformance dialogues: a test for each. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DIALOGUES } from "../../src/conform/dialogues.ts";
import { describeDialogue, dialogueKey } from "../../src/conform/report.ts";
import { holdDialogues, parseTarget } from "../../src/conform/runner.ts";
import { createBroker } from "../../src/server/index.ts";

/** What Nightjar offers, so that a dialogue is skipped: that, and nothing else. */
const SKIPPED: ReadonlyMap<string, string> = new Map([
  ["3.1-57 5.0", "Server Keep Alive for Keep Alive 0"],
  ["3.2-11 5.0", "every QoS"],
  ["3.2-12 5.0", "retained messages"],
]);

const broker = createBroker({ listeners: [{ url: "tcp://127.0.0.1:0" }] });
await broker.listen();
const target = parseTarget(broker.addresses[0] ?? "", 3_000);
// All of them first, several at a time: those about time would else wait one after the other.
const results = await holdDialogues(DIALOGUES, target, { concurrency: 8 });
await broker.close();

describe("conformance", () => {
  for (const { dialogue, outcome, detail } of results) {
    const key = dialogueKey(dialogue);
    test(describeDialogue(dialogue), () => {
      assert.equal(outcome, SKIPPED.has(key) ? "skip" : "pass", detail);
    });
  }
});
