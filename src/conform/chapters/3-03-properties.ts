/** §3.3.2.3: the properties of PUBLISH, on their way through the broker. */
import {
  type Dialogue,
  dialogue,
  hexNumber,
  in5,
  KEPT_SEC,
  slowIn5,
  type Talk,
} from "../dialogue.ts";
import { refused } from "../refused.ts";
import type { WireClient } from "../wire-client.ts";

const MESSAGE_EXPIRY_INTERVAL = 0x02;
const TOPIC_ALIAS_MAXIMUM = 0x22;

/** Published with `property`, it arrives with the same bytes. */
function unaltered(id: string, title: string, statements: string[], property: string): Dialogue[] {
  return dialogue(id, title, statements, in5, async (t) => {
    const [s, p] = [await t.connect("s"), await t.connect("p")];
    await t.subscribe(s, "~/a", 2);
    for (const qos of [0, 1, 2] as const) {
      await t.publish(p, qos, "~/a", "x", { properties: property });
      const id = qos === 0 ? "" : "????";
      await t.receive(s, `3${qos * 2} {"~/a" ${id} <${property}> 'x'}`);
    }
  });
}

const carried: readonly Dialogue[] = [
  unaltered("3.3-40", "Payload Format Indicator 0", ["MQTT-3.3.2-4"], "01 00"),
  unaltered("3.3-41", "Payload Format Indicator 1", ["MQTT-3.3.2-4"], "01 01"),
  unaltered("3.3-42", "Content Type", ["MQTT-3.3.2-20"], `03 "application/json; ä"`),
  unaltered("3.3-43", "Content Type of no characters", ["MQTT-3.3.2-20"], `03 ""`),
  unaltered("3.3-44", "Response Topic", ["MQTT-3.3.2-15"], `08 "~/answer"`),
  unaltered("3.3-45", "Correlation Data", ["MQTT-3.3.2-16"], "09 [00 01 c3 28 ff]"),
  unaltered("3.3-46", "Correlation Data of no bytes", ["MQTT-3.3.2-16"], "09 []"),
  unaltered(
    "3.3-47",
    "User Properties: order, repeats and empty ones are kept",
    ["MQTT-3.3.2-17", "MQTT-3.3.2-18"],
    `26 "z" "1" 26 "a" "2" 26 "z" "1" 26 "" "" 26 "a" "0"`,
  ),
  unaltered(
    "3.3-48",
    "100 User Properties",
    ["MQTT-3.3.2-17", "MQTT-3.3.2-18"],
    Array.from({ length: 100 }, (_, at) => `26 "name ${99 - at}" "value"`).join(" "),
  ),
  unaltered(
    "3.3-49",
    "all properties of a message at once",
    ["MQTT-3.3.2-4", "MQTT-3.3.2-15", "MQTT-3.3.2-16", "MQTT-3.3.2-17", "MQTT-3.3.2-20"],
    `26 "n" "v" 09 [01] 08 "~/answer" 03 "t" 01 01`,
  ),
  dialogue(
    "3.3-50",
    "a payload that is not UTF-8, although Payload Format Indicator is 1",
    ["MQTT-3.3.2-4", "§3.3.2.3.2"],
    in5,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 1);
      p.send(`32 {"~/a" 0001 <01 01> c328}`);
      // "MAY validate": 0x99 is Payload Format Invalid.
      const reply = await p.expectOneOfOrClosed(["40 {0001}", "40 {0001 99}"], 0x99);
      if (reply !== undefined && reply.reasonCodes[0] !== 0x99)
        await s.expect(`32 {"~/a" ???? <01 01> c328}`);
      else await s.expectNothing();
    },
  ),
  refused(
    "3.3-51",
    "Response Topic with a wildcard",
    ["MQTT-3.3.2-14"],
    in5,
    `30 {"~/a" <08 "~/+"> 'x'}`,
    ...[0x81, 0x82, 0x90],
  ),
  refused(
    "3.3-52",
    "Subscription Identifier in a client's PUBLISH",
    ["MQTT-3.3.4-6"],
    in5,
    `30 {"~/a" <0b 01> 'x'}`,
  ),
].flat();

