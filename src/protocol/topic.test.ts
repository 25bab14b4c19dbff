import assert from "node:assert/strict";
import { test } from "node:test";
import { filterMatches, isTopicFilter, isTopicName, parseFilter, topicLevels } from "./topic.ts";

test("Topic Names [MQTT-4.7.0-1] [MQTT-4.7.3-1]", () => {
  for (const name of ["a", "/", "a/b", "a b", "/a/", "$SYS/x", "\ufeffä"]) {
    assert.equal(isTopicName(name), true, name);
  }
  for (const name of ["", "+", "#", "a/+", "a+b", "a/#", "a#"]) {
    assert.equal(isTopicName(name), false, name);
  }
});

test("Topic Filters [MQTT-4.7.1-1] [MQTT-4.7.1-2] [3.1.1 MQTT-4.7.1-2]", () => {
  // [3.1.1 MQTT-4.7.1-3]
  for (const filter of ["#", "+", "a/#", "a/+", "+/a", "+/+/#", "/#", "/+", "a//b", "/"]) {
    assert.equal(isTopicFilter(filter), true, filter);
  }
  for (const filter of ["", "a#", "#/a", "##", "a/#/", "a+", "+a", "++", "a/+b/c", "#+"]) {
    assert.equal(isTopicFilter(filter), false, filter);
  }
});

test("matching (§4.7.1.2, §4.7.1.3) [MQTT-4.7.2-1]", () => {
  const matching = [
    ...[
      ["#", "a/b"],
      ["a/#", "a"],
      ["a/#", "a/b/c"],
      ["+", "a"],
      ["+/b", "a/b"],
      ["/+", "/a"],
    ],
    ...[
      ["+/+", "/a"],
      ["a/+/#", "a/b"],
      ["a/+", "a/"],
      ["$a/#", "$a"],
      ["$a/+", "$a/b"],
    ],
  ] as const;
  for (const [filter, name] of matching) assert.equal(filterMatches(filter, name), true, filter);
  const others = [
    ...[
      ["+", "/a"],
      ["+", "a/b"],
      ["a/+", "a"],
      ["a", "A"],
      ["a/", "a"],
      ["a/#", "ab"],
    ],
    ...[
      ["#", "$a"],
      ["+/b", "$a/b"],
      ["+", "$a"],
      ["a/+/c", "a/b/d"],
    ],
  ] as const;
  for (const [filter, name] of others) assert.equal(filterMatches(filter, name), false, filter);
});

test("Shared Subscriptions [MQTT-4.8.2-1] [MQTT-4.8.2-2]", () => {
  assert.deepEqual(parseFilter("$share/g/a/+"), { shareName: "g", topicFilter: "a/+" });
  assert.deepEqual(parseFilter("$share/g//"), { shareName: "g", topicFilter: "/" });
  assert.deepEqual(parseFilter("$share/g/$share/x/y")?.topicFilter, "$share/x/y");
  assert.deepEqual(parseFilter("$shared/g/a"), { shareName: "", topicFilter: "$shared/g/a" });
  for (const filter of ["$share", "$share/", "$share/g", "$share/g/", "$share//a", "$share/+/a"]) {
    assert.equal(parseFilter(filter), undefined, filter);
  }
});

test("levels", () => {
  assert.deepEqual(["", "a", "/", "a/b", "//a"].map(topicLevels), [1, 1, 2, 2, 3]);
});
