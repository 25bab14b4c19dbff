/**
 * The time of day jumps, while the broker runs or while it does not: sessions and messages expire
 * by the time that has really passed, and none because a clock was set.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Broker } from "../../src/core/broker.ts";
import { DEFAULT_LIMITS } from "../../src/core/limits.ts";
import type { Peer } from "../../src/core/peer.ts";
import type { Link } from "../../src/core/ports.ts";
import { Message } from "../../src/protocol/message.ts";
import type { Packet } from "../../src/protocol/packets.ts";
import type { LogJournal } from "../../src/store/log-journal.ts";
import { openStore } from "../../src/store/open-store.ts";
import { POLICY } from "./broker-world.ts";
import { SimDisk, SimFs } from "./sim-disk.ts";
import { connectOf } from "./store-client.ts";

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const YEAR = 365 * 24 * HOUR;
const EXPIRY_SEC = 600;

/** A machine whose clock can be set, and that can be started again. */
class FakeMachine {
  /** What really is the time, which nobody knows. */
  realMs = 5 * YEAR;
  boot = "first";
  #bootMs = 0;
  #setByMs = 40 * YEAR;

  uptimeMs(): number {
    return this.realMs - this.#bootMs;
  }

  wallMs(): number {
    return this.realMs + this.#setByMs;
  }

  random32(): number {
    return 7;
  }

  jump(byMs: number): void {
    this.#setByMs += byMs;
  }

  restart(): void {
    this.boot += "+";
    this.#bootMs = this.realMs;
  }
}

/** A process with a broker on the disk. */
class Life {
  readonly disk: SimDisk;
  readonly broker: Broker;
  readonly journal: LogJournal;
  readonly clock: () => number;
  readonly #machine: FakeMachine;

  constructor(disk: SimDisk, machine: FakeMachine) {
    this.#machine = machine;
    const startMs = machine.wallMs();
    const startRealMs = machine.realMs;
    const store = openStore({
      ...{ fs: new SimFs(disk), segmentSize: 65_536, machine, salvage: false },
      clock: () => startMs + machine.realMs - startRealMs,
      report: () => {},
    });
    this.disk = disk;
    this.journal = store.journal;
    this.clock = store.clock;
    const { journal, state } = store;
    this.broker = new Broker({ ...NOBODY, journal, state }, this.clock());
    this.broker.recover(this.clock());
    journal.start();
    this.turn();
  }

  turn(): void {
    this.broker.tick(this.clock());
    this.journal.tick(this.clock());
    for (let rounds = 0; rounds < 3; rounds += 1) {
      this.journal.commit(() => this.broker.committed());
      this.disk.settle();
      this.journal.recall(
        this.broker.takeWanted(),
        (wanted, message) => this.broker.recalled(wanted, message),
        () => this.broker.recallDone(this.clock()),
      );
      this.disk.settle();
    }
  }

  say(packet: Packet, to?: Peer): Peer {
    const peer = to ?? this.broker.open(LINK, this.clock());
    peer.receive(packet, this.clock());
    return peer;
  }

  /** A session that is left with a message in its queue; both are to expire. */
  leave(): void {
    const subscription = { topicFilter: "t", qos: 1, noLocal: false } as const;
    const options = { retainAsPublished: false, retainHandling: 0 } as const;
    const keeper = this.say({
      ...connectOf("keeper", 5),
      sessionExpiryIntervalSec: 2 * EXPIRY_SEC,
    });
    const subscribe = { type: "subscribe", packetId: 1, subscriptionIdentifier: 0 } as const;
    const subscriptions = [{ ...subscription, ...options }];
    this.say({ ...subscribe, subscriptions, userProperties: [] }, keeper);
    this.broker.lost(keeper, this.clock());
    const other = this.say({ ...connectOf("other", 5), sessionExpiryIntervalSec: 0 });
    const properties = { ...NO_PROPERTIES, messageExpiryIntervalSec: EXPIRY_SEC };
    const message = Message.of("t", Buffer.from("payload"), 1, false, properties);
    const publish = { type: "publish", message, dup: false, packetId: 1, topicAlias: 0 } as const;
    this.say({ ...publish, subscriptionIdentifiers: [] }, other);
    this.broker.lost(other, this.clock());
    this.turn();
  }

