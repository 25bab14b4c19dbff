/**
 * What a rehearsal of a restart says when something is wrong with what is recorded, on the real log
 * of a simulated disk. That it says nothing when all is well, every other simulation asserts.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Op } from "../../src/core/ops.ts";
import type { DivergenceEvent } from "../../src/core/ports.ts";
import { BrokerWorld } from "./broker-world.ts";

const STEPS = 400;
const RECENT_SIZE = 64 * 1024;
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

function worldOf(seed: number): BrokerWorld {
  return new BrokerWorld(seed, { recentSize: RECENT_SIZE });
}

test("a rehearsal says nothing when all is well, across restarts", () => {
  let rehearsals = 0;
  let abandoned = 0;
  for (const seed of SEEDS) {
    const world = worldOf(seed);
    for (let life = 0; life < 4; life += 1) {
      for (let step = 0; step < STEPS / 4; step += 1) world.step();
      rehearsals += world.broker.stats.rehearsals;
      abandoned += world.broker.stats.rehearsalsAbandoned;
      world.crash();
    }
  }
  assert.ok(rehearsals > 10 * SEEDS.length, `${rehearsals} rehearsals`);
  assert.ok(abandoned < rehearsals / 10, `${abandoned} abandoned`);
});

/** What is recorded in place of an Op; undefined: nothing. */
type Tamper = (op: Op) => Op | undefined;

function forgets(type: Op["type"]): Tamper {
  return (op) => (op.type === type ? undefined : op);
}

/** What goes wrong, and what is then said to differ. */
const WRONG: Readonly<Record<string, readonly [Tamper, RegExp]>> = {
  "an acknowledgement of a subscriber's is not recorded": [
    forgets("finish"),
    /^session c\d: entries/,
  ],
  "it is recorded for the message behind it": [
    (op) => (op.type === "finish" ? { ...op, seq: op.seq + 1 } : op),
    /^session c\d: entries/,
  ],
  "a PUBREC is not recorded": [
    forgets("release"),
    /entries\.\d+\.stage is released, and replayed it is queued/,
  ],
  "a PUBREL is not recorded": [forgets("unhold"), /heldPacketIds\.\d+ is not there/],
  "a publisher's Packet Identifier is recorded wrongly": [
    (op) =>
      op.type === "publish" && op.heldPacketId > 0
        ? { ...op, heldPacketId: op.heldPacketId + 1 }
        : op,
    /heldPacketIds\.\d+ is/,
  ],
  "a message is recorded for one session too few": [
    (op) => (op.type === "publish" ? { ...op, recipients: op.recipients.slice(1) } : op),
    /^session c\d: (entries|tail)/,
  ],
  "it is recorded with another QoS": [
    (op) =>
      op.type === "publish"
        ? {
            ...op,
            recipients: op.recipients.map((to) => ({ ...to, grant: { ...to.grant, qos: 1 } })),
          }
        : op,
    /entries\.\d+\.(qos|grant\.qos) is 2, and replayed it is 1/,
  ],
  "the deletion of a retained message is not recorded": [
    (op) =>
      op.type === "publish" && op.retain && op.message?.payloadSize === 0
        ? { ...op, retain: false }
        : op,
    /^retained message of \S+: it is not there, and replayed it is there/,
  ],
  "a retained message is recorded as one that is not": [
    (op) => (op.type === "publish" ? { ...op, retain: false } : op),
    /^retained message of \S+: (it is there, and replayed it is not there|message)/,
  ],
  "a subscription is not recorded": [forgets("subscribe"), /^session c\d: subscriptions/],
  "the end of one is not recorded": [
    forgets("unsubscribe"),
    /subscriptions\.\d+(\.\S+)? is .* replayed/,
  ],
  "a new session is not recorded": [
    forgets("open"),
    /^session c\d: (it is there, and replayed it is not there|isOpen is true)/,
  ],
  "the end of a connection is not recorded": [
    forgets("leave"),
    /isOpen is false, and replayed it is true/,
  ],
  "a session's expiry is recorded wrongly": [
    (op) => (op.type === "leave" ? { ...op, expiresAtMs: op.expiresAtMs + 1 } : op),
    /expiresAtMs is \d+, and replayed it is \d+/,
  ],
  "the end of a session is not recorded": [
    forgets("end"),
    /^session c\d: it is not there, and replayed it is there/,
  ],
  "a will is not discarded": [forgets("will-clear"), /will is not there, and replayed it is there/],
  "what a shared group hands on is not recorded": [
    forgets("assign"),
    /^(session c\d: (entries|tail)|shared group \S+: )/,
  ],
};

/** The first thing that is said to differ. */
function noticed(seed: number, begin: (world: BrokerWorld) => void): DivergenceEvent | undefined {
  const world = worldOf(seed);
  let found: DivergenceEvent | undefined;
  world.diverged = (event) => {
    found ??= event;
  };
  begin(world);
  for (let step = 0; step < STEPS && found === undefined; step += 1) world.step();
  assert.equal(found === undefined, world.broker.stats.rehearsalsDiverged === 0);
  return found;
}

function assertNoticed(says: RegExp, begin: (world: BrokerWorld) => void): void {
  const said: string[] = [];
  for (const seed of SEEDS) {
    const found = noticed(seed, begin);
    if (found === undefined) continue;
    assert.ok(found.count > 0 && found.from <= found.to);
    said.push(found.what);
    if (says.test(found.what)) return;
  }
  assert.fail(`not noticed as ${says}: ${said.join("; ")}`);
}

for (const [what, [tamper, says]] of Object.entries(WRONG)) {
  test(`a rehearsal notices: ${what}`, () => {
    assertNoticed(says, (world) => {
      world.memory.tamper = tamper;
    });
  });
}

test("a rehearsal notices: what is live changes, and nothing is recorded", () => {
  assertNoticed(/^session c\d: expiryIntervalSec is 77, and replayed it is \d+/, (world) => {
    const step = world.step.bind(world);
    world.step = () => {
      step();
      for (const session of world.broker.state.recorded.values()) session.expiryIntervalSec = 77;
    };
  });
});

test("a rehearsal notices: a record that nobody can read", () => {
  assertNoticed(/^it cannot be replayed: a QoS of 3$/, (world) => {
    const grant = {
      qos: 3 as 2,
      retainAsPublished: false,
      subscriptionIdentifiers: [],
      shareKey: "",
    };
    world.memory.tamper = (op) =>
      op.type === "publish" && op.recipients.length > 0
        ? { ...op, recipients: op.recipients.map((to) => ({ ...to, grant })) }
        : op;
  });
});
