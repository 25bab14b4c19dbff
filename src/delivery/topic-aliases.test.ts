import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { InboundAliases, OutboundAliases } from "./topic-aliases.ts";

test("an alias means what it was set to last [MQTT-3.3.2-12]", () => {
  const aliases = new InboundAliases();
  assert.equal(aliases.get(1), undefined);
  aliases.set(1, "a");
  aliases.set(65_535, "b");
  aliases.set(1, "c");
  assert.deepEqual([aliases.get(1), aliases.get(2), aliases.get(65_535)], ["c", undefined, "b"]);
});

test("the receiver always knows the topic, and no alias is over its maximum", () => {
  // [MQTT-3.3.2-11] [MQTT-3.1.2-26] [MQTT-3.3.2-8]
  const topic = fc.integer({ min: 0, max: 9 }).map((n) => `topic/${n}`);
  const isSent = fc.boolean();
  fc.assert(
    fc.property(
      fc.array(fc.tuple(topic, isSent), { maxLength: 200 }),
      fc.integer({ min: 0, max: 5 }),
      (sends, max) => {
        const ours = new OutboundAliases(max);
        const theirs = new InboundAliases();
        for (const [topicName, sent] of sends) {
          const known = ours.known(topicName);
          if (known !== 0) {
            assert.equal(theirs.get(known), topicName);
            continue;
          }
          const alias = ours.assign(topicName);
          assert.ok(alias >= 0 && alias <= max);
          if (alias === 0) continue;
          if (sent) theirs.set(alias, topicName);
          else ours.forget(topicName); // The packet was too large.
        }
      },
    ),
  );
});

test("a busy topic keeps its alias, one seen once costs nothing", () => {
  const aliases = new OutboundAliases(2);
  assert.deepEqual([aliases.assign("busy"), aliases.assign("rare/0")], [1, 2]);
  for (let n = 1; n < 50; n += 1) {
    assert.equal(aliases.known("busy"), 1);
    if (aliases.known(`rare/${n}`) === 0) aliases.assign(`rare/${n}`);
  }
  assert.equal(aliases.known("busy"), 1);
  assert.equal(aliases.assign("abc"), 0); // Not worth its three bytes.
});
