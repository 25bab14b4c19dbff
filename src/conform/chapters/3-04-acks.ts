/** §3.4 to §3.7: PUBACK, PUBREC, PUBREL and PUBCOMP, also those that nobody waits for. */
import { type Dialogue, dialogue, in4, in5, in45, KEPT_SEC } from "../dialogue.ts";
import { refused } from "../refused.ts";

const FORM = ["MQTT-4.13.1-1", "3.1.1 MQTT-4.8.0-1"];
const kept = { clean: false, expirySec: KEPT_SEC } as const;

const forms: readonly Dialogue[] = [
  dialogue(
    "3.4-01",
    "PUBACK in all its forms: without Reason Code, without and with properties",
    ["MQTT-3.4.2-1", "MQTT-2.2.2-1", "§3.4.2"],
    in5,
    async (t) => {
      const [s, p] = [await t.connect("s", { properties: "21 0001" }), await t.connect("p")];
      await t.subscribe(s, "~/a", 1);
      // With Receive Maximum 1 each message proves that the PUBACK before it was understood.
      for (const rest of ["", "00", "00 <>", `00 <1f "fine" 26 "n" "v">`]) {
        await t.publish(p, 1, "~/a", "x");
        const { id } = await s.expect(`32 {"~/a" ???? <> 'x'}`);
        s.send(`40 {${id} ${rest}}`);
      }
      await s.expectNothing();
    },
  ),
  dialogue(
    "3.5-01",
    "PUBREC, PUBREL and PUBCOMP with properties",
    ["MQTT-3.5.2-1", "MQTT-3.6.2-1", "MQTT-3.7.2-1", "MQTT-4.3.3-4"],
    in5,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      p.send(`34 {"~/a" 0001 <> 'x'}`);
      await p.expect("50 {0001}");
      p.send(`62 {0001 00 <1f "go" 26 "n" "v">}`);
      await p.expect("70 {0001}");
      const { id } = await s.expect(`34 {"~/a" ???? <> 'x'}`);
      s.send(`50 {${id} 00 <1f "have it" 26 "n" "v">}`);
      await s.expect(`62 {${id}}`);
      s.send(`70 {${id} 00 <1f "done" 26 "n" "v">}`);
      await s.expectNothing();
    },
  ),
  refused("3.4-02", "PUBACK with Reason Code 0x05, which none is", FORM, in5, "40 {0001 05}"),
  refused("3.5-02", "PUBREC of no bytes", FORM, in45, "50 00"),
  refused("3.6-01", "PUBREL of no bytes", FORM, in45, "62 00"),
  refused("3.7-01", "PUBCOMP with bytes too many", ["3.1.1 MQTT-4.8.0-1"], in4, "70 {0001 0000}"),
].flat();

const unexpected: readonly Dialogue[] = [
  dialogue(
    "3.4-03",
    "PUBACK for a Packet Identifier that is not in use: no answer, and nothing breaks",
    ["MQTT-3.4.2-1", "§4.3.2"],
    in45,
    async (t) => {
      const a = await t.connect("a");
      a.send("40 {1234}");
      // Ignored, or taken for a Protocol Error; the specification does not say.
      await a.expectAliveOrClosed(0x82);
    },
  ),
  dialogue(
    "3.5-03",
    "PUBREC for a Packet Identifier that is not in use: PUBREL, with 0x92 in 5.0, or nothing",
    ["MQTT-3.6.2-1", "§4.3.3"],
    in45,
    async (t) => {
      const a = await t.connect("a");
      a.send("50 {1234} c0 00");
      const reply = await a.expectOneOf("62 {1234 92}", "62 {1234}", "d0 00");
      if (reply.name === "PUBREL") await a.expect("d0 00");
    },
  ),
  dialogue(
    "3.6-02",
    "PUBREL for a Packet Identifier that is not in use: PUBCOMP, with 0x92 in 5.0",
    ["MQTT-4.3.3-11", "MQTT-3.7.2-1", "3.1.1 MQTT-4.3.3-2"],
    in45,
    async (t) => {
      const a = await t.connect("a");
      a.send("62 {1234}");
      await a.expectOneOf("70 {1234 92}", "70 {1234}");
      await a.expectNothing();
    },
  ),
  dialogue(
    "3.7-02",
    "PUBCOMP for a Packet Identifier that is not in use: no answer, and nothing breaks",
    ["MQTT-3.7.2-1", "§4.3.3"],
    in45,
    async (t) => {
      const a = await t.connect("a");
      a.send("70 {1234}");
      await a.expectAliveOrClosed(0x82);
    },
  ),
].flat();

