/** §2.2: Packet Identifiers and properties. */
import { type Dialogue, dialogue, in5, in45, in345 } from "../dialogue.ts";
import { refused, refusedConnect } from "../refused.ts";

const ZERO_ID = ["MQTT-2.2.1-3", "3.1.1 MQTT-2.3.1-1"];

const packetIds: readonly Dialogue[] = [
  refused("2.2-01", "QoS 1 PUBLISH with Packet Identifier 0", ZERO_ID, in45, `32 {"~/a" 0000 <>}`),
  refused("2.2-02", "QoS 2 PUBLISH with Packet Identifier 0", ZERO_ID, in45, `34 {"~/a" 0000 <>}`),
  refused("2.2-03", "SUBSCRIBE with Packet Identifier 0", ZERO_ID, in45, `82 {0000 <> "~/a" 00}`),
  refused("2.2-04", "UNSUBSCRIBE with Packet Identifier 0", ZERO_ID, in45, `a2 {0000 <> "~/a"}`),
  dialogue(
    "2.2-05",
    "the broker's Packet Identifiers are not zero and differ while in use",
    ["MQTT-2.2.1-4", "MQTT-4.3.2-1", "MQTT-4.3.3-1", "3.1.1 MQTT-2.3.1-4"],
    in345,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/#", 2);
      const ids = new Set<string>();
      for (const payload of ["1", "2", "3", "4", "5", "6"]) {
        await t.publish(p, 1, "~/a", payload);
        ids.add((await s.expect(`32 {"~/a" ???? <> '${payload}'}`)).id);
        await t.publish(p, 2, "~/b", payload);
        ids.add((await s.expect(`34 {"~/b" ???? <> '${payload}'}`)).id);
      }
      t.check(ids.size === 12 && !ids.has("0000"), `ids of 12 PUBLISHes: ${[...ids].join(" ")}`);
    },
  ),
  dialogue(
    "2.2-06",
    "the two directions number apart: one identifier in use in both",
    ["MQTT-2.2.1-5", "MQTT-4.3.2-4", "3.1.1 MQTT-2.3.1-6"],
    in345,
    async (t) => {
      const a = await t.connect("a");
      await t.subscribe(a, "~/a", 1);
      a.send(`32 {"~/a" 0001 <> 'x'}`);
      const [, publish] = await a.expectInAnyOrder("40 {0001}", `32 {"~/a" ???? <> 'x'}`);
      // The broker's own exchange is still open; ours may reuse its number.
      const id = publish?.id ?? "";
      a.send(`32 {"~/none" ${id} <> 'y'}`);
      await a.expectOneOf(`40 {${id}}`, `40 {${id} 10}`);
      a.send(`40 {${id}}`);
      await a.expectNothing();
    },
  ),
  dialogue(
    "2.2-07",
    "SUBACK and UNSUBACK carry the identifier of the request, 1 to 65,535",
    ["MQTT-2.2.1-6", "MQTT-3.8.4-2", "MQTT-3.10.4-5"].concat([
      "3.1.1 MQTT-2.3.1-7",
      "3.1.1 MQTT-3.8.4-2",
      "3.1.1 MQTT-3.10.4-4",
    ]),
    in345,
    async (t) => {
      const a = await t.connect("a");
      for (const id of ["0001", "00ff", "0100", "ffff"]) {
        a.send(`82 {${id} <> "~/a" 00}`);
        await a.expect(`90 {${id} <> 00}`);
        a.send(`a2 {${id} <> "~/a"}`);
        await a.expect(t.version === 5 ? `b0 {${id} <> 00}` : `b0 {${id}}`);
      }
    },
  ),
].flat();

const PROPERTY = ["MQTT-4.13.1-1"];

