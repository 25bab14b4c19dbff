/** As much of a client as a measurement needs: a socket, QoS 0, one answer awaited at a time. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import {
  connectPacket,
  PacketReader,
  PacketType,
  PINGREQ,
  publishPacket,
  type Received,
  subscribePacket,
} from "./packets.ts";

export class RawClient {
  readonly #socket: Socket;
  readonly #reader = new PacketReader();
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
    const accepted = client.#await(PacketType.connack);
    socket.write(connectPacket(clientId, true));
    await accepted;
    return client;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => this.#reader.read(chunk, (received) => this.#handle(received)));
    socket.on("error", () => {}); // A broker may close the frozen one: what counts is the others.
  }

  async subscribe(filter: string): Promise<void> {
    const granted = this.#await(PacketType.suback);
    this.#socket.write(subscribePacket([filter], 0));
    await granted;
  }

  /** Resolves when the socket takes more. */
  async publish(topicName: string, payload: Buffer): Promise<void> {
    const bytes = publishPacket({ topicName, payload, retain: false }, 0);
    if (!this.#socket.write(bytes)) await once(this.#socket, "drain");
  }

  async ping(): Promise<void> {
    const answered = this.#await(PacketType.pingresp);
    this.#socket.write(PINGREQ);
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

  #handle({ type, body }: Received): void {
    if (type === PacketType.publish) this.onMessage(body.subarray(2 + body.readUInt16BE(0)));
    else if (type === this.#awaited?.type) this.#awaited.resolve();
  }
}
