/** Retained messages: what may be there after a restart, and what is. */
import type { ConnackPacket, Packet } from "../../src/codec/index.ts";
import { connectPacket, type World } from "./client.ts";
import { Link, type LinkOwner } from "./link.ts";
import { serialOf } from "./payload.ts";

const PREFIX = "retained/";

interface Value {
  readonly serial: number;
  /** An empty payload: nothing is retained from then on. */
  readonly isDeletion: boolean;
}

/** One topic, which one publisher publishes on with one QoS. */
export class RetainedTopic {
  readonly topic: string;
  readonly qos: 1 | 2;
  /** The last one that was acknowledged to the end, then those that were sent after it. */
  #values: Value[] = [{ serial: 0, isDeletion: true }];

  constructor(number: number, qos: 1 | 2) {
    this.topic = `${PREFIX}${number}`;
    this.qos = qos;
  }

  sent(serial: number, isDeletion: boolean): void {
    this.#values.push({ serial, isDeletion });
  }

  acknowledged(serial: number): void {
    const at = this.#values.findIndex((value) => value.serial === serial);
    if (at > 0) this.#values.splice(0, at);
  }

  /** @param serial What is retained, 0 for nothing. */
  mayBe(serial: number): boolean {
    return this.#values.some((value) => (value.isDeletion ? 0 : value.serial) === serial);
  }

  /** It is so, right or wrong, and counts as acknowledged: each loss is counted once. */
  take(serial: number): void {
    this.#values[0] = { serial, isDeletion: serial === 0 };
  }
}

/** Asks for all retained messages, before any publisher is back. */
export async function checkRetained(
  world: World,
  topics: readonly RetainedTopic[],
  quietMs: number,
): Promise<void> {
  const { counts } = world.ledger;
  const seen = await readRetained(world, topics, quietMs);
  if (seen === undefined) return;
  counts.retainedChecked += topics.length;
  for (const retained of topics) {
    const serial = seen.get(retained.topic) ?? 0;
    if (retained.mayBe(serial)) continue;
    if (serial === 0) counts.retainedLost += 1;
    else counts.retainedStale += 1;
    retained.take(serial);
  }
}

/** @returns by topic, the serial number retained; undefined: the broker did not answer. */
async function readRetained(
  world: World,
  topics: readonly RetainedTopic[],
  quietMs: number,
): Promise<ReadonlyMap<string, number> | undefined> {
  if (world.port === undefined) return undefined;
  const reader = new RetainedReader(world, world.port);
  const missing = (): boolean =>
    topics.some((retained) => !retained.mayBe(0) && !reader.seen.has(retained.topic));
  await world.activity.until(
    () => reader.isClosed || (reader.isAnswered && !missing()),
    // All of them are sent at once: a broker that has some left sends them.
    quietMs,
  );
  await reader.leave();
  return reader.isAnswered ? reader.seen : undefined;
}

class RetainedReader implements LinkOwner {
  readonly seen = new Map<string, number>();
  readonly #world: World;
  readonly #link: Link;
  /** PINGRESP has come behind SUBACK. */
  isAnswered = false;
  isClosed = false;

  constructor(world: World, port: number) {
    this.#world = world;
    this.#link = new Link(port, 5, this);
  }

  async leave(): Promise<void> {
    this.#link.destroy();
    await this.#world.activity.until(() => this.isClosed, 1_000);
  }

  opened(): void {
    const options = { cleanStart: true, sessionExpiryIntervalSec: 0, receiveMaximum: 65_535 };
    this.#link.send(connectPacket("retained-reader", 5, { ...options, will: undefined }));
  }

  received(packet: Packet): void {
    this.#world.activity.touch();
    if (packet.type === "connack") this.#subscribe(packet);
    else if (packet.type === "suback") this.#link.send({ type: "pingreq" });
    else if (packet.type === "pingresp") this.isAnswered = true;
    else if (packet.type === "publish") {
      const serial = serialOf(packet.message.payload);
      if (serial === undefined) this.#world.ledger.counts.corrupt += 1;
      else this.seen.set(packet.message.topicName, serial);
    }
  }

  closed(): void {
    this.isClosed = true;
    this.#world.activity.touch();
  }

  #subscribe({ reasonCode }: ConnackPacket): void {
    if (reasonCode !== 0) return;
    const options = {
      qos: 0,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
    } as const;
    this.#link.send({
      ...{ type: "subscribe", packetId: 1, subscriptionIdentifier: 0, userProperties: [] },
      subscriptions: [{ topicFilter: `${PREFIX}+`, ...options }],
    });
  }
}
