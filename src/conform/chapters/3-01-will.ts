/** §3.1.2.5 to §3.1.2.7, §3.1.3.2 to §3.1.3.4: the Will Message, sent or not. */
import {
  type Dialogue,
  dialogue,
  in5,
  in45,
  in345,
  KEPT_SEC,
  slowIn5,
  slowIn45,
} from "../dialogue.ts";

const published: readonly Dialogue[] = [
  dialogue(
    "3.1-60",
    "a connection that breaks: the will is published",
    ["MQTT-3.1.2-7", "MQTT-3.1.2-8", "MQTT-3.1.2-14"].concat([
      "3.1.1 MQTT-3.1.2-8",
      "3.1.1 MQTT-3.1.2-9",
      "3.1.1 MQTT-3.1.2-16",
    ]),
    in345,
    async (t) => {
      const s = await t.connect("s");
      await t.subscribe(s, "~/will", 2);
      const a = await t.connect("a", { will: { topicName: "~/will", payload: "gone" } });
      await a.drop();
      await s.expect(`30 {"~/will" <> 'gone'}`);
      const late = await t.connect("late");
      await t.subscribe(late, "~/will", 2);
      await late.expectNothing(); // Will Retain 0: it was not stored.
    },
  ),
  dialogue(
    "3.1-61",
    "the will is published with its QoS, 1 and 2",
    ["MQTT-3.1.2-12", "MQTT-3.1.2-8", "3.1.1 MQTT-3.1.2-14", "3.1.1 MQTT-3.1.2-9"],
    in45,
    async (t) => {
      const s = await t.connect("s");
      await t.subscribe(s, "~/will", 2);
      const one = { topicName: "~/will", payload: "one", qos: 1 } as const;
      await (await t.connect("a", { will: one })).drop();
      await t.receive(s, `32 {"~/will" ???? <> 'one'}`);
      await (await t.connect("a", { will: { ...one, payload: "two", qos: 2 } })).drop();
      await t.receive(s, `34 {"~/will" ???? <> 'two'}`);
      await s.expectNothing();
    },
  ),
  dialogue(
    "3.1-62",
    "Will Retain 1: the will is stored as a retained message",
    ["MQTT-3.1.2-15", "3.1.1 MQTT-3.1.2-17"],
    { ...in45, needs: ["retain"] },
    async (t) => {
      const s = await t.connect("s");
      await t.subscribe(s, "~/will", 1);
      const will = { topicName: "~/will", payload: "gone", qos: 1, retain: true } as const;
      await (await t.connect("a", { will })).drop();
      await t.receive(s, `32 {"~/will" ???? <> 'gone'}`);
      const late = await t.connect("late");
      await t.subscribe(late, "~/will", 1);
      await t.receive(late, `33 {"~/will" ???? <> 'gone'}`);
    },
  ),
  dialogue(
    "3.1-63",
    "a will of no bytes is published too",
    ["MQTT-3.1.2-8", "3.1.1 MQTT-3.1.2-8"],
    in45,
    async (t) => {
      const s = await t.connect("s");
      await t.subscribe(s, "~/will", 0);
      await (await t.connect("a", { will: { topicName: "~/will", payload: "" } })).drop();
      await s.expect(`30 {"~/will" <>}`);
    },
  ),
  dialogue(
    "3.1-64",
    "the broker closes because of an error: the will is published",
    ["MQTT-3.1.2-8", "3.1.1 MQTT-3.1.2-8"],
    in45,
    async (t) => {
      const s = await t.connect("s");
      await t.subscribe(s, "~/will", 0);
      const a = await t.connect("a", { will: { topicName: "~/will", payload: "gone" } });
      a.send("00 00");
      await a.expectClosed();
      await s.expect(`30 {"~/will" <> 'gone'}`);
    },
  ),
  dialogue(
    "3.1-65",
    "a client taken over: the will of the old connection is published",
    ["MQTT-3.1.2-8", "3.1.1 MQTT-3.1.2-8"],
    in45,
    async (t) => {
      const s = await t.connect("s");
      await t.subscribe(s, "~/will", 0);
      const a = await t.connect("a", { will: { topicName: "~/will", payload: "gone" } });
      await t.connect("a");
      await a.expectClosed(0x8e);
      await s.expect(`30 {"~/will" <> 'gone'}`);
    },
  ),
  dialogue(
    "3.1-66",
    "Keep Alive runs out: the will is published",
    ["MQTT-3.1.2-22", "MQTT-3.1.2-8", "3.1.1 MQTT-3.1.2-24", "3.1.1 MQTT-3.1.2-8"],
    slowIn45,
    async (t) => {
      const s = await t.connect("s");
      await t.subscribe(s, "~/will", 0);
      const will = { topicName: "~/will", payload: "gone" };
      const a = await t.connect("a", { will, keepAliveSec: 1 });
      if (a.connackNumber(0x13) !== undefined) t.skip("the broker sets Server Keep Alive");
      await a.expectClosedWithin(4000, 0x8d);
      await s.expect(`30 {"~/will" <> 'gone'}`);
    },
  ),
  dialogue(
    "3.1-67",
    "the properties of a will arrive as they were given, User Properties in their order",
    ["MQTT-3.1.2-9", "MQTT-3.1.3-10", "MQTT-3.3.2-4", "MQTT-3.3.2-15", "MQTT-3.3.2-20"],
    in5,
    async (t) => {
      const s = await t.connect("s");
      await t.subscribe(s, "~/will", 0);
      const pairs = `26 "b" "1" 26 "a" "2" 26 "b" "3"`;
      const properties = `01 01 03 "text/plain" 08 "~/answer" 09 [00ff] ${pairs}`;
      const will = { topicName: "~/will", payload: "gone", properties };
      await (await t.connect("a", { will })).drop();
      await s.expect(`30 {"~/will" <${properties}> 'gone'}`);
    },
  ),
  dialogue(
    "3.1-68",
    "the Message Expiry Interval of a will is sent on",
    ["MQTT-3.3.2-6"],
    in5,
    async (t) => {
      const s = await t.connect("s");
      await t.subscribe(s, "~/will", 0);
      const will = { topicName: "~/will", payload: "gone", properties: "02 00000064" };
      await (await t.connect("a", { will })).drop();
      // 100 s, or 99 if the second has changed meanwhile.
      await s.expectOneOf(
        `30 {"~/will" <02 00000064> 'gone'}`,
        `30 {"~/will" <02 00000063> 'gone'}`,
      );
    },
  ),
].flat();

