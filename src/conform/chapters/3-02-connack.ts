/** §3.2: what CONNACK says, and that the broker keeps to it. */
import { type Dialogue, dialogue, hexNumber, in5, in45, KEPT_SEC } from "../dialogue.ts";

const RECEIVE_MAXIMUM = 0x21;
const TOPIC_ALIAS_MAXIMUM = 0x22;
const MAXIMUM_QOS = 0x24;
const RETAIN_AVAILABLE = 0x25;
const MAXIMUM_PACKET_SIZE = 0x27;
/** Above this we do not try to reach a limit that the broker has set itself. */
const PROBED_MAX = 2_000_000;

const content: readonly Dialogue[] = [
  dialogue(
    "3.2-01",
    "no second CONNACK, whatever the client does",
    ["MQTT-3.2.0-2", "3.1.1 MQTT-3.2.0-1"],
    in45,
    async (t) => {
      const a = await t.connect("a");
      await t.subscribe(a, "~/a", 1);
      await t.publish(a, 1, "~/b", "x");
      await a.expectNothing();
    },
  ),
  dialogue(
    "3.2-02",
    "the values in CONNACK are in their ranges",
    ["MQTT-3.2.2-8", "§3.2.2.3"],
    in5,
    async (t) => {
      // `connect` has already checked that each property belongs into CONNACK and stands once.
      const a = await t.connect("a");
      const zeroOrOne = [0x24, 0x25, 0x28, 0x29, 0x2a];
      for (const id of zeroOrOne) {
        t.check((a.connackNumber(id) ?? 0) <= 1, `property 0x${id.toString(16)} is not 0 or 1`);
      }
      for (const id of [RECEIVE_MAXIMUM, MAXIMUM_PACKET_SIZE]) {
        t.check(a.connackNumber(id) !== 0, `property 0x${id.toString(16)} is 0`);
      }
    },
  ),
  dialogue(
    "3.2-03",
    "no Authentication Method in CONNACK for a client that named none",
    ["MQTT-4.12.0-6"],
    in5,
    async (t) => {
      const a = await t.connect("a");
      const named = a.connack?.properties.find(({ id }) => id === 0x15 || id === 0x16);
      t.check(named === undefined, `${named?.name}: ${named?.text}`);
    },
  ),
  dialogue(
    "3.2-04",
    "CONNACK that refuses says Session Present 0, though there is a Session, and the broker closes",
    ["MQTT-3.2.2-6", "MQTT-3.2.2-7", "MQTT-4.13.2-1"],
    { ...in5, anonymous: true },
    async (t) => {
      const a = await t.connect("a", { expirySec: KEPT_SEC });
      await a.disconnect();
      const refused = await t.open("a");
      refused.send(`10 {"MQTT" 05 00 003c <15 "nightjar-no-such-method"> "~a"}`);
      await refused.expectClosed(0x8c, 0x87);
    },
  ),
  dialogue(
    "3.2-05",
    "Maximum QoS absent: PUBLISH of QoS 2 is accepted",
    ["MQTT-3.2.2-9"],
    { ...in5, needs: ["qos2"] },
    async (t) => t.publish(await t.connect("a"), 2, "~/a", "x"),
  ),
  dialogue(
    "3.2-06",
    "SUBSCRIBE of any QoS is accepted, whatever Maximum QoS says",
    ["MQTT-3.2.2-10", "MQTT-3.8.4-7"],
    in5,
    async (t) => {
      const a = await t.connect("a");
      for (const qos of [0, 1, 2]) {
        a.send(`82 {0001 <> "~/a" 0${qos}}`);
        const lower = [0, 1, 2].filter((granted) => granted <= qos);
        await a.expectOneOf(...lower.map((granted) => `90 {0001 <> 0${granted}}`));
      }
    },
  ),
].flat();

