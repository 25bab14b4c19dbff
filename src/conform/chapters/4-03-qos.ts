/** §4.3: the exchanges of QoS 1 and QoS 2, on both sides of the broker. */
import { type Dialogue, dialogue, in5, in45, in345, KEPT_SEC, slowIn5 } from "../dialogue.ts";

const kept = { clean: false, expirySec: KEPT_SEC } as const;

const inbound: readonly Dialogue[] = [
  dialogue(
    "4.3-01",
    "QoS 1: PUBACK with the same identifier; the message is delivered once",
    ["MQTT-4.3.2-4", "MQTT-2.2.1-5", "MQTT-4.5.0-1", "3.1.1 MQTT-4.3.2-2", "3.1.1 MQTT-2.3.1-6"],
    in345,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 1);
      p.send(`32 {"~/a" 1234 <> 'x'}`);
      await p.expect("40 {1234}");
      await t.receive(s, `32 {"~/a" ???? <> 'x'}`);
      await s.expectNothing();
    },
  ),
  dialogue(
    "4.3-02",
    "QoS 1: after PUBACK the same identifier is a new message, whatever DUP says",
    ["MQTT-4.3.2-5", "3.1.1 MQTT-4.3.2-2"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 1);
      for (const first of ["32", "3a", "32"]) {
        p.send(`${first} {"~/a" 0001 <> 'x'}`);
        await p.expect("40 {0001}");
        await t.receive(s, `32 {"~/a" ???? <> 'x'}`);
      }
      await s.expectNothing();
    },
  ),
  dialogue(
    "4.3-03",
    "QoS 2: PUBREC, then PUBCOMP; the message is delivered once",
    ["MQTT-4.3.3-8", "MQTT-4.3.3-11", "MQTT-2.2.1-5", "MQTT-3.5.2-1", "MQTT-3.7.2-1"].concat([
      "3.1.1 MQTT-4.3.3-2",
      "3.1.1 MQTT-2.3.1-6",
    ]),
    in345,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      p.send(`34 {"~/a" 1234 <> 'x'}`);
      await p.expect("50 {1234}");
      p.send("62 {1234}");
      await p.expect("70 {1234}");
      await t.receive(s, `34 {"~/a" ???? <> 'x'}`);
      await s.expectNothing();
    },
  ),
  dialogue(
    "4.3-04",
    "QoS 2: PUBLISH again before PUBREL: PUBREC again, but one delivery",
    ["MQTT-4.3.3-10", "3.1.1 MQTT-4.3.3-2"],
    in345,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      for (const first of ["34", "3c", "3c"]) {
        p.send(`${first} {"~/a" 0001 <> 'x'}`);
        await p.expectOneOf("50 {0001}", "50 {0001 10}");
      }
      p.send("62 {0001}");
      await p.expect("70 {0001}");
      await t.receive(s, `34 {"~/a" ???? <> 'x'}`);
      await s.expectNothing();
    },
  ),
  dialogue(
    "4.3-05",
    "QoS 2: after PUBCOMP the same identifier is a new message",
    ["MQTT-4.3.3-12", "3.1.1 MQTT-4.3.3-2"],
    in345,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      for (const payload of ["1", "2", "3"]) {
        p.send(`34 {"~/a" 0001 <> '${payload}'}`);
        await p.expect("50 {0001}");
        p.send("62 {0001}");
        await p.expect("70 {0001}");
        await t.receive(s, `34 {"~/a" ???? <> '${payload}'}`);
      }
      await s.expectNothing();
    },
  ),
  dialogue(
    "4.3-06",
    "QoS 2: PUBREL again after PUBCOMP: PUBCOMP again",
    ["MQTT-4.3.3-11", "3.1.1 MQTT-4.3.3-2"],
    in45,
    async (t) => {
      const p = await t.connect("p");
      p.send(`34 {"~/a" 0001 <> 'x'}`);
      await p.expectOneOf("50 {0001}", "50 {0001 10}");
      p.send("62 {0001}");
      await p.expect("70 {0001}");
      p.send("62 {0001}");
      await p.expectOneOf("70 {0001}", "70 {0001 92}");
    },
  ),
  dialogue(
    "4.3-07",
    "QoS 2: a new connection resends PUBLISH with DUP: one delivery all the same",
    ["MQTT-4.3.3-10", "MQTT-3.1.2-5", "3.1.1 MQTT-4.3.3-2", "3.1.1 MQTT-3.1.2-4"],
    in45,
    async (t) => {
      const s = await t.connect("s");
      await t.subscribe(s, "~/a", 2);
      const p = await t.connect("p", kept);
      p.send(`34 {"~/a" 0001 <> 'x'}`);
      await p.expect("50 {0001}");
      await p.drop();
      const again = await t.connect("p", kept);
      again.send(`3c {"~/a" 0001 <> 'x'}`);
      await again.expectOneOf("50 {0001}", "50 {0001 10}");
      again.send("62 {0001}");
      await again.expect("70 {0001}");
      await t.receive(s, `34 {"~/a" ???? <> 'x'}`);
      await s.expectNothing();
    },
  ),
  dialogue(
    "4.3-08",
    "QoS 2: a new connection goes on with PUBREL",
    ["MQTT-4.3.3-11", "MQTT-4.5.0-1", "3.1.1 MQTT-4.3.3-2"],
    in45,
    async (t) => {
      const s = await t.connect("s");
      await t.subscribe(s, "~/a", 2);
      const p = await t.connect("p", kept);
      p.send(`34 {"~/a" 0001 <> 'x'}`);
      await p.expect("50 {0001}");
      await p.drop();
      const again = await t.connect("p", kept);
      again.send("62 {0001}");
      await again.expect("70 {0001}");
      await t.receive(s, `34 {"~/a" ???? <> 'x'}`);
      await s.expectNothing();
    },
  ),
  dialogue(
    "4.3-09",
    "QoS 2: exchanges of one client overlap and end in any order",
    ["MQTT-4.3.3-8", "MQTT-4.3.3-11", "3.1.1 MQTT-4.3.3-2"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 0);
      p.send(`34 {"~/a" 0001 <> '1'} 34 {"~/a" 0002 <> '2'} 34 {"~/a" 0003 <> '3'}`);
      for (const id of ["0001", "0002", "0003"]) await p.expect(`50 {${id}}`);
      p.send("62 {0003}");
      await p.expect("70 {0003}");
      p.send("62 {0001} 62 {0002}");
      await p.expect("70 {0001}");
      await p.expect("70 {0002}");
      await s.expectInAnyOrder(`30 {"~/a" <> '1'}`, `30 {"~/a" <> '2'}`, `30 {"~/a" <> '3'}`);
      await s.expectNothing();
    },
  ),
  dialogue(
    "4.3-10",
    "QoS 1 and QoS 2 with one identifier: a QoS 1 PUBLISH does not disturb the other's exchange",
    ["MQTT-4.3.2-4", "MQTT-4.3.3-11", "3.1.1 MQTT-4.3.2-2"],
    in45,
    async (t) => {
      const p = await t.connect("p");
      p.send(`34 {"~/a" 0001 <> 'x'} 32 {"~/a" 0002 <> 'y'}`);
      await p.expectOneOf("50 {0001}", "50 {0001 10}");
      await p.expectOneOf("40 {0002}", "40 {0002 10}");
      p.send("62 {0001}");
      await p.expect("70 {0001}");
    },
  ),
  dialogue(
    "4.3-11",
    "QoS 2: a message that expired meanwhile: the exchange goes on",
    ["MQTT-4.3.3-13"],
    slowIn5,
    async (t) => {
      const p = await t.connect("p");
      p.send(`34 {"~/a" 0001 <02 00000001> 'x'}`);
      await p.expectOneOf("50 {0001}", "50 {0001 10}");
      await t.wait(2500);
      p.send("62 {0001}");
      await p.expect("70 {0001}");
    },
  ),
].flat();

