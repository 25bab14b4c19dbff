/** One TCP connection to the broker: packets in, packets out. Everything comes as a call. */
import { connect, type Socket } from "node:net";
import {
  type OutgoingPacket,
  type Packet,
  PacketDecoder,
  PacketWriter,
  ProtocolError,
  type ProtocolVersion,
} from "../../src/codec/index.ts";

export interface LinkOwner {
  opened(): void;
  /** @param packet Valid until this returns. */
  received(packet: Packet): void;
  /** Once, and the last call. */
  closed(malformed: Error | undefined): void;
}

export class Link {
  readonly #socket: Socket;
  readonly #version: ProtocolVersion;
  readonly #owner: LinkOwner;
  readonly #decoder: PacketDecoder;
  readonly #writer: PacketWriter = new PacketWriter();
  #isReading = false;
  #malformed: Error | undefined = undefined;

  constructor(port: number, version: ProtocolVersion, owner: LinkOwner) {
    this.#version = version;
    this.#owner = owner;
    this.#decoder = new PacketDecoder({
      role: "client",
      packetSizeMax: Number.POSITIVE_INFINITY,
      userPropertiesMax: 1_000,
    });
    this.#decoder.protocolVersion = version;
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket = socket;
    socket.on("connect", () => owner.opened());
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("error", () => {}); // "close" follows.
    socket.on("close", () => owner.closed(this.#malformed));
  }

  /** What is sent while packets are read goes out with one write behind them. */
  send(packet: OutgoingPacket): void {
    if (!this.#socket.writable) return;
    this.#writer.add(packet, this.#version, Number.POSITIVE_INFINITY);
    if (!this.#isReading) this.#writer.flushTo(this.#socket);
  }

  /** What was sent still goes out. */
  end(): void {
    this.#socket.end();
  }

  /** At once, as when a cable is cut. */
  destroy(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#isReading = true;
    try {
      this.#decoder.push(chunk);
      for (let packet = this.#decoder.next(); packet !== undefined; packet = this.#decoder.next()) {
        this.#owner.received(packet);
        if (this.#socket.destroyed) break;
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#malformed = error;
      this.#socket.destroy();
    }
    this.#isReading = false;
    this.#writer.flushTo(this.#socket);
  }
}
