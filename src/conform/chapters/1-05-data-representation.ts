/** §1.5: UTF-8 strings, string pairs and Variable Byte Integers. */
import { type Dialogue, dialogue, in5, in45 } from "../dialogue.ts";
import { refused, refusedConnect } from "../refused.ts";

const utf8: readonly Dialogue[] = [
  refusedConnect(
    "1.5-01",
    "Client Identifier is not UTF-8",
    ["MQTT-1.5.4-1", "MQTT-3.1.3-4", "3.1.1 MQTT-1.5.3-1", "3.1.1 MQTT-3.1.3-4"],
    in5,
    `10 {"MQTT" 05 02 003c <> ['~' c328]}`,
    ...[0x81, 0x82, 0x85],
  ),
  dialogue(
    "1.5-02",
    "Client Identifier is not UTF-8",
    ["3.1.1 MQTT-1.5.3-1", "3.1.1 MQTT-3.1.3-4", "3.1.1 MQTT-3.1.3-9"],
    { versions: [4], anonymous: true },
    async (t) => {
      const a = await t.open("a");
      a.send(`10 {"MQTT" 04 02 003c ['~' c328]}`);
      await a.expectClosed(0x02); // "Identifier rejected" or nothing.
    },
  ),
  refused(
    "1.5-03",
    "Topic Name with an overlong form (C0 AF)",
    ["MQTT-1.5.4-1", "MQTT-3.3.2-1", "3.1.1 MQTT-1.5.3-1", "3.1.1 MQTT-3.3.2-1"],
    in45,
    `30 {['~/' c0af] <> 'x'}`,
    ...[0x81, 0x82, 0x90],
  ),
  refused(
    "1.5-04",
    "Topic Name with an encoded surrogate (U+D800)",
    ["MQTT-1.5.4-1", "3.1.1 MQTT-1.5.3-1"],
    in45,
    `30 {['~/' eda080] <> 'x'}`,
    ...[0x81, 0x82, 0x90],
  ),
  refused(
    "1.5-05",
    "Topic Name that ends within a character",
    ["MQTT-1.5.4-1", "3.1.1 MQTT-1.5.3-1"],
    in45,
    `30 {['~/' e282] <> 'x'}`,
    ...[0x81, 0x82, 0x90],
  ),
  refused(
    "1.5-06",
    "Topic Name with a code point above U+10FFFF",
    ["MQTT-1.5.4-1", "3.1.1 MQTT-1.5.3-1"],
    in45,
    `30 {['~/' f4908080] <> 'x'}`,
    ...[0x81, 0x82, 0x90],
  ),
  refused(
    "1.5-07",
    "Topic Name with U+0000",
    ["MQTT-1.5.4-2", "MQTT-4.7.3-2", "3.1.1 MQTT-1.5.3-2", "3.1.1 MQTT-4.7.3-2"],
    in45,
    `30 {['~/' 00] <> 'x'}`,
    ...[0x81, 0x82, 0x90],
  ),
  refused(
    "1.5-08",
    "Topic Filter of SUBSCRIBE is not UTF-8",
    ["MQTT-1.5.4-1", "MQTT-3.8.3-1", "3.1.1 MQTT-1.5.3-1", "3.1.1 MQTT-3.8.3-1"],
    in45,
    `82 {0001 <> ['~/' ff] 00}`,
    ...[0x81, 0x82, 0x8f],
  ),
  refused(
    "1.5-09",
    "Topic Filter of SUBSCRIBE with U+0000",
    ["MQTT-1.5.4-2", "MQTT-4.7.3-2", "3.1.1 MQTT-1.5.3-2", "3.1.1 MQTT-4.7.3-2"],
    in45,
    `82 {0001 <> ['~/' 00 'b'] 00}`,
    ...[0x81, 0x82, 0x8f],
  ),
  refused(
    "1.5-10",
    "Topic Filter of UNSUBSCRIBE is not UTF-8",
    ["MQTT-1.5.4-1", "MQTT-3.10.3-1", "3.1.1 MQTT-1.5.3-1", "3.1.1 MQTT-3.10.3-1"],
    in45,
    `a2 {0001 <> ['~/' 80]}`,
    ...[0x81, 0x82, 0x8f],
  ),
  refusedConnect(
    "1.5-11",
    "Will Topic is not UTF-8",
    ["MQTT-3.1.3-11"],
    in5,
    `10 {"MQTT" 05 06 003c <> "~a" <> ['~/' c328] ['x']}`,
    ...[0x81, 0x82, 0x90],
  ),
  refusedConnect(
    "1.5-12",
    "Will Topic is not UTF-8",
    ["3.1.1 MQTT-1.5.3-1", "3.1.1 MQTT-3.1.3-10"],
    { versions: [4] },
    `10 {"MQTT" 04 06 003c "~a" ['~/' c328] ['x']}`,
  ),
  refusedConnect(
    "1.5-13",
    "User Name is not UTF-8",
    ["MQTT-3.1.3-12"],
    in5,
    `10 {"MQTT" 05 82 003c <> "~a" [c328]}`,
    ...[0x81, 0x82, 0x86],
  ),
  dialogue(
    "1.5-14",
    "User Name is not UTF-8",
    ["3.1.1 MQTT-1.5.3-1", "3.1.1 MQTT-3.1.3-11"],
    { versions: [4], anonymous: true },
    async (t) => {
      const a = await t.open("a");
      a.send(`10 {"MQTT" 04 82 003c "~a" [c328]}`);
      await a.expectClosed(0x04); // "The data in the user name or password is malformed."
    },
  ),
  refused(
    "1.5-15",
    "Name of a User Property is not UTF-8",
    ["MQTT-1.5.7-1", "MQTT-1.5.4-1"],
    in5,
    `30 {"~/a" <26 [fe] "v"> 'x'}`,
  ),
  refused(
    "1.5-16",
    "Value of a User Property with U+0000",
    ["MQTT-1.5.7-1", "MQTT-1.5.4-2"],
    in5,
    `30 {"~/a" <26 "n" [00]> 'x'}`,
  ),
  refused(
    "1.5-17",
    "Response Topic is not UTF-8",
    ["MQTT-3.3.2-13"],
    in5,
    `30 {"~/a" <08 ['~/' c328]> 'x'}`,
    ...[0x81, 0x82, 0x90],
  ),
  refused(
    "1.5-18",
    "Content Type is not UTF-8",
    ["MQTT-3.3.2-19"],
    in5,
    `30 {"~/a" <03 [eda080]> 'x'}`,
  ),
  dialogue(
    "1.5-19",
    "EF BB BF stays in a Topic Name, and makes it another one",
    ["MQTT-1.5.4-3", "MQTT-4.7.3-4", "3.1.1 MQTT-1.5.3-3", "3.1.1 MQTT-4.7.3-4"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/#", 0);
      p.send(`30 {['~/' efbbbf 'a'] <> 'x'}`);
      await s.expect(`30 {['~/' efbbbf 'a'] <> 'x'}`);
      const plain = await t.connect("plain");
      await t.subscribe(plain, "~/a", 0);
      p.send(`30 {['~/' efbbbf 'a'] <> 'x'} 30 {"~/a" <> 'end'}`);
      await plain.expect(`30 {"~/a" <> 'end'}`);
    },
  ),
  dialogue(
    "1.5-20",
    "characters of 1, 2, 3 and 4 bytes arrive as they were sent",
    ["MQTT-1.5.4-1", "MQTT-4.7.3-4", "3.1.1 MQTT-1.5.3-1", "3.1.1 MQTT-4.7.3-4"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/ä/+", 0);
      p.send(`30 {"~/ä/€𝄞 é" <> 'x'}`);
      await s.expect(`30 {"~/ä/€𝄞 é" <> 'x'}`);
    },
  ),
].flat();