const expiry: readonly Dialogue[] = [
  dialogue(
    "3.3-53",
    "Message Expiry Interval is passed on at once as it came",
    ["MQTT-3.3.2-6"],
    in5,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 0);
      p.send(`30 {"~/a" <02 00000e10> 'x'}`);
      // Or one less, if the second changes meanwhile.
      await s.expectOneOf(`30 {"~/a" <02 00000e10> 'x'}`, `30 {"~/a" <02 00000e0f> 'x'}`);
    },
  ),
  dialogue(
    "3.3-54",
    "the time a message waited is taken off its Message Expiry Interval",
    ["MQTT-3.3.2-6"],
    slowIn5,
    async (t) => {
      const [s, p] = [await t.connect("s", { expirySec: KEPT_SEC }), await t.connect("p")];
      await t.subscribe(s, "~/a", 1);
      await s.disconnect();
      const sentMs = Date.now();
      await t.publish(p, 1, "~/a", "x", { properties: "02 00000064" });
      const storedMs = Date.now();
      await t.wait(2200);
      const leastSec = (Date.now() - storedMs) / 1000;
      const again = await t.connect("s", { clean: false, expirySec: KEPT_SEC });
      const publish = await t.receive(again, `32 {"~/a" ???? <02 ????????> 'x'}`);
      const mostSec = (Date.now() - sentMs) / 1000;
      const left = publish.properties.find(({ id }) => id === MESSAGE_EXPIRY_INTERVAL)?.number ?? 0;
      t.check(
        left >= Math.floor(100 - mostSec) && left <= Math.ceil(100 - leastSec),
        `Message Expiry Interval 100 is ${left} after ${mostSec.toFixed(1)} s in the broker`,
      );
    },
  ),
  dialogue(
    "3.3-55",
    "a message that expires while its subscriber is away is not delivered",
    ["MQTT-3.3.2-5"],
    slowIn5,
    async (t) => {
      const [s, p] = [await t.connect("s", { expirySec: KEPT_SEC }), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      await s.disconnect();
      await t.publish(p, 1, "~/a", "expires", { properties: "02 00000001" });
      await t.publish(p, 2, "~/a", "expires too", { properties: "02 00000001" });
      await t.publish(p, 1, "~/a", "stays");
      await t.wait(2500);
      const again = await t.connect("s", { clean: false, expirySec: KEPT_SEC });
      await t.receive(again, `32 {"~/a" ???? <> 'stays'}`);
      await again.expectNothing();
    },
  ),
  dialogue(
    "3.3-56",
    "a message that expires while its subscriber's Receive Maximum is used up is not delivered",
    ["MQTT-3.3.2-5", "MQTT-3.3.4-9"],
    slowIn5,
    async (t) => {
      const [s, p] = [await t.connect("s", { properties: "21 0001" }), await t.connect("p")];
      await t.subscribe(s, "~/a", 1);
      await t.publish(p, 1, "~/a", "first");
      const first = await s.expect(`32 {"~/a" ???? <> 'first'}`);
      await t.publish(p, 1, "~/a", "expires", { properties: "02 00000001" });
      await t.publish(p, 1, "~/a", "stays");
      await t.wait(2500);
      await t.acknowledge(s, first);
      await t.receive(s, `32 {"~/a" ???? <> 'stays'}`);
      await s.expectNothing();
    },
  ),
  dialogue(
    "3.3-57",
    "a retained message that has expired is not sent to a new subscriber",
    ["MQTT-3.3.2-5"],
    { ...slowIn5, needs: ["retain"] },
    async (t) => {
      const p = await t.connect("p");
      await t.publish(p, 1, "~/a", "expires", { retain: true, properties: "02 00000001" });
      await t.publish(p, 1, "~/b", "stays", { retain: true, properties: "02 00000064" });
      await t.wait(2500);
      const s = await t.connect("s");
      await t.subscribe(s, "~/+", 0);
      const { properties } = await s.expect(`31 {"~/b" <02 ????????> 'stays'}`);
      const left = properties.find(({ id }) => id === MESSAGE_EXPIRY_INTERVAL)?.number ?? 0;
      t.check(left <= 98 && left >= 90, `Message Expiry Interval 100 is ${left} after 2.5 s`);
      await s.expectNothing();
    },
  ),
].flat();

