import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { RecentBytes } from "./recent-bytes.ts";

const text = (recent: RecentBytes, from: number, end: number): string | undefined =>
  recent.with(from, end, (bytes, at, endAt) => bytes.toString("latin1", at, endAt));

test("recent bytes: the last so many, whatever they came in", () => {
  const size = 16;
  const log = Buffer.from(Array.from({ length: 200 }, (_, at) => 33 + (at % 90)));
  for (const step of [1, 3, 7, 16, 17, 40]) {
    const recent = new RecentBytes(size);
    const start = 1_000; // A log that goes on: what was before is not there.
    for (let at = 0; at < log.length; at += step) {
      recent.add(log.subarray(at, at + step), start + at);
      const end = Math.min(log.length, at + step);
      const from = Math.max(0, end - size);
      for (let low = from; low < end; low += 1) {
        const expected = log.toString("latin1", low, end);
        assert.equal(text(recent, start + low, start + end), expected);
      }
      assert.equal(text(recent, start + from - 1, start + end), undefined);
      assert.equal(text(recent, start + from, start + end + 1), undefined);
    }
  }
});

test("recent bytes: after a gap only what came behind it, and of size 0 nothing", () => {
  const recent = new RecentBytes(16);
  recent.add(Buffer.from("abcd"), 0);
  recent.add(Buffer.from("wxyz"), 8);
  assert.equal(text(recent, 8, 12), "wxyz");
  assert.equal(text(recent, 2, 12), undefined);
  const none = new RecentBytes(0);
  none.add(Buffer.from("abcd"), 0);
  assert.equal(text(none, 0, 4), undefined);
});
