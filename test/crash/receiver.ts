/** A client with a persistent session that receives: QoS 2 exactly as §4.3.3 says. */
import type {
  ConnackPacket,
  Packet,
  PublishPacket,
  SubackPacket,
  UnsubackPacket,
} from "../../src/codec/index.ts";
import { Client, type ConnectOptions, KEPT_SEC, type World } from "./client.ts";
import type { Creditor, Sent } from "./ledger.ts";
import { serialOf } from "./payload.ts";
import { ReceivedSet } from "./received-set.ts";
import { topicsOf } from "./topics.ts";

/** "asked" and "leaving": the broker has not said yet. */
type State = "absent" | "asked" | "present" | "leaving";

interface Subscription {
  readonly filter: string;
  readonly qos: 1 | 2;
  /** 0: none. */
  readonly identifier: number;
  isWanted: boolean;
  state: State;
  /** When the state came about. */
  sinceTick: number;
}

export interface ReceiverOptions {
  readonly receiveMaximum: number;
  /** What it subscribes to, with the QoS. */
  readonly filters: ReadonlyArray<readonly [filter: string, qos: 1 | 2]>;
  /** What it subscribes to or not, as the run goes on. */
  readonly churnFilters: readonly string[];
}

export class Receiver extends Client implements Creditor {
  readonly #options: ReceiverOptions;
  readonly #subscriptions: readonly Subscription[];
  readonly #byTopic = new Map<string, Subscription>();
  readonly #had = new ReceivedSet();
  /** By stream, the latest message that came. */
  readonly #latest = new Map<number, number>();
  readonly #owed = new Map<number, Sent>();
  /** Packet Identifiers of QoS 2 with PUBREC sent, before PUBREL. */
  readonly #held = new Set<number>();
  /** By Packet Identifier, what SUBACK and UNSUBACK are for. */
  readonly #asked = new Map<number, Subscription>();
  #packetId = 0;
  #startsClean = false;
  /** When the last Clean Start was decided on. */
  #cleanTick = 0;

