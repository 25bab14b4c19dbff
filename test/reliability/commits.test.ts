import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as loopTurn } from "node:timers/promises";
import { Turn } from "../../src/net/turn.ts";
import { MemoryJournal } from "../../src/store/memory-journal.ts";
import { VirtualBroker } from "./virtual-broker.ts";

/** Tells what it was asked to commit. */
class CountingJournal extends MemoryJournal {
  readonly commits: number[] = [];
  readonly #isSync: boolean;
  bytes = 0;

  constructor(isSync: boolean) {
    super();
    this.#isSync = isSync;
  }

  override get committed(): number {
    return this.#isSync ? (this.commits.at(-1) ?? 0) : 0;
  }

  override get appended(): number {
    return this.bytes;
  }

  override commit(): void {
    if (this.bytes > (this.commits.at(-1) ?? 0)) this.commits.push(this.bytes);
  }
}

test("a busy log gathers commits for a millisecond, a quiet one commits at once", async (t) => {
  let atMs = 1_000;
  t.mock.method(performance, "now", () => atMs);
  const journal = new CountingJournal(false);
  const turn = new Turn(new VirtualBroker().core, journal, () => 0);
  const append = appending(journal, turn);

  await append(100);
  await append(100);
  await append(10_000);
  assert.deepEqual(journal.commits, [100, 200, 10_200]);

  await append(100); // Behind a large one: more will come.
  await append(100);
  assert.equal(journal.commits.length, 3);
  atMs += 1;
  while (journal.commits.length === 3) await loopTurn(); // Nothing else happens: the timer does it.
  assert.deepEqual(journal.commits.slice(3), [10_400]);

  await append(10_000);
  await append(300_000); // As much as one commit should have.
  assert.deepEqual(journal.commits.slice(4), [20_400, 320_400]);
  turn.stop();
});

test("a log that commits while it is asked to keeps nobody waiting", async (t) => {
  t.mock.method(performance, "now", () => 1_000);
  const journal = new CountingJournal(true);
  const { core } = new VirtualBroker();
  const told = t.mock.method(core, "committed");
  const append = appending(journal, new Turn(core, journal, () => 0));
  for (let count = 0; count < 3; count += 1) await append(10_000);
  assert.deepEqual(journal.commits, [10_000, 20_000, 30_000]);
  assert.equal(told.mock.callCount(), 3, "who waits is told, though the journal tells nobody");
});

function appending(journal: CountingJournal, turn: Turn): (bytes: number) => Promise<void> {
  return async (bytes) => {
    journal.bytes += bytes;
    turn.schedule();
    await loopTurn();
    await loopTurn();
  };
}
