/** The judge on trial: the dialogues with a broker that others have written. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { DIALOGUES } from "../../src/conform/dialogues.ts";
import { dialogueKey } from "../../src/conform/report.ts";
import { holdDialogues, parseTarget } from "../../src/conform/runner.ts";
import { describePeer } from "../interop/peers.ts";
import { missingMosquitto, mosquittoVersion, startMosquitto } from "./mosquitto-broker.ts";

type Seen = "always" | "sometimes";

const DOCUMENT = new URL("../../docs/conformance-peers.md", import.meta.url);
/** The version whose differences the document lists. Another one is held to nothing. */
const LISTED = "2.0.11";
/** `| 3.1-54 | 3.1, 3.1.1, 5.0 | sometimes | … |` */
const ROW = /^\| (\d+\.\d+-\d+) \| ([\d., ]+) \| (always|sometimes) \|/gm;

function listedDifferences(): Map<string, Seen> {
  const differences = new Map<string, Seen>();
  for (const [, id, versions = "", seen] of readFileSync(DOCUMENT, "utf8").matchAll(ROW)) {
    for (const version of versions.split(", ")) differences.set(`${id} ${version}`, seen as Seen);
  }
  return differences;
}

test("every listed difference names a dialogue", () => {
  const keys = new Set(DIALOGUES.map(dialogueKey));
  assert.deepEqual(
    [...listedDifferences().keys()].filter((key) => !keys.has(key)),
    [],
  );
});

describePeer("mosquitto", missingMosquitto(), () => {
  const version = mosquittoVersion();
  const skip = version === LISTED ? false : `differences are listed for ${LISTED}, not ${version}`;
  test(`mosquitto ${LISTED} differs where it is known to`, { skip }, async (t) => {
    const broker = await startMosquitto();
    t.after(() => broker.close());
    const target = parseTarget(broker.url, 3_000);
    const results = await holdDialogues(DIALOGUES, target, { concurrency: 8 });
    const known = listedDifferences();
    for (const { dialogue, outcome, detail } of results) {
      const key = dialogueKey(dialogue);
      const seen = known.get(key);
      if (outcome === "fail") assert.ok(seen !== undefined, `a new difference: ${key}\n${detail}`);
      else assert.notEqual(seen, "always", `a difference has gone: ${key}`);
    }
  });
});
