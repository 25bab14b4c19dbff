/** Files for the next segments, when a file that is to be used again cannot be. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { segmentName } from "../../src/store/segment.ts";
import { RESERVE_NAME, SegmentSupply, type Supplied } from "../../src/store/segment-supply.ts";
import { SimDisk, SimFs } from "./sim-disk.ts";
import type { SimCall } from "./sim-fault.ts";

const SIZE = 4096;

/** One that has an old file to use again, when one is wanted and every such `op` fails. */
function wanting(op: SimCall["op"]): { disk: SimDisk; take: () => Supplied | undefined } {
  const disk = new SimDisk({ seed: 1, order: "begun" });
  const [old, latest] = [segmentName(1), segmentName(2)];
  for (const name of [old, latest, RESERVE_NAME]) disk.put(name, new Uint8Array(SIZE).fill(1));
  const supply = new SegmentSupply({
    ...{ fs: new SimFs(disk), segmentSize: SIZE, lastNumber: 2, leftOver: [RESERVE_NAME] },
    changed: () => {},
  });
  const take = (): Supplied | undefined => {
    supply.retry();
    const next = supply.take(SIZE);
    supply.prepare();
    disk.settle();
    return next;
  };
  supply.prepare();
  disk.settle();
  supply.giveBack(old, SIZE);
  disk.fail = (call) => (call.op === op ? "EIO" : undefined);
  const first = supply.take(SIZE);
  assert.equal(first?.number, 3);
  assert.equal(supply.take(SIZE), undefined);
  disk.settle();
  return { disk, take };
}

for (const op of ["rename", "open", "write", "create", "syncDirectory"] as const) {
  test(`store: no file that was supplied is removed, whatever ${op} did before`, () => {
    const { disk, take } = wanting(op);
    const used: Supplied[] = [];
    for (let tries = 0; tries < 8; tries += 1) {
      if (tries === 1) disk.fail = () => undefined;
      const next = take();
      if (next !== undefined) used.push(next);
      for (const { number } of used) assert.ok(disk.names().includes(segmentName(number)));
    }
    assert.ok(used.length > 3, `${used.length}`);
    assert.equal(new Set(used.map(({ number }) => number)).size, used.length);
    const expected = [
      segmentName(2),
      segmentName(3),
      RESERVE_NAME,
      ...used.map((it) => segmentName(it.number)),
    ];
    // And the one that is ready.
    const others = disk.names().filter((name) => !expected.includes(name));
    assert.ok(others.length <= 1, `left over: ${others.join(" ")}`);
  });
}
