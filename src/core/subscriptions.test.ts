import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BrokerState } from "./state.ts";
import { Subscription } from "./subscription.ts";
import { Subscriptions } from "./subscriptions.ts";

const OPTIONS = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;

test("few or many, they are what a Map would have, in the same order", () => {
  const session = new BrokerState().create("a", { name: "" }, 0);
  const step = fc.tuple(fc.integer({ min: 0, max: 12 }), fc.boolean());
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const subscriptions = new Subscriptions();
      const model = new Map<string, Subscription>();
      for (const [n, isAdded] of steps) {
        const topicFilter = `t/${n}`;
        if (isAdded) {
          const added = new Subscription(session, topicFilter, false, OPTIONS, n);
          subscriptions.set(added);
          model.set(topicFilter, added);
        } else {
          subscriptions.delete(topicFilter);
          model.delete(topicFilter);
        }
        assert.deepEqual(subscriptions.keys(), [...model.keys()]);
        assert.equal(subscriptions.size, model.size);
        assert.equal(subscriptions.get(topicFilter), model.get(topicFilter));
        assert.equal(subscriptions.has(topicFilter), isAdded);
      }
      assert.ok([...subscriptions.values()].every((one) => model.get(one.topicFilter) === one));
    }),
  );
});
