/** §3.3.1.1, §3.3.1.2, §3.3.2.1, §3.3.3, §3.3.4: flags, topics, payloads, who gets what. */
import { type Dialogue, dialogue, in5, in45, in345 } from "../dialogue.ts";
import { refused } from "../refused.ts";

const flags: readonly Dialogue[] = [
  refused(
    "3.3-01",
    "QoS 3",
    ["MQTT-3.3.1-4", "3.1.1 MQTT-3.3.1-4"],
    in45,
    `36 {"~/a" 0001 <> 'x'}`,
  ),
  refused(
    "3.3-02",
    "DUP with QoS 0",
    ["MQTT-3.3.1-2", "3.1.1 MQTT-3.3.1-2"],
    in45,
    `38 {"~/a" <> 'x'}`,
  ),
  dialogue(
    "3.3-03",
    "DUP is not passed on: it tells of the publisher's own retransmission",
    ["MQTT-3.3.1-3", "MQTT-4.3.2-2", "MQTT-4.3.3-2", "3.1.1 MQTT-3.3.1-3"],
    in345,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      p.send(`3a {"~/a" 0001 <> 'one'}`);
      await p.expect("40 {0001}");
      await t.receive(s, `32 {"~/a" ???? <> 'one'}`);
      p.send(`3c {"~/a" 0002 <> 'two'}`);
      await p.expect("50 {0002}");
      p.send("62 {0002}");
      await p.expect("70 {0002}");
      await t.receive(s, `34 {"~/a" ???? <> 'two'}`);
    },
  ),
  dialogue(
    "3.3-04",
    "QoS 0: no answer; delivered with DUP 0 and without Packet Identifier",
    ["MQTT-3.3.4-1", "MQTT-3.3.1-2", "MQTT-4.3.1-1", "MQTT-2.2.1-2"].concat([
      "3.1.1 MQTT-3.3.4-1",
      "3.1.1 MQTT-3.3.1-2",
      "3.1.1 MQTT-4.3.1-1",
      "3.1.1 MQTT-2.3.1-5",
    ]),
    in345,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      p.send(`30 {"~/a" <> 'x'}`);
      await p.expectNothing();
      await s.expect(`30 {"~/a" <> 'x'}`);
    },
  ),
].flat();

const topics: readonly Dialogue[] = [
  refused(
    "3.3-05",
    `Topic Name with "+"`,
    ["MQTT-3.3.2-2", "MQTT-4.7.0-1", "3.1.1 MQTT-3.3.2-2", "3.1.1 MQTT-4.7.1-1"],
    in45,
    `30 {"~/+/a" <> 'x'}`,
    ...[0x81, 0x82, 0x90],
  ),
  refused(
    "3.3-06",
    `Topic Name with "#"`,
    ["MQTT-3.3.2-2", "MQTT-4.7.0-1", "3.1.1 MQTT-3.3.2-2", "3.1.1 MQTT-4.7.1-1"],
    in45,
    `30 {"~/#" <> 'x'}`,
    ...[0x81, 0x82, 0x90],
  ),
  refused(
    "3.3-07",
    "Topic Name of no characters",
    ["MQTT-4.7.3-1", "3.1.1 MQTT-4.7.3-1"],
    in45,
    `30 {"" <> 'x'}`,
    ...[0x81, 0x82, 0x90],
  ),
  refused("3.3-08", "PUBLISH of no bytes", ["MQTT-3.3.2-1", "3.1.1 MQTT-3.3.2-1"], in45, "30 00"),
  dialogue(
    "3.3-09",
    "who subscribed to another topic gets nothing",
    ["MQTT-3.3.2-3", "3.1.1 MQTT-3.3.2-3"],
    in345,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      p.send(`30 {"~/b" <> 'x'} 30 {"~/a/b" <> 'x'} 30 {"~" <> 'x'} 30 {"~/a" <> 'mine'}`);
      await s.expect(`30 {"~/a" <> 'mine'}`);
      await s.expectNothing();
    },
  ),
].flat();

