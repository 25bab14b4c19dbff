/** §3.1.2.4, §3.1.2.11.2, §3.1.4: Clean Start, Session Expiry, and who takes over from whom. */
import {
  type Dialogue,
  dialogue,
  in4,
  in5,
  in45,
  in345,
  KEPT_SEC,
  slowIn5,
  slowIn45,
  slowIn345,
} from "../dialogue.ts";

const resume: readonly Dialogue[] = [
  dialogue(
    "3.1-40",
    "Clean Start 0 without a Session: Session Present 0, and a Session begins",
    ["MQTT-3.1.2-6", "MQTT-3.2.2-3", "3.1.1 MQTT-3.1.2-4", "3.1.1 MQTT-3.2.2-2"].concat([
      "3.1.1 MQTT-3.2.2-3",
    ]),
    in45,
    async (t) => {
      const a = await t.connect("a", { clean: false, expirySec: KEPT_SEC });
      t.check(!a.sessionPresent, "Session Present is 1, but there was no Session");
      await a.disconnect();
      const again = await t.connect("a", { clean: false, expirySec: KEPT_SEC });
      t.check(again.sessionPresent, "Session Present is 0, but the Session was to be kept");
    },
  ),
  dialogue(
    "3.1-41",
    "Clean Start 0 resumes the Session: subscriptions, and messages sent meanwhile",
    ["MQTT-3.1.2-5", "MQTT-3.1.2-23", "MQTT-3.1.3-2", "MQTT-4.5.0-1"].concat([
      "3.1.1 MQTT-3.1.2-4",
      "3.1.1 MQTT-3.1.2-5",
      "3.1.1 MQTT-3.1.3-2",
      "3.1.1 MQTT-4.1.0-1",
      "3.1.1 MQTT-4.5.0-1",
    ]),
    in345,
    async (t) => {
      const s = await t.connect("s", { clean: false, expirySec: KEPT_SEC });
      await t.subscribe(s, "~/one", 1);
      await t.subscribe(s, "~/two", 2);
      await s.disconnect();
      const p = await t.connect("p");
      await t.publish(p, 1, "~/one", "meanwhile 1");
      await t.publish(p, 2, "~/two", "meanwhile 2");
      const again = await t.connect("s", { clean: false, expirySec: KEPT_SEC });
      t.check(t.version === 3 || again.sessionPresent, "Session Present is 0");
      const publishes = await again.expectInAnyOrder(
        `32 {"~/one" ???? <> 'meanwhile 1'}`,
        `34 {"~/two" ???? <> 'meanwhile 2'}`,
      );
      for (const publish of publishes) await t.acknowledge(again, publish);
      await t.publish(p, 1, "~/one", "after");
      await t.receive(again, `32 {"~/one" ???? <> 'after'}`);
      await again.expectNothing();
    },
  ),
  dialogue(
    "3.1-42",
    "Clean Start 1 discards the Session: its subscriptions and messages are gone",
    ["MQTT-3.1.2-4", "MQTT-3.1.4-4", "MQTT-3.2.2-2"].concat([
      "3.1.1 MQTT-3.1.2-6",
      "3.1.1 MQTT-3.1.4-3",
      "3.1.1 MQTT-3.2.2-1",
    ]),
    in345,
    async (t) => {
      const s = await t.connect("s", { clean: false, expirySec: KEPT_SEC });
      await t.subscribe(s, "~/a", 1);
      const p = await t.connect("p");
      await t.publish(p, 1, "~/a", "before");
      await t.receive(s, `32 {"~/a" ???? <> 'before'}`);
      await s.disconnect();
      await t.publish(p, 1, "~/a", "meanwhile");
      const again = await t.connect("s", { clean: true });
      t.check(t.version === 3 || !again.sessionPresent, "Session Present is 1 after Clean Start 1");
      await t.publish(p, 1, "~/a", "after");
      await again.expectNothing();
    },
  ),
  dialogue(
    "3.1-43",
    "Clean Session 1: the Session ends with the connection",
    ["3.1.1 MQTT-3.1.2-6", "3.1.1 MQTT-3.2.2-3"],
    in4,
    async (t) => {
      const s = await t.connect("s", { clean: true });
      await t.subscribe(s, "~/a", 1);
      await s.disconnect();
      const again = await t.connect("s", { clean: false });
      t.check(!again.sessionPresent, "Session Present is 1, but the Session was a clean one");
    },
  ),
  dialogue(
    "3.1-44",
    "without Session Expiry Interval the Session ends with the connection",
    ["MQTT-4.1.0-2", "MQTT-3.2.2-3"],
    in5,
    async (t) => {
      const s = await t.connect("s", { clean: false });
      await t.subscribe(s, "~/a", 1);
      await s.disconnect();
      const again = await t.connect("s", { clean: false });
      t.check(!again.sessionPresent, "Session Present is 1, but Session Expiry Interval was 0");
    },
  ),
  dialogue(
    "3.1-45",
    "the Session outlives a connection that breaks",
    ["MQTT-3.1.2-23", "3.1.1 MQTT-3.1.2-4"],
    in45,
    async (t) => {
      const s = await t.connect("s", { clean: false, expirySec: KEPT_SEC });
      await t.subscribe(s, "~/a", 0);
      await s.drop();
      const again = await t.connect("s", { clean: false, expirySec: KEPT_SEC });
      t.check(again.sessionPresent, "Session Present is 0");
    },
  ),
  dialogue(
    "3.1-46",
    "Clean Start 1 with Session Expiry Interval: this new Session is kept",
    ["MQTT-3.1.2-4", "MQTT-3.1.2-23"],
    in5,
    async (t) => {
      const s = await t.connect("s", { clean: true, expirySec: KEPT_SEC });
      await t.subscribe(s, "~/a", 1);
      await s.disconnect();
      const again = await t.connect("s", { clean: false, expirySec: KEPT_SEC });
      t.check(again.sessionPresent, "Session Present is 0");
    },
  ),
  dialogue("3.1-47", "Session Expiry Interval 0xFFFFFFFF", ["MQTT-3.1.2-23"], in5, async (t) => {
    const s = await t.connect("s", { clean: true, expirySec: 0xffff_ffff });
    await s.disconnect();
    const again = await t.connect("s", { clean: false, expirySec: KEPT_SEC });
    t.check(again.sessionPresent, "Session Present is 0");
  }),
  dialogue(
    "3.1-48",
    "the interval of the latest CONNECT counts: resumed with 0, the Session ends",
    ["MQTT-4.1.0-2"],
    in5,
    async (t) => {
      const s = await t.connect("s", { clean: true, expirySec: KEPT_SEC });
      await s.disconnect();
      const second = await t.connect("s", { clean: false });
      t.check(second.sessionPresent, "Session Present is 0");
      await second.disconnect();
      const third = await t.connect("s", { clean: false });
      t.check(!third.sessionPresent, "Session Present is 1");
    },
  ),
  dialogue(
    "3.1-49",
    "a Session lasts as long as its connection, though its interval has passed meanwhile",
    ["MQTT-4.1.0-1"],
    slowIn5,
    async (t) => {
      const [s, p] = [await t.connect("s", { expirySec: 1 }), await t.connect("p")];
      await t.subscribe(s, "~/a", 0);
      await t.wait(2500);
      p.send(`30 {"~/a" <> 'x'}`);
      await s.expect(`30 {"~/a" <> 'x'}`);
    },
  ),
  dialogue(
    "3.1-50",
    "the Session is gone when Session Expiry Interval (1 s) has passed",
    ["MQTT-4.1.0-2", "MQTT-3.2.2-3"],
    slowIn5,
    async (t) => {
      const s = await t.connect("s", { clean: false, expirySec: 1 });
      await t.subscribe(s, "~/a", 1);
      await s.disconnect();
      await t.wait(3000);
      const again = await t.connect("s", { clean: false, expirySec: 1 });
      t.check(!again.sessionPresent, "Session Present is 1, 3 s after the connection closed");
    },
  ),
].flat();