const lengths: readonly Dialogue[] = [
  refused(
    "1.5-21",
    "Remaining Length of five bytes",
    ["MQTT-1.5.5-1", "3.1.1 MQTT-4.8.0-1"],
    in45,
    "30 ff ff ff ff 01",
    ...[0x81, 0x82, 0x95],
  ),
  refused(
    "1.5-22",
    "Remaining Length in more bytes than it needs (PINGREQ, 80 00)",
    ["MQTT-1.5.5-1"],
    in5,
    "c0 80 00",
  ),
  refused(
    "1.5-23",
    "Property Length in more bytes than it needs (80 00)",
    ["MQTT-1.5.5-1"],
    in5,
    `30 {"~/a" 80 00 'x'}`,
  ),
  refused(
    "1.5-24",
    "Subscription Identifier in more bytes than it needs (81 00)",
    ["MQTT-1.5.5-1"],
    in5,
    `82 {0001 <0b 81 00> "~/a" 00}`,
  ),
  dialogue(
    "1.5-25",
    "Remaining Length of 127, 128, 16,383 and 16,384",
    ["MQTT-1.5.5-1", "3.1.1 MQTT-3.3.4-1"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 0);
      const headSize = t.prefix.length + 4 + (t.version === 5 ? 1 : 0);
      for (const length of [127, 128, 16_383, 16_384]) {
        const publish = `30 {"~/a" <> '${"x".repeat(length - headSize)}'}`;
        p.send(publish);
        const { bytes } = await s.expect(publish);
        const lengthBytes = length < 128 ? 1 : length < 16_384 ? 2 : 3;
        t.check(bytes.length === 1 + lengthBytes + length, "Remaining Length is not minimal");
      }
    },
  ),
].flat();

export const dataRepresentation: readonly Dialogue[] = [...utf8, ...lengths];
