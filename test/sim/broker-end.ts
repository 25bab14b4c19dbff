/**
 * The broker's end of one simulated Network Connection. Does what `src/net/connection.ts` does
 * around a socket, with a Pipe each way, and tells the oracle of each packet in and out.
 */
import { PacketDecoder } from "../../src/codec/packet-decoder.ts";
import type { ByteSink, PacketWriter } from "../../src/codec/packet-writer.ts";
import type { Broker } from "../../src/core/broker.ts";
import type { Peer } from "../../src/core/peer.ts";
import type { Link, ListenerPolicy } from "../../src/core/ports.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import type { Oracle } from "./oracle.ts";
import type { Conn } from "./oracle-state.ts";
import { Pipe } from "./pipe.ts";
import type { Random } from "./prng.ts";
import type { Settings } from "./settings.ts";

const LINGER_MS = 5_000;

export class BrokerEnd implements Link, ByteSink {
  readonly policy: ListenerPolicy;
  readonly remoteAddress: string;
  readonly conn: Conn;
  /** From the client, and to it. */
  readonly up: Pipe;
  readonly down: Pipe;
  readonly peer: Peer;
  /** Neither end can reach the other any more; the broker may not know yet. */
  isCut = false;
  /** When the broker learns of it. */
  #goneAtMs = Number.POSITIVE_INFINITY;
  /** The broker was told that the connection has gone. */
  isGone = false;
  readonly #broker: Broker;
  readonly #oracle: Oracle;
  readonly #settings: Settings;
  readonly #decoder: PacketDecoder;
  #isStranger = true;
  #isEnded = false;
  #needsDrain = false;
  #deadlineMs = Number.POSITIVE_INFINITY;
  #written: Buffer[] = [];
  readonly #writer: PacketWriter;

  constructor(
    conn: Conn,
    broker: Broker,
    oracle: Oracle,
    settings: Settings,
    writer: PacketWriter,
    random: Random,
    nowMs: number,
  ) {
    this.#writer = writer;
    this.conn = conn;
    this.remoteAddress = String(conn.number);
    this.policy = settings.policy;
    this.#broker = broker;
    this.#oracle = oracle;
    this.#settings = settings;
    this.up = new Pipe(random, settings.linkDelayMaxMs);
    this.down = new Pipe(random, settings.linkDelayMaxMs);
    const { connectPacketSizeMax: packetSizeMax, userPropertiesMax } = settings.limits;
    this.#decoder = new PacketDecoder({ role: "server", packetSizeMax, userPropertiesMax });
    this.peer = broker.open(this, nowMs);
    const { replies } = this.peer;
    const acknowledge = replies.acknowledge.bind(replies);
    replies.acknowledge = (type, packetId, reasonCode, position) => {
      oracle.answered(conn, type, packetId, reasonCode);
      acknowledge(type, packetId, reasonCode, position);
    };
  }

  // ByteSink, for the writer to flush to.
  get writableLength(): number {
    return this.down.size;
  }

  write(bytes: Uint8Array): void {
    this.#written.push(Buffer.from(bytes));
  }

  cork(): void {}

  uncork(): void {}

  /** Lets in what has arrived. */
  read(nowMs: number): void {
    if (this.isGone || this.isCut || !this.peer.takesPackets) return;
    for (let chunk = this.up.read(nowMs); chunk !== undefined; chunk = this.up.read(nowMs)) {
      if (this.peer.isClosing) continue; // What comes after the end is let run out.
      this.#decoder.push(chunk);
      this.#receive(nowMs);
      if (!this.peer.takesPackets) return;
    }
  }

  #receive(nowMs: number): void {
    const { peer, conn } = this;
    const decoder = this.#decoder;
    const oracle = this.#oracle;
    try {
      while (peer.takesPackets && !peer.isClosing) {
        const packet = decoder.next();
        if (packet === undefined) return;
        oracle.receives(conn, peer, packet, nowMs);
        peer.receive(packet, nowMs);
        oracle.received(conn, packet, nowMs);
        if (this.#isStranger && peer.isConnected) this.#known();
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      oracle.broke(conn, error, nowMs);
      peer.violated(error, decoder.protocolVersion, nowMs);
      oracle.settled(nowMs);
    }
  }

  #known(): void {
    this.#isStranger = false;
    this.#decoder.packetSizeMax = this.#settings.limits.packetSizeMax;
  }

  /** Called by the turn, after the commit. */
  flush(nowMs: number): void {
    const { peer, conn, down } = this;
    if (peer.takesPackets) {
      if (this.#isStranger && peer.isConnected) this.#known();
      this.#receive(nowMs);
    }
    if (this.isGone || this.#isEnded) return;
    if (this.#needsDrain) {
      if (this.#deadlineMs === Number.POSITIVE_INFINITY) {
        this.#deadlineMs = nowMs + this.#settings.limits.stalledTimeoutMs;
      }
      peer.lane?.own();
      return;
    }
    const { flushBytesMax, highWaterMark } = this.#settings;
    const writer = this.#writer;
    while (writer.size < flushBytesMax) {
      const packet = peer.poll(nowMs);
      if (packet === undefined) break;
      this.#oracle.polled(conn, peer, packet, nowMs);
      if (writer.add(packet, peer.version, peer.maximumPacketSize)) continue;
      this.#oracle.tooLarge(conn, packet, nowMs);
      if (packet.type === "publish") this.#broker.undeliverable(peer, nowMs);
      this.#oracle.gaveUp(conn);
      this.#oracle.settled(nowMs);
    }
    const { size } = writer;
    if (size > 0) writer.flushTo(this);
    if (!this.isCut) for (const bytes of this.#written) down.write(bytes, nowMs);
    this.#written = [];
    this.#needsDrain = down.size > highWaterMark;
    if (size >= flushBytesMax) peer.markReady();
    else if (peer.isClosing) this.#end(nowMs);
  }

  #end(nowMs: number): void {
    this.#isEnded = true;
    this.down.end(nowMs);
    this.#deadlineMs = nowMs + LINGER_MS;
  }

  /** The client has read: there may be room again. */
  drained(): void {
    if (!this.#needsDrain || this.down.size > 0) return;
    this.#needsDrain = false;
    if (!this.peer.isClosing) this.#deadlineMs = Number.POSITIVE_INFINITY;
    this.peer.markReady();
  }

  tick(nowMs: number): void {
    if (nowMs >= Math.min(this.#deadlineMs, this.#goneAtMs) || this.up.hasEnded(nowMs)) {
      this.closed(nowMs);
    }
  }

  /** The network fails: nothing more arrives, and the broker learns of it when it does. */
  cut(goneAtMs: number): void {
    this.isCut = true;
    this.#goneAtMs = goneAtMs;
  }

  /** The broker is no more. */
  died(): void {
    this.isCut = true;
    this.isGone = true;
  }

  /** The broker learns that the connection has gone. */
  closed(nowMs: number): void {
    if (this.isGone) return;
    this.isCut = true;
    this.isGone = true;
    this.#broker.lost(this.peer, nowMs);
    this.#oracle.settled(nowMs);
  }
}