const takeOver: readonly Dialogue[] = [
  dialogue(
    "3.1-51",
    "a client that connects again takes over: the old connection is closed (0x8E)",
    ["MQTT-3.1.4-3", "3.1.1 MQTT-3.1.4-2"],
    in345,
    async (t) => {
      const old = await t.connect("a");
      const taker = await t.connect("a");
      await old.expectClosed(0x8e);
      await taker.expectNothing();
    },
  ),
  dialogue(
    "3.1-52",
    "the Session goes over to the new connection, with what the old one had not acknowledged",
    ["MQTT-3.1.4-3", "MQTT-3.1.2-5", "3.1.1 MQTT-3.1.4-2", "3.1.1 MQTT-4.4.0-1"],
    in45,
    async (t) => {
      const p = await t.connect("p");
      const old = await t.connect("s", { clean: false, expirySec: KEPT_SEC });
      await t.subscribe(old, "~/a", 1);
      await t.publish(p, 1, "~/a", "first");
      const { id } = await old.expect(`32 {"~/a" ???? <> 'first'}`);
      const taker = await t.connect("s", { clean: false, expirySec: KEPT_SEC });
      t.check(taker.sessionPresent, "Session Present is 0");
      await old.expectClosed(0x8e);
      await t.receive(taker, `3a {"~/a" ${id} <> 'first'}`);
      await t.publish(p, 1, "~/a", "second");
      await t.receive(taker, `32 {"~/a" ???? <> 'second'}`);
      await taker.expectNothing();
    },
  ),
  dialogue(
    "3.1-53",
    "taking over with Clean Start 1 ends the old Session",
    ["MQTT-3.1.4-3", "MQTT-3.1.2-4", "3.1.1 MQTT-3.1.2-6"],
    in45,
    async (t) => {
      const p = await t.connect("p");
      const old = await t.connect("s", { clean: false, expirySec: KEPT_SEC });
      await t.subscribe(old, "~/a", 1);
      const taker = await t.connect("s", { clean: true });
      await old.expectClosed(0x8e);
      t.check(!taker.sessionPresent, "Session Present is 1 after Clean Start 1");
      await t.publish(p, 1, "~/a", "x");
      await taker.expectNothing();
    },
  ),
].flat();

