/**
 * The whole core on the real log, with a disk that fails and a process that dies at random steps.
 * More of it: `npm run soak:sim`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { BrokerState } from "../../src/core/state.ts";
import { clearWill } from "../../src/core/state.ts";
import { seedsOf, underSeed } from "./prng.ts";
import { simulate } from "./simulate.ts";
import type { WorldOptions } from "./world.ts";

const seeds = seedsOf(Number(process.env["SEEDS"] ?? 80));

const simulateDeaths = (seed: number): number => simulate(seed, { isMortal: true });

test("one seed is one run, with its deaths", () => {
  assert.equal(simulateDeaths(1), simulateDeaths(1));
});

test(`a broker that dies and recovers, on a disk that fails, ${seeds.length} seeds`, () => {
  for (const seed of seeds) underSeed(seed, simulateDeaths);
});

/** What each recorded Session loses. */
function spoil(state: BrokerState, take: (state: BrokerState, clientId: string) => void): void {
  for (const { clientId } of [...state.recorded.values()]) take(state, clientId);
}

/** What is broken, and what the simulation says to that. */
const BROKEN: Readonly<Record<string, readonly [WorldOptions, RegExp]>> = {
  "an acknowledgement leaves before the commit": [{ isHasty: true }, /told up to/],
  "a write is done before it is on the disk": [
    { disk: { mode: "os" } },
    /told up to|committed|position/,
  ],
  "a recovery forgets the QoS 2 identifiers that are held": [
    {
      spoil: (state) =>
        spoil(state, ({ sessions }, clientId) => {
          const inbound = sessions.get(clientId)?.inboundIfAny;
          for (const packetId of inbound?.packetIds() ?? []) inbound?.release(packetId);
        }),
    },
    /held identifiers/,
  ],
  "a recovery forgets a will": [
    {
      spoil: (state) => spoil(state, ({ sessions }, clientId) => clearWill(sessions.get(clientId))),
    },
    /will/,
  ],
  "a recovery forgets what is queued": [
    {
      spoil: (state) =>
        spoil(state, ({ sessions }, clientId) => sessions.get(clientId)?.windowIfAny?.clear()),
    },
    /in flight|lost in silence|reply/,
  ],
};
const SEEDS_TO_NOTICE = 10;

for (const [what, [options, says]] of Object.entries(BROKEN)) {
  test(`noticed: ${what}`, () => {
    for (let seed = 1; seed <= SEEDS_TO_NOTICE; seed += 1) {
      try {
        simulate(seed, { ...options, isMortal: true });
      } catch (error) {
        assert.match(String(error), says);
        return;
      }
    }
    assert.fail(`not noticed in ${SEEDS_TO_NOTICE} seeds`);
  });
}
