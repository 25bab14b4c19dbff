/**
 * A broker on the log of a simulated disk, with clients that do what they like. Whatever is
 * recorded is remembered; at any moment one may look at what a crash would leave.
 */
import assert from "node:assert/strict";
import { Broker, type Wanted } from "../../src/core/broker.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/core/limits.ts";
import type { Peer } from "../../src/core/peer.ts";
import type { DivergenceEvent, Link, ListenerPolicy, LossEvent } from "../../src/core/ports.ts";
import type { RehearsalBounds } from "../../src/core/rehearsal.ts";
import type { Message } from "../../src/protocol/message.ts";
import type { LogEvent } from "../../src/store/log.ts";
import type { LogJournal } from "../../src/store/log-journal.ts";
import { openStore, type Store, type StoreOptions } from "../../src/store/open-store.ts";
import { type LogVisitor, readLog } from "../../src/store/recovery.ts";
import { Random } from "../sim/prng.ts";
import { rehearsalBoundsOf } from "../sim/settings.ts";
import { checkFilters, checkReadBack, checkShelf } from "./check-store.ts";
import { OpMemory } from "./op-memory.ts";
import { SimDisk, type SimDiskOptions, SimFs } from "./sim-disk.ts";
import { connectOf, StoreClient, type Surroundings } from "./store-client.ts";
import { differenceOf, storeText } from "./store-text.ts";

export interface WorldOptions {
  readonly disk?: Partial<SimDiskOptions>;
  readonly limits?: Partial<Limits>;
  readonly segmentSize?: number;
  readonly clients?: number;
  /** What one step of compaction may append. */
  readonly stepBytes?: number;
  readonly recentSize?: number;
  /** The broker is told that all is committed as soon as it is appended. */
  readonly isHasty?: boolean;
  /** See `SimDisk.fail`; not asked while a start reads what is there. */
  readonly fail?: SimDisk["fail"];
}

export const POLICY: ListenerPolicy = {
  name: "sim",
  queueFullPolicy: "drop-oldest",
  maximumQos: 2,
  retainAvailable: true,
  wildcardSubscriptionAvailable: true,
  sharedSubscriptionAvailable: true,
  subscriptionIdentifiersAvailable: true,
  validatePayloadFormat: false,
};

const NOBODY: LogVisitor = { restart: () => {}, record: () => {} };

/** Whoever has a connection to the broker, and takes what there is for it. */
export interface Drained {
  drain(): void;
}

class ClientLink implements Link {
  readonly remoteAddress = "sim";
  readonly policy: ListenerPolicy;
  readonly client: Drained;

  constructor(client: Drained, policy: ListenerPolicy) {
    this.client = client;
    this.policy = policy;
  }
}

export class BrokerWorld implements Surroundings {
  readonly random: Random;
  readonly segmentSize: number;
  readonly packetIdMax: number;
  readonly memory: OpMemory;
  readonly clients: readonly StoreClient[];
  disk: SimDisk;
  broker: Broker;
  journal: LogJournal;
  nowMs = 1_000_000_000;
  /** Crash states looked at; how often the log began further on; messages read back. */
  states = 0;
  drops = 0;
  recalls = 0;
  losses: LossEvent[] = [];
  diverged: (event: DivergenceEvent) => void = failOf;
  events: LogEvent[] = [];
  /** What clients were told is safe ends here. */
  toldTo = 0;
  readonly #limits: Limits;
  readonly #frameSizeMax: number;
  readonly #recentSize: number;
  readonly #stepBytesMax: number;
  readonly #rehearsalBounds: RehearsalBounds;
  readonly #policy: ListenerPolicy;
  readonly #fail: SimDisk["fail"];
  #serial = 0;
  readonly #known = new Set<string>();
  readonly #payloads = new Map<number, string>();
  #compactTo = 0;
  #isReading = false;
  #bootMs = 0;
  #bootWallMs = 0;

  constructor(seed: number, options: WorldOptions = {}) {
    const random = new Random(seed);
    this.random = random;
    this.segmentSize = options.segmentSize ?? random.pick([4096, 8192, 16_384]);
    this.packetIdMax = random.chance(30) ? random.between(5, 20) : 65_535;
    this.#frameSizeMax = random.pick([200, 1_000, 128 * 1024]);
    const recentSize = random.pick([0, 500, 4_000]);
    this.#recentSize = options.recentSize ?? recentSize;
    const stepBytes = random.pick([200, 2_000, 64 * 1024]);
    this.#stepBytesMax = options.stepBytes ?? stepBytes;
    this.#limits = { ...limitsOf(random), ...options.limits };
    this.#rehearsalBounds = rehearsalBoundsOf(seed);
    const queueFullPolicy = random.pick(["drop-oldest", "drop-newest", "reject"] as const);
    this.#policy = { ...POLICY, queueFullPolicy };
    this.#fail = options.fail ?? (() => undefined);
    this.disk = new SimDisk({ ...options.disk, seed });
    const store = this.open(this.disk);
    this.journal = store.journal;
    this.memory = new OpMemory(store.journal, this.packetIdMax, options.isHasty === true);
    this.broker = this.#brokerOf(store);
    this.clients = Array.from(
      { length: options.clients ?? 6 },
      (_, index) => new StoreClient(`c${index}`, random.pick([4, 5, 5]), this),
    );
    this.disk.fail = this.#fail;
    store.journal.start();
  }

