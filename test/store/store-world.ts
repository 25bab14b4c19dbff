/**
 * A store on a simulated disk, driven at random from a seed as a broker would drive it: changes are
 * recorded, committed while the disk moves on, and the log is compacted. All that was recorded is
 * remembered, so that whatever a crash leaves can be compared with what must be there.
 */
import assert from "node:assert/strict";
import { ByteWriter } from "../../src/codec/byte-writer.ts";
import { Compaction } from "../../src/core/compaction.ts";
import type { Context } from "../../src/core/context.ts";
import type { Op } from "../../src/core/ops.ts";
import type { Journal, Trouble } from "../../src/core/ports.ts";
import { Recorder } from "../../src/core/recorder.ts";
import { Replay } from "../../src/core/replay.ts";
import { BrokerState } from "../../src/core/state.ts";
import type { Message } from "../../src/protocol/message.ts";
import type { LogJournal } from "../../src/store/log-journal.ts";
import { OpReader } from "../../src/store/op-reader.ts";
import { writeOp } from "../../src/store/op-writer.ts";
import { openStore, type Store } from "../../src/store/open-store.ts";
import { durableText } from "../sim/plain.ts";
import { Random } from "../sim/prng.ts";
import { SimDisk, type SimDiskOptions, SimFs } from "./sim-disk.ts";
import { StoreDriver } from "./store-driver.ts";

/** One record, as bytes of its own. */
interface Remembered {
  readonly bytes: Buffer;
  readonly position: number;
  readonly size: number;
}

const SIZES = [4096, 8192, 16_384];
const HOT_BYTES_MAX = 4_000;

/** A Journal that remembers, until there is another one after a crash. */
class Memory implements Journal {
  inner: LogJournal;
  ops: Remembered[] = [];
  /** Of each message, by where a record of it ends. */
  payloads: Map<number, string> = new Map();

  constructor(inner: LogJournal) {
    this.inner = inner;
  }

  append(op: Op): number {
    const writer = new ByteWriter();
    writeOp(writer, op);
    const bytes = Buffer.from(writer.bytes.subarray(0, writer.at));
    const position = this.inner.append(op);
    this.ops.push({ bytes, position, size: this.appendedSize });
    const message = op.type === "publish" || op.type === "move" ? op.message : undefined;
    if (message !== undefined) this.payloads.set(position, payloadText(message));
    return position;
  }

  get appended(): number {
    return this.inner.appended;
  }

  get appendedSize(): number {
    return this.inner.appendedSize;
  }

  get committed(): number {
    return this.inner.committed;
  }

  get trouble(): Trouble {
    return this.inner.trouble;
  }
}

export class StoreWorld {
  disk: SimDisk;
  readonly segmentSize: number;
  readonly random: Random;
  readonly memory: Memory;
  /** States looked at, and how often the log was begun further on. */
  states = 0;
  drops = 0;
  nowMs = 1_000_000;
  #store: Store;
  #driver: StoreDriver;
  #compaction: Compaction;
  #compactTo = 0;
  #isReading = false;
  readonly #expected = new Map<number, string>();

