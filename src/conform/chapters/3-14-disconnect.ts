/** §3.14: DISCONNECT; §3.15, §4.12: AUTH. */
import { type Dialogue, dialogue, in5, in345, KEPT_SEC } from "../dialogue.ts";
import { refused } from "../refused.ts";

const wills = { topicName: "~/will", payload: "gone" } as const;

const disconnect: readonly Dialogue[] = [
  dialogue(
    "3.14-01",
    "DISCONNECT ends the connection without a word of the broker",
    ["§3.14.4"],
    in345,
    async (t) => {
      const a = await t.connect("a");
      await a.disconnect();
    },
  ),
  dialogue(
    "3.14-02",
    "DISCONNECT with Will Message (0x04): the will is published",
    ["MQTT-3.1.2-8", "MQTT-3.14.2-1"],
    in5,
    async (t) => {
      const s = await t.connect("s");
      await t.subscribe(s, "~/will", 0);
      const a = await t.connect("a", { will: wills });
      await a.disconnect("e0 {04}");
      await s.expect(`30 {"~/will" <> 'gone'}`);
    },
  ),
  dialogue(
    "3.14-03",
    "DISCONNECT with a Reason Code of failure (0x80): the will is published",
    ["MQTT-3.1.2-8", "MQTT-3.14.2-1"],
    in5,
    async (t) => {
      const s = await t.connect("s");
      await t.subscribe(s, "~/will", 0);
      const a = await t.connect("a", { will: wills });
      await a.disconnect("e0 {80 <>}");
      await s.expect(`30 {"~/will" <> 'gone'}`);
    },
  ),
  dialogue(
    "3.14-04",
    "normal DISCONNECT in all its forms discards the will",
    ["MQTT-3.14.4-3", "MQTT-2.2.2-1"],
    in5,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/will", 0);
      for (const text of ["e0 00", "e0 {00}", "e0 {00 <>}", `e0 {00 <1f "bye" 26 "n" "v">}`]) {
        const a = await t.connect("a", { will: wills });
        await a.disconnect(text);
      }
      p.send(`30 {"~/will" <> 'end'}`);
      await s.expect(`30 {"~/will" <> 'end'}`);
    },
  ),
  dialogue(
    "3.14-05",
    "Session Expiry Interval 0 in DISCONNECT ends the Session",
    ["MQTT-4.1.0-2", "§3.14.2.2.2"],
    in5,
    async (t) => {
      const a = await t.connect("a", { expirySec: KEPT_SEC });
      await a.disconnect();
      const again = await t.connect("a", { clean: false, expirySec: KEPT_SEC });
      t.check(again.sessionPresent, "Session Present is 0");
      await again.disconnect("e0 {00 <11 00000000>}");
      const third = await t.connect("a", { clean: false });
      t.check(!third.sessionPresent, "Session Present is 1");
    },
  ),
  dialogue(
    "3.14-06",
    "Session Expiry Interval in DISCONNECT makes the Session last longer",
    ["MQTT-3.1.2-23", "§3.14.2.2.2"],
    { ...in5, slow: true },
    async (t) => {
      const a = await t.connect("a", { expirySec: 1 });
      await a.disconnect("e0 {00 <11 0000003c>}");
      await t.wait(2500);
      const again = await t.connect("a", { clean: false });
      t.check(again.sessionPresent, "Session Present is 0 after 2.5 s; the interval is 60 s");
    },
  ),
  dialogue(
    "3.14-07",
    "Session Expiry Interval in DISCONNECT, 0 in CONNECT: refused, so the will is published",
    ["MQTT-3.1.2-8", "MQTT-4.13.1-1", "§3.14.2.2.2"],
    in5,
    async (t) => {
      const s = await t.connect("s");
      await t.subscribe(s, "~/will", 0);
      const a = await t.connect("a", { will: wills });
      a.send("e0 {00 <11 0000003c>}");
      await a.expectClosed(0x82);
      await s.expect(`30 {"~/will" <> 'gone'}`);
      const again = await t.connect("a", { clean: false });
      t.check(
        !again.sessionPresent,
        "Session Present is 1; CONNECT had no Session Expiry Interval",
      );
    },
  ),
  dialogue(
    "3.14-08",
    "the broker's DISCONNECT has no Session Expiry Interval, and nothing follows it",
    ["MQTT-3.14.2-1", "MQTT-3.14.2-2", "MQTT-3.14.4-1", "MQTT-3.14.4-2", "MQTT-4.13.2-1"],
    in5,
    async (t) => {
      // What a server's DISCONNECT may not have is looked for in every packet received.
      const a = await t.connect("a", { expirySec: KEPT_SEC });
      a.send(`36 {"~/a" 0001 <>} c0 00 c0 00`);
      await a.expectClosed();
    },
  ),
].flat();

const authentication: readonly Dialogue[] = [
  dialogue(
    "3.15-01",
    "an Authentication Method that the broker does not know: it closes (0x8C or 0x87)",
    ["MQTT-4.12.0-1", "MQTT-3.1.4-2", "MQTT-3.2.2-7"],
    { ...in5, anonymous: true },
    async (t) => {
      const a = await t.open("a");
      a.send(`10 {"MQTT" 05 02 003c <15 "nightjar-no-such-method" 16 [00]> "~a"}`);
      await a.expectClosed(0x8c, 0x87);
    },
  ),
  refused(
    "3.15-02",
    "AUTH from a client that named no Authentication Method",
    ["MQTT-4.12.0-7", "MQTT-4.13.1-1"],
    in5,
    `f0 {19 <15 "m">}`,
    ...[0x82, 0x8c],
  ),
  refused(
    "3.15-03",
    "AUTH without Authentication Method",
    ["MQTT-4.13.1-1", "§3.15.2.2.2"],
    in5,
    "f0 {19 <>}",
    ...[0x81, 0x82, 0x8c],
  ),
  refused(
    "3.15-04",
    "AUTH with a Reason Code that none is (0x01)",
    ["MQTT-3.15.2-1", "MQTT-4.13.1-1"],
    in5,
    `f0 {01 <15 "m">}`,
    ...[0x81, 0x82, 0x8c],
  ),
  dialogue(
    "3.15-05",
    "no AUTH to a client that named no Authentication Method",
    ["MQTT-4.12.0-6"],
    in5,
    async (t) => {
      // The first packet is CONNACK, not AUTH; and none comes later.
      const a = await t.connect("a");
      await t.publish(a, 1, "~/a", "x");
      await a.expectNothing();
    },
  ),
].flat();

export const disconnectAndAuth: readonly Dialogue[] = [...disconnect, ...authentication];