  /** What a start on `disk` makes of it. */
  open(disk: SimDisk, options: Partial<StoreOptions> = {}): Store {
    const random = new Random(this.random.below(2 ** 32));
    return openStore({
      fs: new SimFs(disk),
      segmentSize: this.segmentSize,
      frameSizeMax: this.#frameSizeMax,
      recentSize: this.#recentSize,
      machine: {
        boot: "here",
        uptimeMs: () => this.nowMs - this.#bootMs,
        wallMs: () => this.nowMs + this.#bootWallMs,
        random32: () => random.below(2 ** 32),
      },
      clock: () => this.nowMs,
      packetIdMax: this.packetIdMax,
      salvage: false,
      report: (event) => this.events.push(event),
      ...options,
    });
  }

  #brokerOf({ state }: Store): Broker {
    const { memory, packetIdMax } = this;
    const options = {
      ...{ limits: this.#limits, journal: memory, state, packetIdMax },
      observer: {
        lost: (event: LossEvent) => this.losses.push({ ...event }),
        diverged: (event: DivergenceEvent) => this.diverged(event),
      },
      ...{ authenticator: undefined, authorizer: undefined, responseInformation: undefined },
      ...{ randomId: () => "", isUtf8: () => true, sysIntervalMs: 0, version: "sim" },
      compactionStepBytesMax: this.#stepBytesMax,
      rehearsalBounds: this.#rehearsalBounds,
    };
    return new Broker(options, this.nowMs);
  }

  // What a client needs.

  get appended(): number {
    return this.memory.appended;
  }