  constructor(world: World, number: number, version: 4 | 5, options: ReceiverOptions) {
    super(world, `receiver-${number}`, version);
    this.#options = options;
    this.#subscriptions = [
      ...options.filters.map(([filter, qos]) => ({ filter, qos, isWanted: true })),
      ...options.churnFilters.map((filter) => ({ filter, qos: 2 as const, isWanted: false })),
    ].map((start, at) => ({
      ...start,
      identifier: version === 5 ? at + 1 : 0,
      ...{ state: "absent", sinceTick: 0 },
    }));
    for (const subscription of this.#subscriptions) {
      for (const topic of topicsOf(subscription.filter)) this.#byTopic.set(topic, subscription);
    }
    if (options.filters.some(([filter]) => filter.startsWith("will/"))) this.#inherit();
    world.ledger.creditors.push(this);
  }

  /** Nothing is owed, and each subscription is as it is wanted. */
  get isSettled(): boolean {
    return this.#owed.size === 0 && this.isSubscribed;
  }

  get isSubscribed(): boolean {
    return this.#subscriptions.every(
      ({ isWanted, state }) => state === (isWanted ? "present" : "absent"),
    );
  }

  /** Subscribes to something, or gives it up. */
  churn(pick: <Item>(items: readonly Item[]) => Item): void {
    const { churnFilters } = this.#options;
    if (!this.isConnected || churnFilters.length === 0) return;
    const filter = pick(churnFilters);
    const subscription = this.#subscriptions.find((one) => one.filter === filter);
    if (subscription === undefined) return;
    if (subscription.state === "asked" || subscription.state === "leaving") return;
    subscription.isWanted = !subscription.isWanted;
    this.#pursue(subscription);
  }

  /** Begins anew, with Clean Start: nothing of what the session was may come back. */
  renew(): void {
    if (this.version !== 5) return; // A 3.1.1 session would not outlive the connection.
    this.#startsClean = true;
    this.#cleanTick = this.world.ledger.tick();
    this.#owed.clear();
    for (const subscription of this.#subscriptions) subscription.state = "asked";
    this.drop();
  }

  owe(message: Sent): boolean {
    if (!this.#isSubscribedSince(message)) return false;
    if (!this.#had.has(message.serial)) this.#owed.set(message.serial, message);
    return true;
  }

  writeOff(): void {
    const { counts } = this.world.ledger;
    for (const message of this.#owed.values()) {
      if (message.kind === "load") counts.lost += 1;
      else if (message.kind === "will") counts.willsLost += 1;
      else {
        counts.subscriptionsLost += 1;
        this.#renewSubscription(message.topic);
      }
    }
    this.#owed.clear();
  }

  protected connectOptions(): ConnectOptions {
    const { receiveMaximum } = this.#options;
    const rest = { sessionExpiryIntervalSec: KEPT_SEC, receiveMaximum, will: undefined };
    return { cleanStart: this.#startsClean, ...rest };
  }

  protected sessionBegun(): void {
    if (!this.#startsClean) this.writeOff();
    this.#held.clear();
    for (const subscription of this.#subscriptions) this.#change(subscription, "absent");
  }

  protected connected(_connack: ConnackPacket): void {
    this.#startsClean = false;
    for (const subscription of this.#subscriptions) this.#pursue(subscription);
  }

  protected disconnected(): void {
    this.#asked.clear();
  }

  protected packet(packet: Packet): void {
    if (packet.type === "publish") this.#published(packet);
    else if (packet.type === "pubrel") {
      this.#held.delete(packet.packetId);
      this.sendAck("pubcomp", packet.packetId);
    } else if (packet.type === "suback" || packet.type === "unsuback") this.#subscribed(packet);
  }

  #published(packet: PublishPacket): void {
    const { packetId } = packet;
    if (packet.message.qos === 2) {
      if (!this.#held.has(packetId)) {
        this.#held.add(packetId);
        this.#deliver(packet);
      }
      this.sendAck("pubrec", packetId);
    } else {
      this.#deliver(packet);
      if (packetId > 0) this.sendAck("puback", packetId);
    }
  }

  #deliver({ message, subscriptionIdentifiers }: PublishPacket): void {
    const { counts } = this.world.ledger;
    const serial = serialOf(message.payload);
    if (serial === undefined) {
      counts.corrupt += 1;
      return;
    }
    const sent = this.world.ledger.find(serial);
    if (!this.#had.add(serial)) {
      this.#deliveredAgain(sent, message.qos);
      return;
    }
    counts.received += 1;
    this.#owed.delete(serial);
    if (sent === undefined) {
      counts.late += 1;
      return;
    }
    if (sent.topic !== message.topicName) counts.corrupt += 1;
    if (sent.isUnwanted) counts.willsUnwanted += 1;
    if (sent.doneTick > 0 && sent.doneTick < this.#cleanTick) counts.sessionsReturned += 1;
    this.#checkSubscription(sent, message.qos, subscriptionIdentifiers);
    this.#checkOrder(sent);
  }

  #deliveredAgain(sent: Sent | undefined, qos: number): void {
    const { counts } = this.world.ledger;
    if (qos < 2) counts.qos1Repeats += 1;
    else if (sent?.kind === "will") counts.willsDuplicated += 1;
    else counts.qos2Duplicates += 1;
  }

  #checkSubscription(sent: Sent, qos: number, identifiers: readonly number[]): void {
    const { counts } = this.world.ledger;
    const subscription = this.#byTopic.get(sent.topic);
    if (subscription === undefined) {
      counts.subscriptionsReturned += 1;
      return;
    }
    const { state, sinceTick, identifier } = subscription;
    if (state === "absent" && sinceTick < sent.sentTick) counts.subscriptionsReturned += 1;
    const expected = identifier === 0 ? "" : `${identifier}`;
    if (qos !== Math.min(sent.qos, subscription.qos) || identifiers.join() !== expected) {
      counts.subscriptionsAltered += 1;
    }
  }

  /** Of what was first sent after SUBACK: else a second sending may be the first to match. */
  #checkOrder(sent: Sent): void {
    if (sent.stream === 0) return;
    const latest = this.#latest.get(sent.stream) ?? 0;
    if (sent.serial > latest) this.#latest.set(sent.stream, sent.serial);
    else if (this.#isSubscribedSince(sent)) this.world.ledger.counts.orderInversions += 1;
  }

  /** SUBACK had come before the message was first sent, and nothing has been changed since. */
  #isSubscribedSince({ topic, sentTick }: Sent): boolean {
    const subscription = this.#byTopic.get(topic);
    return subscription?.state === "present" && subscription.sinceTick < sentTick;
  }

  #subscribed(packet: SubackPacket | UnsubackPacket): void {
    const subscription = this.#asked.get(packet.packetId);
    if (subscription === undefined) return;
    this.#asked.delete(packet.packetId);
    const isRefused = packet.reasonCodes.some((code) => code >= 0x80);
    if (isRefused) this.world.ledger.counts.refused += 1;
    else this.#change(subscription, packet.type === "suback" ? "present" : "absent");
  }

  /** Asks for what is wanted, where that is not what is. */
  #pursue(subscription: Subscription): void {
    const { isWanted, state, filter, qos, identifier } = subscription;
    if (state === (isWanted ? "present" : "absent")) return;
    this.#packetId = (this.#packetId % 60_000) + 1;
    const packetId = this.#packetId;
    this.#asked.set(packetId, subscription);
    if (isWanted) {
      this.#change(subscription, "asked");
      const options = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
      this.send({
        ...{ type: "subscribe", packetId, subscriptionIdentifier: identifier, userProperties: [] },
        subscriptions: [{ topicFilter: filter, qos, ...options }],
      });
    } else {
      this.#change(subscription, "leaving");
      this.#waive(subscription);
      this.send({ type: "unsubscribe", packetId, topicFilters: [filter], userProperties: [] });
    }
  }

  /** What waits for a subscription need not be delivered once that is given up (§3.10.4). */
  #waive(subscription: Subscription): void {
    for (const [serial, { topic }] of this.#owed) {
      if (this.#byTopic.get(topic) === subscription) this.#owed.delete(serial);
    }
  }

  #renewSubscription(topic: string): void {
    const subscription = this.#byTopic.get(topic);
    if (subscription?.state !== "present") return;
    this.#change(subscription, "asked");
    if (this.isConnected) this.#pursue(subscription);
  }

  #change(subscription: Subscription, state: State): void {
    subscription.state = state;
    subscription.sinceTick = this.world.ledger.tick();
  }

  /** Wills have a topic each, known to nobody but those who leave them. */
  #inherit(): void {
    const subscription = this.#subscriptions.find(({ filter }) => filter.startsWith("will/"));
    if (subscription === undefined) return;
    for (let number = 0; number < 64; number += 1)
      this.#byTopic.set(`will/${number}`, subscription);
  }
}
