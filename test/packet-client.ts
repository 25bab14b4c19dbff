/** An MQTT client for tests that says what it is told to: packets over any stream. */
import { once } from "node:events";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { encode, type OutgoingPacket, type Packet, PacketDecoder } from "../src/codec/index.ts";
import { Message } from "../src/protocol/message.ts";
import { type ConnectPacket, Delivery, type Qos } from "../src/protocol/packets.ts";

const CONNECT: ConnectPacket = {
  type: "connect",
  protocolVersion: 5,
  clientId: "test",
  cleanStart: true,
  keepAliveSec: 60,
  userName: undefined,
  password: undefined,
  will: undefined,
  sessionExpiryIntervalSec: 0,
  receiveMaximum: 65_535,
  maximumPacketSize: Number.POSITIVE_INFINITY,
  topicAliasMaximum: 0,
  requestResponseInformation: false,
  requestProblemInformation: true,
  userProperties: [],
  authenticationMethod: undefined,
  authenticationData: undefined,
};

export class PacketClient {
  readonly stream: Duplex;
  readonly #decoder = new PacketDecoder({
    role: "client",
    packetSizeMax: Number.POSITIVE_INFINITY,
    userPropertiesMax: 1_000,
  });
  readonly #packets: Packet[] = [];
  #wake: () => void = () => {};
  #isClosed = false;

  constructor(stream: Duplex) {
    this.stream = stream;
    stream.on("data", (chunk: Buffer) => {
      this.#decoder.push(chunk);
      for (;;) {
        const packet = this.#decoder.next();
        if (packet === undefined) break;
        // The decoder reuses its acks.
        this.#packets.push({ ...packet });
      }
      this.#wake();
    });
    stream.on("error", () => {});
    stream.on("close", () => {
      this.#isClosed = true;
      this.#wake();
    });
  }

  /** @param address `mqtt://127.0.0.1:43211`. */
  static async dial(address: string): Promise<PacketClient> {
    const { hostname, port } = new URL(address);
    const socket = connect(Number(port), hostname);
    await once(socket, "connect");
    return new PacketClient(socket);
  }

  send(packet: OutgoingPacket): void {
    this.stream.write(encode(packet, 5));
  }

  /** CONNECT, and its CONNACK. */
  async connect(fields: Partial<ConnectPacket> = {}): Promise<Packet | undefined> {
    this.send({ ...CONNECT, ...fields });
    return this.next();
  }

  /** SUBSCRIBE with packet id 1, and its SUBACK. */
  async subscribe(topicFilter: string, qos: Qos = 0): Promise<Packet | undefined> {
    const options = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    const subscriptions = [{ topicFilter, qos, ...options }];
    const rest = { subscriptionIdentifier: 0, userProperties: [] };
    this.send({ type: "subscribe", packetId: 1, subscriptions, ...rest });
    return this.next();
  }

  publish(topicName: string, payload: string, qos: Qos = 0, packetId = 0): void {
    const message = Message.of(topicName, Buffer.from(payload), qos, false, undefined);
    const delivery = new Delivery(message);
    delivery.qos = qos;
    delivery.packetId = packetId;
    this.send(delivery);
  }

  /** The next packet, or undefined: the stream has closed. */
  async next(): Promise<Packet | undefined> {
    while (this.#packets.length === 0 && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#packets.shift();
  }
}
