import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseFilter } from "../protocol/topic.ts";
import { World } from "./bench.suite.ts";
import { Routes } from "./routes.ts";
import { BrokerState } from "./state.ts";

const OPTIONS = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;

test("what is remembered is bounded by receivers, and right after any change", () => {
  const client = fc.constantFrom("a", "b", "c");
  const filter = fc.constantFrom("t/1", "t/+", "#", "$share/g/t/#");
  const topic = fc.constantFrom("t/1", "t/2", "u", "t");
  const step = fc.tuple(client, filter, fc.constantFrom("sub", "unsub", "ask"), topic);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 9 }), (steps, max) => {
      const state = new BrokerState();
      const routes = new Routes(state, undefined);
      for (const id of ["a", "b", "c"]) state.create(id, { name: "" }, 0);
      for (const [clientId, topicFilter, what, topicName] of steps) {
        const session = state.sessions.get(clientId);
        if (what === "sub") state.subscribe(session, topicFilter, OPTIONS, 0, 0);
        else if (what === "unsub") state.unsubscribe(session, topicFilter);
        const remembered = routes.of(topicName, max);
        const fresh = new Routes(state, undefined).of(topicName, max);
        const ids = (route: typeof fresh): string[] =>
          route.targets.map(({ session: { clientId: id } }) => id).sort();
        assert.deepEqual(ids(remembered), ids(fresh));
        assert.deepEqual(remembered.groups, fresh.groups);
        assert.ok(routes.places <= max);
      }
    }),
  );
});

test("an answer is remembered until something changes", () => {
  const state = new BrokerState();
  const routes = new Routes(state, undefined);
  const session = state.create("a", { name: "" }, 0);
  state.subscribe(session, "t", OPTIONS, 0, 0);
  const first = routes.of("t", 100);
  routes.of("u", 100);
  assert.equal(routes.of("t", 100), first);
  state.subscribe(session, "x", OPTIONS, 0, 0);
  assert.notEqual(routes.of("t", 100), first);
  assert.equal(routes.of("t", 100).targets[0], session.subscriptions?.get("t")); // Nothing is made.
});

test("who may not receive is asked again when the principal changes", () => {
  const world = new World({
    authorizer: { authorize: ({ name }, _id, action) => action !== "receive" || name === "new" },
  });
  const a = world.connect({ clientId: "a" }).subscribe("t").takes("suback 1: 2");
  world.publish("t", "1");
  a.takes();
  a.peer.identified({ name: "new" });
  world.publish("t", "2");
  a.takes('publish t "2"');
});

test("filters are kept as they were subscribed", () => {
  assert.deepEqual(parseFilter("$share/g//t"), { shareName: "g", topicFilter: "/t" });
});