  connect(client: Drained): Peer {
    return this.broker.open(new ClientLink(client, this.#policy), this.nowMs);
  }

  lost(client: StoreClient): void {
    const { peer } = client;
    client.forget();
    if (peer !== undefined) this.broker.lost(peer, this.nowMs);
  }

  undeliverable({ peer }: StoreClient): void {
    if (peer !== undefined) this.broker.undeliverable(peer, this.nowMs);
  }

  payload(topicName: string, size: number): Buffer {
    this.#serial += 1;
    const text = `#${this.#serial} ${topicName} `;
    const payload = Buffer.alloc(Math.max(size, text.length), 46 + (this.#serial % 70));
    payload.write(text);
    this.#payloads.set(this.#serial, payload.toString("latin1"));
    return payload;
  }

  delivered(message: Message): void {
    if (message.payloadSize === 0) return;
    const text = Buffer.from(message.payload).toString("latin1");
    const [, serial = "", topicName = ""] = /^#(\d+) (\S+) /.exec(text) ?? [];
    assert.equal(text, this.#payloads.get(Number(serial)), "a payload that nobody has sent");
    assert.equal(topicName, message.topicName, "another topic's payload");
  }

  told(position: number): void {
    assert.ok(position <= this.memory.committed, "told before it is committed");
    this.toldTo = Math.max(this.toldTo, position);
  }

  // What happens.

  /** Clients do something, a turn goes by, and the disk moves on. */
  step(): void {
    const { random } = this;
    for (const client of this.clients) client.acknowledge(false);
    for (let left = random.between(0, 3); left > 0; left -= 1) random.pick(this.clients).act();
    const dice = random.below(100);
    this.pass(dice < 2 ? random.below(100_000) : dice < 30 ? random.below(2_000) : 5);
    this.turn();
    this.disk.run(random.below(9));
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.broker.tick(this.nowMs);
    this.journal.tick(this.nowMs);
  }

  /** What `net/turn.ts` does in one, until nobody is ready. */
  turn(): void {
    const { broker, journal } = this;
    for (let rounds = 0; rounds < 100; rounds += 1) {
      journal.commit(this.#committed);
      for (const peer of broker.takeReady()) (peer.link as ClientLink).client.drain();
      this.#tidy();
      if (!broker.hasReady) return;
    }
    assert.fail("peers stay ready for ever");
  }

  readonly #committed = (): void => this.broker.committed();

  #tidy(): void {
    const { broker, journal } = this;
    const position = journal.compactTo(broker.liveBytes);
    if (position > this.#compactTo) {
      this.#compactTo = position;
      broker.compact(position);
    }
    broker.tidy();
    const start = journal.extent.start;
    if (broker.compacted > 0) journal.drop(broker.compacted);
    if (broker.compacted > start) this.drops += 1;
    if (!this.#isReading) this.#recall();
  }

  #recall(): void {
    const { broker, journal } = this;
    const wanted = broker.takeWanted();
    if (wanted.length === 0) return;
    this.#isReading = true;
    const got = (item: Wanted, message: Message | undefined): void => {
      assert.equal(this.broker, broker);
      this.recalls += 1;
      broker.recalled(item, message);
    };
    journal.recall(wanted, got, () => {
      this.#isReading = false;
      broker.recallDone(this.nowMs);
    });
  }

  /** Everything that was recorded becomes durable, and whatever is put off is done. */
  settle(): void {
    for (let turns = 0; turns < 200; turns += 1) {
      this.turn();
      this.disk.settle();
      if (this.memory.committed === this.memory.appended && !this.#isReading) break;
    }
  }

  /** All come back, read and acknowledge, until nothing waits for them. */
  calm(): void {
    for (let rounds = 0; rounds < 400; rounds += 1) {
      for (const client of this.clients) {
        if (client.peer === undefined) client.connect(connectOf(client.clientId, client.version));
        client.setReading(true);
        client.acknowledge(true);
      }
      this.pass(300);
      this.turn();
      this.disk.settle();
      if (rounds > 4 && this.#waiting() === 0) return;
    }
    assert.fail(`${this.#waiting()} messages still wait`);
  }

  #waiting(): number {
    let waiting = 0;
    for (const { clientId, owes } of this.clients) {
      waiting += owes;
      waiting += this.broker.state.sessions.get(clientId)?.windowIfAny?.unfinished ?? 0;
    }
    return waiting;
  }

  // What must hold.

  /** What is on record is what is live. */
  compareLive(): void {
    const live = storeText(this.broker.state);
    const difference = differenceOf(live, this.memory.expected(this.memory.appended));
    assert.equal(difference, "", "live state and a replay of all records");
  }

  /** What a crash may leave now, up to `count` times over: each must hold all that was told. */
  look(count: number): void {
    this.memory.forget(this.memory.committed);
    for (const left of this.disk.crashStates(count)) {
      this.states += 1;
      if (!this.#isKnown(left)) this.check(left);
    }
  }

  /** What can be read from it has been checked already: its last checksum covers all of it. */
  #isKnown(disk: SimDisk): boolean {
    const { past, damages } = readLog(new SimFs(disk), this.segmentSize, NOBODY);
    if (damages.length > 0 || past.end < Math.max(this.toldTo, this.journal.committed))
      return false;
    const from = past.segments[0]?.base ?? 0;
    const log = `${from} ${past.logStart} ${past.end} ${past.before}`;
    if (this.#known.has(log)) return true;
    this.#known.add(log);
    return false;
  }

  check(disk: SimDisk): Store {
    const { memory, toldTo } = this;
    const store = this.open(disk);
    const end = store.journal.appended;
    assert.ok(end >= toldTo, `recovered up to ${end}, told up to ${toldTo}`);
    const { committed } = this.journal;
    assert.ok(end >= committed, `recovered up to ${end}, committed ${committed}`);
    const { state, journal } = store;
    const difference = differenceOf(storeText(state), memory.expected(end));
    assert.equal(difference, "", "what is recovered and what was recorded");
    checkShelf(state, memory);
    if (this.states % 8 === 0) {
      checkFilters(state);
      checkReadBack(state, journal, memory, disk);
    }
    return store;
  }

  /**
   * The power fails; the broker goes on with what is left.
   *
   * @param again How often it fails again before anything but the start has happened.
   */
  crash(again = 0): void {
    this.#begin(this.disk.crash());
    for (let left = again; left > 0; left -= 1) {
      this.turn();
      this.disk.run(this.random.below(12));
      this.look(8);
      this.#begin(this.disk.crash());
    }
  }

  /** The process dies, and the next one goes on with what the system has. */
  die(): void {
    this.#begin(this.disk.kill());
  }

  #begin(disk: SimDisk): void {
    const store = this.check(disk);
    this.disk = disk;
    this.journal = store.journal;
    this.memory.goOn(store.journal);
    this.#isReading = false;
    this.#compactTo = 0;
    for (const client of this.clients) client.forget();
    assert.equal(store.clock(), this.nowMs, "the clock goes on");
    this.broker = this.#brokerOf(store);
    this.broker.recover(this.nowMs);
    disk.fail = this.#fail;
    store.journal.start();
  }
}

/** All of them tiny, so that each is met. */
function limitsOf(random: Random): Limits {
  return {
    ...DEFAULT_LIMITS,
    keepAliveMaxSec: 0,
    sessionsMax: 10,
    sessionExpiryMaxSec: random.pick([20, 600, 100_000]),
    queueMessagesMax: random.pick([5, 30, 100]),
    queueBytesMax: random.pick([2_000, 50_000]),
    inflightMax: random.pick([2, 10, 1_000]),
    receiveMaximum: 20,
    messageMemoryBytesMax: random.pick([0, 2_000, 20_000]),
    retainedMessagesMax: random.between(2, 5),
    ledgerEntriesMax: 8,
  };
}

function failOf({ what, from, to }: DivergenceEvent): void {
  assert.fail(`rehearsed from ${from} to ${to}: ${what}`);
}
