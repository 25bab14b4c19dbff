/** §2.1: packet types and flags; packets that only a server sends; framing on the TCP stream. */
import { type Dialogue, dialogue, in4, in5, in45, in345 } from "../dialogue.ts";
import { refused } from "../refused.ts";

const RESERVED_FLAGS = ["MQTT-2.1.3-1", "3.1.1 MQTT-2.2.2-1", "3.1.1 MQTT-2.2.2-2"];
const VIOLATION = ["MQTT-4.13.1-1", "3.1.1 MQTT-4.8.0-1"];

const flags: readonly Dialogue[] = [
  refused("2.1-01", "packet type 0", VIOLATION, in45, "00 00"),
  refused("2.1-02", "packet type 15, which 3.1.1 does not know", VIOLATION, in4, "f0 00"),
  refused(
    "2.1-03",
    "SUBSCRIBE with flags 0000",
    [...RESERVED_FLAGS, "MQTT-3.8.1-1", "3.1.1 MQTT-3.8.1-1"],
    in45,
    `80 {0001 <> "~/a" 00}`,
  ),
  refused(
    "2.1-04",
    "SUBSCRIBE with flags 0011",
    [...RESERVED_FLAGS, "MQTT-3.8.1-1", "3.1.1 MQTT-3.8.1-1"],
    in45,
    `83 {0001 <> "~/a" 00}`,
  ),
  refused(
    "2.1-05",
    "UNSUBSCRIBE with flags 0000",
    [...RESERVED_FLAGS, "MQTT-3.10.1-1", "3.1.1 MQTT-3.10.1-1"],
    in45,
    `a0 {0001 <> "~/a"}`,
  ),
  refused(
    "2.1-06",
    "PUBREL with flags 0000",
    [...RESERVED_FLAGS, "MQTT-3.6.1-1", "3.1.1 MQTT-3.6.1-1"],
    in45,
    "60 {0001}",
  ),
  refused("2.1-07", "PUBACK with flags 0001", RESERVED_FLAGS, in45, "41 {0001}"),
  refused("2.1-08", "PUBREC with flags 0010", RESERVED_FLAGS, in45, "52 {0001}"),
  refused("2.1-09", "PUBCOMP with flags 0100", RESERVED_FLAGS, in45, "74 {0001}"),
  refused("2.1-10", "PINGREQ with flags 1000", RESERVED_FLAGS, in45, "c8 00"),
  refused(
    "2.1-11",
    "DISCONNECT with flags 0001",
    [...RESERVED_FLAGS, "MQTT-3.14.1-1", "3.1.1 MQTT-3.14.1-1"],
    in45,
    "e1 00",
  ),
  refused(
    "2.1-12",
    "AUTH with flags 0001",
    ["MQTT-2.1.3-1", "MQTT-3.15.1-1"],
    in5,
    `f1 {19 <15 "m">}`,
    ...[0x81, 0x82, 0x8c],
  ),
  dialogue(
    "2.1-13",
    "CONNECT with flags 0001",
    RESERVED_FLAGS,
    { ...in45, anonymous: true },
    async (t) => {
      const a = await t.open("a");
      a.send(t.connectPacket("a").replace("10", "11"));
      await a.expectClosed();
    },
  ),
].flat();

const direction: readonly Dialogue[] = [
  refused("2.1-14", "CONNACK from a client", VIOLATION, in4, "20 02 00 00"),
  refused("2.1-15", "CONNACK from a client", VIOLATION, in5, "20 03 00 00 00"),
  refused("2.1-16", "SUBACK from a client", VIOLATION, in45, "90 {0001 <> 00}"),
  refused("2.1-17", "UNSUBACK from a client", VIOLATION, in4, "b0 {0001}"),
  refused("2.1-18", "UNSUBACK from a client", VIOLATION, in5, "b0 {0001 <> 00}"),
  refused("2.1-19", "PINGRESP from a client", VIOLATION, in45, "d0 00"),
].flat();

const framing: readonly Dialogue[] = [
  refused("2.1-20", "PUBACK of one byte", VIOLATION, in45, "40 01 00"),
  refused("2.1-21", "PINGREQ with a body", VIOLATION, in45, "c0 01 00"),
  refused(
    "2.1-22",
    "PUBLISH whose Topic Name runs past the packet",
    VIOLATION,
    in45,
    "30 05 0009 'abc'",
  ),
  refused(
    "2.1-23",
    "SUBSCRIBE whose Topic Filter runs past the packet",
    VIOLATION,
    in45,
    "82 {0001 <> 0009 'abc'}",
  ),
  refused("2.1-24", "SUBSCRIBE without options", VIOLATION, in45, `82 {0001 <> "~/a"}`),
  dialogue(
    "2.1-25",
    "packets that arrive byte by byte",
    ["MQTT-4.2-1", "3.1.1 MQTT-3.3.4-1"],
    in45,
    async (t) => {
      const a = await t.open("a");
      await a.sendByteByByte(t.connectPacket("a"));
      await a.expectConnack();
      await a.sendByteByByte(`82 {0001 <> "~/a" 01}`);
      await a.expect("90 {0001 <> 01}");
      await a.sendByteByByte(`30 {"~/a" <> 'hello'} c0 00`);
      await a.expectInAnyOrder(`30 {"~/a" <> 'hello'}`, "d0 00");
    },
  ),
  dialogue(
    "2.1-26",
    "many packets in one segment, behind CONNECT too",
    ["MQTT-4.2-1", "MQTT-3.2.0-1", "3.1.1 MQTT-3.2.0-1"],
    in345,
    async (t) => {
      const a = await t.open("a");
      const publishes = ["1", "2", "3", "4", "5"].map((payload) => `30 {"~/a" <> '${payload}'}`);
      a.send(`${t.connectPacket("a")} 82 {0001 <> "~/a" 00} ${publishes.join(" ")}`);
      await a.expectConnack();
      await a.expectReply("90 {0001 <> 00}");
      for (const publish of publishes) await a.expect(publish);
      await a.expectNothing();
    },
  ),
  dialogue(
    "2.1-27",
    "a packet cut in the middle of its Remaining Length",
    ["MQTT-4.2-1", "3.1.1 MQTT-3.3.4-1"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 0);
      const payload = "x".repeat(200 - t.prefix.length - 4 - (t.version === 5 ? 1 : 0));
      p.send(`30 c8`); // 200 is c8 01.
      await s.ping();
      p.send(`01 "~/a" <> '${payload}'`);
      await s.expect(`30 {"~/a" <> '${payload}'}`);
    },
  ),
].flat();

export const fixedHeader: readonly Dialogue[] = [...flags, ...direction, ...framing];
