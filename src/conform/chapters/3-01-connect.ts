/** §3.1.0 to §3.1.2.9, §3.1.3, §3.1.4: the form of CONNECT, and what must not be accepted. */
import { type Dialogue, dialogue, in4, in5, in45, in345 } from "../dialogue.ts";
import { refused, refusedConnect } from "../refused.ts";

const FORM = ["MQTT-3.1.4-1", "3.1.1 MQTT-3.1.4-1"];

const first: readonly Dialogue[] = [
  dialogue(
    "3.1-01",
    "CONNECT is answered with CONNACK, success, Session Present 0",
    ["MQTT-3.1.4-5", "MQTT-3.2.0-1", "MQTT-3.2.2-1", "MQTT-3.2.2-2"].concat([
      "3.1.1 MQTT-3.1.4-4",
      "3.1.1 MQTT-3.2.0-1",
      "3.1.1 MQTT-3.2.2-1",
    ]),
    in345,
    async (t) => {
      const a = await t.open("a");
      a.send(t.connectPacket("a"));
      if (t.version === 5) await a.expectConnack(0);
      else await a.expect("20 02 00 00");
      t.check(t.version < 5 || !a.sessionPresent, "Session Present is 1 after Clean Start 1");
    },
  ),
  ...firstPacketIsNotConnect(),
  dialogue(
    "3.1-05",
    "AUTH before CONNECT: the broker closes",
    ["MQTT-3.1.0-1", "MQTT-3.14.0-1"],
    in5,
    async (t) => {
      const a = await t.open("a");
      a.send(`f0 {18 <15 "m">}`);
      await a.expectClosed();
    },
  ),
  refused(
    "3.1-06",
    "a second CONNECT",
    ["MQTT-3.1.0-2"],
    in5,
    `10 {"MQTT" 05 02 003c <> "~a"}`,
    0x82,
  ),
  refused("3.1-07", "a second CONNECT", ["3.1.1 MQTT-3.1.0-2"], in4, `10 {"MQTT" 04 02 003c "~a"}`),
].flat();

function firstPacketIsNotConnect(): Dialogue[][] {
  const packets: ReadonlyArray<readonly [id: string, name: string, text: string]> = [
    ["3.1-02", "PUBLISH", `30 {"~/a" <> 'x'}`],
    ["3.1-03", "SUBSCRIBE", `82 {0001 <> "~/a" 00}`],
    ["3.1-04", "PINGREQ", "c0 00"],
  ];
  return packets.map(([id, name, text]) =>
    dialogue(
      id,
      `${name} before CONNECT: the broker closes, and sends no DISCONNECT`,
      ["MQTT-3.1.0-1", "MQTT-3.14.0-1", "3.1.1 MQTT-3.1.0-1", "3.1.1 MQTT-3.2.0-1"],
      in45,
      async (t) => {
        const a = await t.open("a");
        a.send(text);
        // Nobody knows which version was meant; a CONNACK in the form of 5.0 may say why.
        await a.expectClosed(0x81, 0x82);
      },
    ),
  );
}

const protocol: readonly Dialogue[] = [
  refusedConnect(
    "3.1-08",
    `protocol name "MQTx"`,
    ["MQTT-3.1.2-1"],
    in5,
    `10 {"MQTx" 05 02 003c <> "~a"}`,
    ...[0x81, 0x82, 0x84, 0x01],
  ),
  dialogue(
    "3.1-09",
    `protocol name "MQTx"`,
    ["3.1.1 MQTT-3.1.2-1"],
    { versions: [4], anonymous: true },
    async (t) => {
      const a = await t.open("a");
      a.send(`10 {"MQTx" 04 02 003c "~a"}`);
      await a.expectClosed(0x01, 0x84);
    },
  ),
  refusedConnect(
    "3.1-10",
    `protocol name "mqtt"`,
    ["MQTT-3.1.2-1"],
    in5,
    `10 {"mqtt" 05 02 003c <> "~a"}`,
    ...[0x81, 0x82, 0x84, 0x01],
  ),
  refusedConnect(
    "3.1-11",
    "protocol version 6",
    ["MQTT-3.1.2-2"],
    in5,
    `10 {"MQTT" 06 02 003c <> "~a"}`,
    ...[0x84, 0x01],
  ),
  dialogue(
    "3.1-12",
    "protocol level 99 is answered with return code 1 (or, by a 5.0 server, 0x84)",
    ["3.1.1 MQTT-3.1.2-2", "3.1.1 MQTT-3.2.2-5"],
    { versions: [4], anonymous: true },
    async (t) => {
      const a = await t.open("a");
      a.send(`10 {"MQTT" 63 02 003c "~a"}`);
      await a.expectClosed(0x01, 0x84);
    },
  ),
  refusedConnect(
    "3.1-13",
    "protocol version 0",
    ["MQTT-3.1.2-2"],
    in5,
    `10 {"MQTT" 00 02 003c <> "~a"}`,
    ...[0x84, 0x01],
  ),
].flat();