const payloads: readonly Dialogue[] = [
  dialogue(
    "3.3-10",
    "a payload of no bytes",
    ["MQTT-3.3.4-1", "3.1.1 MQTT-3.3.4-1"],
    in345,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 1);
      await t.publish(p, 1, "~/a", "");
      await t.receive(s, `32 {"~/a" ???? <>}`);
    },
  ),
  dialogue(
    "3.3-11",
    "all 256 byte values arrive as they were sent",
    ["MQTT-3.3.4-1", "3.1.1 MQTT-3.3.4-1"],
    in345,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 0);
      const all = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
      p.send(`30 {"~/a" <> ${all.join("")}}`);
      await s.expect(`30 {"~/a" <> ${all.join("")}}`);
    },
  ),
  dialogue(
    "3.3-12",
    "a payload of 200,000 bytes, of each QoS",
    ["MQTT-3.3.4-1", "MQTT-4.2-1", "3.1.1 MQTT-3.3.4-1"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      if ((p.connackNumber(0x27) ?? 300_000) < 300_000) t.skip("Maximum Packet Size is too small");
      await t.subscribe(s, "~/a", 2);
      const payload = "0123456789".repeat(20_000);
      await t.publish(p, 0, "~/a", payload);
      await s.expect(`30 {"~/a" <> '${payload}'}`);
      await t.publish(p, 1, "~/a", payload);
      await t.receive(s, `32 {"~/a" ???? <> '${payload}'}`);
      await t.publish(p, 2, "~/a", payload);
      await t.receive(s, `34 {"~/a" ???? <> '${payload}'}`);
    },
  ),
].flat();

const recipients: readonly Dialogue[] = [
  dialogue(
    "3.3-13",
    "a PUBLISH without subscribers is acknowledged: QoS 1 and QoS 2",
    ["MQTT-3.3.4-1", "MQTT-3.4.2-1", "MQTT-3.5.2-1", "MQTT-4.3.2-4", "MQTT-4.3.3-8"].concat([
      "3.1.1 MQTT-3.3.4-1",
    ]),
    in345,
    async (t) => {
      const p = await t.connect("p");
      p.send(`32 {"~/a" 0001 <> 'x'}`);
      // "No matching subscribers" may be said instead of success (§3.4.2.1, §3.5.2.1).
      await p.expectOneOf("40 {0001}", "40 {0001 10}");
      p.send(`34 {"~/a" 0001 <> 'x'}`);
      await p.expectOneOf("50 {0001}", "50 {0001 10}");
      p.send("62 {0001}");
      await p.expect("70 {0001}");
    },
  ),
  dialogue(
    "3.3-14",
    "a message goes to all subscribers, each with its own QoS; the publisher too, if it subscribed",
    ["MQTT-4.5.0-1", "MQTT-3.8.4-8", "3.1.1 MQTT-4.5.0-1", "3.1.1 MQTT-3.8.4-6"],
    in345,
    async (t) => {
      const [zero, one, p] = [
        await t.connect("zero"),
        await t.connect("one"),
        await t.connect("p"),
      ];
      await t.subscribe(zero, "~/a", 0);
      await t.subscribe(one, "~/+", 1);
      await t.subscribe(p, "~/#", 2);
      p.send(`34 {"~/a" 0001 <> 'x'}`);
      await p.expectReply("50 {0001}");
      p.send("62 {0001}");
      await p.expectReply("70 {0001}");
      await zero.expect(`30 {"~/a" <> 'x'}`);
      await t.receive(one, `32 {"~/a" ???? <> 'x'}`);
      await t.receive(p, `34 {"~/a" ???? <> 'x'}`);
      for (const client of [zero, one, p]) await client.expectNothing();
    },
  ),
  dialogue(
    "3.3-15",
    "subscribers of every version get the message, each in its own form",
    ["MQTT-4.5.0-1", "MQTT-2.2.2-1"],
    in5,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 0);
      const old = await t.connect("old", { version: 4 });
      old.send(`82 {0001 "~/a" 00}`);
      await old.expect("90 {0001 00}");
      p.send(`30 {"~/a" <26 "n" "v"> 'x'}`);
      await s.expect(`30 {"~/a" <26 "n" "v"> 'x'}`);
      await old.expect(`30 {"~/a" 'x'}`);
      old.send(`30 {"~/a" 'from 3.1.1'}`);
      await s.expect(`30 {"~/a" <> 'from 3.1.1'}`);
    },
  ),
].flat();

export const publish: readonly Dialogue[] = [...flags, ...topics, ...payloads, ...recipients];
