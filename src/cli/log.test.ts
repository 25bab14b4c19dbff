import assert from "node:assert/strict";
import { test } from "node:test";
import { describeFlags, type Flag, readFlags, UsageError } from "./flags.ts";
import { escapeControls } from "./log.ts";
import { Repeats } from "./repeats.ts";

test("repeats: the first are admitted, the rest counted until the window is over", () => {
  const told: string[] = [];
  const repeats = new Repeats((kind, count) => told.push(`${kind} ${count}`));
  const admitted = Array.from({ length: 10 }, () => repeats.admit("flood", 5, 0));
  assert.equal(admitted.filter(Boolean).length, 5);
  assert.ok(repeats.admit("other", 5, 0));
  repeats.due(9_999);
  assert.deepEqual(told, []);
  repeats.due(10_000);
  assert.deepEqual(told, ["flood 5"]);
  assert.ok(repeats.admit("flood", 5, 10_001));
});

test("repeats: a flood from ever new addresses is bounded too", () => {
  const told: string[] = [];
  const repeats = new Repeats((kind, count) => told.push(`${kind} ${count}`));
  let admitted = 0;
  for (let address = 0; address < 5_000; address += 1) {
    if (repeats.admit(`refused ${address}`, 5, 0)) admitted += 1;
  }
  assert.equal(admitted, 1_005);
  repeats.due(10_000);
  assert.deepEqual(told, ["others 3995"]);
});

test("controls, separators and what turns the direction of writing are escaped", () => {
  assert.equal(
    escapeControls("a\u001b[31m\u0085\u202e\u200b\ufeffé→"),
    "a\\u001b[31m\\u0085\\u202e\\u200b\\ufeffé→",
  );
});

const FLAGS: readonly Flag[] = [
  { name: "port", short: "p", value: "PORT", about: "the port" },
  { name: "verbose", short: "v", about: "say more" },
];

test("flags: the ways to write them", () => {
  for (const argv of [["--port", "1"], ["--port=1"], ["-p", "1"], ["-p1"], ["-p=1"]]) {
    assert.deepEqual(readFlags(argv, FLAGS).values.get("port"), ["1"], argv.join(" "));
  }
  const { values, rest } = readFlags(["a", "-v", "-p", "1", "-p", "2", "--", "-x"], FLAGS);
  assert.deepEqual(values.get("port"), ["1", "2"]);
  assert.ok(values.has("verbose"));
  assert.deepEqual(rest, ["a", "-x"]);
});

test("flags: mistakes say what to do", () => {
  const mistakes: [string[], RegExp][] = [
    [["--prt", "1"], /^there is no flag --prt; did you mean --port\?$/],
    [["-x"], /^there is no flag -x; see --help$/],
    [["--port"], /^--port needs a value: --port PORT$/],
    [["--port", "--verbose"], /^--port needs a value/],
    [["--verbose=1"], /^--verbose takes no value$/],
  ];
  for (const [argv, message] of mistakes) {
    assert.throws(
      () => readFlags(argv, FLAGS),
      (error: UsageError) => {
        assert.match(error.message, message);
        return error instanceof UsageError;
      },
    );
  }
});

test("flags: the help lines up", () => {
  assert.equal(describeFlags(FLAGS), "  -p, --port PORT  the port\n  -v, --verbose    say more");
});
