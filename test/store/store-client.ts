/** A client of a simulated broker that does whatever comes to its mind, within MQTT. */
import assert from "node:assert/strict";
import { encode } from "../../src/codec/encode.ts";
import { PacketDecoder } from "../../src/codec/packet-decoder.ts";
import type { Peer } from "../../src/core/peer.ts";
import { Message } from "../../src/protocol/message.ts";
import {
  type AckType,
  type ConnectPacket,
  Delivery,
  type OutgoingPacket,
  type Packet,
  type PublishProperties,
  type Qos,
  SESSION_EXPIRY_NEVER,
  type Will,
} from "../../src/protocol/packets.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import type { Random } from "../sim/prng.ts";

export const TOPICS: readonly string[] = ["a", "a/b", "a/c", "d", "d/e/f"];
const FILTERS = ["a", "a/b", "a/+", "#", "d/#", "+/+"].concat([
  "$share/g/a/#",
  "$share/g/d/#",
  "$share/h/a/+",
  "$share/h/#",
]);
const PUBLISHES_MAX = 12;

/** What a client needs of the world around it. */
export interface Surroundings {
  readonly random: Random;
  readonly nowMs: number;
  connect(client: StoreClient): Peer;
  lost(client: StoreClient): void;
  undeliverable(client: StoreClient): void;
  /** Another message, with a payload of this size that says which one it is. */
  payload(topicName: string, size: number): Buffer;
  /** A client was sent a message: it must be one of those. */
  delivered(message: Message): void;
  /** Where the latest record ends. */
  readonly appended: number;
  /** A client was told that what was recorded up to there is safe. */
  told(position: number): void;
}

interface Outgoing {
  /** What its acknowledgement depends on. */
  readonly position: number;
  readonly message: Message;
  stage: "publish" | "pubrel";
}

export class StoreClient {
  readonly clientId: string;
  readonly version: 4 | 5;
  peer: Peer | undefined = undefined;
  isConnected = false;
  /** False: its socket takes no bytes. */
  reads = true;
  readonly #world: Surroundings;
  readonly #owed: { readonly type: AckType; readonly packetId: number }[] = [];
  readonly #outgoing = new Map<number, Outgoing>();
  /** By the Packet Identifiers of SUBSCRIBE and UNSUBSCRIBE. */
  readonly #asked = new Map<number, number>();
  #connackWaitsFor = 0;
  #packetId = 0;
  #askedId = 100;

  constructor(clientId: string, version: 4 | 5, world: Surroundings) {
    this.clientId = clientId;
    this.version = version;
    this.#world = world;
  }

