/** §3.8, §3.9: SUBSCRIBE, its options, and SUBACK. */
import { type Dialogue, dialogue, in4, in5, in45, in345, KEPT_SEC } from "../dialogue.ts";
import { refused } from "../refused.ts";

const FORM = ["MQTT-4.13.1-1", "3.1.1 MQTT-4.8.0-1"];

const form: readonly Dialogue[] = [
  refused(
    "3.8-01",
    "SUBSCRIBE without a Topic Filter",
    ["MQTT-3.8.3-2", "3.1.1 MQTT-3.8.3-3"],
    in45,
    "82 {0001 <>}",
  ),
  refused(
    "3.8-02",
    "reserved option bits 7 and 6",
    ["MQTT-3.8.3-5", "3.1.1 MQTT-3.8.3-4"],
    in45,
    `82 {0001 <> "~/a" c0}`,
  ),
  refused(
    "3.8-03",
    "option bits 2 to 5 in 3.1.1",
    ["3.1.1 MQTT-3.8.3-4"],
    in4,
    `82 {0001 "~/a" 04}`,
  ),
  refused("3.8-04", "QoS 3", [...FORM, "3.1.1 MQTT-3.8.3-4"], in45, `82 {0001 <> "~/a" 03}`),
  refused("3.8-05", "Retain Handling 3", FORM, in5, `82 {0001 <> "~/a" 30}`),
  refused("3.8-06", "Subscription Identifier 0", FORM, in5, `82 {0001 <0b 00> "~/a" 00}`),
  refused(
    "3.8-07",
    "No Local with a Shared Subscription",
    ["MQTT-3.8.3-4"],
    { ...in5, needs: ["shared"] },
    `82 {0001 <> "$share/~/~/a" 04}`,
  ),
].flat();

const suback: readonly Dialogue[] = [
  dialogue(
    "3.8-08",
    "SUBSCRIBE is answered with SUBACK: same identifier, the QoS granted",
    ["MQTT-3.8.4-1", "MQTT-3.8.4-2", "MQTT-3.8.4-6", "MQTT-3.8.4-7", "MQTT-3.9.3-2"].concat([
      "3.1.1 MQTT-3.8.4-1",
      "3.1.1 MQTT-3.8.4-2",
      "3.1.1 MQTT-3.8.4-5",
      "3.1.1 MQTT-3.9.3-2",
    ]),
    in345,
    async (t) => {
      const a = await t.connect("a");
      a.send(`82 {1234 <> "~/a" 01}`);
      await a.expectOneOf("90 {1234 <> 01}", "90 {1234 <> 00}");
    },
  ),
  dialogue(
    "3.8-09",
    "several filters in one SUBSCRIBE: one SUBACK, its codes in their order",
    ["MQTT-3.8.4-5", "MQTT-3.8.4-6", "MQTT-3.9.3-1"].concat([
      "3.1.1 MQTT-3.8.4-4",
      "3.1.1 MQTT-3.8.4-5",
      "3.1.1 MQTT-3.9.3-1",
    ]),
    { ...in345, needs: ["qos2", "wildcard"] },
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      s.send(`82 {0001 <> "~/two" 02 "~/zero" 00 "~/one" 01 "~/two/+" 02}`);
      await s.expect("90 {0001 <> 02 00 01 02}");
      for (const [topicName, first] of [
        ["~/two", "34"],
        ["~/zero", "30"],
        ["~/one", "32"],
        ["~/two/b", "34"],
      ] as const) {
        await t.publish(p, 2, topicName, "x");
        await t.receive(s, `${first} {"${topicName}" ${first === "30" ? "" : "????"} <> 'x'}`);
      }
    },
  ),
  dialogue(
    "3.8-10",
    "the same filter twice in one SUBSCRIBE: the second takes the place of the first",
    ["MQTT-3.8.4-5", "MQTT-3.8.4-3", "3.1.1 MQTT-3.8.4-4", "3.1.1 MQTT-3.8.4-3"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      s.send(`82 {0001 <> "~/a" 01 "~/a" 00}`);
      await s.expect("90 {0001 <> 01 00}");
      await t.publish(p, 1, "~/a", "x");
      await s.expect(`30 {"~/a" <> 'x'}`);
      await s.expectNothing();
    },
  ),
  dialogue(
    "3.8-11",
    "a message comes with the smaller QoS of publisher and subscription: all nine cases",
    ["MQTT-3.8.4-8", "3.1.1 MQTT-3.8.4-6"],
    { ...in345, needs: ["qos2"] },
    async (t) => {
      const p = await t.connect("p");
      for (const granted of [0, 1, 2] as const) {
        const s = await t.connect(`s${granted}`);
        await t.subscribe(s, `~/${granted}`, granted);
        for (const published of [0, 1, 2] as const) {
          await t.publish(p, published, `~/${granted}`, `${published}`);
          const qos = Math.min(granted, published);
          const id = qos === 0 ? "" : "????";
          await t.receive(s, `3${qos * 2} {"~/${granted}" ${id} <> '${published}'}`);
        }
      }
    },
  ),
].flat();

