/** A client of a `BrokerWorld` that asks for one thing at a time, and says what it was told. */
import assert from "node:assert/strict";
import type { Peer } from "../../src/core/peer.ts";
import { Message } from "../../src/protocol/message.ts";
import {
  type OutgoingPacket,
  type Packet,
  SESSION_EXPIRY_NEVER,
} from "../../src/protocol/packets.ts";
import type { BrokerWorld, Drained } from "./broker-world.ts";
import { connectOf } from "./store-client.ts";

const TOPIC = "probe/topic";

export class Probe implements Drained {
  readonly #world: BrokerWorld;
  readonly #clientId: string;
  #peer: Peer | undefined = undefined;
  #replies: OutgoingPacket[] = [];
  #delivered = 0;
  /** Packet Identifiers of what it has to acknowledge. */
  #owed: number[] = [];

  constructor(world: BrokerWorld, clientId: string) {
    this.#world = world;
    this.#clientId = clientId;
  }

  drain(): void {
    const peer = this.#peer;
    if (peer === undefined) return;
    for (let packet = peer.poll(this.#world.nowMs); packet !== undefined; ) {
      // What `poll` gives is valid until the next only.
      if (packet.type === "publish") {
        this.#delivered += 1;
        if (packet.message.qos > 0) this.#owed.push(packet.packetId);
      } else this.#replies.push({ ...packet });
      packet = peer.poll(this.#world.nowMs);
    }
  }

  /**
   * @param cleanStart Its Session is a new one.
   * @returns The Reason Code of its CONNACK; -1: there was none yet.
   */
  connect(isLasting: boolean, cleanStart = true): number {
    this.#peer = this.#world.connect(this);
    const sessionExpiryIntervalSec = isLasting ? SESSION_EXPIRY_NEVER : 0;
    const packet = connectOf(this.#clientId, 5);
    return this.#ask({ ...packet, cleanStart, sessionExpiryIntervalSec });
  }

  /** @returns The Reason Code for its topic. */
  subscribe(topicFilter: string = TOPIC, qos: 0 | 1 = 0): number {
    const options = { noLocal: false, retainAsPublished: false, retainHandling: 2 } as const;
    const subscription = { topicFilter, qos, ...options } as const;
    return this.#ask({
      ...{ type: "subscribe", packetId: 1, subscriptions: [subscription] },
      ...{ subscriptionIdentifier: 0, userProperties: [] },
    });
  }

  /** @returns Whether it gets what it publishes at QoS 0. */
  getsQos0(): boolean {
    const before = this.#delivered;
    const payload = this.#world.payload(TOPIC, 40);
    this.#ask(publishOf(Message.of(TOPIC, payload, 0, false, undefined)));
    return this.#delivered === before + 1;
  }

  /**
   * That nothing is to be retained any more must be kept, and no limit but the disk refuses it.
   *
   * @returns The Reason Code of its PUBACK.
   */
  unretain(): number {
    return this.#ask(publishOf(Message.of(TOPIC, Buffer.alloc(0), 1, true, undefined)));
  }

  /** Acknowledges what has come, and what comes then, until nothing does. @returns How much. */
  fetch(): number {
    let count = 0;
    for (let idle = 0; idle < 5; idle += 1) {
      const owed = this.#owed;
      this.#owed = [];
      count += owed.length;
      if (owed.length > 0) idle = 0;
      for (const packetId of owed) {
        const packet = { type: "puback", packetId, reasonCode: 0, properties: undefined } as const;
        this.#peer?.receive(packet, this.#world.nowMs);
      }
      this.#world.turn();
      this.#world.disk.settle();
    }
    return count;
  }

  /** Its connection is gone; its Session stays if it is lasting. */
  lose(): void {
    const peer = this.#peer;
    this.#peer = undefined;
    if (peer !== undefined) this.#world.broker.lost(peer, this.#world.nowMs);
  }

  leave(): void {
    const peer = this.#peer;
    this.#peer = undefined;
    if (peer === undefined) return;
    const properties = { sessionExpiryIntervalSec: 0, serverReference: undefined };
    const packet = { type: "disconnect", reasonCode: 0, ...properties } as const;
    if (!peer.isClosing) peer.receive({ ...packet, properties: undefined }, this.#world.nowMs);
    this.#world.broker.lost(peer, this.#world.nowMs);
  }

  /** @returns The Reason Code of the answer; -1: there is none yet. */
  #ask(packet: Packet): number {
    const { nowMs, disk } = this.#world;
    assert.ok(this.#peer, "it is not connected");
    this.#replies = [];
    this.#peer.receive(packet, nowMs);
    for (let rounds = 0; rounds < 3; rounds += 1) {
      this.#world.turn();
      disk.settle();
    }
    const [reply] = this.#replies;
    if (reply === undefined) return -1;
    if ("reasonCodes" in reply) return reply.reasonCodes[0] ?? -1;
    return "reasonCode" in reply ? reply.reasonCode : -1;
  }
}

function publishOf(message: Message): Packet {
  return {
    ...{ type: "publish", message, dup: false, topicAlias: 0, subscriptionIdentifiers: [] },
    packetId: message.qos === 0 ? 0 : 7,
  };
}
