/** The core on a clock that is turned by hand: no sockets, no waiting, as net/ drives it. */
import { isUtf8 } from "node:buffer";
import { PacketDecoder } from "../../src/codec/packet-decoder.ts";
import { Broker } from "../../src/core/broker.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/core/limits.ts";
import type { Op } from "../../src/core/ops.ts";
import type { Peer } from "../../src/core/peer.ts";
import type { DisconnectedEvent, Link, ListenerPolicy } from "../../src/core/ports.ts";
import { WHEEL_SLOT_MS } from "../../src/core/wheel.ts";
import type { OutgoingPacket } from "../../src/protocol/packets.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import { wire } from "./wire-client.ts";

const POLICY: ListenerPolicy = {
  name: "virtual",
  queueFullPolicy: "drop-oldest",
  maximumQos: 2,
  retainAvailable: true,
  wildcardSubscriptionAvailable: true,
  sharedSubscriptionAvailable: true,
  subscriptionIdentifiersAvailable: true,
  validatePayloadFormat: true,
};

export class VirtualBroker {
  readonly core: Broker;
  /** Every Op so far, as a log on a disk would have it. */
  readonly ops: Op[] = [];
  readonly ended: DisconnectedEvent[] = [];
  readonly #clients = new Map<Link, VirtualClient>();
  nowMs: number;

  constructor(limits: Partial<Limits> = {}, nowMs = 1_700_000_000_000) {
    this.nowMs = nowMs;
    const { ops } = this;
    const journal = {
      append: (op: Op) => ops.push(op),
      get appended() {
        return ops.length;
      },
      appendedSize: 1,
      trouble: "none" as const,
      get committed() {
        return ops.length;
      },
    };
    this.core = new Broker(
      {
        limits: { ...DEFAULT_LIMITS, ...limits },
        journal,
        observer: { disconnected: (event) => this.ended.push(event) },
        authenticator: undefined,
        authorizer: undefined,
        randomId: () => `random-${this.#clients.size}`,
        isUtf8,
        responseInformation: undefined,
        sysIntervalMs: 0,
        version: "test",
      },
      nowMs,
    );
  }

  /** A Network Connection. */
  open(): VirtualClient {
    const client = new VirtualClient(this);
    this.#clients.set(client, client);
    return client;
  }

  /** The same with CONNECT, in the notation of the codec's vectors. */
  connect(packet: string): VirtualClient {
    const client = this.open();
    client.send(packet);
    return client;
  }

  /** Time goes by, tick for tick. */
  advance(seconds: number): void {
    const untilMs = this.nowMs + seconds * 1_000;
    while (this.nowMs < untilMs) this.leap(Math.min(WHEEL_SLOT_MS, untilMs - this.nowMs));
  }

  /** Time goes by at once: the process was not there meanwhile. */
  leap(ms: number): void {
    this.nowMs += ms;
    this.core.tick(this.nowMs);
    this.flush();
  }

  flush(): void {
    while (this.core.hasReady) {
      for (const { link } of this.core.takeReady()) this.#clients.get(link)?.flush();
    }
  }
}

export class VirtualClient implements Link {
  readonly remoteAddress = "virtual";
  readonly policy: ListenerPolicy = POLICY;
  readonly #broker: VirtualBroker;
  readonly #peer: Peer;
  readonly #decoder = new PacketDecoder({
    role: "server",
    packetSizeMax: 1_000_000,
    userPropertiesMax: 100,
  });
  #received: OutgoingPacket[] = [];
  /** When the broker ended the connection. */
  closedAtMs: number | undefined = undefined;

  constructor(broker: VirtualBroker) {
    this.#broker = broker;
    this.#peer = broker.core.open(this, broker.nowMs);
  }

  send(packet: string | Buffer): void {
    const { nowMs } = this.#broker;
    this.#decoder.push(typeof packet === "string" ? wire(packet) : packet);
    try {
      for (let next = this.#decoder.next(); next; next = this.#decoder.next()) {
        this.#peer.receive(next, nowMs);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#peer.violated(error, this.#decoder.protocolVersion, nowMs);
    }
    this.#broker.flush();
  }

  flush(): void {
    const { core, nowMs } = this.#broker;
    for (let next = this.#peer.poll(nowMs); next; next = this.#peer.poll(nowMs)) {
      this.#received.push({ ...next });
    }
    if (!this.#peer.isClosing || this.closedAtMs !== undefined) return;
    this.closedAtMs = nowMs;
    core.lost(this.#peer, nowMs);
  }

  /** The cable is cut. */
  cut(): void {
    this.#broker.core.lost(this.#peer, this.#broker.nowMs);
    this.#broker.flush();
  }

  /** What has come since the last call. */
  take(): OutgoingPacket[] {
    return this.#received.splice(0);
  }

  /** Payloads of the PUBLISH packets since the last call. */
  messages(): string[] {
    return this.take().flatMap((packet) =>
      packet.type === "publish" ? [Buffer.from(packet.message.payload).toString()] : [],
    );
  }
}