const discarded: readonly Dialogue[] = [
  dialogue(
    "3.1-69",
    "after DISCONNECT the will is discarded",
    ["MQTT-3.14.4-3", "MQTT-3.1.2-10"].concat(["3.1.1 MQTT-3.14.4-3", "3.1.1 MQTT-3.1.2-10"]),
    in345,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/will", 0);
      const a = await t.connect("a", { will: { topicName: "~/will", payload: "gone" } });
      await a.disconnect();
      p.send(`30 {"~/will" <> 'end'}`);
      await s.expect(`30 {"~/will" <> 'end'}`);
    },
  ),
  dialogue(
    "3.1-70",
    "a will is published once: the Session has none any more",
    ["MQTT-3.1.2-10", "3.1.1 MQTT-3.1.2-10", "3.1.1 MQTT-3.1.2-12"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/will", 0);
      const kept = { clean: false, expirySec: KEPT_SEC };
      const will = { topicName: "~/will", payload: "gone" };
      await (await t.connect("a", { ...kept, will })).drop();
      await s.expect(`30 {"~/will" <> 'gone'}`);
      await (await t.connect("a", kept)).drop();
      p.send(`30 {"~/will" <> 'end'}`);
      await s.expect(`30 {"~/will" <> 'end'}`);
    },
  ),
  dialogue(
    "3.1-71",
    "the will of the latest CONNECT counts",
    ["MQTT-3.1.2-7", "3.1.1 MQTT-3.1.2-8"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/will", 0);
      const kept = { clean: false, expirySec: KEPT_SEC };
      const will = { topicName: "~/will", payload: "old" };
      await (await t.connect("a", { ...kept, will })).disconnect();
      await (await t.connect("a", { ...kept, will: { ...will, payload: "new" } })).drop();
      await s.expect(`30 {"~/will" <> 'new'}`);
      p.send(`30 {"~/will" <> 'end'}`);
      await s.expect(`30 {"~/will" <> 'end'}`);
    },
  ),
].flat();

