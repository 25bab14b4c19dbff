/** A simulated client: its side of the protocol, and its manners. */
import { PacketDecoder } from "../../src/codec/packet-decoder.ts";
import type { ByteSink, PacketWriter } from "../../src/codec/packet-writer.ts";
import type { Message } from "../../src/protocol/message.ts";
import type {
  AckPacket,
  AckType,
  ConnackPacket,
  ConnectPacket,
  OutgoingPacket,
  Packet,
  PublishPacket,
} from "../../src/protocol/packets.ts";
import { Delivery } from "../../src/protocol/packets.ts";
import type { BrokerEnd } from "./broker-end.ts";
import type { ModelSession } from "./oracle-state.ts";
import type { Random } from "./prng.ts";

/** Polite acknowledges at once and in order; awkward late and out of order; rude anything. */
export type Manners = "polite" | "awkward" | "rude";

/** What it publishes and has no answer for yet. */
interface Outgoing {
  readonly message: Message;
  stage: "publish" | "pubrel";
}

interface OwedAck {
  readonly type: AckType;
  readonly packetId: number;
  readonly reasonCode: number;
}

export class SimClient implements ByteSink {
  readonly writableLength = 0;
  readonly writer: PacketWriter;
  readonly name: string;
  readonly version: 3 | 4 | 5;
  manners: Manners;
  end: BrokerEnd | undefined = undefined;
  isConnected = false;
  /** Takes no bytes until then. */
  pausedUntilMs = 0;
  keepAliveMs = 0;
  lastSentMs = 0;
  receiveMaximum = 0;
  topicAliasMaximum = 0;
  readonly outgoing: Map<number, Outgoing> = new Map();
  readonly aliases: Map<number, string> = new Map();
  readonly owedAcks: OwedAck[] = [];
  /** A CONNECT with Clean Start has not been answered: the next one must have it as well. */
  mustClean = false;
  latestFilter = "";
  /** The latest CONNECT was refused. */
  isRefused = false;
  readonly #random: Random;
  readonly #held = new Set<number>();
  readonly #inboundAliases = new Map<number, string>();
  readonly #application: (index: number, end: BrokerEnd) => void;
  #session: ModelSession | undefined = undefined;
  #decoder: PacketDecoder | undefined = undefined;
  #publishes = 0;
  #packetId = 0;
  #nowMs = 0;
  #connect: ConnectPacket | undefined = undefined;
  readonly #arrived: (end: BrokerEnd, index: number, packet: PublishPacket, name: string) => void;

  constructor(
    name: string,
    version: 3 | 4 | 5,
    manners: Manners,
    random: Random,
    writer: PacketWriter,
    arrived: (end: BrokerEnd, index: number, packet: PublishPacket, topicName: string) => void,
    application: (index: number, end: BrokerEnd) => void,
  ) {
    this.name = name;
    this.version = version;
    this.manners = manners;
    this.#random = random;
    this.writer = writer;
    this.#arrived = arrived;
    this.#application = application;
  }

  get isRude(): boolean {
    return this.manners === "rude";
  }

  open(end: BrokerEnd, connect: ConnectPacket, nowMs: number): void {
    this.end = end;
    this.isConnected = false;
    this.pausedUntilMs = 0;
    this.#connect = connect;
    this.mustClean ||= connect.cleanStart;
    this.aliases.clear();
    this.owedAcks.length = 0;
    this.#inboundAliases.clear();
    this.#publishes = 0;
    const packetSizeMax = connect.maximumPacketSize;
    this.#decoder = new PacketDecoder({ role: "client", packetSizeMax, userPropertiesMax: 9 });
    this.#decoder.protocolVersion = this.version;
    this.send(connect, nowMs);
  }

  send(packet: OutgoingPacket, nowMs: number): void {
    const { writer } = this;
    writer.add(packet, this.version, Number.POSITIVE_INFINITY);
    this.#nowMs = nowMs;
    writer.flushTo(this);
  }

  // ByteSink, for the writer to flush to.
  write(bytes: Uint8Array): void {
    this.sendBytes(Buffer.from(bytes), this.#nowMs);
  }

  cork(): void {}

  uncork(): void {}

  sendBytes(bytes: Buffer, nowMs: number): void {
    if (this.end === undefined || this.end.isCut) return;
    this.lastSentMs = nowMs;
    this.end.up.write(bytes, nowMs);
  }

  /** It has no connection any more, as far as it knows. */
  forget(): void {
    if (this.end?.conn.hadNoRoom === true) this.outgoing.clear();
    this.end = undefined;
    this.isConnected = false;
  }

  /** Takes in what has arrived, unless it does not care to read. */
  read(nowMs: number): void {
    const { end } = this;
    if (end === undefined || nowMs < this.pausedUntilMs) return;
    for (let chunk = end.down.read(nowMs); chunk !== undefined; chunk = end.down.read(nowMs)) {
      if (end.isCut) return;
      this.#decoder?.push(chunk);
      for (;;) {
        const packet = this.#decoder?.next();
        if (packet === undefined) break;
        this.#receive(end, packet, nowMs);
        if (this.end !== end) return;
      }
    }
    if (!end.isCut) end.drained();
    if (end.isGone || end.down.hasEnded(nowMs)) {
      end.closed(nowMs);
      this.forget();
    }
  }

  #receive(end: BrokerEnd, packet: Packet, nowMs: number): void {
    switch (packet.type) {
      case "connack":
        this.#connected(end, packet, nowMs);
        break;
      case "publish":
        this.#published(end, packet);
        break;
      case "pubrel":
        this.#held.delete(packet.packetId);
        this.#owe("pubcomp", packet.packetId, 0);
        break;
      case "puback":
      case "pubrec":
      case "pubcomp":
        this.#answered(packet, nowMs);
        break;
      case "disconnect":
        end.closed(nowMs);
        this.forget();
        break;
    }
  }

