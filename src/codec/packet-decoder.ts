import { Buffer } from "node:buffer";
import type {
  Packet,
  PingreqPacket,
  PingrespPacket,
  ProtocolVersion,
} from "../protocol/packets.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { ReasonCode } from "../protocol/reason-code.ts";
import { decodeAck, newAck, type ReusedAck } from "./ack.ts";
import { decodeAuth } from "./auth.ts";
import { BodyReader, malformed, notMinimal } from "./body-reader.ts";
import { decodeConnack } from "./connack.ts";
import { decodeConnect, readProtocolVersion } from "./connect.ts";
import { decodeDisconnect } from "./disconnect.ts";
import { allowedFirstBytes, CONNECT_ONLY, refusedFirstByte } from "./first-byte.ts";
import { PartialFrame } from "./partial-frame.ts";
import { Properties } from "./properties.ts";
import { PublishDecoder } from "./publish.ts";
import { decodeSuback, decodeSubscribe } from "./subscribe.ts";
import { decodeUnsuback, decodeUnsubscribe } from "./unsubscribe.ts";

export interface DecoderOptions {
  /** Who decodes: a server reads what clients send, and the other way round. */
  readonly role: "server" | "client";
  /** Whole-packet limit in bytes, fixed header included (§3.1.2.11.4). */
  readonly packetSizeMax: number;
  /** More User Properties in one packet are refused with quotaExceeded. */
  readonly userPropertiesMax: number;
}

/** Shared by all decoders: decoding a packet runs to completion. */
const reader = new BodyReader();
const properties = new Properties();

const PINGREQ: PingreqPacket = { type: "pingreq" };
const PINGRESP: PingrespPacket = { type: "pingresp" };

/**
 * Turns a byte stream into packets, whatever the chunking [MQTT-6.0.0-2].
 *
 * Packets are decoded in place, in the chunk they arrived in. Only one that straddles chunks is
 * gathered in a buffer of its own, which grows with the bytes that came and never with the length
 * that was announced. Between packets a decoder holds no bytes at all.
 *
 * @example
 * decoder.push(chunk);
 * for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) handle(packet);
 */
export class PacketDecoder {
  /** May be raised at any time: a cap for strangers, another one after CONNECT was accepted. */
  packetSizeMax: number;
  readonly #options: DecoderOptions;
  #protocolVersion: ProtocolVersion = 5;
  #knowsVersion = false;
  /** By first byte, whether it may come now. */
  #allowed: Uint8Array;
  #chunk: Buffer | undefined = undefined;
  /** What of `#chunk` is decoded. */
  #at = 0;
  #partial: PartialFrame | undefined = undefined;
  #publish: PublishDecoder | undefined = undefined;
  #ack: ReusedAck | undefined = undefined;

  constructor(options: DecoderOptions) {
    this.#options = options;
    this.packetSizeMax = options.packetSizeMax;
    this.#allowed = options.role === "server" ? CONNECT_ONLY : allowedFirstBytes("client", 5);
  }

  /**
   * The version packets are read in. A server learns it from CONNECT; after a throw it is the one
   * to answer in. The owner of a client sets it.
   */
  get protocolVersion(): ProtocolVersion {
    return this.#protocolVersion;
  }

  set protocolVersion(version: ProtocolVersion) {
    this.#protocolVersion = version;
    // A server goes on waiting for CONNECT, whatever is thought of its version.
    if (this.#allowed !== CONNECT_ONLY) {
      this.#allowed = allowedFirstBytes(this.#options.role, version);
    }
  }

  /** As `protocolVersion`, or undefined while no CONNECT has said one. */
  get versionIfKnown(): ProtocolVersion | undefined {
    return this.#knowsVersion ? this.#protocolVersion : undefined;
  }

  /** Takes a chunk, which must not change as long as its Messages live. Then drain `next`. */
  push(chunk: Buffer): void {
    const left = this.#chunk;
    this.#chunk = left === undefined ? chunk : Buffer.concat([left.subarray(this.#at), chunk]);
    this.#at = 0;
  }

