/** A client that publishes QoS 1 and 2, and after each connection resends as §4.4 says. */
import {
  type AckPacket,
  type ConnackPacket,
  Delivery,
  Message,
  type Packet,
} from "../../src/codec/index.ts";
import type { Random } from "../sim/prng.ts";
import { Client, type ConnectOptions, KEPT_SEC, type World } from "./client.ts";
import type { Sent } from "./ledger.ts";
import { payloadOf } from "./payload.ts";
import type { RetainedTopic } from "./retained.ts";
import { CHURN_TOPICS, LOAD_TOPICS, streamOf } from "./topics.ts";

const PACKET_ID_MAX = 65_535;
const REFUSED = 0x80;
/** In one life of the broker, so that a fast one is not asked for more than can be counted. */
const MESSAGES_PER_LIFE = 200;

/** A message under way. */
interface Flight {
  readonly sent: Sent;
  readonly packetId: number;
  /** Its retained topic, if it is for one. */
  readonly retained: RetainedTopic | undefined;
  readonly isDeletion: boolean;
  /** PUBREC has come. */
  isReleased: boolean;
}

export interface PublisherOptions {
  /** Counts from 0; no two have the same. */
  readonly number: number;
  /** Messages that may be under way. */
  readonly window: number;
  /** Takes the lowest free Packet Identifier, hence the same ones again and again. */
  readonly reusesIds: boolean;
  /** It is the only one to publish there. */
  readonly retained: RetainedTopic | undefined;
}

export class Publisher extends Client {
  readonly #options: PublisherOptions;
  readonly #random: Random;
  readonly #topics: readonly string[];
  /** In the order in which they were sent. */
  readonly #flights = new Map<number, Flight>();
  readonly #probes: string[] = [];
  #window = 0;
  #lastId = 0;
  #messagesLeft = 0;

  constructor(world: World, version: 4 | 5, random: Random, options: PublisherOptions) {
    super(world, `publisher-${options.number}`, version);
    this.#options = options;
    this.#random = random;
    this.#topics = Array.from({ length: 3 }, () => random.pick(LOAD_TOPICS));
  }

  /** Nothing is under way, and nothing waits. */
  get isIdle(): boolean {
    return this.#flights.size === 0 && this.#probes.length === 0;
  }

  /** Publishes as fast as acknowledgements come, up to the end of this life of the broker. */
  begin(): void {
    this.#messagesLeft = MESSAGES_PER_LIFE;
    this.#fill();
  }

  /** Nothing new is published. */
  pause(): void {
    this.#messagesLeft = 0;
  }

  /** A message of QoS 1 on each topic, which tells whether a subscription is still there. */
  probe(topics: readonly string[]): void {
    this.#probes.push(...topics);
    this.#fill();
  }

  protected connectOptions(): ConnectOptions {
    const expiry = { sessionExpiryIntervalSec: KEPT_SEC, receiveMaximum: PACKET_ID_MAX };
    return { cleanStart: false, ...expiry, will: undefined };
  }

  /** What was not acknowledged may be there or not; nobody is going to know. */
  protected sessionBegun(): void {
    for (const { sent } of this.#flights.values()) this.world.ledger.done(sent);
    this.#flights.clear();
  }

  /** All that is under way once more, in the same order [MQTT-4.4.0-1, MQTT-4.6.0-1]. */
  protected connected(connack: ConnackPacket): void {
    const quota = connack.properties?.receiveMaximum ?? PACKET_ID_MAX;
    this.#window = Math.min(this.#options.window, quota);
    for (const flight of this.#flights.values()) {
      if (flight.isReleased) this.sendAck("pubrel", flight.packetId);
      else this.#send(flight, true);
    }
    this.#fill();
  }

  protected disconnected(): void {}

  protected packet(packet: Packet): void {
    if (packet.type === "puback" || packet.type === "pubrec" || packet.type === "pubcomp") {
      this.#answered(packet);
      this.#fill();
    }
  }

  #answered({ type, packetId, reasonCode }: AckPacket): void {
    const flight = this.#flights.get(packetId);
    if (flight === undefined) return; // A second answer, to what was sent twice.
    if (type !== "pubcomp" && reasonCode >= REFUSED) {
      this.world.ledger.counts.refused += 1;
      this.#finish(flight);
      return;
    }
    if (type !== "pubcomp") this.world.ledger.acknowledged(flight.sent);
    if (type === "pubrec") {
      flight.isReleased = true;
      this.sendAck("pubrel", packetId);
      return;
    }
    flight.retained?.acknowledged(flight.sent.serial);
    this.#finish(flight);
  }

  #finish(flight: Flight): void {
    this.world.ledger.done(flight.sent);
    this.#flights.delete(flight.packetId);
  }

  #fill(): void {
    while (this.isConnected && this.#flights.size < this.#window) {
      const probed = this.#probes.shift();
      if (probed !== undefined) this.#publish("probe", probed, 1);
      else if (this.#messagesLeft > 0) this.#publishNext();
      else return;
    }
  }

  #publishNext(): void {
    this.#messagesLeft -= 1;
    const { retained } = this.#options;
    const random = this.#random;
    if (retained !== undefined && random.chance(20)) this.#publishRetained(retained);
    else {
      const topic = random.pick(random.chance(15) ? CHURN_TOPICS : this.#topics);
      this.#publish("load", topic, random.chance(50) ? 1 : 2);
    }
  }

  #publish(kind: "load" | "probe", topic: string, qos: 1 | 2): void {
    const stream = streamOf(this.#options.number, topic, qos);
    const sent = this.world.ledger.newMessage(kind, topic, qos, stream);
    this.#begin({ sent, retained: undefined, isDeletion: false });
  }

  #publishRetained(retained: RetainedTopic): void {
    const { topic, qos } = retained;
    const sent = this.world.ledger.newMessage("load", topic, qos, 0);
    const isDeletion = this.#random.chance(20);
    retained.sent(sent.serial, isDeletion);
    this.#begin({ sent, retained, isDeletion });
  }

  #begin(flight: Omit<Flight, "packetId" | "isReleased">): void {
    const packetId = this.#freeId();
    const started = { ...flight, packetId, isReleased: false };
    this.#flights.set(packetId, started);
    this.#send(started, false);
  }

  #send(flight: Flight, dup: boolean): void {
    const { serial, topic, qos } = flight.sent;
    const payload = flight.isDeletion ? Buffer.alloc(0) : payloadOf(serial);
    const isRetained = flight.retained !== undefined;
    const delivery = new Delivery(Message.of(topic, payload, qos, isRetained, undefined));
    delivery.qos = qos;
    delivery.retain = isRetained;
    delivery.dup = dup;
    delivery.packetId = flight.packetId;
    this.send(delivery);
  }

  #freeId(): number {
    let packetId = this.#options.reusesIds ? 1 : (this.#lastId % PACKET_ID_MAX) + 1;
    while (this.#flights.has(packetId)) packetId = (packetId % PACKET_ID_MAX) + 1;
    this.#lastId = packetId;
    return packetId;
  }
}