  /** One thing of its own accord. */
  act(): void {
    const { random } = this.#world;
    if (this.peer === undefined) {
      if (random.chance(40)) this.connect(this.#connectPacket());
      return;
    }
    if (!this.isConnected) return;
    const dice = random.below(100);
    if (dice < 50) this.publish(this.#message());
    else if (dice < 64) this.#subscribe();
    else if (dice < 70) this.#unsubscribe();
    else if (dice < 80) this.#disconnect();
    else if (dice < 86) this.#world.lost(this);
    else if (dice < 90) this.setReading(!this.reads);
    else if (dice < 93) this.connect(this.#connectPacket());
  }

  connect(packet: ConnectPacket): void {
    const old = this.peer;
    this.peer = this.#world.connect(this);
    this.isConnected = false;
    this.reads = true;
    this.#owed.length = 0;
    const position = this.#receive(packet);
    // The end of the session before it must be safe; what else may follow here is sent at once.
    const hasEnded = packet.cleanStart && old === undefined;
    this.#connackWaitsFor = hasEnded ? position : 0;
    assert.ok(old === undefined || old.isClosing || !this.peer.isConnected, "two connections");
  }

  setReading(reads: boolean): void {
    if (reads && !this.reads) this.peer?.markReady();
    this.reads = reads;
  }

  /** The connection is gone, and it knows. */
  forget(): void {
    this.peer = undefined;
    this.isConnected = false;
  }

  /** @returns Where ends what was recorded because of it; 0: nothing was. */
  #receive(packet: Packet): number {
    const { peer } = this;
    if (peer === undefined || peer.isClosing) return 0;
    const before = this.#world.appended;
    try {
      peer.receive(packet, this.#world.nowMs);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#outgoing.clear(); // No room for it: there is no use in trying again.
      peer.violated(error, this.version, this.#world.nowMs);
    }
    const { appended } = this.#world;
    return appended > before ? appended : 0;
  }

  /** Takes what the broker has for it. */
  drain(): void {
    const { peer } = this;
    const { nowMs } = this.#world;
    if (peer === undefined || !this.reads) return;
    for (let packet = peer.poll(nowMs); packet !== undefined; packet = peer.poll(nowMs)) {
      this.#got(packet);
      if (this.peer !== peer) return;
    }
    if (peer.isClosing && peer.replies.length === 0) this.#world.lost(this);
  }

  #got(packet: OutgoingPacket): void {
    switch (packet.type) {
      case "connack":
        this.isConnected = packet.reasonCode === 0;
        if (!this.isConnected) break;
        this.#world.told(this.#connackWaitsFor);
        this.#resume(packet.sessionPresent);
        break;
      case "suback":
      case "unsuback":
        this.#world.told(this.#asked.get(packet.packetId) ?? 0);
        break;
      case "puback":
      case "pubrec":
      case "pubcomp":
        this.#answered(packet.type, packet.packetId, packet.reasonCode);
        break;
      case "pubrel":
        this.#owed.push({ type: "pubcomp", packetId: packet.packetId });
        break;
      case "publish":
        this.#published(packet as Delivery);
        break;
    }
  }

  #published(delivery: Delivery): void {
    const { message, qos, packetId } = delivery;
    const { peer } = this;
    if (peer !== undefined && message.payloadSize > peer.maximumPacketSize) {
      this.#world.undeliverable(this);
      return;
    }
    this.#world.delivered(message);
    if (qos > 0) this.#owed.push({ type: qos === 1 ? "puback" : "pubrec", packetId });
  }

  /** What it has no answer for goes out again. */
  #resume(sessionPresent: boolean): void {
    if (!sessionPresent) this.#outgoing.clear();
    for (const [packetId, { message, stage }] of [...this.#outgoing]) {
      if (stage === "publish") this.#send(message, packetId, true);
      else this.#receive({ type: "pubrel", packetId, reasonCode: 0, properties: undefined });
    }
  }

  #answered(type: AckType, packetId: number, reasonCode: number): void {
    const outgoing = this.#outgoing.get(packetId);
    if (outgoing === undefined) return;
    if (reasonCode < 0x80) this.#world.told(outgoing.position);
    if (type !== "pubrec" || reasonCode >= 0x80) {
      this.#outgoing.delete(packetId);
      return;
    }
    outgoing.stage = "pubrel";
    this.#owed.push({ type: "pubrel", packetId });
  }

  /** Sends some of the acknowledgements that it owes, or all. */
  acknowledge(isAll: boolean): void {
    const { random } = this.#world;
    for (const ack of this.#owed.splice(0, isAll ? this.#owed.length : random.below(4))) {
      this.#receive({ ...ack, reasonCode: 0, properties: undefined });
    }
  }

  get owes(): number {
    return this.#owed.length;
  }

  publish(message: Message): void {
    if (message.qos === 0) {
      this.#send(message, 0, false);
      return;
    }
    if (this.#outgoing.size >= PUBLISHES_MAX) return;
    do this.#packetId = (this.#packetId % 20) + 1;
    while (this.#outgoing.has(this.#packetId));
    const packetId = this.#packetId;
    this.#outgoing.set(packetId, { message, stage: "publish", position: Infinity });
    this.#send(message, packetId, false);
  }

  /** As bytes, so that the broker gets it as it would from a socket. */
  #send(message: Message, packetId: number, dup: boolean): void {
    const delivery = new Delivery(message);
    Object.assign(delivery, { qos: message.qos, retain: message.retain, dup, packetId });
    delivery.messageExpiryIntervalSec = message.properties?.messageExpiryIntervalSec;
    const decoder = new PacketDecoder({
      ...{ role: "client", packetSizeMax: 2 ** 28, userPropertiesMax: 9 },
    });
    decoder.protocolVersion = this.version;
    decoder.push(encode(delivery, this.version));
    const packet = decoder.next();
    assert.equal(packet?.type, "publish");
    if (packet === undefined) return;
    const position = this.#receive(packet);
    const outgoing = this.#outgoing.get(packetId);
    if (outgoing !== undefined) this.#outgoing.set(packetId, { ...outgoing, position });
  }

  #message(): Message {
    const { random } = this.#world;
    const topicName = random.pick(TOPICS);
    const retain = random.chance(20);
    // Mostly small, and now and then larger than a segment.
    const size = random.chance(1) ? random.below(20_000) : random.between(20, 300);
    const isEmpty = retain && random.chance(25);
    const payload = isEmpty ? Buffer.alloc(0) : this.#world.payload(topicName, size);
    const properties = this.version === 5 && random.chance(30) ? this.#properties() : undefined;
    return Message.of(topicName, payload, this.#qos(), retain, properties);
  }

  #qos(): Qos {
    return this.#world.random.pick<Qos>([0, 1, 1, 1, 2, 2, 2]);
  }

  #properties(): PublishProperties {
    const { random } = this.#world;
    return {
      // Where there is none at all, what is read back has no properties.
      payloadFormatIndicator: random.pick([0, 1]),
      messageExpiryIntervalSec: random.pick([undefined, 1, 5, 60]),
      contentType: random.pick([undefined, "text"]),
      responseTopic: random.pick([undefined, "reply"]),
      correlationData: random.chance(20) ? random.bytes(3) : undefined,
      userProperties: random.chance(30) ? [["name", "value"]] : [],
    };
  }