  /**
   * The next packet, or undefined: more bytes are needed.
   *
   * A PublishPacket and an AckPacket are valid until the next call, since the same object is
   * filled anew. The Message in a PublishPacket is a new one each time and may be kept (`own` it).
   *
   * @throws ProtocolError The stream is broken: the decoder must not be used again.
   */
  next(): Packet | undefined {
    const chunk = this.#chunk;
    if (chunk === undefined) return undefined;
    if (this.#partial !== undefined) return this.#nextOfPartial(this.#partial, chunk);
    const start = this.#at;
    const arrived = chunk.length;
    if (start >= arrived) return this.#drained();
    const firstByte = chunk[start] as number;
    if (this.#allowed[firstByte] === 0) throw this.#refused(firstByte);
    let at = start + 1;
    let remainingLength = 0;
    for (let shift = 0; ; shift += 7) {
      if (at >= arrived) return this.#keep(chunk, start);
      const byte = chunk[at] as number;
      at += 1;
      remainingLength |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) throw notMinimal("Remaining Length"); // [MQTT-1.5.5-1]
        break;
      }
      if (shift === 21) throw malformed("§2.1.4", "Remaining Length: over 4 bytes");
    }
    const end = at + remainingLength;
    if (end - start > this.packetSizeMax) throw this.#tooLarge(end - start);
    if (end > arrived) return this.#keep(chunk, start);
    this.#at = end;
    return this.#decode(chunk, start, at, end);
  }

  /** Nothing is left to hold on to while the connection is idle. */
  #drained(): undefined {
    this.#chunk = undefined;
    this.#publish?.release();
  }

  /** The chunk ends within a packet: its beginning is copied out. */
  #keep(chunk: Buffer, start: number): Packet | undefined {
    this.#partial = new PartialFrame();
    this.#at = start;
    return this.#nextOfPartial(this.#partial, chunk);
  }

  #nextOfPartial(partial: PartialFrame, chunk: Buffer): Packet | undefined {
    this.#at = partial.fillHeader(chunk, this.#at);
    // Refused before a byte of it is taken.
    if (partial.frameSize > this.packetSizeMax) throw this.#tooLarge(partial.frameSize);
    if (partial.bodyAt > 0) this.#at = partial.fillBody(chunk, this.#at);
    if (!partial.complete) return this.#drained();
    this.#partial = undefined;
    return this.#decode(partial.bytes, 0, partial.bodyAt, partial.bytes.length);
  }

  #decode(bytes: Buffer, frameAt: number, bodyAt: number, end: number): Packet {
    reader.reset(bytes, frameAt, bodyAt, end);
    reader.version = this.#protocolVersion;
    reader.fromClient = this.#options.role === "server";
    reader.userPropertiesMax = this.#options.userPropertiesMax;
    const typeNumber = (bytes[frameAt] as number) >> 4;
    if (typeNumber === 3) {
      this.#publish ??= new PublishDecoder(); // A subscriber never needs one.
      return this.#publish.decode(reader, properties);
    }
    const packet = this.#decodeOther(typeNumber);
    reader.finish();
    return packet;
  }

  #decodeOther(typeNumber: number): Packet {
    switch (typeNumber) {
      case 1:
        return this.#decodeConnect();
      case 2:
        return decodeConnack(reader, properties);
      case 8:
        return decodeSubscribe(reader, properties);
      case 9:
        return decodeSuback(reader, properties);
      case 10:
        return decodeUnsubscribe(reader, properties);
      case 11:
        return decodeUnsuback(reader, properties);
      case 12:
        return PINGREQ;
      case 13:
        return PINGRESP;
      case 14:
        return decodeDisconnect(reader, properties);
      case 15:
        return decodeAuth(reader, properties);
      default:
        this.#ack ??= newAck();
        return decodeAck(reader, typeNumber, properties, this.#ack);
    }
  }

  /** A second CONNECT is well formed; that it may not come is the broker's to say. */
  #decodeConnect(): Packet {
    const first = this.#allowed === CONNECT_ONLY;
    reader.version = readProtocolVersion(reader, (version) => {
      if (!first) return;
      this.protocolVersion = version;
      this.#knowsVersion = true;
    });
    const packet = decodeConnect(reader, properties);
    if (first) this.#allowed = allowedFirstBytes("server", packet.protocolVersion);
    return packet;
  }

  #refused(firstByte: number): ProtocolError {
    return refusedFirstByte(firstByte, this.#allowed, this.#protocolVersion);
  }

  #tooLarge(packetSize: number): ProtocolError {
    const spec = this.#options.role === "server" ? "MQTT-3.2.2-15" : "MQTT-3.1.2-24";
    const detail = `packet of ${packetSize} bytes, Maximum Packet Size ${this.packetSizeMax}`;
    return new ProtocolError(ReasonCode.packetTooLarge, spec, detail);
  }
}
