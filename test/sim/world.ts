/**
 * The whole core with the real codec, some clients, links between them and a journal, on a
 * virtual clock. Everything random comes from one seed.
 */
import assert from "node:assert/strict";
import { PacketWriter } from "../../src/codec/packet-writer.ts";
import { Broker } from "../../src/core/broker.ts";
import type { Authenticator, AuthRequest } from "../../src/core/ports.ts";
import type { RehearsalBounds } from "../../src/core/rehearsal.ts";
import type { BrokerState } from "../../src/core/state.ts";
import { Message } from "../../src/protocol/message.ts";
import type { ConnectPacket } from "../../src/protocol/packets.ts";
import { ReasonCode } from "../../src/protocol/reason-code.ts";
import type { SimDiskOptions } from "../store/sim-disk.ts";
import { type Actor, act, connectOf, messageOf } from "./behaviour.ts";
import { BrokerEnd } from "./broker-end.ts";
import { DiskJournal } from "./disk-journal.ts";
import { checkInvariants } from "./invariants.ts";
import { Oracle } from "./oracle.ts";
import { Conn } from "./oracle-state.ts";
import { Random } from "./prng.ts";
import { rehearsalBoundsOf, type Settings, settingsOf } from "./settings.ts";
import { type Manners, SimClient } from "./sim-client.ts";
import { SimJournal } from "./sim-journal.ts";
import { Trace } from "./trace.ts";

export interface WorldOptions {
  /** The broker keeps a log on a disk, which fails now and then; and now and then it dies. */
  readonly isMortal?: boolean;
  // What is broken on purpose, and must be noticed.
  readonly disk?: Partial<SimDiskOptions>;
  /** What was recorded counts as committed at once. */
  readonly isHasty?: boolean;
  /** Takes away what a recovery has brought back. */
  readonly spoil?: (state: BrokerState) => void;
}

const START_MS = 1_000_000;
const MANNERS: readonly Manners[] = ["polite", "awkward", "awkward", "awkward", "rude"];

export class World implements Actor {
  readonly random: Random;
  readonly settings: Settings;
  readonly trace: Trace = new Trace();
  readonly journal: SimJournal | DiskJournal;
  readonly oracle: Oracle;
  broker: Broker;
  readonly clients: SimClient[] = [];
  nowMs: number = START_MS;
  serial = 0;
  readonly #options: WorldOptions;
  readonly #rehearsalBounds: RehearsalBounds;
  #ends: BrokerEnd[] = [];
  /** One for all, as in the turn: a connection's bytes are gathered, then handed on. */
  readonly #writer = new PacketWriter();
  #connections = 0;
  #randomIds = 0;
  #isCalm = false;
  #steps = 0;
  #deciding: { readonly atMs: number; readonly request: AuthRequest }[] = [];

  constructor(seed: number, options: WorldOptions = {}) {
    this.#options = options;
    this.#rehearsalBounds = rehearsalBoundsOf(seed);
    const random = new Random(seed);
    this.random = random;
    this.settings = settingsOf(random);
    const { packetIdMax, commitDelayMaxMs } = this.settings;
    const delayMs = (): number => (this.#isCalm ? 0 : random.below(commitDelayMaxMs + 1));
    const journal = options.isMortal
      ? new DiskJournal(random, packetIdMax, this.nowMs, options)
      : new SimJournal(packetIdMax, delayMs);
    this.journal = journal;
    const oracle = new Oracle(this.settings, journal, this.trace);
    this.oracle = oracle;
    if (journal instanceof DiskJournal) {
      journal.remember = () => oracle.remember();
      journal.start();
      this.broker = this.#brokerOf(journal.state);
    } else this.broker = this.#brokerOf(undefined);
    this.#makeClients();
  }

  #brokerOf(state: BrokerState | undefined): Broker {
    const { settings, journal, oracle } = this;
    const { limits, packetIdMax, authorizer } = settings;
    const broker = new Broker(
      {
        ...{ limits, journal, observer: oracle, authorizer, packetIdMax, state },
        authenticator: settings.authenticationDelayMaxMs > 0 ? this.#authenticator : undefined,
        randomId: () => {
          this.#randomIds += 1;
          return `r${this.#randomIds}`;
        },
        isUtf8: () => true,
        responseInformation: undefined,
        sysIntervalMs: 0,
        version: "sim",
        compactionStepBytesMax: 300,
        rehearsalBounds: this.#rehearsalBounds,
      },
      this.nowMs,
    );
    const { ledger } = broker;
    const record = ledger.record.bind(ledger);
    ledger.record = (reason, message, clientId, nowMs) => {
      record(reason, message, clientId, nowMs);
      oracle.lose(reason, message, clientId, nowMs);
    };
    if (state !== undefined) oracle.adopt(state);
    return broker;
  }