/** `flags` and what follows Keep Alive: refused in both versions. */
function form(
  id: string,
  title: string,
  statements: readonly string[],
  flags: string,
  payload: string,
  ...codes: number[]
): Dialogue[] {
  const refusals = ([4, 5] as const).map((version) =>
    refusedConnect(
      id,
      title,
      [...FORM, ...statements],
      { versions: [version] },
      `10 {"MQTT" 0${version} ${flags} 003c <> ${payload}}`,
      ...[0x81, 0x82, ...codes],
    ),
  );
  return refusals.flat();
}

const flags: readonly Dialogue[] = [
  form("3.1-14", "the reserved flag is 1", ["MQTT-3.1.2-3", "3.1.1 MQTT-3.1.2-3"], "03", `"~a"`),
  form(
    "3.1-15",
    "Will Flag 0 and Will QoS 1",
    ["MQTT-3.1.2-11", "3.1.1 MQTT-3.1.2-11", "3.1.1 MQTT-3.1.2-13"],
    "0a",
    `"~a"`,
  ),
  form(
    "3.1-16",
    "Will Flag 0 and Will Retain 1",
    ["MQTT-3.1.2-13", "3.1.1 MQTT-3.1.2-11", "3.1.1 MQTT-3.1.2-15"],
    "22",
    `"~a"`,
  ),
  form(
    "3.1-17",
    "Will QoS 3",
    ["MQTT-3.1.2-12", "3.1.1 MQTT-3.1.2-14"],
    "1e",
    `"~a" <> "~/will" ['x']`,
  ),
  form(
    "3.1-18",
    "Will Flag 1 without Will Topic",
    ["MQTT-3.1.2-9", "3.1.1 MQTT-3.1.2-9"],
    "06",
    `"~a"`,
  ),
  form(
    "3.1-19",
    "Will Flag 1 without Will Payload",
    ["MQTT-3.1.2-9", "3.1.1 MQTT-3.1.2-9"],
    "06",
    `"~a" <> "~/will"`,
  ),
  form(
    "3.1-20",
    "User Name Flag 1 without User Name",
    ["MQTT-3.1.2-17", "3.1.1 MQTT-3.1.2-19"],
    "82",
    `"~a"`,
  ),
  form(
    "3.1-21",
    "User Name Flag 0 with User Name",
    ["MQTT-3.1.2-16", "3.1.1 MQTT-3.1.2-18"],
    "02",
    `"~a" "user"`,
  ),
  form(
    "3.1-22",
    "Password Flag 1 without Password",
    ["MQTT-3.1.2-19", "3.1.1 MQTT-3.1.2-21"],
    "c2",
    `"~a" "user"`,
  ),
  form(
    "3.1-23",
    "Password Flag 0 with Password",
    ["MQTT-3.1.2-18", "3.1.1 MQTT-3.1.2-20"],
    "82",
    `"~a" "user" ['secret']`,
  ),
  refusedConnect(
    "3.1-24",
    "Password Flag 1 and User Name Flag 0",
    ["3.1.1 MQTT-3.1.2-22"],
    in4,
    `10 {"MQTT" 04 42 003c "~a" ['secret']}`,
  ),
  form("3.1-25", "no Client Identifier", ["MQTT-3.1.3-3", "3.1.1 MQTT-3.1.3-3"], "02", ""),
  form(
    "3.1-26",
    "Will Topic with a wildcard",
    ["MQTT-4.7.0-1", "3.1.1 MQTT-4.7.1-1"],
    "06",
    `"~a" <> "~/+" ['x']`,
    0x90,
  ),
  form(
    "3.1-27",
    "Will Topic of no characters",
    ["MQTT-4.7.3-1", "3.1.1 MQTT-4.7.3-1"],
    "06",
    `"~a" <> "" ['x']`,
    0x90,
  ),
  dialogue(
    "3.1-28",
    "all fields of the payload in their order: Client Identifier, Will, User Name, Password",
    ["MQTT-3.1.3-1", "3.1.1 MQTT-3.1.3-1"],
    { ...in45, anonymous: true },
    async (t) => {
      const s = await t.connect("s");
      await t.subscribe(s, "~/will", 0);
      const a = await t.open("a");
      a.send(`10 {"MQTT" 0${t.version} c6 003c <> "~a" <> "~/will" ['gone'] "user" ['secret']}`);
      // Nobody says that this user may come in; but the packet is right.
      const refusals = t.version === 5 ? [0x86, 0x87] : [0x04, 0x05];
      const code = await a.expectConnack(0, ...refusals);
      if (code !== 0) return;
      await a.drop();
      await s.expect(`30 {"~/will" <> 'gone'}`);
    },
  ),
].flat();

