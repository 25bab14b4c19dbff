/**
 * The wire between a client and the broker, where a test can make things go wrong.
 *
 *     client ── near end │ link │ far end ── broker
 *
 * Bytes pass packet by packet and otherwise as they are; each direction pushes back as a socket
 * would. The broker itself knows nothing of it.
 */
import type { Duplex } from "node:stream";
import { type Packet, PacketDecoder, type ProtocolVersion } from "../codec/index.ts";
import { FrameCutter } from "./frame-cutter.ts";

export type Side = "client" | "broker";

/** A packet on its way. */
export interface Passing {
  readonly packet: Packet;
  readonly from: Side;
  readonly clientId: string;
}

/** Packet types of §4.3 that acknowledge, and those of SUBSCRIBE and UNSUBSCRIBE. */
const ACKS: ReadonlySet<Packet["type"]> = new Set([
  "puback",
  "pubrec",
  "pubrel",
  "pubcomp",
  "suback",
  "unsuback",
]);

export class FaultyLink {
  /** From CONNECT, or as the broker assigned it; "" before. */
  clientId = "";
  readonly #near: Duplex;
  readonly #far: Duplex;
  readonly #isDropped: (passing: Passing) => boolean;
  #version: ProtocolVersion = 5;
  #isSlow = false;

  /**
   * @param isDropped Asked for each acknowledgement.
   * @param isSlow Asked once the client is known: whether it starts as a slow reader.
   */
  constructor(
    near: Duplex,
    far: Duplex,
    isDropped: (passing: Passing) => boolean,
    isSlow: (clientId: string) => boolean,
  ) {
    this.#near = near;
    this.#far = far;
    this.#isDropped = isDropped;
    this.#carry(near, far, "client", (packet) => {
      if (packet.type !== "connect") return;
      this.clientId = packet.clientId;
      this.#version = packet.protocolVersion;
    });
    this.#carry(far, near, "broker", (packet) => {
      if (packet.type !== "connack") return;
      this.clientId = packet.properties?.assignedClientIdentifier ?? this.clientId;
      this.#isSlow = isSlow(this.clientId); // CONNACK it still gets.
    });
  }

  /** While true, the client takes nothing of what the broker sends. */
  set isSlow(isSlow: boolean) {
    this.#isSlow = isSlow;
    if (isSlow) this.#far.pause();
    else if (!this.#near.writableNeedDrain) this.#far.resume();
  }

  /** Both ends are gone, and nobody said a word. */
  cut(): void {
    this.#near.destroy();
    this.#far.destroy();
  }

  #carry(source: Duplex, target: Duplex, from: Side, look: (packet: Packet) => void): void {
    const cutter = new FrameCutter();
    source.on("data", (chunk: Buffer) => {
      for (const frame of cutter.push(chunk)) {
        const packet = this.#decode(frame, from);
        if (packet !== undefined) look(packet);
        if (packet !== undefined && this.#drops(packet, from)) continue;
        target.write(frame);
      }
      if (target.writableNeedDrain || (from === "broker" && this.#isSlow)) source.pause();
    });
    target.on("drain", () => {
      if (from === "client" || !this.#isSlow) source.resume();
    });
    source.on("end", () => target.end());
    source.on("error", () => target.destroy());
    source.on("close", () => {
      if (!source.readableEnded) target.destroy();
    });
  }

  #drops(packet: Packet, from: Side): boolean {
    if (!ACKS.has(packet.type)) return false;
    return this.#isDropped({ packet, from, clientId: this.clientId });
  }

  /** Undefined: of no interest here, or not MQTT, which is for the broker to say. */
  #decode(frame: Buffer, from: Side): Packet | undefined {
    const type = (frame[0] ?? 0) >> 4;
    const role = from === "broker" ? "client" : "server";
    if (type === PUBLISH || (role === "server" && type !== CONNECT && type > PUBCOMP)) {
      return undefined;
    }
    // A decoder of a server takes nothing before CONNECT: what a client sends later is read as if
    // it came from a server, which is the same for the four acknowledgements of §4.3.
    const decoder = new PacketDecoder({
      role: type === CONNECT ? "server" : "client",
      packetSizeMax: Number.POSITIVE_INFINITY,
      userPropertiesMax: Number.POSITIVE_INFINITY,
    });
    if (type !== CONNECT) decoder.protocolVersion = this.#version;
    try {
      decoder.push(frame);
      return decoder.next();
    } catch (error) {
      if ((error as Error).name !== "ProtocolError") throw error;
      return undefined;
    }
  }
}

const CONNECT = 1;
const PUBLISH = 3;
const PUBCOMP = 7;
