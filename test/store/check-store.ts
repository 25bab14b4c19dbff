/** What must hold of a state that was made out of a log, apart from what it says. */
import assert from "node:assert/strict";
import type { Wanted } from "../../src/core/broker.ts";
import type { BrokerState } from "../../src/core/state.ts";
import type { Message } from "../../src/protocol/message.ts";
import type { LogJournal } from "../../src/store/log-journal.ts";
import type { OpMemory } from "./op-memory.ts";
import type { SimDisk } from "./sim-disk.ts";
import { contentText } from "./store-text.ts";

/** A Topic Name that a filter matches. */
function nameFor(topicFilter: string): string {
  return topicFilter.replaceAll("+", "x").replaceAll("#", "y");
}

/** Messages in memory are what was recorded, and those are there that must be. */
export function checkShelf({ shelf, recorded, groups }: BrokerState, memory: OpMemory): void {
  for (let id = 0; id < shelf.top; id += 1) {
    const message = shelf.refs(id) > 0 ? shelf.messageAt(id) : undefined;
    if (message === undefined) continue;
    assert.equal(contentText(message), memory.contents.get(shelf.position(id)), `message ${id}`);
    assert.equal(message.shelfId, id);
  }
  const mustBeHot = (held: unknown, whose: string): void => {
    if (typeof held === "number") assert.ok(shelf.messageAt(held), `cold, in ${whose}`);
  };
  for (const { windowIfAny, clientId } of recorded.values()) {
    for (const { held, grant } of windowIfAny?.entries() ?? []) {
      if (grant.shareKey !== "") mustBeHot(held, clientId);
    }
  }
  for (const { queue, key } of groups.values()) {
    for (const waiting of queue.items()) mustBeHot(waiting, key);
  }
}

/** Every subscription is found by what it matches, and every group has its members. */
export function checkFilters(state: BrokerState): void {
  const { recorded, filters, groups } = state;
  let total = 0;
  const members = new Map<string, number>();
  for (const session of recorded.values()) {
    for (const subscription of session.subscriptions?.values() ?? []) {
      const { topicFilter } = subscription;
      total += 1;
      const group = groups.get(topicFilter);
      if (group !== undefined) members.set(topicFilter, (members.get(topicFilter) ?? 0) + 1);
      const wanted = group ?? subscription;
      let found = 0;
      filters.match(nameFor(group?.topicFilter ?? topicFilter), (value) => {
        if (value === wanted) found += 1;
      });
      assert.equal(found, 1, `${session.clientId}: ${topicFilter} is found`);
    }
  }
  assert.equal(state.subscriptionsTotal, total);
  for (const [key, group] of groups) assert.equal(group.size, members.get(key), key);
}

/** Every message that something refers to can be read back, and is what was recorded. */
export function checkReadBack(
  { shelf }: BrokerState,
  journal: LogJournal,
  memory: OpMemory,
  disk: SimDisk,
): void {
  const wanted: Wanted[] = [];
  for (let id = 0; id < shelf.top; id += 1) {
    if (shelf.refs(id) === 0) continue;
    wanted.push({ id, position: shelf.position(id), size: shelf.size(id) });
  }
  wanted.sort((a, b) => a.position - b.position);
  let count = 0;
  let isDone = false;
  const got = ({ position }: Wanted, message: Message | undefined): void => {
    count += 1;
    assert.ok(message, `the message at ${position} cannot be read`);
    assert.equal(contentText(message), memory.contents.get(position));
  };
  journal.recall(wanted, got, () => {
    isDone = true;
  });
  disk.settle();
  assert.deepEqual([count, isDone], [wanted.length, true]);
}