const refusedPublish: readonly Dialogue[] = [
  dialogue(
    "4.3-18",
    "QoS 2: after a PUBREC that refuses, the same identifier is a new message",
    ["MQTT-4.3.3-9"],
    in5,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      p.send(`34 {"$SYS/~/a" 0001 <> 'not for clients'}`);
      const reply = await p.expectOneOf(
        "50 {0001}",
        "50 {0001 10}",
        "50 {0001 87}",
        "50 {0001 90}",
      );
      if ((reply.reasonCodes[0] ?? 0) < 0x80)
        t.skip("the broker accepts even $SYS/… from a client");
      p.send(`34 {"~/a" 0001 <> 'x'}`);
      await p.expect("50 {0001}");
      p.send("62 {0001}");
      await p.expect("70 {0001}");
      await t.receive(s, `34 {"~/a" ???? <> 'x'}`);
      await s.expectNothing();
    },
  ),
].flat();

const outbound: readonly Dialogue[] = [
  dialogue(
    "4.3-12",
    "QoS 2 to a subscriber: PUBLISH, PUBREC, PUBREL, PUBCOMP, with one identifier",
    ["MQTT-4.3.3-2", "MQTT-4.3.3-4", "MQTT-3.6.2-1", "MQTT-2.2.1-5", "3.1.1 MQTT-4.3.3-1"],
    in345,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      await t.publish(p, 2, "~/a", "x");
      const { id } = await s.expect(`34 {"~/a" ???? <> 'x'}`);
      await s.expectNothing(); // No PUBREL before PUBREC.
      s.send(`50 {${id}}`);
      await s.expect(`62 {${id}}`);
      s.send(`70 {${id}}`);
      await s.expectNothing();
    },
  ),
  dialogue(
    "4.3-13",
    "QoS 2 to a subscriber: PUBREC again: PUBREL again, no PUBLISH",
    ["MQTT-4.3.3-4", "MQTT-4.3.3-6", "3.1.1 MQTT-4.3.3-1"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      await t.publish(p, 2, "~/a", "x");
      const { id } = await s.expect(`34 {"~/a" ???? <> 'x'}`);
      s.send(`50 {${id}}`);
      await s.expect(`62 {${id}}`);
      s.send(`50 {${id}}`);
      await s.expect(`62 {${id}}`);
      s.send(`70 {${id}}`);
      await s.expectNothing();
    },
  ),
  dialogue(
    "4.3-14",
    "exchanges to one subscriber overlap; it acknowledges QoS 1 and 2 in any order",
    ["MQTT-4.3.2-3", "MQTT-4.3.3-3", "MQTT-4.3.3-5", "3.1.1 MQTT-4.3.2-1", "3.1.1 MQTT-4.3.3-1"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/one", 1);
      await t.subscribe(s, "~/two", 2);
      await t.publish(p, 2, "~/two", "a");
      await t.publish(p, 1, "~/one", "b");
      await t.publish(p, 2, "~/two", "c");
      const [a, b, c] = await s.expectInAnyOrder(
        `34 {"~/two" ???? <> 'a'}`,
        `32 {"~/one" ???? <> 'b'}`,
        `34 {"~/two" ???? <> 'c'}`,
      );
      s.send(`50 {${c?.id}}`);
      await s.expect(`62 {${c?.id}}`);
      s.send(`50 {${a?.id}}`);
      await s.expect(`62 {${a?.id}}`);
      s.send(`70 {${a?.id}} 40 {${b?.id}} 70 {${c?.id}}`);
      await s.expectNothing();
    },
  ),
  dialogue(
    "4.3-15",
    "a message once sent to a subscriber does not expire: it is sent again after reconnecting",
    ["MQTT-4.3.3-7", "MQTT-4.4.0-1"],
    slowIn5,
    async (t) => {
      const [s, p] = [await t.connect("s", kept), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      await t.publish(p, 2, "~/a", "x", { properties: "02 00000001" });
      const { id } = await s.expect(`34 {"~/a" ???? <02 ????????> 'x'}`);
      await s.drop();
      await t.wait(2500);
      const again = await t.connect("s", kept);
      // What stands in Message Expiry Interval now, the specification does not say.
      const texts = [`3c {"~/a" ${id} <02 ????????> 'x'}`, `3c {"~/a" ${id} <> 'x'}`];
      await t.acknowledge(again, await again.expectOneOf(...texts));
      await again.expectNothing();
    },
  ),
].flat();