const replace: readonly Dialogue[] = [
  dialogue(
    "3.8-12",
    "subscribing again replaces the subscription: one copy, with the new QoS",
    ["MQTT-3.8.4-3", "3.1.1 MQTT-3.8.4-3"],
    in345,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      await t.subscribe(s, "~/a", 0);
      await t.publish(p, 1, "~/a", "x");
      await s.expect(`30 {"~/a" <> 'x'}`);
      await t.subscribe(s, "~/a", 1);
      await t.publish(p, 1, "~/a", "y");
      await t.receive(s, `32 {"~/a" ???? <> 'y'}`);
      await s.expectNothing();
    },
  ),
  dialogue(
    "3.8-13",
    "replacing a subscription loses no message",
    ["MQTT-3.8.4-4", "3.1.1 MQTT-3.8.4-3"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 1);
      const payloads = Array.from({ length: 12 }, (_, at) => `${at}`);
      const publishing = async (): Promise<void> => {
        for (const payload of payloads) await t.publish(p, 1, "~/a", payload);
      };
      const subscribing = async (): Promise<void> => {
        for (const qos of [2, 1, 2, 1, 2]) await t.subscribe(s, "~/a", qos);
      };
      await Promise.all([publishing(), subscribing()]);
      for (const payload of payloads) await t.receive(s, `32 {"~/a" ???? <> '${payload}'}`);
      await s.expectNothing();
    },
  ),
  dialogue(
    "3.8-14",
    "a filter differs from another when one character does",
    ["MQTT-3.8.4-3", "MQTT-4.7.3-4", "3.1.1 MQTT-4.7.3-4"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      s.send(`82 {0001 <> "~/a" 00 "~/A" 00 "~/a/" 00}`);
      await s.expect("90 {0001 <> 00 00 00}");
      s.send(`a2 {0002 <> "~/A"}`);
      await s.expect(t.version === 5 ? "b0 {0002 <> 00}" : "b0 {0002}");
      p.send(`30 {"~/A" <> 'no'} 30 {"~/a/" <> '1'} 30 {"~/a" <> '2'}`);
      await s.expect(`30 {"~/a/" <> '1'}`);
      await s.expect(`30 {"~/a" <> '2'}`);
    },
  ),
].flat();

const noLocal: readonly Dialogue[] = [
  dialogue(
    "3.8-15",
    "No Local 1: one's own messages do not come back, those of others do",
    ["MQTT-3.8.3-3"],
    in5,
    async (t) => {
      const [a, b] = [await t.connect("a"), await t.connect("b")];
      await t.subscribe(a, "~/a", 0x05);
      await t.publish(a, 1, "~/a", "own");
      await t.publish(b, 1, "~/a", "other");
      await t.receive(a, `32 {"~/a" ???? <> 'other'}`);
      await a.expectNothing();
    },
  ),
  dialogue(
    "3.8-16",
    "No Local 0: one's own messages come back",
    ["MQTT-3.8.3-3", "3.1.1 MQTT-4.5.0-1"],
    in45,
    async (t) => {
      const a = await t.connect("a");
      await t.subscribe(a, "~/a", 0);
      a.send(`30 {"~/a" <> 'own'}`);
      await a.expect(`30 {"~/a" <> 'own'}`);
    },
  ),
  dialogue(
    "3.8-17",
    "No Local goes by Client Identifier: a resumed Session does not hear its earlier self",
    ["MQTT-3.8.3-3"],
    in5,
    async (t) => {
      const [a, b] = [await t.connect("a", { expirySec: KEPT_SEC }), await t.connect("b")];
      await t.subscribe(a, "~/a", 0x05);
      await a.disconnect();
      const again = await t.connect("a", { clean: false, expirySec: KEPT_SEC });
      await t.publish(again, 1, "~/a", "own");
      await t.publish(b, 1, "~/a", "other");
      await t.receive(again, `32 {"~/a" ???? <> 'other'}`);
      await again.expectNothing();
    },
  ),
].flat();

export const subscribe: readonly Dialogue[] = [...form, ...suback, ...replace, ...noLocal];