  #connected(end: BrokerEnd, packet: ConnackPacket, nowMs: number): void {
    this.isRefused = packet.reasonCode >= 0x80;
    if (this.isRefused) {
      end.closed(nowMs);
      this.forget();
      return;
    }
    this.isConnected = true;
    this.mustClean = false;
    const { properties, sessionPresent } = packet;
    // A client knows by the expiry interval that its Session has been replaced meanwhile.
    if (!sessionPresent || this.#session !== end.conn.opened) {
      this.outgoing.clear();
      this.#held.clear();
    }
    this.#session = end.conn.opened;
    this.receiveMaximum = properties?.receiveMaximum ?? (this.version === 5 ? 65_535 : 4);
    this.topicAliasMaximum = properties?.topicAliasMaximum ?? 0;
    const asked = this.#connect?.keepAliveSec ?? 0;
    this.keepAliveMs = (properties?.serverKeepAliveSec ?? asked) * 1_000;
    for (const [packetId, { message, stage }] of this.outgoing) {
      if (stage === "publish") this.#sendPublish(message, packetId, true, nowMs);
      else this.#sendAck({ type: "pubrel", packetId, reasonCode: 0 }, nowMs);
    }
  }

  #published(end: BrokerEnd, packet: PublishPacket): void {
    const { message, packetId, topicAlias } = packet;
    const index = this.#publishes;
    this.#publishes += 1;
    if (topicAlias > 0 && message.topicName !== "") {
      this.#inboundAliases.set(topicAlias, message.topicName);
    }
    const topicName = message.topicName || (this.#inboundAliases.get(topicAlias) ?? "");
    this.#arrived(end, index, packet, topicName);
    const refuses = message.qos > 0 && this.version === 5 && this.manners === "awkward";
    if (refuses && !this.#held.has(packetId) && this.#random.chance(6)) {
      this.#owe(message.qos === 1 ? "puback" : "pubrec", packetId, 0x83);
      return;
    }
    if (message.qos < 2 || !this.#held.has(packetId)) this.#application(index, end);
    if (message.qos === 1) this.#owe("puback", packetId, 0);
    if (message.qos < 2) return;
    this.#held.add(packetId);
    this.#owe("pubrec", packetId, 0);
  }

  #owe(type: AckType, packetId: number, reasonCode: number): void {
    this.owedAcks.push({ type, packetId, reasonCode });
  }

  /** An answer to what it has published. */
  #answered({ type, packetId, reasonCode }: AckPacket, _nowMs: number): void {
    const outgoing = this.outgoing.get(packetId);
    if (outgoing === undefined) return;
    if (type !== "pubrec" || reasonCode >= 0x80) {
      this.outgoing.delete(packetId);
      return;
    }
    outgoing.stage = "pubrel";
    this.#owe("pubrel", packetId, 0);
  }

  /** Sends some of the acknowledgements that it owes: the polite ones all, in order. */
  acknowledge(nowMs: number): void {
    const owed = this.owedAcks;
    if (this.manners === "polite") {
      for (const ack of owed.splice(0)) this.#sendAck(ack, nowMs);
      return;
    }
    // Late, and out of order between the types, never within one [MQTT-4.6.0-2].
    for (let left = this.#random.below(3); left > 0; left -= 1) {
      const type = this.#random.pick(["puback", "pubrec", "pubrel", "pubcomp"] as const);
      const at = owed.findIndex((ack) => ack.type === type);
      const [ack] = at < 0 ? [] : owed.splice(at, 1);
      if (ack === undefined) continue;
      this.#sendAck(ack, nowMs);
      if (this.manners === "rude" && this.#random.chance(20)) this.#sendAck(ack, nowMs);
    }
  }

  #sendAck({ type, packetId, reasonCode }: OwedAck, nowMs: number): void {
    this.send({ type, packetId, reasonCode, properties: undefined }, nowMs);
  }

  /** A Packet Identifier that is free, or 0 when it may send no more now. */
  freePacketId(): number {
    if (this.isRude) return this.#random.between(1, 8);
    if (this.outgoing.size >= Math.min(this.receiveMaximum, 8)) return 0;
    do this.#packetId = (this.#packetId % 12) + 1;
    while (this.outgoing.has(this.#packetId));
    return this.#packetId;
  }

  publish(message: Message, packetId: number, nowMs: number): void {
    if (packetId > 0) this.outgoing.set(packetId, { message, stage: "publish" });
    this.#sendPublish(message, packetId, false, nowMs);
  }

  #sendPublish(message: Message, packetId: number, dup: boolean, nowMs: number): void {
    const delivery = new Delivery(message);
    delivery.qos = message.qos;
    delivery.dup = dup;
    delivery.retain = message.retain;
    delivery.packetId = packetId;
    delivery.messageExpiryIntervalSec = message.properties?.messageExpiryIntervalSec;
    if (this.topicAliasMaximum > 0 && this.#random.chance(40)) this.#alias(delivery);
    this.send(delivery, nowMs);
  }

  #alias(delivery: Delivery): void {
    const alias = this.#random.between(1, this.topicAliasMaximum);
    const { topicName } = delivery.message;
    delivery.topicAlias = alias;
    delivery.topicOmitted = this.aliases.get(alias) === topicName;
    this.aliases.set(alias, topicName);
  }
}
