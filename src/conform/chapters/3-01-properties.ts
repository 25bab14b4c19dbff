/** §3.1.2.11: what a client asks of the broker in the properties of CONNECT. */
import { type Dialogue, dialogue, in5 } from "../dialogue.ts";
import { refusedConnect } from "../refused.ts";

const FORM = ["MQTT-3.1.4-1", "MQTT-4.13.1-1"];

function refusedProperty(
  id: string,
  title: string,
  property: string,
  ...codes: number[]
): Dialogue[] {
  return refusedConnect(
    id,
    title,
    FORM,
    in5,
    `10 {"MQTT" 05 02 003c <${property}> "~a"}`,
    ...(codes.length > 0 ? codes : [0x81, 0x82]),
  );
}

const values: readonly Dialogue[] = [
  refusedProperty("3.1-80", "Receive Maximum 0", "21 0000"),
  refusedProperty("3.1-81", "Maximum Packet Size 0", "27 00000000"),
  refusedProperty("3.1-82", "Request Problem Information 2", "17 02"),
  refusedProperty("3.1-83", "Request Response Information 2", "19 02"),
  refusedProperty(
    "3.1-84",
    "Authentication Data without Authentication Method",
    "16 [01]",
    ...[0x81, 0x82, 0x8c],
  ),
].flat();

