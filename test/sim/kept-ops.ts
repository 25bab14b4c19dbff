import { ByteWriter } from "../../src/codec/byte-writer.ts";
import type { Op } from "../../src/core/ops.ts";
import type { Playback } from "../../src/core/ports.ts";
import { OpReader } from "../../src/store/op-reader.ts";
import { writeOp } from "../../src/store/op-writer.ts";

/** A log in memory: the Op at position n is the n-th. */
export class KeptOps implements Playback {
  readonly #ops: Uint8Array[] = [];
  readonly #writer = new ByteWriter();
  readonly #reader = new OpReader(Buffer.alloc(0));

  append(op: Op): void {
    this.#ops.push(this.encode(op));
  }

  encode(op: Op): Uint8Array {
    this.#writer.reuse();
    writeOp(this.#writer, op);
    return Uint8Array.prototype.slice.call(this.#writer.bytes, 0, this.#writer.at);
  }

  decode(bytes: Uint8Array): Op {
    this.#reader.reset(Buffer.from(bytes), 0, bytes.length);
    return this.#reader.read();
  }

  play(from: number, to: number, most: number, visit: Parameters<Playback["play"]>[3]): number {
    const end = Math.min(to, from + most);
    this.#ops.slice(from, end).forEach((bytes, index) => {
      visit(this.decode(bytes), from + index + 1, 1);
    });
    return end;
  }
}
