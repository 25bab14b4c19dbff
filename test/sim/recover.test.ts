import assert from "node:assert/strict";
import { test } from "node:test";
import { World, willOf } from "../../src/core/bench.suite.ts";
import { Replay } from "../../src/core/replay.ts";
import { BrokerState } from "../../src/core/state.ts";
import { opFromText, opToText } from "./plain.ts";

/** Another broker that begins with what the journal of `world` has, as after a crash. */
function successor(world: World): World {
  const state = new BrokerState();
  const replay = new Replay(state);
  world.journal.ops.forEach((op, index) => {
    replay.apply(opFromText(opToText(op)), index + 1, 1);
  });
  assert.deepEqual(replay.end(), []);
  const next = new World({ state, limits: { queueMessagesMax: 1 } });
  next.broker.recover(next.nowMs);
  return next;
}

test("after a crash a will is new, and drops nothing that may have been sent", () => {
  const world = new World();
  const lasting = { clientId: "b", sessionExpiryIntervalSec: 60 };
  const a = world.connect({ clientId: "a", will: willOf("w", "gone", { qos: 1 }) });
  const b = world.connect(lasting).subscribe("#", { qos: 2 }).takes("suback 1: 2");
  a.publish("t", "first", { qos: 2 });
  b.takes('publish t "first" qos2 id1');

  const next = successor(world);
  next.lost();
  const again = next.connect({ ...lasting, cleanStart: false });
  again.takes('publish t "first" qos2 id1 dup', 'publish w "gone" qos1 id2');
});
