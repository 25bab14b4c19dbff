/** The dialogues as data: what names them, what they say they prove, how they are chosen. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DIALOGUES } from "../../src/conform/dialogues.ts";
import { dialogueKey, selectDialogues } from "../../src/conform/report.ts";
import { parseTarget } from "../../src/conform/runner.ts";

test("dialogues: each has a name of its own", () => {
  assert.equal(new Set(DIALOGUES.map(dialogueKey)).size, DIALOGUES.length);
});

test("dialogues: each names a statement or a section", () => {
  for (const dialogue of DIALOGUES) {
    assert.match(dialogue.id, /^\d+\.\d+-\d\d$/);
    assert.notEqual(dialogue.statements.length, 0, dialogueKey(dialogue));
    const statement = dialogue.version === 5 ? /^(?:MQTT-|§)/ : /^(?:3\.1\.1 MQTT-|§)/;
    for (const name of dialogue.statements) assert.match(name, statement, dialogueKey(dialogue));
  }
});

test("dialogues: chosen by chapter, by name and by statement", () => {
  const ids = (...wanted: string[]): string[] => [
    ...new Set(selectDialogues(DIALOGUES, wanted).map(({ id }) => id)),
  ];
  assert.deepEqual(ids("3.12"), ["3.12-01"]);
  assert.deepEqual(ids("3-12"), ["3.12-01"]);
  assert.deepEqual(ids("3.12-01"), ["3.12-01"]);
  assert.deepEqual(ids("MQTT-3.12.4-1"), ["3.12-01"]);
  assert.deepEqual(ids("3.12-01", "4.8-01"), ["3.12-01", "4.8-01"]);
  assert.deepEqual(ids("3-1"), ids("3.1"));
  assert.ok(ids("3.1").every((id) => id.startsWith("3.1-")));
  assert.ok(ids("3").includes("3.15-01"));
  assert.deepEqual(ids("9"), []);
});

test("dialogues: the broker's URL", () => {
  const { host, port, userName, password } = parseTarget("mqtt://me:s%40crt@[::1]:1884", 1);
  assert.deepEqual([host, port, userName, password], ["::1", 1884, "me", "s@crt"]);
  assert.equal(parseTarget("tcp://broker.example", 1).port, 1883);
  assert.throws(() => parseTarget("wss://broker.example", 1), TypeError);
  assert.throws(() => parseTarget("mqtt://", 1), TypeError);
});
