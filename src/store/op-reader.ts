/** Bytes of the log as Ops: the way back from `op-writer.ts`. */
import type { Buffer } from "node:buffer";
import { BodyReader, isAsciiAt, textAt, u16At } from "../codec/body-reader.ts";
import { Properties } from "../codec/properties.ts";
import { PublishDecoder } from "../codec/publish.ts";
import type { Op, OpenOp, PublishOp, Recipient, SessionOp, SubscribeOp } from "../core/ops.ts";
import type { Grant, WindowEntry } from "../delivery/outbound-window.ts";
import type { Message } from "../protocol/message.ts";
import type { Qos, Will } from "../protocol/packets.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { GrantBit, MessageBit, OpCode, PublishBit, STAGES } from "./op-writer.ts";

/** The bytes are no record: damage that no checksum has found, or of a later version. */
export class RecordError extends Error {}

const NO_IDENTIFIERS: readonly number[] = [];
const USER_PROPERTIES_MAX = 65_535;

/** Reads the records of one frame after the other. A message is a view of the frame's bytes. */
export class OpReader {
  #bytes: Buffer;
  at = 0;
  #end = 0;
  readonly #body = new BodyReader();
  readonly #properties = new Properties();
  readonly #publish = new PublishDecoder();
  /** Of the last message, of ASCII characters only; many in a row are of one publisher. */
  #publisherId = "";
  /** Nearly all grants are alike: each is made once. */
  readonly #grants = new Map<string, Grant>();
  readonly #plainGrants: (Grant | undefined)[] = [];

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#body.userPropertiesMax = USER_PROPERTIES_MAX;
  }

  /** What is read next: the range `from` .. `end` of `bytes`. */
  reset(bytes: Buffer, from: number, end: number): void {
    this.#bytes = bytes;
    this.at = from;
    this.#end = end;
  }

  /** @throws RecordError */
  read(): Op {
    try {
      return this.#op(this.#u8());
    } catch (error) {
      throw ofRecord(error);
    }
  }

  /** The message of a record that has one, and nothing else of it. @throws RecordError */
  readMessage(): Message | undefined {
    try {
      const code = this.#u8();
      if (code === OpCode.move) this.count();
      else if (code !== OpCode.publish || (this.#u8() & PublishBit.stored) !== 0) return undefined;
      return this.message();
    } catch (error) {
      throw ofRecord(error);
    }
  }

  #op(code: number): Op {
    switch (code) {
      case OpCode.publish:
        return this.#publishOp();
      case OpCode.finish:
        return { type: "finish", session: this.count(), seq: this.count() };
      case OpCode.release:
        return { type: "release", session: this.count(), seq: this.count() };
      case OpCode.unhold:
        return { type: "unhold", session: this.count(), packetId: this.count() };
      case OpCode.open:
        return this.#openOp();
      case OpCode.leave:
        return {
          type: "leave",
          session: this.count(),
          expiryIntervalSec: this.count(),
          expiresAtMs: this.#number(),
          willAtMs: this.#number(),
          sentTo: this.count(),
        };
      case OpCode.end:
        return { type: "end", session: this.count() };
      case OpCode["will-clear"]:
        return { type: "will-clear", session: this.count() };
      case OpCode.subscribe:
        return { type: "subscribe", session: this.count(), ...this.#subscription() };
      case OpCode.unsubscribe:
        return { type: "unsubscribe", session: this.count(), topicFilter: this.#text() };
      default:
        return this.#rareOp(code);
    }
  }

  #rareOp(code: number): Op {
    switch (code) {
      case OpCode.assign: {
        const shareKey = this.#text();
        const [storedAt, charge, session] = [this.count(), this.count(), this.count()];
        const grant = this.#u8() === 0 ? undefined : this.#grant(this.#u8());
        return { type: "assign", shareKey, storedAt, charge, session, grant };
      }
      case OpCode["retained-expired"]:
        return { type: "retained-expired", topicName: this.#text() };
      case OpCode.group: {
        const shareKey = this.#text();
        const waiting = this.#list(() => ({ storedAt: this.count(), charge: this.count() }));
        return { type: "group", shareKey, waiting };
      }
      case OpCode.slot:
        return { type: "slot", slot: this.count() };
      case OpCode.session:
        return this.#sessionOp();
      case OpCode.move:
        return { type: "move", from: this.count(), message: this.message() };
      default:
        throw new RecordError(`no record is of type ${code}`);
    }
  }

  #u8(): number {
    if (this.at >= this.#end) throw new RecordError("a record goes on behind its frame");
    const value = this.#bytes[this.at] as number;
    this.at += 1;
    return value;
  }

  count(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = this.#u8();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      if (factor > 2 ** 49) throw new RecordError("a number of over 8 bytes");
    }
  }

  #number(): number {
    const at = this.#take(8);
    return this.#bytes.readDoubleLE(at);
  }

  #text(): string {
    const sizeAt = this.#take(2);
    const at = this.#take(u16At(this.#bytes, sizeAt));
    return textAt(this.#bytes, at, this.at, "text");
  }

  /** The lowest two bits of `bits`, which may not be 3. */
  #qos(bits: number): Qos {
    if ((bits & 3) === 3) throw new RecordError("a QoS of 3");
    return (bits & 3) as Qos;
  }

  #take(size: number): number {
    const { at } = this;
    if (size > this.#end - at) throw new RecordError("a record goes on behind its frame");
    this.at = at + size;
    return at;
  }

  #list<T>(read: () => T): T[] {
    const items: T[] = [];
    for (let left = this.count(); left > 0; left -= 1) items.push(read());
    return items;
  }

  #publishOp(): PublishOp {
    const bits = this.#u8();
    const isStored = (bits & PublishBit.stored) !== 0;
    const storedAt = isStored ? this.count() : 0;
    const charge = isStored ? this.count() : 0;
    const message = isStored ? undefined : this.message();
    const isHeld = (bits & PublishBit.held) !== 0;
    const heldBy = isHeld ? this.count() : 0;
    const heldPacketId = isHeld ? this.count() : 0;
    const shareKeys = (bits & PublishBit.shared) !== 0 ? this.#list(() => this.#text()) : [];
    const recipients: Recipient[] = [];
    for (let left = this.count(); left > 0; left -= 1) {
      const session = this.count();
      const grantBits = this.#u8();
      const retained = (grantBits & GrantBit.retained) !== 0;
      recipients.push({ session, grant: this.#grant(grantBits), retained, to: undefined });
    }
    return {
      type: "publish",
      message,
      storedAt,
      charge,
      recipients,
      shareKeys,
      retain: (bits & PublishBit.retain) !== 0,
      heldBy,
      heldPacketId,
    };
  }

  /** A message that stands next: a view of the frame's bytes. */
  message(): Message {
    const bits = this.#u8();
    const expiresAtMs =
      (bits & MessageBit.expires) !== 0 ? this.#number() : Number.POSITIVE_INFINITY;
    const publisherId = (bits & MessageBit.publisher) !== 0 ? this.#publisher() : "";
    const frameAt = this.at;
    this.#u8();
    const size = this.count(); // A Variable Byte Integer is such a count.
    const bodyAt = this.#take(size);
    const body = this.#body;
    body.reset(this.#bytes, frameAt, bodyAt, this.at);
    body.version = (bits & MessageBit.is5) !== 0 ? 5 : 4;
    const { message } = this.#publish.decode(body, this.#properties);
    message.expiresAtMs = expiresAtMs;
    message.publisherId = publisherId;
    return message;
  }

  #publisher(): string {
    const sizeAt = this.#take(2);
    const size = u16At(this.#bytes, sizeAt);
    const at = this.#take(size);
    if (isAsciiAt(this.#bytes, at, this.at, this.#publisherId)) return this.#publisherId;
    const publisherId = textAt(this.#bytes, at, this.at, "Client Identifier");
    if (publisherId.length === size) this.#publisherId = publisherId;
    return publisherId;
  }

  #grant(bits: number): Grant {
    this.#qos(bits);
    const kind = bits & 7;
    if ((bits & (GrantBit.identifiers | GrantBit.shared)) === 0) {
      this.#plainGrants[kind] ??= grantOf(kind, NO_IDENTIFIERS, "");
      return this.#plainGrants[kind];
    }
    const identifiers =
      (bits & GrantBit.identifiers) !== 0 ? this.#list(() => this.count()) : NO_IDENTIFIERS;
    const shareKey = (bits & GrantBit.shared) !== 0 ? this.#text() : "";
    const name = `${kind} ${identifiers.join(",")} ${shareKey}`;
    let grant = this.#grants.get(name);
    if (grant === undefined) {
      grant = grantOf(kind, identifiers, shareKey);
      this.#grants.set(name, grant);
    }
    return grant;
  }

  #openOp(): OpenOp {
    return {
      type: "open",
      session: this.count(),
      clientId: this.#text(),
      principal: { name: this.#text() },
      expiryIntervalSec: this.count(),
      will: this.#will(),
    };
  }

  #will(): Will | undefined {
    if (this.#u8() === 0) return undefined;
    const willDelayIntervalSec = this.count();
    const { topicName, payload, qos, retain, properties } = this.message();
    const owned = Uint8Array.prototype.slice.call(payload);
    return { topicName, payload: owned, qos, retain, properties, willDelayIntervalSec };
  }

  #subscription(): Pick<SubscribeOp, "topicFilter" | "options" | "subscriptionIdentifier"> {
    const topicFilter = this.#text();
    const bits = this.#u8();
    const options = {
      qos: this.#qos(bits),
      noLocal: (bits & 4) !== 0,
      retainAsPublished: (bits & 8) !== 0,
      retainHandling: (bits >> 4) as 0 | 1 | 2,
    };
    return { topicFilter, options, subscriptionIdentifier: this.count() };
  }

  #sessionOp(): SessionOp {
    const open = this.#openOp();
    return {
      ...open,
      type: "session",
      isOpen: this.#u8() === 1,
      expiresAtMs: this.#number(),
      willAtMs: this.#number(),
      subscriptions: this.#list(() => this.#subscription()),
      heldPacketIds: this.#list(() => this.count()),
      tail: this.count(),
      entries: this.#list(() => this.#entry()),
    };
  }

  #entry(): WindowEntry {
    const bits = this.#u8();
    const [seq, held, size] = [this.count(), this.count(), this.count()];
    const grantBits = this.#u8();
    const stage = STAGES[bits >> 2];
    if (stage === undefined) throw new RecordError(`no stage is ${bits >> 2}`);
    return {
      seq,
      stage,
      qos: this.#qos(bits),
      retained: (grantBits & GrantBit.retained) !== 0,
      held: stage === "released" ? undefined : held,
      size,
      grant: this.#grant(grantBits),
    };
  }
}

function grantOf(
  kind: number,
  subscriptionIdentifiers: readonly number[],
  shareKey: string,
): Grant {
  return {
    qos: (kind & 3) as Qos,
    retainAsPublished: (kind & GrantBit.retainAsPublished) !== 0,
    subscriptionIdentifiers,
    shareKey,
  };
}

/** To the codec, what stands in a record came from a peer. */
function ofRecord(error: unknown): unknown {
  return error instanceof ProtocolError ? new RecordError(error.message) : error;
}