/** Ends the dialogue where the broker takes no Topic Alias. */
function aliasMaximum(t: Talk, client: WireClient): number {
  const max = client.connackNumber(TOPIC_ALIAS_MAXIMUM) ?? 0;
  return max > 0 ? max : t.skip("the broker's Topic Alias Maximum is 0");
}

const aliases: readonly Dialogue[] = [
  refused(
    "3.3-58",
    "Topic Alias 0",
    ["MQTT-3.3.2-8"],
    in5,
    `30 {"~/a" <23 0000> 'x'}`,
    ...[0x81, 0x82, 0x94],
  ),
  dialogue(
    "3.3-59",
    "a Topic Alias stands for its Topic Name from then on, and is not passed on",
    ["MQTT-3.3.2-12", "MQTT-3.1.2-27"],
    in5,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      aliasMaximum(t, p);
      await t.subscribe(s, "~/#", 1);
      p.send(`30 {"~/a" <23 0001> 'named'} 30 {"" <23 0001> 'by alias'}`);
      await s.expect(`30 {"~/a" <> 'named'}`);
      await s.expect(`30 {"~/a" <> 'by alias'}`);
      p.send(`32 {"" 0001 <23 0001> 'with QoS 1'}`);
      await p.expect("40 {0001}");
      await t.receive(s, `32 {"~/a" ???? <> 'with QoS 1'}`);
    },
  ),
  dialogue(
    "3.3-60",
    "a Topic Alias can be given to another Topic Name",
    ["MQTT-3.3.2-12"],
    in5,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      aliasMaximum(t, p);
      await t.subscribe(s, "~/#", 0);
      p.send(`30 {"~/a" <23 0001> '1'} 30 {"~/b" <23 0001> '2'} 30 {"" <23 0001> '3'}`);
      await s.expect(`30 {"~/a" <> '1'}`);
      await s.expect(`30 {"~/b" <> '2'}`);
      await s.expect(`30 {"~/b" <> '3'}`);
    },
  ),
  dialogue(
    "3.3-61",
    "the greatest Topic Alias that the broker allows",
    ["MQTT-3.3.2-12"],
    in5,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      const greatest = hexNumber(aliasMaximum(t, p), 2);
      await t.subscribe(s, "~/#", 0);
      p.send(`30 {"~/a" <23 ${greatest}> '1'} 30 {"" <23 ${greatest}> '2'}`);
      await s.expect(`30 {"~/a" <> '1'}`);
      await s.expect(`30 {"~/a" <> '2'}`);
    },
  ),
  refused(
    "3.3-62",
    "no Topic Name and a Topic Alias that was never set",
    ["MQTT-4.13.1-1", "§3.3.2.3.4"],
    in5,
    `30 {"" <23 0001> 'x'}`,
    ...[0x82, 0x94],
  ),
  dialogue(
    "3.3-63",
    "a Topic Alias is forgotten with its connection, even when the Session is resumed",
    ["MQTT-3.3.2-7"],
    in5,
    async (t) => {
      const p = await t.connect("p", { expirySec: KEPT_SEC });
      aliasMaximum(t, p);
      await t.publish(p, 1, "~/a", "x", { properties: "23 0001" });
      await p.disconnect();
      const again = await t.connect("p", { clean: false, expirySec: KEPT_SEC });
      again.send(`30 {"" <23 0001> 'x'}`);
      await again.expectClosed(0x82, 0x94);
    },
  ),
  dialogue(
    "3.3-64",
    "Topic Aliases of two clients do not meet",
    ["MQTT-3.3.2-12", "§3.3.2.3.4"],
    in5,
    async (t) => {
      const [s, p, q] = [await t.connect("s"), await t.connect("p"), await t.connect("q")];
      aliasMaximum(t, p);
      await t.subscribe(s, "~/#", 0);
      p.send(`30 {"~/p" <23 0001> '1'}`);
      await s.expect(`30 {"~/p" <> '1'}`);
      q.send(`30 {"~/q" <23 0001> '2'}`);
      await s.expect(`30 {"~/q" <> '2'}`);
      p.send(`30 {"" <23 0001> '3'}`);
      await s.expect(`30 {"~/p" <> '3'}`);
    },
  ),
].flat();

export const publishProperties: readonly Dialogue[] = [...carried, ...expiry, ...aliases];