const packetSize: readonly Dialogue[] = [
  dialogue(
    "3.1-85",
    "Maximum Packet Size: a larger QoS 0 PUBLISH is left away, the next one comes",
    ["MQTT-3.1.2-24", "MQTT-3.1.2-25"],
    in5,
    async (t) => {
      const [s, p] = [await t.connect("s", { packetSizeMax: 60 }), await t.connect("p")];
      await t.subscribe(s, "~/a", 0);
      const room = 60 - 2 - (t.prefix.length + 4) - 1;
      p.send(`30 {"~/a" <> '${"x".repeat(room + 1)}'} 30 {"~/a" <> '${"y".repeat(room)}'}`);
      await s.expect(`30 {"~/a" <> '${"y".repeat(room)}'}`);
    },
  ),
  dialogue(
    "3.1-86",
    "Maximum Packet Size: larger PUBLISHes of QoS 1 and 2 count as sent, the flow goes on",
    ["MQTT-3.1.2-24", "MQTT-3.1.2-25"],
    in5,
    async (t) => {
      const narrow = { packetSizeMax: 60, properties: "21 0001" }; // Receive Maximum 1.
      const [s, p] = [await t.connect("s", narrow), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      for (const qos of [1, 2] as const) {
        await t.publish(p, qos, "~/a", "x".repeat(60));
        await t.publish(p, qos, "~/a", `small ${qos}`);
        await t.receive(s, `3${qos * 2} {"~/a" ???? <> 'small ${qos}'}`);
      }
      await s.expectNothing();
    },
  ),
  dialogue(
    "3.1-87",
    "Maximum Packet Size of one subscriber does not bind the others",
    ["MQTT-3.1.2-25"],
    in5,
    async (t) => {
      const narrow = await t.connect("narrow", { packetSizeMax: 60 });
      const [wide, p] = [await t.connect("wide"), await t.connect("p")];
      await t.subscribe(narrow, "~/a", 0);
      await t.subscribe(wide, "~/a", 0);
      const large = `30 {"~/a" <> '${"x".repeat(100)}'}`;
      p.send(large);
      await wide.expect(large);
      await narrow.expectNothing();
    },
  ),
  dialogue(
    "3.1-88",
    "no reply is larger than Maximum Packet Size: Reason String and User Property give way",
    [
      ...["MQTT-3.1.2-24", "MQTT-3.2.2-19", "MQTT-3.2.2-20", "MQTT-3.4.2-2", "MQTT-3.4.2-3"],
      ...["MQTT-3.5.2-2", "MQTT-3.5.2-3", "MQTT-3.7.2-2", "MQTT-3.7.2-3", "MQTT-3.9.2-1"],
      ...["MQTT-3.9.2-2", "MQTT-3.11.2-1", "MQTT-3.11.2-2", "MQTT-3.14.2-3", "MQTT-3.14.2-4"],
    ],
    in5,
    async (t) => {
      // Larger packets than `packetSizeMax` make any expectation fail.
      const a = await t.connect("a", { packetSizeMax: 40 });
      a.send(`82 {0001 <> "~/a" 00}`);
      await a.expect("90 {0001 <> 00}");
      a.send(`a2 {0002 <> "~/none"}`);
      await a.expect("b0 {0002 <> 11}");
      a.send(`32 {"~/none" 0003 <>} 34 {"~/none" 0004 <>}`);
      await a.expectOneOf("40 {0003}", "40 {0003 10}");
      await a.expectOneOf("50 {0004}", "50 {0004 10}");
      a.send("62 {0005}"); // Nobody knows this exchange.
      await a.expectOneOf("70 {0005 92}", "70 {0005}");
      a.send("00 00");
      await a.expectClosed();
    },
  ),
  dialogue(
    "3.1-89",
    "PUBREL is no larger than Maximum Packet Size, whatever the PUBREC brought",
    ["MQTT-3.6.2-2", "MQTT-3.6.2-3", "MQTT-3.1.2-24"],
    in5,
    async (t) => {
      const [s, p] = [await t.connect("s", { packetSizeMax: 40 }), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      await t.publish(p, 2, "~/a", "x");
      const { id } = await s.expect(`34 {"~/a" ???? <> 'x'}`);
      s.send(`50 {${id} 00 <1f "${"r".repeat(50)}" 26 "n" "v">}`);
      await s.expect(`62 {${id}}`);
      s.send(`70 {${id}}`);
      await s.expectNothing();
    },
  ),
].flat();

const aliases: readonly Dialogue[] = [
  dialogue(
    "3.1-90",
    "without Topic Alias Maximum the broker sends no Topic Alias",
    ["MQTT-3.1.2-27"],
    in5,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/#", 0);
      for (const topicName of ["~/a", "~/b", "~/a", "~/a", "~/b"]) {
        p.send(`30 {"${topicName}" <> 'x'}`);
        await s.expect(`30 {"${topicName}" <> 'x'}`);
      }
    },
  ),
  dialogue(
    "3.1-91",
    "Topic Alias Maximum 2: no alias above it, and each stands for the right topic",
    ["MQTT-3.1.2-26", "MQTT-3.3.2-11", "MQTT-3.3.2-8"],
    in5,
    async (t) => {
      const s = await t.connect("s", { properties: "22 0002" });
      const p = await t.connect("p");
      await t.subscribe(s, "~/#", 0);
      const known = new Map<number, string>();
      for (const level of ["a", "b", "c", "a", "b", "c", "c", "a"]) {
        p.send(`30 {"~/${level}" <> '${level}'}`);
        const { properties, topicName, bytes } = await s.next();
        const alias = properties.find(({ id }) => id === 0x23)?.number;
        t.check(alias === undefined || (alias > 0 && alias <= 2), `Topic Alias ${alias}`);
        if (alias !== undefined && topicName !== "") known.set(alias, topicName);
        const meant = topicName === "" ? known.get(alias ?? 0) : topicName;
        t.check(meant === `${t.prefix}/${level}`, `"${meant}" came for "~/${level}"`);
        t.check(bytes.at(-1) === level.charCodeAt(0), `a wrong payload for "~/${level}"`);
      }
    },
  ),
].flat();

const information: readonly Dialogue[] = [
  dialogue(
    "3.1-92",
    "Request Problem Information 0: no Reason String or User Property in acknowledgements",
    ["MQTT-3.1.2-29"],
    in5,
    async (t) => {
      const a = await t.connect("a", { properties: "17 00" });
      const replies = [];
      a.send(`82 {0001 <> "~/a" 00} a2 {0002 <> "~/none"} 32 {"~/none" 0003 <>}`);
      replies.push(await a.next(), await a.next(), await a.next());
      a.send(`34 {"~/none" 0004 <>}`);
      replies.push(await a.next());
      a.send("62 {0004} 62 {0005}"); // Of the second nobody knows.
      replies.push(await a.next(), await a.next());
      for (const { name, properties } of replies) {
        const chatter = properties.find(({ id }) => id === 0x1f || id === 0x26);
        t.check(chatter === undefined, `${name} has ${chatter?.name}: ${chatter?.text}`);
      }
    },
  ),
  dialogue(
    "3.1-93",
    "Request Response Information absent or 0: CONNACK has no Response Information",
    ["MQTT-3.1.2-28"],
    in5,
    async (t) => {
      for (const properties of ["", "19 00"]) {
        const a = await t.connect("a", { properties });
        const given = a.connack?.properties.find(({ id }) => id === 0x1a);
        t.check(given === undefined, `Response Information: ${given?.text}`);
        await a.disconnect();
      }
    },
  ),
].flat();

export const connectProperties: readonly Dialogue[] = [
  ...values,
  ...packetSize,
  ...aliases,
  ...information,
];
