import type { Message } from "../protocol/message.ts";
import type { Delivery, OutgoingPacket, ProtocolVersion } from "../protocol/packets.ts";
import { encodeAck } from "./ack.ts";
import { encodeAuth } from "./auth.ts";
import { ByteWriter } from "./byte-writer.ts";
import { encodeConnack } from "./connack.ts";
import { encodeConnect } from "./connect.ts";
import { encodeDisconnect } from "./disconnect.ts";
import { ENCODED_ONCE, EncodedMessage, findEncoded } from "./encoded-message.ts";
import { Detail } from "./properties.ts";
import { publishFirstByte, writePublishHead } from "./publish.ts";
import { encodeSuback, encodeSubscribe } from "./subscribe.ts";
import { encodeUnsuback, encodeUnsubscribe } from "./unsubscribe.ts";

/** Where bytes go; a `net.Socket` is one. */
export interface ByteSink {
  write(bytes: Uint8Array): unknown;
  cork(): void;
  uncork(): void;
  /** Bytes that were written but are still held. */
  readonly writableLength: number;
}

/** From this size on a payload is not copied but handed on as it is. */
const BY_REFERENCE_MIN = 16 * 1024;
/** Marks a patch of two bytes. */
const PATCH_TWO_BYTES = 0x1_0000;

const NO_BYTES = new Uint8Array(0);

/** A payload that goes out between two parts of the scratch buffer. */
interface Reference {
  readonly scratchAt: number;
  readonly bytes: Uint8Array;
}

/**
 * Gathers packets for one connection after the other, and hands them to the socket in one write.
 *
 * A Message that is sent on in the version and QoS it came in keeps its bytes. Frames that lay
 * one behind the other in a chunk are not even copied one by one: they make up a RUN, copied as
 * one, and the few bytes that differ for this receiver are patched in the copy.
 *
 *     chunk:     | frame 1 | frame 2 | frame 3 |       run = all three
 *     patches:    ^ flags      ^ packetId
 *
 * Order of what goes out: scratch buffer (references between), then the run.
 */
export class PacketWriter {
  readonly #scratch = new ByteWriter();
  #references: Reference[] = [];
  #referencedSize = 0;
  #runBytes: Uint8Array = NO_BYTES;
  #runAt = 0;
  #runEnd = 0;
  /** Pairs: offset in `#runBytes`, value; only those below `#patchesUsed` count. */
  #patches = new Int32Array(256);
  #patchesUsed = 0;

  /** Bytes gathered since the last flush. */
  get size(): number {
    const { at, from } = this.#scratch;
    return at - from + this.#referencedSize + this.#runEnd - this.#runAt;
  }

  /**
   * Adds a packet. Reason String and User Property are left out where they would not fit.
   *
   * @param packet Ours, hence right: what 3.x has no bytes for throws an Error, as a bug.
   * @returns false: over `maximumPacketSize` even so [MQTT-3.1.2-24], nothing was added.
   */
  add(packet: OutgoingPacket, version: ProtocolVersion, maximumPacketSize: number): boolean {
    if (packet.type === "publish") return this.#addDelivery(packet, version, maximumPacketSize);
    this.#closeRun();
    const scratch = this.#scratch;
    const start = scratch.at;
    encodePacket(scratch, packet, version, Detail.all);
    if (scratch.at - start <= maximumPacketSize) return true;
    for (const detail of [Detail.reasonString, Detail.none]) {
      scratch.at = start;
      encodePacket(scratch, packet, version, detail);
      if (scratch.at - start <= maximumPacketSize) return true;
    }
    scratch.at = start;
    return false;
  }

  /**
   * Hands everything to the sink and empties the writer: one write, or a few within cork and
   * uncork where payloads go by reference.
   */
  flushTo(sink: ByteSink): void {
    this.#closeRun();
    const scratch = this.#scratch;
    const { from, at } = scratch;
    if (this.#references.length > 0) this.#flushReferences(sink);
    else if (at > from) sink.write(scratch.bytes.subarray(from, at));
    if (sink.writableLength > 0) scratch.giveAway();
    else scratch.reuse();
  }

  #flushReferences(sink: ByteSink): void {
    const { bytes, from, at } = this.#scratch;
    let done = from;
    sink.cork();
    for (const reference of this.#references) {
      if (reference.scratchAt > done) sink.write(bytes.subarray(done, reference.scratchAt));
      sink.write(reference.bytes);
      done = reference.scratchAt;
    }
    if (at > done) sink.write(bytes.subarray(done, at));
    sink.uncork();
    this.#references = [];
    this.#referencedSize = 0;
  }