  #subscribe(): void {
    const { random } = this.#world;
    const is5 = this.version === 5;
    const subscriptions = Array.from({ length: random.between(1, 2) }, () => {
      const topicFilter = random.pick(FILTERS);
      const isShared = topicFilter.startsWith("$share");
      return {
        topicFilter,
        qos: random.pick<Qos>([0, 1, 2, 2]),
        noLocal: is5 && !isShared && random.chance(20),
        retainAsPublished: is5 && random.chance(50),
        retainHandling: is5 ? random.pick([0, 0, 1, 2] as const) : (0 as const),
      };
    });
    const subscriptionIdentifier = is5 && random.chance(40) ? random.between(1, 300) : 0;
    const packetId = this.#nextAsked();
    const position = this.#receive({
      ...{ type: "subscribe", packetId, subscriptions, subscriptionIdentifier },
      userProperties: [],
    });
    // What a shared group has for it follows at once, and is not waited for.
    const mayPull = this.peer?.session?.shared !== undefined;
    this.#asked.set(packetId, mayPull ? 0 : position);
  }

  #unsubscribe(): void {
    const topicFilters = [this.#world.random.pick(FILTERS)];
    const packetId = this.#nextAsked();
    const packet = { type: "unsubscribe", packetId, topicFilters, userProperties: [] } as const;
    this.#asked.set(packetId, this.#receive(packet));
  }

  #nextAsked(): number {
    this.#askedId = this.#askedId < 60_000 ? this.#askedId + 1 : 100;
    return this.#askedId;
  }

  #disconnect(): void {
    const { random } = this.#world;
    const sessionExpiryIntervalSec = this.version === 5 && random.chance(15) ? 0 : undefined;
    this.#receive({
      ...{ type: "disconnect", reasonCode: random.chance(70) ? 0 : 4, sessionExpiryIntervalSec },
      ...{ serverReference: undefined, properties: undefined },
    });
    this.#world.lost(this);
  }

  #connectPacket(): ConnectPacket {
    const { random } = this.#world;
    const is5 = this.version === 5;
    const cleanStart = random.chance(12);
    const expiry = is5
      ? random.pick([0, 2, 60, 600, 600, SESSION_EXPIRY_NEVER])
      : cleanStart
        ? 0
        : SESSION_EXPIRY_NEVER;
    return {
      ...connectOf(this.clientId, this.version),
      cleanStart,
      sessionExpiryIntervalSec: expiry,
      will: random.chance(30) ? this.#will() : undefined,
      receiveMaximum: is5 ? random.pick([1, 2, 5, 65_535]) : 65_535,
      maximumPacketSize: is5 && random.chance(10) ? 150 : Number.POSITIVE_INFINITY,
    };
  }

  #will(): Will {
    const { random } = this.#world;
    const topicName = random.pick(TOPICS);
    return {
      topicName,
      payload: this.#world.payload(topicName, random.between(20, 100)),
      ...{ qos: this.#qos(), retain: random.chance(20) },
      properties: this.version === 5 && random.chance(30) ? this.#properties() : undefined,
      willDelayIntervalSec: this.version === 5 ? random.pick([0, 0, 1, 30]) : 0,
    };
  }
}

/** A CONNECT that takes up a session for ever. */
export function connectOf(clientId: string, version: 4 | 5): ConnectPacket {
  return {
    ...{ type: "connect", protocolVersion: version, clientId, cleanStart: false },
    ...{ keepAliveSec: 0, userName: undefined, password: undefined, will: undefined },
    sessionExpiryIntervalSec: SESSION_EXPIRY_NEVER,
    ...{ receiveMaximum: 65_535, maximumPacketSize: Number.POSITIVE_INFINITY },
    ...{ topicAliasMaximum: 0, requestResponseInformation: false },
    ...{ requestProblemInformation: true, userProperties: [] },
    ...{ authenticationMethod: undefined, authenticationData: undefined },
  };
}
