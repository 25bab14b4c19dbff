import assert from "node:assert/strict";
import { test } from "node:test";
import { segmentName } from "../../src/store/segment.ts";
import { SegmentSupply, type Supplied } from "../../src/store/segment-supply.ts";
import { SimDisk, SimFs } from "./sim-disk.ts";

const SEGMENT_SIZE = 4_096;

test("store: a file that is to be removed gives its name to no segment", () => {
  const disk = new SimDisk({ seed: 1, order: "begun" });
  const supply = new SegmentSupply({
    ...{ fs: new SimFs(disk), segmentSize: SEGMENT_SIZE, lastNumber: 0, leftOver: [] },
    changed: () => {},
  });
  const taken: Supplied[] = [];
  const take = (): void => {
    const supplied = supply.take(SEGMENT_SIZE);
    if (supplied !== undefined) taken.push(supplied);
  };
  supply.start();
  disk.settle();
  take();
  disk.settle();
  for (const { number, size } of taken) supply.giveBack(segmentName(number), size);
  // Neither an old file nor the reserve can be made ready.
  disk.fail = ({ op }) => (op === "write" ? "EIO" : undefined);
  take();
  take();
  disk.settle();
  disk.fail = () => undefined;
  supply.retry();
  disk.settle();
  take();
  disk.settle();
  const names = taken.slice(1).map(({ number }) => segmentName(number));
  assert.equal(names.length, 2);
  assert.deepEqual(
    names.filter((name) => !disk.names().includes(name)),
    [],
    "removed, and in use",
  );
});
