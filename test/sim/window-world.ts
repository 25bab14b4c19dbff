/**
 * One OutboundWindow, one subscriber that is legal but awkward, a network that forgets, and a
 * broker that now and then comes back from a snapshot.
 *
 * Awkward: it acknowledges late, QoS 1 and QoS 2 each in order but not with one another (§4.6),
 * refuses some messages, repeats acknowledgements and sends some of the wrong kind.
 */
import assert from "node:assert/strict";
import { chargeOf, OutboundWindow } from "../../src/delivery/outbound-window.ts";
import { Message } from "../../src/protocol/message.ts";
import { type AckType, Delivery, type Qos } from "../../src/protocol/packets.ts";
import { Random } from "./prng.ts";

/** Tiny, so that queues fill and Packet Identifiers come round again. */
export const PACKET_ID_MAX = 6;
const LIMITS = { queueMessagesMax: 5, queueBytesMax: 500 };
const PUBLISHED_MAX = 70;
const STEPS = 500;

/** One run; throws when it finds something wrong. */
export function simulateWindow(seed: number): void {
  const world = new WindowWorld(seed);
  for (let step = 0; step < STEPS; step += 1) world.step();
  world.calm();
  world.compare();
}

interface Sent {
  readonly type: "publish" | "pubrel";
  readonly packetId: number;
  readonly qos: Qos;
  readonly serial: number;
}

export class WindowWorld {
  readonly random: Random;
  window: OutboundWindow = new OutboundWindow(PACKET_ID_MAX);
  nowMs = 0;
  /** By serial: QoS, and when it expires. */
  readonly published: { qos: Qos; message: Message }[] = [];
  /** Serials PUBLISHed at least once, with the Packet Identifier of the first time. */
  readonly sent: Map<number, number> = new Map();
  /** Serials given up: dropped, expired or refused. */
  readonly lost: Set<number> = new Set();
  readonly finished: Set<number> = new Set();
  /** What the subscribing application saw, in order. */
  readonly delivered: number[] = [];
  /** QoS 2 identifiers between PUBREC and PUBREL, at the subscriber. */
  readonly held: Set<number> = new Set();
  /** Identifier to serial, until the exchange is over for the broker. */
  readonly inFlight: Map<number, number> = new Map();
  wire: Sent[] = [];
  acks: Record<"puback" | "pubrec" | "pubcomp", number[]> = { puback: [], pubrec: [], pubcomp: [] };
  receiveMaximum = 0;
  outstanding: Set<number> = new Set();

  constructor(seed: number) {
    this.random = new Random(seed);
    this.reconnect();
  }

  step(): void {
    const dice = this.random.below(64);
    if (dice < 18) this.publish();
    else if (dice < 33) this.send();
    else if (dice < 47) this.receive();
    else if (dice < 60) this.acknowledge();
    else if (dice < 62) this.nowMs += this.random.below(4_000);
    else if (dice < 63) this.reconnect();
    else this.restart();
    this.#check();
  }

  /** Everybody behaves; nothing must be left over. */
  calm(): void {
    if (this.receiveMaximum === 0) this.reconnect();
    for (let turn = 0; turn < 400; turn += 1) {
      this.send();
      this.receive();
      for (const type of ["puback", "pubrec", "pubcomp"] as const) this.#ack(type, 0);
      this.#check();
    }
  }

  publish(): void {
    if (this.published.length >= PUBLISHED_MAX) return;
    const qos: Qos = this.random.chance(50) ? 1 : 2;
    const serial = this.published.length;
    const payload = new Uint8Array(this.random.below(120));
    const message = Message.of(`${serial}`, payload, 2, false, undefined);
    if (this.random.chance(15)) message.expiresAtMs = this.nowMs + this.random.below(4_000);
    const canFit = this.#bytesSent() + chargeOf(message) <= LIMITS.queueBytesMax;
    assert.equal(this.window.canFit(message, LIMITS), canFit);
    while (this.window.isFull(message, LIMITS)) {
      const oldest = this.random.chance(70) ? this.window.oldestQueued() : -1;
      if (oldest < 0) return;
      const dropped = Number(this.window.messageAt(oldest)?.topicName);
      assert.ok(!this.sent.has(dropped), "what was sent is never dropped for want of room");
      this.lost.add(dropped);
      this.window.finish(oldest);
    }
    this.published.push({ qos, message });
    const grant = { qos, retainAsPublished: false, subscriptionIdentifiers: [], shareKey: "" };
    this.window.enqueue(message, grant, false);
  }

