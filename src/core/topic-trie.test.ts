import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { filterMatches } from "../protocol/topic.ts";
import { TopicTrie } from "./topic-trie.ts";

const level = fc.constantFrom("", "a", "b", "$x");
const topicArb = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join("/"));
const filterArb = fc
  .tuple(
    fc.array(fc.oneof(level, fc.constant("+")), { maxLength: 3 }),
    fc.constantFrom("a", "+", "#"),
  )
  .map(([levels, last]) => [...levels, last].join("/"));

function matches(trie: TopicTrie<string>, topicName: string): string[] {
  const found: string[] = [];
  trie.match(topicName, (value) => found.push(value));
  return found.sort();
}

test("the tree matches as the rules do, through additions and deletions [MQTT-4.7.1-1]", () => {
  // [MQTT-4.7.1-2] [MQTT-4.7.2-1]
  const step = fc.tuple(filterArb, fc.constantFrom("1", "2"), fc.boolean());
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.array(topicArb), (steps, topics) => {
      const trie = new TopicTrie<string>();
      const model = new Set<string>();
      for (const [filter, owner, isAdded] of steps) {
        const value = `${filter} ${owner}`;
        if (isAdded) {
          trie.add(filter, value);
          model.add(value);
        } else assert.equal(trie.delete(filter, value), model.delete(value));
      }
      for (const topic of topics) {
        const expected = [...model].filter((value) => filterMatches(value.slice(0, -2), topic));
        assert.deepEqual(matches(trie, topic), expected.sort());
      }
      for (const value of model) assert.equal(trie.delete(value.slice(0, -2), value), true);
      assert.equal(trie.isEmpty, true);
      for (const topic of topics) assert.deepEqual(matches(trie, topic), []);
    }),
  );
});

test("examples of §4.7.1", () => {
  const trie = new TopicTrie<string>();
  const filters = [
    "sport/tennis/player1/#",
    "sport/#",
    "#",
    "sport/+",
    "+/+",
    "/+",
    "+",
    "+/tennis/#",
  ];
  for (const filter of filters) trie.add(filter, filter);
  assert.deepEqual(matches(trie, "sport"), ["#", "+", "sport/#"]);
  assert.deepEqual(matches(trie, "sport/"), ["#", "+/+", "sport/#", "sport/+"]);
  assert.deepEqual(matches(trie, "/finance"), ["#", "+/+", "/+"]);
  assert.deepEqual(matches(trie, "sport/tennis/player1"), [
    ...["#", "+/tennis/#", "sport/#", "sport/tennis/player1/#"],
  ]);
  assert.deepEqual(matches(trie, "$SYS/monitor"), []);
});

test("a name of very many levels does no harm", () => {
  const trie = new TopicTrie<string>();
  const deep = "a/".repeat(30_000);
  trie.add(`${deep}#`, "deep");
  trie.add("#", "all");
  assert.deepEqual(matches(trie, deep), ["all", "deep"]);
  assert.equal(trie.delete(`${deep}#`, "deep"), true);
});
