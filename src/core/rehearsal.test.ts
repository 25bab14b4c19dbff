import assert from "node:assert/strict";
import { test } from "node:test";
import { KeptOps } from "../../test/sim/kept-ops.ts";
import { World, willOf } from "./bench.suite.ts";
import { differenceOf } from "./difference.ts";
import type { Op } from "./ops.ts";
import type { DivergenceEvent } from "./ports.ts";
import { REHEARSAL_BOUNDS, type RehearsalBounds } from "./rehearsal.ts";
import { BrokerState } from "./state.ts";

/** A broker whose log is at hand, and what was said of it. */
class Rehearsed extends World {
  readonly log = new KeptOps();
  readonly said: DivergenceEvent[] = [];
  /** Ops that are not recorded. */
  forgets: (op: Op) => boolean = () => false;

  constructor(bounds: Partial<RehearsalBounds> = {}) {
    const said: DivergenceEvent[] = [];
    super({
      rehearsalBounds: { ...REHEARSAL_BOUNDS, ...bounds },
      observer: { diverged: (event) => said.push(event) },
      state: new BrokerState(undefined, false),
      sysIntervalMs: 10_000,
    });
    this.said = said;
    const { journal, log } = this;
    const append = journal.append.bind(journal);
    journal.append = (op) => {
      if (this.forgets(op)) return journal.appended;
      log.append(op);
      return append(op);
    };
    Object.assign(journal, { playback: log });
  }

  /** Turns, for as long as there is more to do and no longer. */
  turns(): number {
    let steps = 1;
    this.journal.commit();
    while (this.broker.tidy()) steps += 1;
    return steps;
  }

  /** Whatever is watched is watched to its end. */
  rehearse(): void {
    this.pass(REHEARSAL_BOUNDS.spanMs);
    this.turns(); // What is live is taken down.
    this.turns();
  }
}

const LASTING = { sessionExpiryIntervalSec: 3_600 };

test("a rehearsal begins with the first turn, ends with its time, and a rest follows", () => {
  const world = new Rehearsed();
  world.turns();
  const a = world.connect({ clientId: "a", ...LASTING, will: willOf("w", "gone") });
  a.subscribe("t", { qos: 2 });
  world.connect({ clientId: "b", ...LASTING }).publish("t", "x", { qos: 2, retain: true });
  world.pass(REHEARSAL_BOUNDS.spanMs - 1_000);
  world.turns();
  assert.equal(world.broker.stats.rehearsals, 0);
  world.rehearse();
  assert.equal(world.broker.stats.rehearsals, 1);
  world.rehearse();
  world.rehearse();
  assert.equal(world.broker.stats.rehearsals, 2);
  assert.deepEqual(world.said, []);
});

test("a rehearsal says what differs, how many, and where", () => {
  const world = new Rehearsed();
  const a = world.connect({ clientId: "a", ...LASTING });
  const b = world.connect({ clientId: "b", ...LASTING });
  world.turns();
  const from = world.journal.appended;
  world.forgets = ({ type }) => type === "subscribe";
  a.subscribe("t");
  b.subscribe("u");
  a.publish("v", "x", { qos: 1, retain: true });
  world.rehearse();
  const [event] = world.said;
  const says = /^session [ab]: subscriptions\.0 is there, and replayed it is not there$/;
  assert.match(event?.what ?? "", says);
  assert.equal(event?.count, 2);
  assert.equal(event?.from, from);
  assert.equal(event?.to, world.journal.appended);
  assert.equal(world.broker.stats.rehearsalsDiverged, 1);
});

test("$SYS has how often it was rehearsed, and what came of it", () => {
  const world = new Rehearsed();
  world.turns();
  world.rehearse();
  world.pass(10_000);
  const said = (name: string): string | undefined => {
    const message = world.broker.state.retained.get(`$SYS/broker/store/rehearsals/${name}`);
    return message && new TextDecoder().decode(message.payload);
  };
  assert.deepEqual(["count", "diverged", "abandoned"].map(said), ["1", "0", "0"]);
});

test("a rehearsal ends early where much is recorded, and replays it in small steps", () => {
  const world = new Rehearsed({ spanBytesMax: 100, stepMax: 10 });
  const a = world.connect({ clientId: "a", ...LASTING });
  world.turns();
  for (let left = 60; left > 0; left -= 1) a.publish("t", "x", { qos: 1, retain: true });
  world.turns();
  world.turns();
  assert.equal(world.broker.stats.rehearsals, 0, "not much yet");
  for (let left = 60; left > 0; left -= 1) a.publish("t", "x", { qos: 1, retain: true });
  world.turns();
  assert.ok(world.turns() >= 12);
  assert.equal(world.broker.stats.rehearsals, 1);
});

test("a slot with too much in it is passed over, and the others come one after the other", () => {
  const world = new Rehearsed({ thingsMax: 5, restMsPerThing: 0 });
  const clientIds = ["a", "b", "c", "d", "e", "f", "g"];
  const clients = clientIds.map((clientId) => world.connect({ clientId, ...LASTING }));
  clients[0]?.subscribe(["1", "2", "3", "4", "5", "6"]);
  const counted = new Set<string>();
  const { log } = world;
  const encode = log.encode.bind(log);
  log.encode = (op) => {
    if (op.type === "session") counted.add(op.clientId);
    return encode(op);
  };
  for (let turn = 0; turn < 20; turn += 1) {
    world.turns();
    world.rehearse();
  }
  assert.deepEqual([...counted].sort(), clientIds.slice(1));
  assert.deepEqual(world.said, []);
});

test("a rehearsal is given up when the log's bytes have gone", () => {
  const world = new Rehearsed();
  world.connect({ clientId: "a", ...LASTING });
  world.turns();
  const play = world.log.play.bind(world.log);
  Object.assign(world.log, { play: () => undefined });
  world.connect({ clientId: "b", ...LASTING });
  world.rehearse();
  assert.equal(world.broker.stats.rehearsalsAbandoned, 1);
  Object.assign(world.log, { play });
  for (let left = 30; left > 0; left -= 1) world.rehearse();
  const { rehearsals } = world.broker.stats;
  assert.ok(rehearsals > 0);
  assert.equal(world.broker.stats.rehearsalsAbandoned, 1);
});

test("a rehearsal is given up when there is too much in the end", () => {
  const world = new Rehearsed({ thingsMax: 2 });
  const a = world.connect({ clientId: "a", ...LASTING });
  world.turns();
  a.subscribe(["1", "2", "3", "4", "5", "6", "7", "8"]);
  world.rehearse();
  assert.equal(world.broker.stats.rehearsalsAbandoned, 1);
});

test("what cannot be replayed is a difference, and ends nothing", () => {
  const world = new Rehearsed();
  world.connect({ clientId: "a", ...LASTING });
  world.turns();
  world.log.decode = () => {
    throw new Error("no record is of type 99");
  };
  world.rehearse();
  assert.equal(world.said[0]?.what, "it cannot be replayed: no record is of type 99");
});

test("a difference is said by its path, without contents", () => {
  const one = { a: [1, { b: "x" }], c: Uint8Array.of(1, 2) };
  const is = (change: object): string => differenceOf(one, { ...one, ...change });
  assert.equal(is({ a: [1, { b: "y" }] }), "a.1.b is x, and replayed it is y");
  assert.equal(is({ a: [1] }), "a.1 is there, and replayed it is not there");
  assert.equal(is({ c: Uint8Array.of(1, 3) }), "c is 2 bytes, and replayed it is 2 bytes");
  assert.equal(differenceOf(undefined, one), "it is not there, and replayed it is there");
});