  constructor(seed: number, options: Partial<SimDiskOptions> = {}) {
    this.random = new Random(seed);
    this.segmentSize = this.random.pick(SIZES);
    this.disk = new SimDisk({ ...options, seed });
    this.#store = this.open(this.disk);
    this.memory = new Memory(this.#store.journal);
    [this.#driver, this.#compaction] = this.#parts();
    this.#store.journal.start();
  }

  get journal(): LogJournal {
    return this.#store.journal;
  }

  open(disk: SimDisk): Store {
    const random = new Random(this.random.below(2 ** 32));
    return openStore({
      fs: new SimFs(disk),
      segmentSize: this.segmentSize,
      machine: {
        boot: "here",
        uptimeMs: () => this.nowMs,
        wallMs: () => this.nowMs,
        random32: () => random.below(2 ** 32),
      },
      clock: () => this.nowMs,
      salvage: false,
      report: () => {},
    });
  }

  #parts(): [StoreDriver, Compaction] {
    const { state } = this.#store;
    const recorder = new Recorder(this.memory, state);
    const context = { state, journal: this.memory } as unknown as Context;
    return [new StoreDriver(recorder, state, this.random), new Compaction(context)];
  }

  /** Some changes, a turn, and some moves of the disk. */
  step(): void {
    for (let left = this.random.between(0, 6); left > 0; left -= 1) this.#driver.step();
    this.turn();
    this.disk.run(this.random.below(9));
  }

  /** What `net/turn.ts` does at the end of one. */
  turn(): void {
    const { journal, state } = this.#store;
    this.nowMs += this.random.below(400);
    journal.commit(() => {});
    if (this.random.chance(20)) journal.tick(this.nowMs);
    const position = journal.compactTo(state.shelf.bytes + state.slots.bytes);
    if (position > this.#compactTo) {
      this.#compactTo = position;
      this.#compaction.begin(position);
    }
    state.shelf.evict(HOT_BYTES_MAX, journal.committed);
    this.#compaction.step();
    const compacted = this.#compaction.isDone ? this.#compaction.below : 0;
    if (compacted > journal.extent.start) this.drops += 1;
    if (compacted > 0) journal.drop(compacted);
    if (!this.#isReading) this.#recall();
  }

  #recall(): void {
    const { journal, state } = this.#store;
    const { shelf } = state;
    const { cold } = this.#compaction;
    if (cold.length === 0) return;
    this.#isReading = true;
    const wanted = cold
      .map((id) => ({ id, position: shelf.position(id), size: shelf.size(id) }))
      .sort((a, b) => a.position - b.position);
    const got = ({ id, position }: { id: number; position: number }, message?: Message): void => {
      if (shelf.refs(id) === 0 || shelf.position(id) !== position) return;
      if (message === undefined) shelf.giveUp(id);
      else shelf.warm(id, message);
    };
    const done = (): void => {
      if (this.#store.state === state) this.#isReading = false;
    };
    journal.recall(wanted, got, done);
  }

  /** Durable state after all that ends by `end`. */
  expected(end: number): string {
    const known = this.#expected.get(end);
    if (known !== undefined) return known;
    const state = new BrokerState(undefined, false);
    const replay = new Replay(state);
    const reader = new OpReader(Buffer.alloc(0));
    for (const { bytes, position, size } of this.memory.ops) {
      if (position > end) break;
      reader.reset(Buffer.from(bytes), 0, bytes.length);
      replay.apply(reader.read(), position, size);
    }
    assert.deepEqual(replay.end(), []);
    const text = storedText(state);
    this.#expected.set(end, text);
    return text;
  }

  /** What a crash may leave now, `count` times over: each must hold all that is committed. */
  look(count: number): void {
    for (const left of this.disk.crashStates(count)) {
      this.states += 1;
      this.check(left, this.states % 16 === 0);
    }
    this.#expected.clear();
  }

  check(disk: SimDisk, withPayloads: boolean): Store {
    const { committed } = this.journal;
    const store = this.open(disk);
    const end = store.journal.appended;
    assert.ok(end >= committed, `recovered up to ${end}, committed ${committed}`);
    assert.equal(storedText(store.state), this.expected(end));
    if (withPayloads) this.#checkPayloads(store, disk);
    return store;
  }

  #checkPayloads({ journal, state }: Store, disk: SimDisk): void {
    const { shelf } = state;
    const wanted = [];
    for (let id = 0; id < shelf.top; id += 1) {
      if (shelf.refs(id) === 0) continue;
      wanted.push({ id, position: shelf.position(id), size: shelf.size(id) });
    }
    wanted.sort((a, b) => a.position - b.position);
    let count = 0;
    const got = ({ position }: { position: number }, message?: Message): void => {
      count += 1;
      assert.ok(message, `the message at ${position} cannot be read`);
      assert.equal(payloadText(message), this.memory.payloads.get(position));
    };
    journal.recall(wanted, got, () => {});
    disk.settle();
    assert.equal(count, wanted.length);
  }

  /** The power fails, and the broker goes on with what is left. */
  crash(): void {
    const left = this.disk.crash();
    this.#store = this.check(left, false);
    this.disk = left;
    const { memory, journal } = this;
    memory.inner = journal;
    memory.ops = memory.ops.filter(({ position }) => position <= journal.appended);
    this.#expected.clear();
    this.#compactTo = 0;
    this.#isReading = false;
    [this.#driver, this.#compaction] = this.#parts();
    journal.start();
  }

  /** Turns and time, until all is durable and a last frame says so. */
  calm(): void {
    for (let turns = 0; turns < 12; turns += 1) {
      this.turn();
      this.disk.settle();
      this.nowMs += 1_500;
      this.journal.tick(this.nowMs);
      this.disk.settle();
    }
  }
}

function payloadText(message: Message): string {
  return `${message.topicName} ${Buffer.from(message.payload).toString("latin1")}`;
}

/** Messages may be hot in one and cold in the other; where they lie is the same. */
function storedText(state: BrokerState): string {
  const text = durableText(state);
  return text.replace(/^(stored .*?),"message":.*$/gm, "$1}");
}
