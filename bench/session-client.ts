/** A client with a session that stays: publishes at QoS 1, acknowledges what it gets. */
import { connect, type Socket } from "node:net";
import {
  connectPacket,
  DISCONNECT,
  PacketReader,
  PacketType,
  type Publication,
  publishPacket,
  type Received,
} from "./packets.ts";

const PACKET_IDS = 65_535;
/** Messages without PUBACK. */
const WINDOW = 100;

export interface Identity {
  readonly clientId: string;
  readonly cleanSession: boolean;
}

interface Sending {
  readonly messages: readonly Publication[];
  readonly acknowledged: (message: Publication) => void;
  readonly done: () => void;
  sent: number;
  acked: number;
}

export class SessionClient {
  readonly #socket: Socket;
  readonly #reader = new PacketReader();
  readonly #broken: Promise<never>;
  #accepted: () => void = () => {};
  #sending: Sending | undefined;
  /** PUBACKs for what the chunk that is being read brought. */
  #acks: Buffer[] = [];
  sessionPresent = false;
  /** Called with the bytes of Topic Name and payload, before the PUBACK leaves. */
  onMessage: (bytes: number) => void = () => {};

  /** @param onMessage From the start: a session that waits is delivered at once. */
  static async open(
    port: number,
    { clientId, cleanSession }: Identity,
    onMessage: (bytes: number) => void = () => {},
  ): Promise<SessionClient> {
    const client = new SessionClient(connect(port, "127.0.0.1"), clientId);
    client.onMessage = onMessage;
    const accepted = new Promise<void>((resolve) => {
      client.#accepted = resolve;
    });
    client.#socket.write(connectPacket(clientId, cleanSession));
    await Promise.race([accepted, client.#broken]);
    return client;
  }

  private constructor(socket: Socket, clientId: string) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.#read(chunk));
    this.#broken = new Promise((_, reject) => {
      socket.on("error", reject);
      socket.on("close", () => reject(new Error(`${clientId}: the connection was closed`)));
    });
    this.#broken.catch(() => {}); // It counts for whoever waits at that time.
  }

  /** Resolves when all are acknowledged; one call at a time. */
  async publishAll(
    messages: readonly Publication[],
    acknowledged: (message: Publication) => void,
  ): Promise<void> {
    if (messages.length === 0) return;
    const all = new Promise<void>((done) => {
      this.#sending = { messages, acknowledged, done, sent: 0, acked: 0 };
    });
    this.#send();
    await Promise.race([all, this.#broken]);
  }

  async disconnect(): Promise<void> {
    this.#socket.end(DISCONNECT);
    await this.#broken.catch(() => {}); // Closing is what was asked for.
  }

  #send(): void {
    const sending = this.#sending;
    if (sending === undefined) return;
    const packets: Buffer[] = [];
    while (sending.sent - sending.acked < WINDOW) {
      const message = sending.messages[sending.sent];
      if (message === undefined) break;
      packets.push(publishPacket(message, 1 + (sending.sent % PACKET_IDS)));
      sending.sent += 1;
    }
    if (packets.length > 0) this.#socket.write(Buffer.concat(packets));
  }

  #read(chunk: Buffer): void {
    this.#reader.read(chunk, (received) => this.#handle(received));
    if (this.#acks.length > 0) this.#socket.write(Buffer.concat(this.#acks));
    this.#acks = [];
    this.#send();
  }

  #handle({ type, flags, body }: Received): void {
    if (type === PacketType.publish) this.#received(flags, body);
    else if (type === PacketType.puback) this.#acknowledged();
    else if (type === PacketType.connack && body[1] === 0) {
      this.sessionPresent = body[0] === 1;
      this.#accepted();
    }
  }

  #received(flags: number, body: Buffer): void {
    const isAcknowledged = (flags & 0x06) !== 0;
    const head = 2 + body.readUInt16BE(0);
    if (isAcknowledged) {
      this.#acks.push(Buffer.from([PacketType.puback, 2]), body.subarray(head, head + 2));
    }
    this.onMessage(body.length - 2 - (isAcknowledged ? 2 : 0));
  }

  /** They come in the order of the messages [3.1.1 MQTT-4.6.0-2]. */
  #acknowledged(): void {
    const sending = this.#sending;
    const message = sending?.messages[sending.acked];
    if (sending === undefined || message === undefined) return;
    sending.acked += 1;
    sending.acknowledged(message);
    if (sending.acked < sending.messages.length) return;
    this.#sending = undefined;
    sending.done();
  }
}
