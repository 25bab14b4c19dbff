import type { ProtocolVersion, PublishProperties, Qos } from "./packets.ts";

/**
 * An Application Message (§1.2), apart from any one receiver.
 *
 * The bytes are a range of `bytes`, so that a received PUBLISH costs one object: no view is made
 * until somebody asks for `payload`. While a Message lives for one turn that range lies in the
 * socket's chunk; whoever keeps it longer calls `own`, or ten bytes would pin 64 KiB.
 *
 * `frameAt` .. `end` is the whole PUBLISH as it came in. The codec sends those very bytes on when
 * the receiver's version and flags allow it. The core looks at neither.
 */
export class Message {
  topicName: string;
  readonly qos: Qos;
  /** RETAIN as the publisher set it. */
  readonly retain: boolean;
  /** Undefined when it has none, and in 3.x. */
  readonly properties: PublishProperties | undefined;
  /** When it expires, on the core's clock; Infinity: never. Set by the core on receipt. */
  expiresAtMs: number = Number.POSITIVE_INFINITY;
  /** Client Identifier of the publisher, for No Local; "" for the broker itself. */
  publisherId = "";

  bytes: Uint8Array;
  payloadAt: number;
  /** Where payload and frame end. */
  end: number;
  /** Where the PUBLISH frame starts in `bytes`, or -1: there is none to reuse. */
  frameAt = -1;
  /** Where in `bytes` the Packet Identifier stands (QoS > 0), or -1. */
  packetIdAt = -1;
  /** Version that the frame was written in; 0 without one. 3 and 4 are the same bytes. */
  frameVersion: ProtocolVersion | 0 = 0;
  /** Its number on the shelf of stored messages (delivery/shelf.ts), or -1. */
  shelfId = -1;
  /** What the codec remembers of sending this Message, so that a fan-out encodes once. */
  encoded: object | undefined = undefined;

  constructor(
    topicName: string,
    qos: Qos,
    retain: boolean,
    properties: PublishProperties | undefined,
    bytes: Uint8Array,
    payloadAt: number,
    end: number,
  ) {
    this.topicName = topicName;
    this.qos = qos;
    this.retain = retain;
    this.properties = properties;
    this.bytes = bytes;
    this.payloadAt = payloadAt;
    this.end = end;
  }

  /** A Message whose payload is all of `payload`, which is not copied. */
  static of(
    topicName: string,
    payload: Uint8Array,
    qos: Qos,
    retain: boolean,
    properties: PublishProperties | undefined,
  ): Message {
    return new Message(topicName, qos, retain, properties, payload, 0, payload.length);
  }

  /** A view, made anew at each call. */
  get payload(): Uint8Array {
    return this.bytes.subarray(this.payloadAt, this.end);
  }

  get payloadSize(): number {
    return this.end - this.payloadAt;
  }

  /** Copies the bytes (the whole frame, where there is one) out of the chunk they came in, once. */
  own(): void {
    const from = this.frameAt < 0 ? this.payloadAt : this.frameAt;
    if (this.bytes.byteLength === this.end - from && this.bytes.buffer.byteLength === this.end) {
      return;
    }
    // Not `this.bytes.slice`: on a Buffer that is a view.
    this.bytes = Uint8Array.prototype.slice.call(this.bytes, from, this.end);
    this.payloadAt -= from;
    this.end -= from;
    if (this.frameAt >= 0) this.frameAt = 0;
    if (this.packetIdAt >= 0) this.packetIdAt -= from;
  }
}