  /** What its client would find now. */
  get left(): { readonly session: boolean; readonly message: boolean } {
    this.turn();
    this.#machine.realMs += SECOND; // What is due happens.
    this.turn();
    const session = this.broker.state.sessions.has("keeper");
    const keeper = this.say({ ...connectOf("keeper", 5), sessionExpiryIntervalSec: EXPIRY_SEC });
    this.turn();
    let message = false;
    for (let rounds = 0; rounds < 3; rounds += 1) {
      const { clock } = this;
      for (let packet = keeper.poll(clock()); packet !== undefined; packet = keeper.poll(clock())) {
        message ||= packet.type === "publish";
      }
      this.turn();
    }
    return { session, message };
  }
}

const LINK: Link = { remoteAddress: "", policy: POLICY };
const NO_PROPERTIES = {
  ...{ payloadFormatIndicator: undefined, contentType: undefined, responseTopic: undefined },
  ...{ correlationData: undefined, userProperties: [] },
};
const NOBODY = {
  ...{ limits: DEFAULT_LIMITS, observer: {}, authenticator: undefined, authorizer: undefined },
  ...{ randomId: () => "", isUtf8: () => true, responseInformation: undefined },
  ...{ sysIntervalMs: 0, version: "" },
};

const ALL = { session: true, message: true };
const JUMPS: readonly number[] = [0, HOUR, -HOUR, 12 * YEAR, -12 * YEAR];
/** What is left after so many seconds. */
const AFTER = [
  { passedSec: EXPIRY_SEC - 20, left: ALL },
  { passedSec: EXPIRY_SEC + 20, left: { session: true, message: false } },
  { passedSec: 2 * EXPIRY_SEC + 20, left: { session: false, message: false } },
] as const;

function named(jumpMs: number): string {
  return jumpMs === 0 ? "is not set" : `is set by ${jumpMs / HOUR} h`;
}

for (const jumpMs of JUMPS) {
  for (const { passedSec, left } of AFTER) {
    test(`store: the clock ${named(jumpMs)} between two processes: ${passedSec} s`, () => {
      const machine = new FakeMachine();
      const first = new Life(new SimDisk({ seed: 1 }), machine);
      first.leave();
      machine.jump(jumpMs);
      machine.realMs += passedSec * SECOND;
      assert.deepEqual(new Life(first.disk.crash(), machine).left, left);
    });

    test(`store: the clock ${named(jumpMs)} while it runs, then a reboot: ${passedSec} s`, () => {
      const machine = new FakeMachine();
      const first = new Life(new SimDisk({ seed: 1 }), machine);
      first.leave();
      const before = first.clock();
      machine.jump(jumpMs);
      assert.equal(first.clock(), before, "its own clock does not jump");
      machine.realMs += 2 * SECOND;
      first.turn(); // Something is written, be it that nothing happens.
      machine.realMs += (passedSec - 2) * SECOND;
      machine.restart();
      assert.deepEqual(new Life(first.disk.crash(), machine).left, left);
    });
  }
}

test("store: a clock that is wrong after a reboot makes nothing expire by going back", () => {
  const machine = new FakeMachine();
  let life = new Life(new SimDisk({ seed: 1 }), machine);
  life.leave();
  for (let reboots = 0; reboots < 5; reboots += 1) {
    const before = life.clock();
    machine.realMs += 10 * SECOND;
    machine.restart();
    machine.jump(-YEAR);
    life = new Life(life.disk.crash(), machine);
    assert.equal(life.clock(), before, "no time has passed, as far as is known");
    life.turn();
  }
  assert.deepEqual(life.left, ALL);
});

test("store: many restarts: time passes once for all of them, whatever the clock does", () => {
  const machine = new FakeMachine();
  let life = new Life(new SimDisk({ seed: 1 }), machine);
  life.leave();
  const begun = { realMs: machine.realMs, clockMs: life.clock() };
  for (let restarts = 0; restarts < 29; restarts += 1) {
    machine.realMs += 20 * SECOND;
    machine.jump((restarts % 2 === 0 ? 1 : -1) * YEAR);
    life = new Life(life.disk.crash(), machine);
    assert.equal(life.clock() - begun.clockMs, machine.realMs - begun.realMs);
  }
  assert.deepEqual(life.left, ALL);
});
