import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { NOT_ON_WHEEL, type Timed, WHEEL_SLOT_MS, Wheel } from "./wheel.ts";

class Owner implements Timed {
  wheelSlot: number = NOT_ON_WHEEL;
  readonly times: number[] = [];

  due(nowMs: number): void {
    this.times.push(nowMs);
  }
}

test("a deadline is met once: never early, and at most a slot late", () => {
  const start = 1_000_123;
  const deadline = fc.integer({ min: 0, max: 100_000 });
  fc.assert(
    fc.property(fc.array(deadline), fc.integer({ min: 1, max: 100 }), (delays, stepMs) => {
      const wheel = new Wheel(start);
      const owners = delays.map((delay) => {
        const owner = new Owner();
        wheel.set(owner, start + delay);
        return owner;
      });
      for (let nowMs = start; nowMs <= start + 101_000; nowMs += stepMs) wheel.advance(nowMs);
      owners.forEach(({ times }, n) => {
        const late = (times[0] ?? 0) - start - (delays[n] ?? 0);
        assert.equal(times.length, 1);
        // What is due already is due with the next slot.
        assert.ok(
          late >= 0 && late < WHEEL_SLOT_MS + stepMs + (delays[n] === 0 ? 1 : 0),
          `${late}`,
        );
      });
      assert.equal(wheel.size, 0);
    }),
    { numRuns: 30 },
  );
});

test("a long sleep makes everything due, in order", () => {
  const wheel = new Wheel(0);
  const order: string[] = [];
  for (const name of ["c", "a", "b"]) {
    const due = (): void => void order.push(name);
    wheel.set({ wheelSlot: NOT_ON_WHEEL, due }, { a: 1, b: 50_000, c: 9e9 }[name] ?? 0);
  }
  wheel.advance(1e10);
  assert.deepEqual(order, ["a", "b", "c"]);
});

test("an owner has one deadline: the latest that was set", () => {
  const wheel = new Wheel(0);
  const owner = new Owner();
  for (const atMs of [5_000, 90_000, 10_000]) wheel.set(owner, atMs);
  assert.equal(wheel.size, 1);
  wheel.advance(9_999);
  assert.deepEqual(owner.times, []);
  wheel.advance(10_000);
  wheel.advance(200_000);
  assert.deepEqual(owner.times, [10_000]);
});

test("Infinity and `delete` take it off", () => {
  const wheel = new Wheel(0);
  const [one, two] = [new Owner(), new Owner()];
  wheel.set(one, 1_000);
  wheel.set(two, 1_000);
  wheel.set(one, Number.POSITIVE_INFINITY);
  wheel.delete(two);
  wheel.delete(two);
  assert.equal(wheel.size, 0);
  wheel.advance(5_000);
  assert.deepEqual([one.times, two.times], [[], []]);
});

test("an owner that is due may move or take off another of the same slot", () => {
  const wheel = new Wheel(0);
  const [moved, deleted] = [new Owner(), new Owner()];
  const due = (): void => {
    wheel.set(moved, 10_000);
    wheel.delete(deleted);
  };
  wheel.set({ wheelSlot: NOT_ON_WHEEL, due }, 1_000);
  wheel.set(moved, 1_000);
  wheel.set(deleted, 1_000);
  wheel.advance(1_000);
  assert.deepEqual([moved.times, deleted.times], [[], []]);
  wheel.advance(10_000);
  assert.deepEqual(moved.times, [10_000]);
});

test("an owner that is due may set itself again, also for a time that has passed", () => {
  const wheel = new Wheel(0);
  const times: number[] = [];
  const owner: Timed = {
    wheelSlot: NOT_ON_WHEEL,
    due(nowMs) {
      times.push(nowMs);
      if (times.length < 3) wheel.set(owner, 0);
    },
  };
  wheel.set(owner, 1_000);
  for (let nowMs = 0; nowMs < 3_000; nowMs += 250) wheel.advance(nowMs);
  assert.deepEqual(times, [1_000, 1_250, 1_500]);
});