const clientIds: readonly Dialogue[] = [
  dialogue(
    "3.1-29",
    "a Client Identifier of 23 digits and letters, small and capital",
    ["MQTT-3.1.3-5", "3.1.1 MQTT-3.1.3-5"],
    in345,
    async (t) => {
      const a = await t.connect("09azAZbcDEfg");
      t.check(t.prefix.length + 12 === 23, "the dialogue is wrong: not 23 characters");
      await a.expectNothing();
    },
  ),
  dialogue(
    "3.1-30",
    "an empty Client Identifier gets a new one each time, which can be used from then on",
    ["MQTT-3.1.3-6", "MQTT-3.1.3-7", "MQTT-3.1.3-8", "MQTT-3.2.2-16"],
    { ...in5, anonymous: true },
    async (t) => {
      const [a, b] = [await t.open("a"), await t.open("b")];
      for (const client of [a, b]) {
        client.send(`10 {"MQTT" 05 02 003c <11 0000003c> ""}`);
        // Also legal: "A Server MAY allow".
        if ((await client.expectConnack(0, 0x85)) !== 0) return;
      }
      const assigned = [a, b].map(
        ({ connack }) => connack?.properties.find(({ id }) => id === 0x12)?.text ?? "",
      );
      t.check(assigned[0] !== "", "no Assigned Client Identifier (0x12) in CONNACK");
      t.check(assigned[0] !== assigned[1], `assigned twice: ${assigned[0]}`);
      await a.disconnect();
      await b.disconnect("e0 {00 <11 00000000>}");
      const again = await t.open("again");
      again.send(`10 {"MQTT" 05 00 003c <> "${assigned[0]}"}`);
      await again.expectConnack(0);
      t.check(again.sessionPresent, "Session Present is 0 for the assigned Client Identifier");
    },
  ),
  dialogue(
    "3.1-31",
    "an empty Client Identifier with Clean Session 1: accepted, or return code 2",
    ["3.1.1 MQTT-3.1.3-6", "3.1.1 MQTT-3.1.3-9"],
    { versions: [4], anonymous: true },
    async (t) => {
      const a = await t.open("a");
      a.send(`10 {"MQTT" 04 02 003c ""}`);
      await a.expectConnack(0, 2);
    },
  ),
  dialogue(
    "3.1-32",
    "an empty Client Identifier with Clean Session 0: return code 2",
    ["3.1.1 MQTT-3.1.3-7", "3.1.1 MQTT-3.1.3-8", "3.1.1 MQTT-3.2.2-4"],
    { versions: [4], anonymous: true },
    async (t) => {
      const a = await t.open("a");
      a.send(`10 {"MQTT" 04 00 003c ""}`);
      await a.expectConnack(2);
    },
  ),
  dialogue(
    "3.1-33",
    "3.1: an empty Client Identifier is refused with return code 2",
    ["§3.1 of MQTT 3.1"],
    { versions: [3], anonymous: true },
    async (t) => {
      const a = await t.open("a");
      a.send(`10 {"MQIsdp" 03 02 003c ""}`);
      await a.expectConnack(2);
    },
  ),
].flat();

const refusedIsRefused: readonly Dialogue[] = [
  dialogue(
    "3.1-34",
    "what follows a refused CONNECT is not processed",
    ["MQTT-3.1.4-6", "MQTT-3.1.4-2", "3.1.1 MQTT-3.1.4-5"],
    { ...in45, anonymous: true },
    async (t) => {
      const s = await t.connect("s");
      await t.subscribe(s, "~/a", 0);
      const a = await t.open("a");
      a.send(`10 {"MQTT" 63 02 003c <> "~a"} 30 {"~/a" <> 'refused'}`);
      await a.expectClosed(0x84, 0x01);
      const p = await t.connect("p");
      p.send(`30 {"~/a" <> 'end'}`);
      await s.expect(`30 {"~/a" <> 'end'}`);
    },
  ),
].flat();

export const connect: readonly Dialogue[] = [
  ...first,
  ...protocol,
  ...flags,
  ...clientIds,
  ...refusedIsRefused,
];