const properties: readonly Dialogue[] = [
  refused("2.2-08", "PUBLISH without Property Length", ["MQTT-2.2.2-1"], in5, `30 {"~/a"}`),
  refused("2.2-09", "unknown property 0x7E in PUBLISH", PROPERTY, in5, `30 {"~/a" <7e 00> 'x'}`),
  refused(
    "2.2-10",
    "unknown property 0x00 in SUBSCRIBE",
    PROPERTY,
    in5,
    `82 {0001 <00 00> "~/a" 00}`,
  ),
  refusedConnect(
    "2.2-11",
    "unknown property 0x04 in CONNECT",
    ["MQTT-3.1.4-1"],
    in5,
    `10 {"MQTT" 05 02 003c <04 00> "~a"}`,
    ...[0x81, 0x82],
  ),
  refused(
    "2.2-12",
    "Property Length that runs past the packet",
    PROPERTY,
    in5,
    `30 {"~/a" 20 01 00}`,
  ),
  refused(
    "2.2-13",
    "Property Length that cuts a property",
    PROPERTY,
    in5,
    `30 {"~/a" 03 02 00000001 'x'}`,
  ),
  refused(
    "2.2-14",
    "Payload Format Indicator twice",
    PROPERTY,
    in5,
    `30 {"~/a" <01 01 01 01> 'x'}`,
  ),
  refused(
    "2.2-15",
    "Message Expiry Interval twice",
    PROPERTY,
    in5,
    `30 {"~/a" <02 0000000a 02 0000000a> 'x'}`,
  ),
  refused("2.2-16", "Content Type twice", PROPERTY, in5, `30 {"~/a" <03 "t" 03 "t"> 'x'}`),
  refused("2.2-17", "Response Topic twice", PROPERTY, in5, `30 {"~/a" <08 "~/r" 08 "~/r"> 'x'}`),
  refused("2.2-18", "Correlation Data twice", PROPERTY, in5, `30 {"~/a" <09 [01] 09 [01]> 'x'}`),
  refused(
    "2.2-19",
    "Subscription Identifier twice in SUBSCRIBE",
    PROPERTY,
    in5,
    `82 {0001 <0b 01 0b 02> "~/a" 00}`,
  ),
  refused("2.2-20", "Reason String twice in PUBACK", PROPERTY, in5, `40 {0001 00 <1f "r" 1f "r">}`),
  refused("2.2-21", "Topic Alias in SUBSCRIBE", PROPERTY, in5, `82 {0001 <23 0001> "~/a" 00}`),
  refused("2.2-22", "Receive Maximum in PUBLISH", PROPERTY, in5, `30 {"~/a" <21 0001> 'x'}`),
  refused(
    "2.2-23",
    "Will Delay Interval in PUBLISH",
    PROPERTY,
    in5,
    `30 {"~/a" <18 00000001> 'x'}`,
  ),
  refused("2.2-24", "Reason String in PUBLISH", PROPERTY, in5, `30 {"~/a" <1f "r"> 'x'}`),
  refused("2.2-25", "Content Type in UNSUBSCRIBE", PROPERTY, in5, `a2 {0001 <03 "t"> "~/a"}`),
  refused(
    "2.2-26",
    "Message Expiry Interval in PUBREL",
    PROPERTY,
    in5,
    `62 {0001 00 <02 00000001>}`,
  ),
  refused("2.2-27", "Receive Maximum in DISCONNECT", PROPERTY, in5, `e0 {00 <21 0001>}`),
  refusedConnect(
    "2.2-28",
    "Assigned Client Identifier in CONNECT",
    ["MQTT-3.1.4-1"],
    in5,
    `10 {"MQTT" 05 02 003c <12 "x"> "~a"}`,
    ...[0x81, 0x82],
  ),
  refusedConnect(
    "2.2-29",
    "Topic Alias in the Will Properties",
    ["MQTT-3.1.4-1"],
    in5,
    `10 {"MQTT" 05 06 003c <> "~a" <23 0001> "~/will" ['x']}`,
    ...[0x81, 0x82],
  ),
  refusedConnect(
    "2.2-30",
    "Will Delay Interval twice",
    ["MQTT-3.1.4-1"],
    in5,
    `10 {"MQTT" 05 06 003c <> "~a" <18 00000001 18 00000001> "~/will" ['x']}`,
    ...[0x81, 0x82],
  ),
  ...twiceInConnect(),
  dialogue(
    "2.2-38",
    "User Property may stand in every packet of a client, and repeat",
    ["MQTT-1.5.7-1", "MQTT-3.3.2-17"],
    in5,
    async (t) => {
      const twice = `26 "n" "v" 26 "n" "v"`;
      const a = await t.connect("a", { properties: twice });
      const b = await t.connect("b");
      a.send(`82 {0001 <${twice}> "~/a" 02}`);
      await a.expect("90 {0001 <> 02}");
      await t.publish(b, 2, "~/a", "x");
      const { id } = await a.expect(`34 {"~/a" ???? <> 'x'}`);
      a.send(`50 {${id} 00 <${twice}>}`);
      await a.expect(`62 {${id}}`);
      a.send(`70 {${id} 00 <${twice}>}`);
      a.send(`34 {"~/b" 0002 <${twice}> 'y'}`);
      await a.expectOneOf("50 {0002}", "50 {0002 10}");
      a.send(`62 {0002 00 <${twice}>}`);
      await a.expect("70 {0002}");
      a.send(`a2 {0003 <${twice}> "~/a"}`);
      await a.expect("b0 {0003 <> 00}");
      await a.disconnect(`e0 {00 <${twice}>}`);
    },
  ),
].flat();

/** Every property of CONNECT that may stand once, twice. */
function twiceInConnect(): Dialogue[][] {
  const once: ReadonlyArray<readonly [id: string, name: string, property: string]> = [
    ["2.2-31", "Session Expiry Interval", "11 00000000"],
    ["2.2-32", "Receive Maximum", "21 0001"],
    ["2.2-33", "Maximum Packet Size", "27 00001000"],
    ["2.2-34", "Topic Alias Maximum", "22 0001"],
    ["2.2-35", "Request Response Information", "19 00"],
    ["2.2-36", "Request Problem Information", "17 01"],
    ["2.2-37", "Authentication Method", `15 "m"`],
  ];
  return once.map(([id, name, property]) =>
    refusedConnect(
      id,
      `${name} twice in CONNECT`,
      ["MQTT-3.1.4-1"],
      in5,
      `10 {"MQTT" 05 02 003c <${property} ${property}> "~a"}`,
      ...[0x81, 0x82],
    ),
  );
}

export const variableHeader: readonly Dialogue[] = [...packetIds, ...properties];
