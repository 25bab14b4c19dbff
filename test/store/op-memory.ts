/** What was recorded, so that whatever a crash leaves can be compared with what must be there. */
import assert from "node:assert/strict";
import { ByteWriter } from "../../src/codec/byte-writer.ts";
import type { Op } from "../../src/core/ops.ts";
import type { Journal, Playback, Trouble } from "../../src/core/ports.ts";
import { Replay } from "../../src/core/replay.ts";
import { BrokerState } from "../../src/core/state.ts";
import type { LogJournal } from "../../src/store/log-journal.ts";
import { OpReader } from "../../src/store/op-reader.ts";
import { writeOp } from "../../src/store/op-writer.ts";
import { contentText, storeText } from "./store-text.ts";

/** One record, as bytes of its own. */
interface Remembered {
  readonly bytes: Buffer;
  /** Where it ends in the log. */
  readonly position: number;
  readonly size: number;
}

const NO_BYTES = Buffer.alloc(0);

/** A Journal that remembers each Op; there is another one in it after a crash. */
export class OpMemory implements Journal {
  inner: LogJournal;
  /** What is recorded in place of an Op; undefined: nothing. */
  tamper: (op: Op) => Op | undefined = (op) => op;
  /** Of each message, by where a record of it ends. */
  readonly contents: Map<number, string> = new Map();
  readonly #packetIdMax: number;
  readonly #isHasty: boolean;
  readonly #writer = new ByteWriter();
  #ops: Remembered[] = [];
  #reference: Reference;

  /** @param isHasty It says that all is committed as soon as it is appended. */
  constructor(inner: LogJournal, packetIdMax: number, isHasty: boolean) {
    this.inner = inner;
    this.#isHasty = isHasty;
    this.#packetIdMax = packetIdMax;
    this.#reference = new Reference(packetIdMax);
  }

  append(wanted: Op): number {
    const op = this.tamper(wanted);
    if (op === undefined) return this.appended;
    const writer = this.#writer;
    writer.reuse();
    writeOp(writer, op);
    const bytes = Buffer.from(writer.bytes.subarray(0, writer.at));
    const position = this.inner.append(op);
    this.#ops.push({ bytes, position, size: this.appendedSize });
    const message = op.type === "publish" || op.type === "move" ? op.message : undefined;
    if (message !== undefined) this.contents.set(position, contentText(message));
    return position;
  }

  get appended(): number {
    return this.inner.appended;
  }

  get appendedSize(): number {
    return this.inner.appendedSize;
  }

  get committed(): number {
    return this.#isHasty ? this.inner.appended : this.inner.committed;
  }

  get trouble(): Trouble {
    return this.inner.trouble;
  }

  get playback(): Playback {
    return this.inner.playback;
  }

  /** Where the last record ends that is not behind `position`. */
  lastEnd(position: number): number {
    let [low, high] = [0, this.#ops.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ops[middle] as Remembered).position <= position) low = middle + 1;
      else high = middle;
    }
    return this.#ops[low - 1]?.position ?? 0;
  }

  /** Durable state after all that was recorded up to `position`, as text. */
  expected(position: number): string {
    const end = this.lastEnd(position);
    const known = this.#reference.texts.get(end);
    if (known !== undefined) return known;
    if (end < this.#reference.end) this.#reference = new Reference(this.#packetIdMax);
    this.#reference.advance(this.#ops, end);
    return this.#reference.texts.get(end) as string;
  }

  /** Nothing before `position` is asked for any more. */
  forget(position: number): void {
    const { texts } = this.#reference;
    const end = this.lastEnd(position);
    for (const old of texts.keys()) if (old < end) texts.delete(old);
  }

  /** After a crash: `journal` goes on where what is left of the log ends. */
  goOn(journal: LogJournal): void {
    this.inner = journal;
    const end = journal.appended;
    this.#ops = this.#ops.filter(({ position }) => position <= end);
    if (this.#reference.end > end) this.#reference = new Reference(this.#packetIdMax);
    else for (const at of this.#reference.texts.keys()) if (at > end) this.#reference.drop(at);
  }
}

/** A replay of all that was ever recorded, one record after the other. */
class Reference {
  end = 0;
  /** By where a record ends. */
  readonly texts: Map<number, string> = new Map();
  readonly #state: BrokerState;
  readonly #replay: Replay;
  readonly #reader = new OpReader(NO_BYTES);
  #next = 0;

  constructor(packetIdMax: number) {
    this.#state = new BrokerState(packetIdMax, false);
    this.#replay = new Replay(this.#state);
  }

  drop(end: number): void {
    this.texts.delete(end);
  }

  advance(ops: readonly Remembered[], end: number): void {
    for (let op = ops[this.#next]; op !== undefined && op.position <= end; op = ops[this.#next]) {
      const { bytes, position, size } = op;
      // A frame begins here: a crash may leave what is before it.
      if (position - size !== this.end) this.texts.set(this.end, storeText(this.#state));
      const copy = Buffer.from(bytes); // What is replayed may keep views of it.
      this.#reader.reset(copy, 0, copy.length);
      this.#replay.apply(this.#reader.read(), position, size);
      this.end = position;
      this.#next += 1;
    }
    assert.equal(this.end, end);
    this.texts.set(end, storeText(this.#state));
  }
}
