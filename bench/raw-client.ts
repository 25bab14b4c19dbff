/**
 * As little MQTT 3.1.1 as a measurement needs: a socket, five packets out, four in, QoS 0.
 *
 * Nothing of src/ is used here, so that the broker's own code does not measure itself.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

const CONNACK = 0x20;
const PUBLISH = 0x30;
const SUBACK = 0x90;
const PINGRESP = 0xd0;

export class RawClient {
  readonly #socket: Socket;
  /** The beginning of a packet whose end has not come yet. */
  #rest: Buffer = Buffer.alloc(0);
  #awaited: { type: number; resolve: () => void } | undefined;
  onMessage: (payload: Buffer) => void = () => {};

  /** @param localAddress Where to come from: brokers limit the connections of one address. */
  static async connect(url: URL, clientId: string, localAddress?: string): Promise<RawClient> {
    const socket = connect({
      host: url.hostname,
      port: Number(url.port || 1883),
      ...(localAddress !== undefined && { localAddress }),
    });
    await once(socket, "connect");
    socket.setNoDelay(true);
    const client = new RawClient(socket);
    // Clean Session, no keep-alive: the frozen one sends no PINGREQ either.
    const head = Buffer.from([0, 4, ...Buffer.from("MQTT"), 4, 0x02, 0, 0]);
    const accepted = client.#await(CONNACK);
    socket.write(packet(0x10, Buffer.concat([head, text(clientId)])));
    await accepted;
    return client;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("error", () => {}); // A broker may close the frozen one: what counts is the others.
  }

  async subscribe(filter: string): Promise<void> {
    const granted = this.#await(SUBACK);
    const body = Buffer.concat([Buffer.from([0, 1]), text(filter), Buffer.from([0])]);
    this.#socket.write(packet(0x82, body));
    await granted;
  }

  /** Resolves when the socket takes more. */
  async publish(topic: string, payload: Buffer): Promise<void> {
    const body = Buffer.concat([text(topic), payload]);
    if (!this.#socket.write(packet(PUBLISH, body))) await once(this.#socket, "drain");
  }

  async ping(): Promise<void> {
    const answered = this.#await(PINGRESP);
    this.#socket.write(packet(0xc0, Buffer.alloc(0)));
    await answered;
  }

  stopReading(): void {
    this.#socket.pause();
  }

  close(): void {
    this.#socket.destroy();
  }

  #await(type: number): Promise<void> {
    return new Promise((resolve) => {
      this.#awaited = { type, resolve };
    });
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    let at = 0;
    for (;;) {
      const size = packetSize(bytes, at);
      if (size === undefined || at + size > bytes.length) break;
      this.#handle(bytes.subarray(at, at + size));
      at += size;
    }
    this.#rest = bytes.subarray(at);
  }

  #handle(bytes: Buffer): void {
    const type = bytes.readUInt8(0) & 0xf0;
    if (type === PUBLISH) {
      const body = bytes.subarray(1 + remainingLengthSize(bytes, 0));
      this.onMessage(body.subarray(2 + body.readUInt16BE(0)));
    } else if (type === this.#awaited?.type) {
      this.#awaited.resolve();
    }
  }
}

function packet(firstByte: number, body: Buffer): Buffer {
  const head = [firstByte];
  for (let left = body.length; ; left = Math.floor(left / 128)) {
    head.push(left >= 128 ? (left % 128) | 128 : left);
    if (left < 128) break;
  }
  return Buffer.concat([Buffer.from(head), body]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
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