const keepAlive: readonly Dialogue[] = [
  dialogue(
    "3.1-54",
    "a client that is silent for one and a half times its Keep Alive is closed (0x8D)",
    ["MQTT-3.1.2-22", "MQTT-3.2.2-22", "3.1.1 MQTT-3.1.2-24"],
    slowIn345,
    async (t) => {
      const a = await t.connect("a", { keepAliveSec: 1 });
      if (a.connackNumber(0x13) !== undefined) t.skip("the broker sets Server Keep Alive");
      const startMs = Date.now();
      await a.expectClosedWithin(4000, 0x8d);
      const lastedMs = Date.now() - startMs;
      t.check(lastedMs >= 1000, `closed after ${lastedMs} ms, within Keep Alive`);
      t.check(lastedMs < 3000, `closed only after ${lastedMs} ms; Keep Alive is 1 s`);
    },
  ),
  dialogue(
    "3.1-55",
    "any packet keeps the connection alive, not PINGREQ only",
    ["MQTT-3.1.2-22", "3.1.1 MQTT-3.1.2-24"],
    slowIn45,
    async (t) => {
      const a = await t.connect("a", { keepAliveSec: 1 });
      for (const step of [1, 2, 3, 4]) {
        await t.wait(700);
        a.send(`30 {"~/a" <> '${step}'}`);
      }
      await a.expectNothing();
    },
  ),
  dialogue(
    "3.1-56",
    "what the broker sends does not keep the connection alive",
    ["MQTT-3.1.2-22", "3.1.1 MQTT-3.1.2-24"],
    slowIn45,
    async (t) => {
      const [a, p] = [await t.connect("a", { keepAliveSec: 1 }), await t.connect("p")];
      if (a.connackNumber(0x13) !== undefined) t.skip("the broker sets Server Keep Alive");
      await t.subscribe(a, "~/a", 0);
      for (const step of [1, 2, 3, 4]) {
        await t.wait(700);
        p.send(`30 {"~/a" <> '${step}'}`);
      }
      a.discardPublishes();
      await a.expectClosedWithin(200, 0x8d);
    },
  ),
  dialogue(
    "3.1-57",
    "Keep Alive 0: a silent client stays",
    ["MQTT-3.2.2-22", "§3.1.2.10"],
    slowIn45,
    async (t) => {
      const a = await t.connect("a", { keepAliveSec: 0 });
      if (a.connackNumber(0x13) !== undefined) t.skip("the broker sets Server Keep Alive");
      await t.wait(3000);
      await a.expectNothing();
    },
  ),
].flat();

export const session: readonly Dialogue[] = [...resume, ...takeOver, ...keepAlive];
