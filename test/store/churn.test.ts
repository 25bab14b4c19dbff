/** Hours of publishing, acknowledging, retaining and sessions that come and go. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { underSeed } from "../sim/prng.ts";
import { churn } from "./churn.ts";

const HOURS = 24;
/** In its run compaction has to read messages back while what is in flight takes all memory. */
const SEED = 10;

test(`store: ${HOURS} hours of churn: the log stays in proportion to what is live`, () => {
  underSeed(SEED, () => {
    const { looks, drops, written, liveMax } = churn(SEED, HOURS);
    assert.ok(looks > 1_000 && drops > 100, `${looks} looks, ${drops} times shortened`);
    assert.ok(written > 10 * liveMax, `${written} bytes written, ${liveMax} live at most`);
  });
});