const mixed: readonly Dialogue[] = [
  dialogue(
    "4.3-16",
    "QoS 0 for a Session that is away need not be kept; QoS 1 and 2 must",
    ["MQTT-4.5.0-1", "3.1.1 MQTT-3.1.2-5", "3.1.1 MQTT-4.5.0-1"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s", kept), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      await s.disconnect();
      await t.publish(p, 0, "~/a", "zero");
      await t.publish(p, 1, "~/a", "one");
      await t.publish(p, 2, "~/a", "two");
      const again = await t.connect("s", kept);
      const texts = [`32 {"~/a" ???? <> 'one'}`, `34 {"~/a" ???? <> 'two'}`];
      const missing = new Set([1, 2]);
      while (missing.size > 0) {
        const publish = await again.expectOneOf(`30 {"~/a" <> 'zero'}`, ...texts);
        await t.acknowledge(again, publish);
        missing.delete(((publish.bytes[0] ?? 0) >> 1) & 3);
      }
      await again.expectNothing();
    },
  ),
  dialogue(
    "4.3-17",
    "a QoS 0 subscription of a Session that is away brings nothing or the message, no more",
    ["§4.1"],
    in5,
    async (t) => {
      const [s, p] = [await t.connect("s", kept), await t.connect("p")];
      await t.subscribe(s, "~/a", 0);
      await s.disconnect();
      await t.publish(p, 1, "~/a", "away");
      const again = await t.connect("s", kept);
      await t.publish(p, 1, "~/a", "back");
      const first = await again.expectOneOf(`30 {"~/a" <> 'away'}`, `30 {"~/a" <> 'back'}`);
      if (first.bytes.at(-1) === "y".charCodeAt(0)) await again.expect(`30 {"~/a" <> 'back'}`);
      await again.expectNothing();
    },
  ),
].flat();

export const qos: readonly Dialogue[] = [...inbound, ...refusedPublish, ...outbound, ...mixed];