const wrongKind: readonly Dialogue[] = [
  dialogue(
    "3.4-04",
    "PUBACK for a QoS 2 PUBLISH does not end its exchange",
    ["MQTT-4.3.3-3", "MQTT-4.4.0-1", "3.1.1 MQTT-4.3.3-1"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s", kept), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      await t.publish(p, 2, "~/a", "x");
      const { id } = await s.expect(`34 {"~/a" ???? <> 'x'}`);
      s.send(`40 {${id}}`);
      await s.drop(); // The broker may have closed first, and may not.
      const again = await t.connect("s", kept);
      await t.receive(again, `3c {"~/a" ${id} <> 'x'}`);
      await again.expectNothing();
    },
  ),
  dialogue(
    "3.7-03",
    "PUBCOMP instead of PUBREC does not end the exchange",
    ["MQTT-4.3.3-3", "MQTT-4.4.0-1", "3.1.1 MQTT-4.3.3-1"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s", kept), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      await t.publish(p, 2, "~/a", "x");
      const { id } = await s.expect(`34 {"~/a" ???? <> 'x'}`);
      s.send(`70 {${id}}`);
      await s.drop();
      const again = await t.connect("s", kept);
      await t.receive(again, `3c {"~/a" ${id} <> 'x'}`);
      await again.expectNothing();
    },
  ),
  dialogue(
    "3.5-04",
    "PUBREC for a QoS 1 PUBLISH does not acknowledge it",
    ["MQTT-4.3.2-3", "MQTT-4.4.0-1", "3.1.1 MQTT-4.3.2-1"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s", kept), await t.connect("p")];
      await t.subscribe(s, "~/a", 1);
      await t.publish(p, 1, "~/a", "x");
      const { id } = await s.expect(`32 {"~/a" ???? <> 'x'}`);
      s.send(`50 {${id}}`);
      await s.drop();
      const again = await t.connect("s", kept);
      await t.receive(again, `3a {"~/a" ${id} <> 'x'}`);
      await again.expectNothing();
    },
  ),
].flat();

const negative: readonly Dialogue[] = [
  dialogue(
    "3.4-05",
    "PUBACK with a Reason Code of failure is an acknowledgement all the same",
    ["MQTT-4.4.0-2", "MQTT-3.4.2-1"],
    in5,
    async (t) => {
      const p = await t.connect("p");
      const s = await t.connect("s", { ...kept, properties: "21 0001" });
      await t.subscribe(s, "~/a", 1);
      await t.publish(p, 1, "~/a", "refused");
      const { id } = await s.expect(`32 {"~/a" ???? <> 'refused'}`);
      s.send(`40 {${id} 80}`);
      await t.publish(p, 1, "~/a", "next");
      await t.receive(s, `32 {"~/a" ???? <> 'next'}`);
      await s.ping();
      await s.drop();
      const again = await t.connect("s", kept);
      await again.expectNothing();
    },
  ),
  dialogue(
    "3.5-05",
    "PUBREC with a Reason Code of failure ends the exchange: no PUBREL, no second PUBLISH",
    ["MQTT-4.3.3-4", "MQTT-4.4.0-2", "MQTT-3.3.4-9"],
    in5,
    async (t) => {
      const p = await t.connect("p");
      const s = await t.connect("s", { ...kept, properties: "21 0001" });
      await t.subscribe(s, "~/a", 2);
      await t.publish(p, 2, "~/a", "refused");
      const { id } = await s.expect(`34 {"~/a" ???? <> 'refused'}`);
      s.send(`50 {${id} 83}`);
      await s.expectNothing();
      await t.publish(p, 2, "~/a", "next");
      await t.receive(s, `34 {"~/a" ???? <> 'next'}`);
      await s.ping();
      await s.drop();
      const again = await t.connect("s", kept);
      await again.expectNothing();
    },
  ),
].flat();

export const acks: readonly Dialogue[] = [...forms, ...unexpected, ...wrongKind, ...negative];