  #makeClients(): void {
    const { output } = this.oracle;
    const clientsWriter = new PacketWriter();
    for (const name of ["a", "b", "c", "d", "e", ""]) {
      const manners = this.random.pick(MANNERS);
      const client = new SimClient(
        name,
        this.random.pick([4, 5, 5] as const),
        manners,
        this.random,
        clientsWriter,
        ({ conn }, index, packet, topicName) => output.arrived(conn, index, packet, topicName),
        (index, { conn }) => {
          const record = conn.sent[index];
          if (record !== undefined) output.application(record);
        },
      );
      this.clients.push(client);
    }
  }

  readonly #authenticator: Authenticator = {
    methods: new Set(),
    authenticate: (request) => {
      const delayMs = this.random.below(this.settings.authenticationDelayMaxMs);
      this.#deciding.push({ atMs: this.nowMs + delayMs, request });
    },
  };

  #decide(): void {
    const due = this.#deciding.filter(({ atMs }) => atMs <= this.nowMs);
    this.#deciding = this.#deciding.filter(({ atMs }) => atMs > this.nowMs);
    for (const { request } of due) {
      if (this.#isCalm || this.random.chance(85)) {
        request.decide({ verdict: "accept", principal: { name: "" } }, this.nowMs);
      } else {
        const reasonCode = ReasonCode.notAuthorized;
        request.decide({ verdict: "refuse", reasonCode }, this.nowMs);
      }
      this.oracle.settled(this.nowMs);
    }
  }

  // What a client can have done.

  connect(client: SimClient, connect: ConnectPacket): void {
    this.#connections += 1;
    const conn = new Conn(this.#connections, client.isRude);
    this.oracle.conns.set(conn.number, conn);
    const { broker, oracle, settings, random, nowMs } = this;
    const end = new BrokerEnd(conn, broker, oracle, settings, this.#writer, random, nowMs);
    this.#ends.push(end);
    // The old connection, if there is one, is given up without a word.
    client.end?.cut(nowMs + random.below(5_000));
    client.open(end, connect, nowMs);
  }

  cut(client: SimClient): void {
    client.end?.cut(this.nowMs + this.random.below(5_000));
    client.forget();
  }

  // One step.

  step(): void {
    const { random } = this;
    const dice = random.below(200);
    const stepMs = dice < 1 ? 12_000 : dice < 8 ? 1_500 : dice < 60 ? 100 : 10;
    this.#pass(random.below(stepMs));
    for (const client of this.clients) client.acknowledge(this.nowMs);
    for (let acts = random.between(1, 3); acts > 0; acts -= 1) act(this, random.pick(this.clients));
    if (random.chance(1)) this.#publishInside();
    for (const client of this.clients) this.#keepAlive(client);
    this.#turn();
    if (this.journal instanceof DiskJournal) this.#disaster(this.journal);
    checkInvariants(this.broker, this.oracle);
    this.#steps += 1;
    if (this.#steps % 20 === 0) this.journal.compare(this.broker.state);
  }

  #disaster(journal: DiskJournal): void {
    const { random } = this;
    const dice = random.below(100);
    if (dice < 2) this.#die(journal);
    else if (dice < 3) journal.breakDown();
    else if (dice < 4) journal.heal();
  }

  /** The power fails, and some time later another broker begins with what is on the disk. */
  #die(journal: DiskJournal): void {
    const { oracle, random } = this;
    oracle.compareLedger(this.broker.ledger.counts());
    for (const end of this.#ends) end.died();
    this.#ends = [];
    this.#deciding = [];
    this.nowMs += random.below(random.pick([10, 2_000, 15_000]));
    this.trace.note(`${this.nowMs} died`);
    journal.crash(this.nowMs, oracle.output.toldTo);
    this.#options.spoil?.(journal.state);
    this.broker = this.#brokerOf(journal.state);
    oracle.died(this.nowMs);
    this.broker.recover(this.nowMs);
    oracle.settled(this.nowMs);
    journal.start();
  }

  #compareJournal(): void {
    const { journal, broker } = this;
    journal.compare(broker.state);
    if (journal instanceof SimJournal) journal.compareRestored(broker.state);
  }

  /** Time passes, and what is due by then happens. */
  #pass(ms: number): void {
    this.nowMs += ms;
    const { nowMs, broker, oracle } = this;
    oracle.nowMs = nowMs;
    broker.tick(nowMs);
    oracle.ticked(nowMs);
    this.journal.tick(nowMs);
    this.#decide();
    for (const end of this.#ends) {
      end.tick(nowMs);
      end.read(nowMs);
    }
    this.#ends = this.#ends.filter((end) => !end.isGone);
    for (const client of this.clients) client.read(nowMs);
  }

  /** Mirrors `net/turn.ts`: commit, then write to all who have something. */
  #turn(): void {
    const { broker, journal, nowMs } = this;
    for (let rounds = 0; rounds < 50; rounds += 1) {
      journal.commitAt(nowMs, () => broker.committed());
      for (const peer of broker.takeReady()) (peer.link as BrokerEnd).flush(nowMs);
      journal.tidy(broker, nowMs);
      if (!broker.hasReady) return;
    }
    assert.fail("peers stay ready for ever");
  }

  #publishInside(): void {
    const made = messageOf(this, false, false);
    const { topicName, payload, qos, retain } = made;
    const message = Message.of(topicName, payload, qos, retain, undefined);
    this.oracle.publishes(message);
    this.broker.publish(message, this.nowMs);
    this.oracle.settled(this.nowMs);
  }

  #keepAlive(client: SimClient): void {
    if (!client.isConnected || client.keepAliveMs === 0) return;
    if (client.manners !== "polite" && !this.#isCalm && this.random.chance(80)) return;
    if (this.nowMs - client.lastSentMs > client.keepAliveMs * 0.7) {
      client.send({ type: "pingreq" }, this.nowMs);
    }
  }

  // The end.

  /** Everybody reconnects, reads and acknowledges, until nothing moves any more. */
  calm(): void {
    this.#compareJournal();
    this.#isCalm = true;
    if (this.journal instanceof DiskJournal) this.#heal(this.journal);
    for (const client of this.clients) {
      if (client.isRude) {
        this.cut(client);
        client.outgoing.clear();
      }
      client.manners = "polite";
      client.isRefused = false;
    }
    for (let step = 0; step < 600; step += 1) {
      this.#calmStep();
      if (step > 40 && this.#isQuiet()) return;
    }
    assert.fail(`never quiet: ${this.#unquiet()}`);
  }

  #heal(journal: DiskJournal): void {
    journal.heal();
    for (let step = 0; step < 50 && journal.trouble !== "none"; step += 1) {
      this.#pass(20);
      this.#turn();
    }
    assert.equal(journal.trouble, "none", "a disk that works again is used again");
  }

  #calmStep(): void {
    this.#pass(20);
    for (const client of this.clients) {
      client.pausedUntilMs = 0;
      if (client.end === undefined && client.name !== "" && !client.isRefused) {
        this.connect(client, connectOf(this, client, false));
      }
      client.acknowledge(this.nowMs);
      this.#keepAlive(client);
    }
    this.#turn();
    checkInvariants(this.broker, this.oracle);
  }

  #isQuiet(): boolean {
    return this.#unquiet() === "";
  }

  #unquiet(): string {
    const what: string[] = [];
    for (const { name, outgoing, owedAcks, end, isRefused } of this.clients) {
      if (end === undefined && (name === "" || isRefused)) continue;
      if (outgoing.size > 0) what.push(`${name} has ${outgoing.size} unanswered`);
      if (owedAcks.length > 0) what.push(`${name} owes acknowledgements`);
    }
    for (const session of this.broker.state.sessions.values()) {
      if (session.peer === undefined) continue;
      const unfinished = session.windowIfAny?.unfinished ?? 0;
      if (unfinished > 0) what.push(`${unfinished} for ${session.clientId}`);
      if (session.replays !== undefined) what.push(`replays for ${session.clientId}`);
    }
    for (const group of this.broker.state.groups.values()) {
      const { key, queue, hasOnline } = group;
      const head = this.broker.state.headOf(group);
      if (!hasOnline || head === undefined) continue;
      // What no connected member may receive waits for one that may, and all behind it.
      const { model } = this.oracle;
      const mayGo = model
        .members(key)
        .some(([{ clientId, conn }]) => conn && model.mayReceive(clientId, head.topicName));
      if (mayGo) what.push(`${queue.length} wait in ${key}`);
    }
    for (const { conn, up, down } of this.#ends) {
      if (up.size > 0 || down.size > 0) what.push(`bytes on ${conn.number}`);
      if (conn.expected.length > 0) what.push(`replies on ${conn.number}`);
    }
    return what.join(", ");
  }

  /** Every Session ends, each in its way; then nothing at all must be left. */
  end(): void {
    this.#compareJournal();
    for (const client of this.clients) {
      if (client.end === undefined) continue;
      if (this.random.chance(50)) this.cut(client);
      else this.connect(client, { ...connectOf(this, client, false), ...ENDING });
    }
    for (let step = 0; step < 30; step += 1) {
      this.#pass(step < 10 ? 50 : 60_000);
      this.#turn();
    }
    for (const client of this.clients) if (client.end !== undefined) this.cut(client);
    for (let step = 0; step < 5; step += 1) this.#pass(6_000);
    this.#turn();
    this.oracle.compare(this.broker.ledger.counts());
    this.#nothingLeft();
  }

  /** Retained messages that expire are all that may still be waited for. */
  #retainedToExpire(): number {
    const retained = [...this.broker.state.retained.all()];
    return retained.filter(({ expiresAtMs }) => expiresAtMs !== Number.POSITIVE_INFINITY).length;
  }

  #nothingLeft(): void {
    const { broker } = this;
    const { state, stats } = broker;
    const forever = [...state.sessions.values()].filter(
      ({ expiresAtMs }) => expiresAtMs === Number.POSITIVE_INFINITY,
    );
    assert.equal(state.sessions.size, forever.length, "Sessions are left");
    assert.equal(stats.connections, 0, "connections are left");
    assert.equal(stats.clientsConnected, 0, "clients are left");
    this.#compareJournal();
    if (forever.length > 0) return;
    assert.equal(state.groups.size, 0, "groups are left");
    assert.equal(state.shelf.count, 0, "messages are left on the shelf");
    assert.ok(state.filters.isEmpty, "filters are left");
    assert.equal(broker.deadlines, this.#retainedToExpire(), "deadlines are left");
  }
}

const ENDING: Partial<ConnectPacket> = {
  cleanStart: true,
  sessionExpiryIntervalSec: 0,
  will: undefined,
};