  #addDelivery(delivery: Delivery, version: ProtocolVersion, maximumPacketSize: number): boolean {
    const { message, qos } = delivery;
    const is5 = version === 5;
    const plain =
      !is5 ||
      (delivery.topicAlias === 0 &&
        delivery.messageExpiryIntervalSec === undefined &&
        delivery.subscriptionIdentifiers.length === 0);
    if (!plain) return this.#encode(delivery, version, maximumPacketSize);
    const { frameAt, bytes } = message;
    if (frameAt >= 0 && qos === message.qos && is5 === (message.frameVersion === 5)) {
      const size = message.end - frameAt;
      if (size > maximumPacketSize) return false;
      const byReference = message.end - message.payloadAt >= BY_REFERENCE_MIN;
      const copyEnd = byReference ? message.payloadAt : message.end;
      this.#addToRun(bytes, frameAt, copyEnd, message.packetIdAt, delivery);
      if (byReference) this.#addReference(message);
      return true;
    }
    return this.#addEncoded(delivery, version, maximumPacketSize);
  }

  /** Adds a frame that was encoded before; `bytes` must be left alone until the flush. */
  #addToRun(
    bytes: Uint8Array,
    frameAt: number,
    end: number,
    packetIdAt: number,
    { qos, dup, retain, packetId }: Delivery,
  ): void {
    if (frameAt !== this.#runEnd || bytes !== this.#runBytes) {
      this.#closeRun();
      this.#runBytes = bytes;
      this.#runAt = frameAt;
    }
    this.#runEnd = end;
    const firstByte = publishFirstByte(qos, dup, retain); // [MQTT-3.3.1-3]
    if (bytes[frameAt] !== firstByte) this.#patch(frameAt, firstByte);
    if (qos > 0) this.#patch(packetIdAt, PATCH_TWO_BYTES | packetId);
  }

  #patch(at: number, value: number): void {
    const used = this.#patchesUsed;
    if (used === this.#patches.length) {
      const grown = new Int32Array(2 * used);
      grown.set(this.#patches);
      this.#patches = grown;
    }
    this.#patches[used] = at;
    this.#patches[used + 1] = value;
    this.#patchesUsed = used + 2;
  }

  /** Copies the run into the scratch buffer and patches it there. */
  #closeRun(): void {
    const runAt = this.#runAt;
    if (this.#runEnd === runAt) return;
    const scratch = this.#scratch;
    const offset = scratch.at - runAt;
    scratch.copy(this.#runBytes, runAt, this.#runEnd);
    const { bytes } = scratch;
    const patches = this.#patches;
    for (let index = 0; index < this.#patchesUsed; index += 2) {
      const at = offset + (patches[index] as number);
      const value = patches[index + 1] as number;
      if (value < PATCH_TWO_BYTES) {
        bytes[at] = value;
      } else {
        bytes[at] = (value >> 8) & 0xff;
        bytes[at + 1] = value & 0xff;
      }
    }
    this.#patchesUsed = 0;
    this.#runBytes = NO_BYTES;
    this.#runAt = 0;
    this.#runEnd = 0;
  }

  #addReference(message: Message): void {
    this.#closeRun();
    this.#references.push({ scratchAt: this.#scratch.at, bytes: message.payload });
    this.#referencedSize += message.payloadSize;
  }

  /** Version or QoS differ from what came in: encoded for the second receiver, then reused. */
  #addEncoded(delivery: Delivery, version: ProtocolVersion, maximumPacketSize: number): boolean {
    const { message, qos } = delivery;
    const found = findEncoded(message, version, qos);
    if (found === undefined) {
      const start = this.#scratch.at + this.#runEnd - this.#runAt;
      if (!this.#encode(delivery, version, maximumPacketSize)) return false;
      if (message.encoded === undefined) {
        message.encoded = ENCODED_ONCE; // Most have one receiver: no copy for those.
      } else {
        const frame = this.#scratch.bytes.subarray(start, this.#scratch.at);
        message.encoded = new EncodedMessage(message, version, qos, frame, this.#packetIdAt);
      }
      return true;
    }
    const byReference = message.payloadSize >= BY_REFERENCE_MIN;
    const size = found.bytes.length + (byReference ? message.payloadSize : 0);
    if (size > maximumPacketSize) return false;
    this.#addToRun(found.bytes, 0, found.bytes.length, found.packetIdAt, delivery);
    if (byReference) this.#addReference(message);
    return true;
  }

  #encode(delivery: Delivery, version: ProtocolVersion, maximumPacketSize: number): boolean {
    this.#closeRun();
    const scratch = this.#scratch;
    const { message } = delivery;
    const start = scratch.at;
    this.#packetIdAt = writePublishHead(scratch, delivery, version);
    if (scratch.at - start + message.payloadSize > maximumPacketSize) {
      scratch.at = start;
      return false;
    }
    if (message.payloadSize >= BY_REFERENCE_MIN) this.#addReference(message);
    else scratch.copy(message.bytes, message.payloadAt, message.end);
    return true;
  }

  /** Of the PUBLISH encoded last, counted from its start; -1: it has none. */
  #packetIdAt = -1;
}

function encodePacket(
  writer: ByteWriter,
  packet: Exclude<OutgoingPacket, Delivery>,
  version: ProtocolVersion,
  detail: Detail,
): void {
  switch (packet.type) {
    case "connect":
      encodeConnect(writer, packet);
      return;
    case "connack":
      encodeConnack(writer, packet, version, detail);
      return;
    case "subscribe":
      encodeSubscribe(writer, packet, version);
      return;
    case "suback":
      encodeSuback(writer, packet, version, detail);
      return;
    case "unsubscribe":
      encodeUnsubscribe(writer, packet, version);
      return;
    case "unsuback":
      encodeUnsuback(writer, packet, version, detail);
      return;
    case "pingreq":
      writer.endPacket(writer.beginPacket(), 0xc0, 0);
      return;
    case "pingresp":
      writer.endPacket(writer.beginPacket(), 0xd0, 0);
      return;
    case "disconnect":
      encodeDisconnect(writer, packet, version, detail);
      return;
    case "auth":
      encodeAuth(writer, packet, version, detail);
      return;
    default:
      encodeAck(writer, packet, version, detail);
  }
}