const delayed: readonly Dialogue[] = [
  dialogue(
    "3.1-72",
    "Will Delay Interval 1 s: the will comes when it has passed, not before",
    ["MQTT-3.1.2-8"],
    slowIn5,
    async (t) => {
      const s = await t.connect("s");
      await t.subscribe(s, "~/will", 0);
      const will = { topicName: "~/will", payload: "gone", properties: "18 00000001" };
      const a = await t.connect("a", { expirySec: KEPT_SEC, will });
      const startMs = Date.now();
      await a.drop();
      await s.expectWithin(4000, `30 {"~/will" <> 'gone'}`);
      const lastedMs = Date.now() - startMs;
      t.check(lastedMs >= 900, `the will came after ${lastedMs} ms; its delay is 1 s`);
    },
  ),
  dialogue(
    "3.1-73",
    "a client that comes back within Will Delay Interval: no will",
    ["MQTT-3.1.3-9", "MQTT-3.1.2-8"],
    slowIn5,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/will", 0);
      const will = { topicName: "~/will", payload: "gone", properties: "18 00000001" };
      const a = await t.connect("a", { expirySec: KEPT_SEC, will });
      await a.drop();
      const again = await t.connect("a", { clean: false, expirySec: KEPT_SEC });
      await t.wait(2500);
      p.send(`30 {"~/will" <> 'end'}`);
      await s.expect(`30 {"~/will" <> 'end'}`);
      await again.expectNothing();
    },
  ),
  dialogue(
    "3.1-74",
    "taking over with Clean Start 0 within Will Delay Interval: no will",
    ["MQTT-3.1.3-9"],
    slowIn5,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/will", 0);
      const will = { topicName: "~/will", payload: "gone", properties: "18 00000001" };
      const a = await t.connect("a", { expirySec: KEPT_SEC, will });
      await t.connect("a", { clean: false, expirySec: KEPT_SEC });
      await a.expectClosed(0x8e);
      await t.wait(2500);
      p.send(`30 {"~/will" <> 'end'}`);
      await s.expect(`30 {"~/will" <> 'end'}`);
    },
  ),
  dialogue(
    "3.1-75",
    "Clean Start 1 ends the Session, so its delayed will is due at once",
    ["MQTT-3.1.2-8", "MQTT-3.1.2-4"],
    in5,
    async (t) => {
      const s = await t.connect("s");
      await t.subscribe(s, "~/will", 0);
      const will = { topicName: "~/will", payload: "gone", properties: "18 0000003c" };
      const a = await t.connect("a", { expirySec: KEPT_SEC, will });
      await a.drop();
      await t.connect("a", { clean: true });
      await s.expect(`30 {"~/will" <> 'gone'}`);
    },
  ),
  dialogue(
    "3.1-76",
    "without Session Expiry Interval the Session ends with the connection: no delay",
    ["MQTT-3.1.2-8"],
    in5,
    async (t) => {
      const s = await t.connect("s");
      await t.subscribe(s, "~/will", 0);
      const will = { topicName: "~/will", payload: "gone", properties: "18 0000003c" };
      await (await t.connect("a", { will })).drop();
      await s.expect(`30 {"~/will" <> 'gone'}`);
    },
  ),
  dialogue(
    "3.1-77",
    "a Session that expires (1 s) within Will Delay Interval: the will comes with its end",
    ["MQTT-3.1.2-8"],
    slowIn5,
    async (t) => {
      const s = await t.connect("s");
      await t.subscribe(s, "~/will", 0);
      const will = { topicName: "~/will", payload: "gone", properties: "18 0000003c" };
      const a = await t.connect("a", { expirySec: 1, will });
      const startMs = Date.now();
      await a.drop();
      await s.expectWithin(5000, `30 {"~/will" <> 'gone'}`);
      const lastedMs = Date.now() - startMs;
      t.check(lastedMs >= 900, `the will came after ${lastedMs} ms; the Session lasts 1 s`);
    },
  ),
].flat();

export const will: readonly Dialogue[] = [...published, ...discarded, ...delayed];
