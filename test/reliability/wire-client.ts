/** A client that sends any bytes, and reads packets. */
import { connect as connectSocket, type Socket } from "node:net";
import { wire } from "../../src/codec/notation.suite.ts";
import { PacketDecoder } from "../../src/codec/packet-decoder.ts";
import type {
  AckPacket,
  ConnackPacket,
  Packet,
  ProtocolVersion,
} from "../../src/protocol/packets.ts";
import { within } from "./harness.ts";

export { wire };

/** CONNECT with Clean Start, without Keep Alive. */
export function connectBytes(version: ProtocolVersion, clientId: string): Buffer {
  if (version === 5) return wire(`10 .. "MQTT" 05 02 0000 () "${clientId}"`);
  const head = version === 4 ? '"MQTT" 04' : '"MQIsdp" 03';
  return wire(`10 .. ${head} 02 0000 "${clientId}"`);
}

export function hex16(value: number): string {
  return value.toString(16).padStart(4, "0");
}

/** PUBLISH of 3.1.1 or 5.0 without properties; `packetId` is of no meaning for QoS 0. */
export function publishBytes(
  version: ProtocolVersion,
  topic: string,
  payload: string | Buffer,
  qos: 0 | 1 | 2 = 0,
  packetId = 1,
  retain = false,
): Buffer {
  const head = wire(`"${topic}" ${qos > 0 ? hex16(packetId) : ""} ${version === 5 ? "00" : ""}`);
  const size = head.length + Buffer.byteLength(payload);
  const first = Buffer.from([0x30 | (qos << 1) | (retain ? 1 : 0), ...variableByteInteger(size)]);
  return Buffer.concat([first, head, Buffer.from(payload)]);
}

export function variableByteInteger(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128);
  return [...bytes, rest];
}

type PacketOf<Type> = Type extends AckPacket["type"] ? AckPacket : Extract<Packet, { type: Type }>;

export class WireClient {
  readonly socket: Socket;
  readonly version: ProtocolVersion;
  readonly #decoder: PacketDecoder;
  readonly #packets: Packet[] = [];
  readonly #left: Promise<void>;
  #wake: () => void = () => {};
  /** What was wrong with a packet of the broker's; the connection is cut then. */
  malformed: Error | undefined = undefined;
  #isClosed = false;

  /** Over TCP; nothing is sent. */
  static async open(port: number, version: ProtocolVersion = 5): Promise<WireClient> {
    const socket = connectSocket({ port, host: "127.0.0.1", noDelay: true });
    const client = new WireClient(socket, version);
    const connected = new Promise((resolve, reject) => {
      socket.once("connect", resolve).once("error", reject);
    });
    await within(connected, "a TCP connection");
    return client;
  }

  /** With CONNECT sent, and CONNACK of success read. */
  static async connect(
    port: number,
    clientId: string,
    version: ProtocolVersion = 5,
  ): Promise<WireClient> {
    return WireClient.connectWith(port, connectBytes(version, clientId), version);
  }

  /** The same with a CONNECT of the caller's own. */
  static async connectWith(
    port: number,
    connect: string | Buffer,
    version: ProtocolVersion = 5,
  ): Promise<WireClient> {
    const client = await WireClient.open(port, version);
    client.send(connect);
    const connack = (await client.next()) as ConnackPacket;
    if (connack.type !== "connack" || connack.reasonCode !== 0) {
      throw new Error(`refused: ${JSON.stringify(connack)}`);
    }
    return client;
  }

  constructor(socket: Socket, version: ProtocolVersion) {
    this.socket = socket;
    this.version = version;
    const packetSizeMax = 268_435_460;
    this.#decoder = new PacketDecoder({ role: "client", packetSizeMax, userPropertiesMax: 65_535 });
    this.#decoder.protocolVersion = version;
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("error", () => {}); // "close" follows.
    this.#left = new Promise((resolve) => {
      socket.on("close", () => {
        this.#isClosed = true;
        resolve();
        this.#wake();
      });
    });
  }

  #read(chunk: Buffer): void {
    if (this.malformed !== undefined) return;
    try {
      this.#decoder.push(chunk);
      for (let packet = this.#decoder.next(); packet; packet = this.#decoder.next()) {
        this.#packets.push({ ...packet });
      }
    } catch (error) {
      this.malformed = error as Error;
      this.socket.destroy();
    }
    this.#wake();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** In the notation of the codec's vectors, or as they are. */
  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === "string" ? wire(bytes) : bytes);
  }

  /** Resolves when the socket has taken them. */
  async write(bytes: string | Buffer): Promise<void> {
    const { socket } = this;
    if (socket.write(typeof bytes === "string" ? wire(bytes) : bytes)) return;
    await new Promise<void>((resolve) => {
      socket.once("drain", resolve).once("close", resolve);
    });
  }

  /** The next packet; an error when the connection ends before it. */
  async next(): Promise<Packet> {
    await within(this.#arrived(), "a packet");
    const packet = this.#packets.shift();
    if (packet === undefined) throw this.malformed ?? new Error("the connection was closed");
    return packet;
  }

  async #arrived(): Promise<void> {
    while (this.#packets.length === 0 && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async expect<Type extends Packet["type"]>(type: Type): Promise<PacketOf<Type>> {
    const packet = await this.next();
    if (packet.type === type) return packet as PacketOf<Type>;
    throw new Error(`expected ${type}, got ${JSON.stringify(packet)}`);
  }

  /** At least one packet, and what came with it. */
  async some(): Promise<Packet[]> {
    await within(this.#arrived(), "a packet");
    if (this.#packets.length === 0) throw new Error("the connection was closed");
    return this.take();
  }

  /** What came and was not asked for yet. */
  take(): Packet[] {
    return this.#packets.splice(0);
  }

  /** PINGREQ, and all packets up to the PINGRESP: what was sent before has been dealt with. */
  async settled(): Promise<Packet[]> {
    this.send("c000");
    const packets: Packet[] = [];
    for (;;) {
      const packet = await this.next();
      if (packet.type === "pingresp") return packets;
      packets.push(packet);
    }
  }

  /** Resolves once the connection is closed, with the packets that came before. */
  async closed(): Promise<Packet[]> {
    await within(this.#left, "the end of the connection");
    return this.take();
  }

  /** Cuts the connection, without DISCONNECT. */
  async destroy(): Promise<void> {
    this.socket.destroy();
    await this.#left;
  }
}