  /** Of what was sent and is not finished: dropping gives nothing of that free. */
  #bytesSent(): number {
    const sent = this.window.entries().filter(({ stage }) => stage !== "queued");
    return sent.reduce((total, { size }) => total + size, 0);
  }

  /** The Network Connection is lost, and made again at once or after some more steps. */
  reconnect(): void {
    this.wire = [];
    this.acks = { puback: [], pubrec: [], pubcomp: [] };
    this.outstanding = new Set();
    this.window.disconnected();
    this.receiveMaximum = this.random.between(1, 4);
    this.window.connected(this.receiveMaximum);
    this.#resendPubrels();
  }

  /** The broker comes back from a snapshot. */
  restart(): void {
    const { window } = this;
    this.window = new OutboundWindow(PACKET_ID_MAX);
    this.window.restore(window.entries(), window.tail);
    const entriesOf = (from: OutboundWindow): unknown[] =>
      from.entries().map((entry) => ({ ...entry, stage: entry.stage === "released" }));
    assert.deepEqual(entriesOf(this.window), entriesOf(window), "restore(entries()) is the same");
    for (const key of ["unfinished", "bytes", "tail"] as const) {
      assert.equal(this.window[key], window[key], `restore: ${key}`);
    }
    this.reconnect();
  }

  #resendPubrels(): void {
    for (const { stage, seq } of this.window.entries()) {
      if (stage !== "released") continue;
      this.wire.push({
        type: "pubrel",
        packetId: this.window.packetIdOf(seq),
        qos: 2,
        serial: -1,
      });
    }
  }

  send(): void {
    const delivery = new Delivery(Message.of("", new Uint8Array(), 0, false, undefined));
    const result = this.window.poll(delivery, this.nowMs);
    if (result === "none") return;
    if (result === "expired") this.#expire();
    else this.#sent(delivery);
  }

  #expire(): void {
    const seq = this.window.nextSeq;
    const serial = Number(this.window.messageAt(seq)?.topicName);
    assert.ok(!this.sent.has(serial), "no expiry once it was sent [MQTT-4.3.3-7]");
    assert.ok((this.published[serial]?.message.expiresAtMs ?? 0) <= this.nowMs, "expired early");
    this.lost.add(serial);
    this.window.finish(seq);
  }

  #sent({ message, packetId, dup, qos }: Delivery): void {
    const serial = Number(message.topicName);
    assert.equal(qos, this.published[serial]?.qos, "QoS [MQTT-3.8.4-8]");
    assert.ok(packetId >= 1 && packetId <= PACKET_ID_MAX, "Packet Identifier [MQTT-2.2.1-3]");
    assert.equal(dup, this.sent.has(serial), "DUP [MQTT-3.3.1-1]");
    if (dup) assert.equal(packetId, this.sent.get(serial), "same identifier [MQTT-4.4.0-1]");
    else assert.ok(message.expiresAtMs > this.nowMs, "expired [MQTT-3.3.2-5]");
    assert.equal(this.inFlight.get(packetId) ?? serial, serial, "in use [MQTT-2.2.1-4]");
    this.sent.set(serial, packetId);
    this.inFlight.set(packetId, serial);
    this.outstanding.add(packetId);
    assert.ok(this.outstanding.size <= this.receiveMaximum, "Receive Maximum [MQTT-3.3.4-9]");
    this.wire.push({ type: "publish", packetId, qos, serial });
  }

  receive(): void {
    const packet = this.wire.shift();
    if (packet === undefined) return;
    const { packetId, serial } = packet;
    if (packet.type === "pubrel") {
      this.held.delete(packetId);
      this.acks.pubcomp.push(packetId);
    } else if (packet.qos === 1) {
      this.delivered.push(serial);
      this.acks.puback.push(packetId);
    } else {
      if (!this.held.has(packetId)) this.delivered.push(serial); // [MQTT-4.3.3-10]
      this.held.add(packetId);
      this.acks.pubrec.push(packetId);
    }
  }

  acknowledge(): void {
    const type = this.random.pick(["puback", "pubrec", "pubcomp"] as const);
    const [packetId] = this.acks[type];
    const current = this.published[this.inFlight.get(packetId ?? 0) ?? -1]?.qos;
    if (
      packetId !== undefined &&
      current === (type === "puback" ? 1 : 2) &&
      this.random.chance(20)
    ) {
      this.#acked(type === "puback" ? "pubcomp" : "puback", packetId, 0); // Of the wrong kind.
    }
    this.#ack(type, type !== "pubcomp" && this.random.chance(5) ? 0x97 : 0);
    const isHeld = packetId !== undefined && this.held.has(packetId);
    if (type === "pubrec" && isHeld && this.random.chance(10)) this.#acked(type, packetId, 0);
  }

  #ack(type: "puback" | "pubrec" | "pubcomp", reasonCode: number): void {
    const packetId = this.acks[type].shift();
    if (packetId === undefined) return;
    if (type === "pubrec" && reasonCode > 0) this.held.delete(packetId);
    this.#acked(type, packetId, reasonCode);
  }

  /** What the core does with an acknowledgement, cut down to the window. */
  #acked(type: AckType, packetId: number, reasonCode: number): void {
    const { window } = this;
    const seq = window.find(packetId);
    assert.equal(seq >= 0, this.inFlight.has(packetId), "find knows what is in flight");
    if (seq < 0) return;
    const isReleased = window.isReleased(seq);
    if ((type === "puback") !== (window.qosAt(seq) === 1)) return;
    if (type === "pubcomp" && !isReleased) return;
    if (type === "pubrec" && reasonCode === 0) {
      window.release(seq);
      // Of two PUBRELs the second PUBCOMP might end an exchange that has not begun yet.
      if (isReleased) return;
      this.wire.push({ type: "pubrel", packetId, qos: 2, serial: -1 });
      return;
    }
    const serial = this.inFlight.get(packetId) as number;
    if (reasonCode > 0) this.lost.add(serial);
    this.finished.add(serial);
    window.finish(seq);
    this.inFlight.delete(packetId);
    this.outstanding.delete(packetId);
  }

  #check(): void {
    const entries = this.window.entries();
    const ended = this.finished.size + [...this.lost].filter((s) => !this.finished.has(s)).length;
    assert.equal(entries.length, this.published.length - ended, "each is queued or over");
    assert.equal(this.window.unfinished, entries.length, "unfinished");
    assert.equal(
      this.window.bytes,
      entries.reduce((sum, { held }) => sum + (held instanceof Message ? chargeOf(held) : 0), 0),
      "bytes",
    );
    const unsent = entries.filter(({ seq }) => {
      return !this.sent.has(Number(this.window.messageAt(seq)?.topicName));
    });
    assert.ok(
      unsent.filter(({ stage }) => stage === "queued").length <= LIMITS.queueMessagesMax,
      "bounded queue",
    );
  }

  /** After `calm`: what the application saw against what was published. */
  compare(): void {
    assert.equal(this.window.unfinished, 0, "nothing is left");
    assert.equal(this.held.size, 0, "no identifier is held for ever");
    const firsts = [...new Set(this.delivered)];
    for (const qos of [1, 2]) {
      const due = this.published.flatMap((p, serial) =>
        p.qos === qos && !(this.lost.has(serial) && !firsts.includes(serial)) ? [serial] : [],
      );
      const seen = firsts.filter((serial) => this.published[serial]?.qos === qos);
      assert.deepEqual(seen, due, `QoS ${qos}: everything, in order [MQTT-4.6.0-5]`);
    }
    const twice = this.delivered.filter((serial) => this.published[serial]?.qos === 2);
    const counts = new Set(twice.filter((serial) => !this.lost.has(serial)));
    assert.equal(
      twice.filter((serial) => !this.lost.has(serial)).length,
      counts.size,
      "QoS 2: no duplicates [MQTT-4.3.3-10]",
    );
  }
}
