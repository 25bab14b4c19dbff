/**
 * The packets of MQTT 3.1.1 that the measurements send, and where each ends in what comes back.
 *
 * Nothing of src/ is used here, so that the broker's own code does not measure itself.
 */

/** First byte of a packet without its flags. */
export const PacketType = {
  connack: 0x20,
  publish: 0x30,
  puback: 0x40,
  suback: 0x90,
  pingresp: 0xd0,
} as const;

export const PINGREQ: Buffer = Buffer.from([0xc0, 0]);
export const DISCONNECT: Buffer = Buffer.from([0xe0, 0]);

/** Without keep-alive: whoever stays silent on purpose sends no PINGREQ either. */
export function connectPacket(clientId: string, cleanSession: boolean): Buffer {
  const head = Buffer.from([0, 4, ...Buffer.from("MQTT"), 4, cleanSession ? 2 : 0, 0, 0]);
  return packet(0x10, head, text(clientId));
}

export function subscribePacket(topicFilters: readonly string[], qos: 0 | 1): Buffer {
  const body = topicFilters.flatMap((filter) => [text(filter), Buffer.from([qos])]);
  return packet(0x82, Buffer.from([0, 1]), ...body);
}

export interface Publication {
  readonly topicName: string;
  readonly payload: Buffer;
  readonly retain: boolean;
}

/** @param packetId 0: QoS 0, else QoS 1. */
export function publishPacket(
  { topicName, payload, retain }: Publication,
  packetId: number,
): Buffer {
  const flags = (packetId > 0 ? 2 : 0) | (retain ? 1 : 0);
  const id = packetId > 0 ? [Buffer.from([packetId >> 8, packetId & 255])] : [];
  return packet(PacketType.publish | flags, text(topicName), ...id, payload);
}

function packet(firstByte: number, ...body: readonly Buffer[]): Buffer {
  const head = [firstByte];
  let left = body.reduce((total, { length }) => total + length, 0);
  for (; left >= 128; left = Math.floor(left / 128)) head.push((left % 128) | 128);
  head.push(left);
  return Buffer.concat([Buffer.from(head), ...body]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
}

/** A whole packet that came in. */
export interface Received {
  /** See PacketType. */
  readonly type: number;
  readonly flags: number;
  /** All after the Remaining Length. */
  readonly body: Buffer;
}

/** Cuts what a socket delivers into packets. */
export class PacketReader {
  /** The beginning of a packet whose end has not come yet. */
  #rest: Buffer = Buffer.alloc(0);

  read(chunk: Buffer, handle: (received: Received) => void): void {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    let at = 0;
    for (;;) {
      const size = packetSize(bytes, at);
      if (size === undefined || at + size > bytes.length) break;
      const first = bytes.readUInt8(at);
      const body = bytes.subarray(at + 1 + remainingLengthSize(bytes, at), at + size);
      handle({ type: first & 0xf0, flags: first & 0x0f, body });
      at += size;
    }
    this.#rest = bytes.subarray(at);
  }
}

/** The whole packet that starts at `at`, or undefined while its length is not all here. */
function packetSize(bytes: Buffer, at: number): number | undefined {
  const size = remainingLengthSize(bytes, at);
  if (at + size >= bytes.length) return undefined;
  let remainingLength = 0;
  for (let index = size; index > 0; index -= 1) {
    remainingLength = remainingLength * 128 + (bytes.readUInt8(at + index) & 127);
  }
  return 1 + size + remainingLength;
}

/** Bytes of the Remaining Length; one more than are here when it has no end yet. */
function remainingLengthSize(bytes: Buffer, at: number): number {
  let size = 1;
  while ((bytes[at + size] ?? 0) >= 128) size += 1;
  return size;
}