const limits: readonly Dialogue[] = [
  dialogue(
    "3.2-07",
    "a packet larger than the broker's Maximum Packet Size: the broker closes (0x95)",
    ["MQTT-3.2.2-15"],
    in5,
    async (t) => {
      const a = await t.connect("a");
      const max = a.connackNumber(MAXIMUM_PACKET_SIZE) ?? Number.POSITIVE_INFINITY;
      if (max > PROBED_MAX) t.skip("the broker's Maximum Packet Size is absent or very large");
      a.send(`30 {"~/a" <> '${"x".repeat(max)}'}`);
      await a.expectClosed(0x95);
    },
  ),
  dialogue(
    "3.2-08",
    "more unacknowledged QoS 2 PUBLISHes than the broker's Receive Maximum: it closes (0x93)",
    ["MQTT-3.3.4-7", "§3.3.4"],
    { ...in5, needs: ["qos2"] },
    async (t) => {
      const a = await t.connect("a");
      const max = a.connackNumber(RECEIVE_MAXIMUM) ?? 0xffff;
      if (max > 2000) t.skip("the broker's Receive Maximum is absent or very large");
      for (let id = 1; id <= max; id += 1) {
        const number = hexNumber(id, 2);
        a.send(`34 {"~/a" ${number} <> 'x'}`);
        await a.expectOneOf(`50 {${number}}`, `50 {${number} 10}`);
      }
      a.send(`34 {"~/a" ${hexNumber(max + 1, 2)} <> 'one too many'}`);
      await a.expectClosed(0x93);
    },
  ),
  dialogue(
    "3.2-09",
    "as many as Receive Maximum allows is right, again and again",
    ["MQTT-3.3.4-7", "MQTT-4.9.0-1"],
    { ...in5, needs: ["qos2"] },
    async (t) => {
      const a = await t.connect("a");
      const max = Math.min(a.connackNumber(RECEIVE_MAXIMUM) ?? 0xffff, 200);
      const ids = Array.from({ length: max }, (_, at) => hexNumber(at + 1, 2));
      for (const round of [1, 2]) {
        for (const id of ids) a.send(`34 {"~/a" ${id} <> '${round}'}`);
        for (const id of ids) await a.expectOneOf(`50 {${id}}`, `50 {${id} 10}`);
        for (const id of ids) a.send(`62 {${id}}`);
        for (const id of ids) await a.expect(`70 {${id}}`);
      }
    },
  ),
  dialogue(
    "3.2-10",
    "a Topic Alias above the broker's Topic Alias Maximum, or any where it is 0: it closes (0x94)",
    ["MQTT-3.2.2-17", "MQTT-3.2.2-18", "MQTT-3.3.2-9"],
    in5,
    async (t) => {
      const a = await t.connect("a");
      const max = a.connackNumber(TOPIC_ALIAS_MAXIMUM) ?? 0;
      if (max === 0xffff) t.skip("the broker accepts every Topic Alias");
      a.send(`30 {"~/a" <23 ${hexNumber(max + 1, 2)}> 'x'}`);
      await a.expectClosed(0x94);
    },
  ),
].flat();

const declined: readonly Dialogue[] = [
  dialogue(
    "3.2-11",
    "Will QoS above the broker's Maximum QoS: refused (0x9B)",
    ["MQTT-3.2.2-12"],
    in5,
    async (t) => {
      const max = (await t.connect("first")).connackNumber(MAXIMUM_QOS);
      if (max === undefined) t.skip("the broker takes every QoS");
      const a = await t.open("a");
      const will = { topicName: "~/will", payload: "gone", qos: 2 } as const;
      a.send(t.connectPacket("a", { will }));
      await a.expectClosed(0x9b);
    },
  ),
  dialogue(
    "3.2-12",
    "Will Retain where the broker keeps no retained messages: refused (0x9A)",
    ["MQTT-3.2.2-13"],
    in5,
    async (t) => {
      const available = (await t.connect("first")).connackNumber(RETAIN_AVAILABLE);
      if (available !== 0) t.skip("the broker keeps retained messages");
      const a = await t.open("a");
      const will = { topicName: "~/will", payload: "gone", retain: true } as const;
      a.send(t.connectPacket("a", { will }));
      await a.expectClosed(0x9a);
    },
  ),
].flat();

export const connack: readonly Dialogue[] = [...content, ...limits, ...declined];
