/**
 * A torn write leaves whole frames behind the end that a start finds. What is recorded next stands
 * in other segments, at the same positions, and of those too files may be gone, while the one with
 * the torn write is still there.
 *
 *     segment 1:  | first | torn   | second of the torn write |
 *     segment 2:          | after     |
 *     segment 3:                      | last |
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Batch } from "../../src/store/batch.ts";
import { writeOp } from "../../src/store/op-writer.ts";
import { type Recovered, readLog } from "../../src/store/recovery.ts";
import {
  SEGMENT_HEADER_SIZE,
  type SegmentHeader,
  seedOf,
  segmentHeader,
  segmentName,
} from "../../src/store/segment.ts";
import { SimDisk, SimFs } from "./sim-disk.ts";

const SIZE = 4096;

function headerOf(number: number, base: number, before: number): SegmentHeader {
  const salt = 0x1234_5678 + number;
  return { number, base, before, logStart: 0, salt, clockLeadMs: 0, boot: "" };
}

/** A write of frames with one record each: the sessions of these clients. */
function writeOf(
  clientIds: readonly string[],
  {
    header,
    position,
    before,
    logStart,
  }: {
    readonly header: SegmentHeader;
    readonly position: number;
    readonly before: number;
    readonly logStart: number;
  },
): { batch: Batch; checksum: number } {
  const batch = new Batch(1);
  batch.clear(position);
  const open = { type: "open", session: 1, principal: { name: "" }, will: undefined } as const;
  for (const clientId of clientIds) {
    batch.beginRecord();
    writeOp(batch.writer, { ...open, clientId, expiryIntervalSec: 9 });
  }
  const checksum = batch.seal(seedOf(header), before, { atMs: 5, wallMs: 5, logStart });
  return { batch, checksum };
}

function fileOf(bytes: Buffer): Buffer {
  const file = Buffer.alloc(SIZE);
  bytes.copy(file);
  return file;
}

/**
 * The three segments of the drawing, without those of which the file is gone.
 *
 * @param afterSize How much longer `after` is than the torn frame whose place it took.
 */
function logOf({
  afterSize,
  gone,
  isDropped,
}: {
  readonly afterSize: number;
  readonly gone: readonly number[];
  readonly isDropped: boolean;
}): { read: () => Recovered & { clientIds: string[] }; torn: number[]; bases: number[] } {
  const header1 = headerOf(1, 0, 0);
  const first = writeOf(["first"], { header: header1, position: 0, before: 0, logStart: 0 });
  const position = first.batch.end;
  const place = { position, before: first.checksum, logStart: 0 };
  const torn = writeOf(["c".repeat(50), "second"], { header: header1, ...place });
  const header2 = headerOf(2, position, first.checksum);
  const after = writeOf(["c".repeat(50 + afterSize)], { header: header2, ...place });
  const { end } = after.batch;
  const header3 = headerOf(3, end, after.checksum);
  const logStart = isDropped ? end : 0;
  const last = writeOf(["last"], {
    ...{ header: header3, position: end, before: after.checksum, logStart },
  });

  const file1 = fileOf(first.batch.bytes(segmentHeader(header1)));
  const tornAt = SEGMENT_HEADER_SIZE + position;
  torn.batch.bytes(undefined).copy(file1, tornAt);
  file1.fill(0, tornAt, tornAt + 8);
  const files = [
    file1,
    fileOf(after.batch.bytes(segmentHeader(header2))),
    fileOf(last.batch.bytes(segmentHeader(header3))),
  ];
  const disk = new SimDisk({ seed: 1 });
  files.forEach((bytes, index) => {
    if (!gone.includes(index + 1)) disk.put(segmentName(index + 1), bytes);
  });
  const read = (): Recovered & { clientIds: string[] } => {
    let clientIds: string[] = [];
    const recovered = readLog(new SimFs(disk), SIZE, {
      restart: () => {
        clientIds = [];
      },
      record: (op) => clientIds.push(op.type === "open" ? op.clientId : op.type),
    });
    return { ...recovered, clientIds };
  };
  return { read, torn: torn.batch.framePositions, bases: [position, end] };
}

/** `after` ends before the second frame of the torn write begins, or in the middle of it. */
for (const afterSize of [-20, 20]) {
  const what = `the last segment begins ${afterSize < 0 ? "before" : "within"} a whole frame`;

  test(`store: of a torn write nothing counts that another took the place of: ${what}`, () => {
    const { read, torn, bases } = logOf({ afterSize, gone: [], isDropped: false });
    const [, second = 0] = torn;
    const [, end = 0] = bases;
    assert.equal(end > second, afterSize > 0);
    const { damages, clientIds } = read();
    assert.deepEqual(damages, []);
    assert.deepEqual(clientIds, ["first", "c".repeat(50 + afterSize), "last"]);
  });

  test(`store: a torn write is no damage where all behind it was dropped: ${what}`, () => {
    const { read, bases } = logOf({ afterSize, gone: [2], isDropped: true });
    const { damages, clientIds, past } = read();
    assert.deepEqual(damages, []);
    assert.deepEqual([past.logStart, clientIds], [bases[1], ["last"]]);
  });

  test(`store: what took its place is missing, from its first to its last byte: ${what}`, () => {
    const { read, bases } = logOf({ afterSize, gone: [2], isDropped: false });
    const { damages, clientIds } = read();
    assert.deepEqual(
      damages.map(({ from, to }) => [from, to]),
      [bases],
    );
    assert.deepEqual(clientIds, ["first", "last"]);
  });
}
