import type { Duplex } from "node:stream";
import { PacketDecoder } from "../codec/packet-decoder.ts";
import type { Broker } from "../core/broker.ts";
import type { Limits } from "../core/limits.ts";
import type { Peer } from "../core/peer.ts";
import type { Link, ListenerPolicy } from "../core/ports.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { readShared } from "./shared-read.ts";
import type { Turn } from "./turn.ts";

/** Bytes that one `flush` may hand to the stream, so that one subscriber cannot hold the loop. */
const FLUSH_BYTES_MAX = 128 * 1024;
/** How long a client may take to close its end after we have closed ours. */
const LINGER_MS = 5_000;

/** What connections of one broker share. */
export interface Wiring {
  readonly broker: Broker;
  readonly turn: Turn;
  readonly limits: () => Limits;
}

/**
 * One Network Connection: bytes in to packets for the core, packets from the core to bytes out.
 *
 * Reads as data arrives, writes only in `flush`, which the turn calls after the journal's commit:
 * an acknowledgement never leaves before what it acknowledges is durable. Any ordered stream of
 * bytes will do [MQTT-4.2-1].
 */
export class Connection implements Link {
  readonly policy: ListenerPolicy;
  readonly remoteAddress: string;
  readonly #stream: Duplex;
  readonly #wiring: Wiring;
  readonly #decoder: PacketDecoder;
  readonly #peer: Peer;
  /** The client is not known yet: its packets must be small. */
  #isStranger = true;
  /** What it has read waits for a later turn. */
  #isLate = false;
  /** When it must have moved, else it is cut off; Infinity: nothing is expected of it. */
  #deadlineMs = Number.POSITIVE_INFINITY;

  constructor(stream: Duplex, wiring: Wiring, policy: ListenerPolicy, remoteAddress: string) {
    const { broker, turn, limits } = wiring;
    this.#stream = stream;
    this.#wiring = wiring;
    this.policy = policy;
    this.remoteAddress = remoteAddress;
    const { connectPacketSizeMax: packetSizeMax, userPropertiesMax } = limits();
    this.#decoder = new PacketDecoder({ role: "server", packetSizeMax, userPropertiesMax });
    this.#peer = broker.open(this, turn.clock());
    const receive = (chunk: Buffer): void => this.#read(chunk);
    if (!readShared(stream, receive)) stream.on("data", receive);
    stream.on("drain", () => this.#drained());
    stream.on("error", () => {}); // "close" follows, and says all there is to say.
    stream.on("close", () => this.#closed());
  }

  #read(chunk: Buffer): void {
    const { broker, turn } = this.#wiring;
    broker.stats.bytesReceived += chunk.length;
    turn.schedule();
    if (this.#peer.isClosing) return; // What comes after the end is let run out.
    this.#decoder.push(chunk);
    if (this.#isLate) return;
    if (!turn.isFull) {
      this.#receive(turn.nowMs);
      return;
    }
    this.#isLate = true;
    this.#stream.pause();
    turn.later(this);
  }

  /** The turn has time for what was read and not looked at. */
  goOn(nowMs: number): void {
    this.#isLate = false;
    if (this.#peer.isClosing) this.#stream.resume();
    else if (this.#peer.takesPackets) this.#resume(nowMs);
  }

  /** Pushes packets into the core as long as it takes them. The one catch of this edge. */
  #receive(nowMs: number): void {
    const peer = this.#peer;
    const decoder = this.#decoder;
    try {
      while (peer.takesPackets && !peer.isClosing) {
        const packet = decoder.next();
        if (packet === undefined) break;
        peer.receive(packet, nowMs);
        if (this.#isStranger && peer.isConnected) this.#known();
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error; // Our bug: crash, do not guess.
      peer.violated(error, decoder.versionIfKnown, nowMs);
    }
    // The rest stays in the decoder and in the socket.
    if (!peer.takesPackets) this.#stream.pause();
  }

  #known(): void {
    this.#isStranger = false;
    this.#decoder.packetSizeMax = this.#wiring.limits().packetSizeMax;
  }

  /** Sends what the core has for this peer, in one write. Called by the turn. */
  flush(nowMs: number): void {
    const stream = this.#stream;
    const { turn, broker } = this.#wiring;
    const peer = this.#peer;
    if (stream.destroyed || stream.writableEnded) return;
    if (stream.writableLength > 0 && stream.writableNeedDrain) {
      this.#blocked(nowMs); // "drain" will come.
      return;
    }
    const { writer } = turn;
    while (writer.size < FLUSH_BYTES_MAX) {
      const packet = peer.poll(nowMs);
      if (packet === undefined) break;
      if (writer.add(packet, peer.version, peer.maximumPacketSize)) continue;
      if (packet.type === "publish") {
        broker.undeliverable(peer, nowMs);
      } else if (packet.type === "connack") {
        stream.destroy(); // Without CONNACK nothing else may be sent either [MQTT-3.2.0-1].
        break;
      }
    }
    const { size } = writer;
    if (size > 0) {
      broker.stats.bytesSent += size;
      writer.flushTo(stream);
    }
    if (size >= FLUSH_BYTES_MAX) peer.markReady();
    else if (peer.isClosing) this.#end(nowMs);
    if (stream.isPaused() && peer.takesPackets && !this.#isLate) this.#resume(nowMs);
  }

  #resume(nowMs: number): void {
    if (this.#isStranger && this.#peer.isConnected) this.#known();
    this.#stream.resume();
    this.#receive(nowMs);
  }

  /** The client does not read: what waits for it must not pin the chunks it came in. */
  #blocked(nowMs: number): void {
    this.#peer.lane?.own();
    if (this.#deadlineMs !== Number.POSITIVE_INFINITY) return;
    this.#deadlineMs = nowMs + this.#wiring.limits().stalledTimeoutMs;
    this.#wiring.turn.watch(this);
  }

  #drained(): void {
    if (!this.#peer.isClosing) this.#relax();
    this.#peer.markReady();
    this.#wiring.turn.schedule();
  }

  /** [MQTT-3.14.4-2] [MQTT-4.13.2-1] Everything was said: close, and do not wait for ever. */
  #end(nowMs: number): void {
    if (this.#peer.replies.length === 0) {
      this.#stream.end();
      this.#stream.resume();
    } // Else they wait for a commit, after which `flush` comes by again.
    this.#deadlineMs = nowMs + LINGER_MS;
    this.#wiring.turn.watch(this);
  }

  /** Asked at each tick while something is expected of the client. */
  overdue(nowMs: number): void {
    if (nowMs >= this.#deadlineMs) this.#stream.destroy();
  }

  #relax(): void {
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    this.#wiring.turn.relax(this);
  }

  #closed(): void {
    const { broker, turn } = this.#wiring;
    this.#relax();
    broker.lost(this.#peer, turn.clock());
    turn.schedule();
  }
}
