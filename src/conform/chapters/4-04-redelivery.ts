/** §4.4: what is sent again when a Session is resumed; §4.6: in which order; §4.9: how much. */
import { type Dialogue, dialogue, in5, in45, in345, KEPT_SEC } from "../dialogue.ts";
import type { PacketView } from "../packet-view.ts";

const kept = { clean: false, expirySec: KEPT_SEC } as const;

export const redelivery: readonly Dialogue[] = [
  dialogue(
    "4.4-01",
    "an unacknowledged QoS 1 PUBLISH is sent again: same identifier, DUP 1",
    ["MQTT-4.4.0-1", "MQTT-3.3.1-1", "MQTT-4.3.2-3", "3.1.1 MQTT-4.4.0-1", "3.1.1 MQTT-3.3.1-1"],
    in345,
    async (t) => {
      const [s, p] = [await t.connect("s", kept), await t.connect("p")];
      await t.subscribe(s, "~/a", 1);
      await t.publish(p, 1, "~/a", "x");
      const { id } = await s.expect(`32 {"~/a" ???? <> 'x'}`);
      await s.drop();
      const again = await t.connect("s", kept);
      await t.receive(again, `3a {"~/a" ${id} <> 'x'}`);
      await again.ping();
      await again.drop();
      const third = await t.connect("s", kept);
      await third.expectNothing(); // Acknowledged now.
    },
  ),
  dialogue(
    "4.4-02",
    "an unacknowledged QoS 2 PUBLISH is sent again: same identifier, DUP 1",
    ["MQTT-4.4.0-1", "MQTT-3.3.1-1", "MQTT-4.3.3-3", "3.1.1 MQTT-4.4.0-1", "3.1.1 MQTT-3.3.1-1"],
    in345,
    async (t) => {
      const [s, p] = [await t.connect("s", kept), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      await t.publish(p, 2, "~/a", "x");
      const { id } = await s.expect(`34 {"~/a" ???? <> 'x'}`);
      await s.drop();
      const again = await t.connect("s", kept);
      await t.receive(again, `3c {"~/a" ${id} <> 'x'}`);
      await again.expectNothing();
    },
  ),
  dialogue(
    "4.4-03",
    "after PUBREC it is PUBREL that is sent again, not PUBLISH",
    ["MQTT-4.4.0-1", "MQTT-4.3.3-5", "MQTT-4.3.3-6", "3.1.1 MQTT-4.4.0-1", "3.1.1 MQTT-4.3.3-1"],
    in345,
    async (t) => {
      const [s, p] = [await t.connect("s", kept), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      await t.publish(p, 2, "~/a", "x");
      const { id } = await s.expect(`34 {"~/a" ???? <> 'x'}`);
      s.send(`50 {${id}}`);
      await s.expect(`62 {${id}}`);
      await s.drop();
      const again = await t.connect("s", kept);
      // 3.1 sends PUBREL with DUP when it sends it again.
      if (t.version === 3) await again.expectOneOf(`62 {${id}}`, `6a {${id}}`);
      else await again.expect(`62 {${id}}`);
      again.send(`70 {${id}}`);
      await again.ping();
      await again.drop();
      const third = await t.connect("s", kept);
      await third.expectNothing();
    },
  ),
  dialogue(
    "4.4-04",
    "only what is unacknowledged is sent again, in the order in which it was sent first",
    ["MQTT-4.4.0-1", "MQTT-4.6.0-5", "3.1.1 MQTT-4.4.0-1", "3.1.1 MQTT-4.6.0-6"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s", kept), await t.connect("p")];
      await t.subscribe(s, "~/a", 1);
      const sent: PacketView[] = [];
      for (const payload of ["1", "2", "3", "4", "5", "6"]) {
        await t.publish(p, 1, "~/a", payload);
        sent.push(await s.expect(`32 {"~/a" ???? <> '${payload}'}`));
      }
      for (const at of [0, 1, 3]) await t.acknowledge(s, sent[at] as PacketView);
      await s.ping();
      await s.drop();
      const again = await t.connect("s", kept);
      for (const at of [2, 4, 5])
        await t.receive(again, `3a {"~/a" ${sent[at]?.id} <> '${at + 1}'}`);
      await again.expectNothing();
    },
  ),
  dialogue(
    "4.4-05",
    "old messages are sent again before new ones are sent first",
    ["MQTT-4.4.0-1", "MQTT-4.6.0-5", "3.1.1 MQTT-4.6.0-6"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s", kept), await t.connect("p")];
      await t.subscribe(s, "~/a", 1);
      await t.publish(p, 1, "~/a", "old");
      const { id } = await s.expect(`32 {"~/a" ???? <> 'old'}`);
      await s.drop();
      await t.publish(p, 1, "~/a", "new");
      const again = await t.connect("s", kept);
      await t.receive(again, `3a {"~/a" ${id} <> 'old'}`);
      await t.receive(again, `32 {"~/a" ???? <> 'new'}`);
      await again.expectNothing();
    },
  ),
  dialogue(
    "4.4-06",
    "nothing is sent again while the connection lasts",
    ["MQTT-4.4.0-1"],
    { ...in5, slow: true },
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      await t.publish(p, 1, "~/a", "one");
      await t.publish(p, 2, "~/a", "two");
      await s.expectInAnyOrder(`32 {"~/a" ???? <> 'one'}`, `34 {"~/a" ???? <> 'two'}`);
      await t.wait(4000);
      await s.expectNothing();
    },
  ),
  dialogue(
    "4.4-07",
    "an unfinished exchange ends with its Session: Clean Start 1, nothing is sent again",
    ["MQTT-3.1.2-4", "3.1.1 MQTT-3.1.2-6"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s", kept), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      await t.publish(p, 2, "~/a", "x");
      await s.expect(`34 {"~/a" ???? <> 'x'}`);
      await s.drop();
      const again = await t.connect("s", { clean: true });
      await again.expectNothing();
    },
  ),
].flat();

export const order: readonly Dialogue[] = [
  ...([0, 1, 2] as const).map((qos) =>
    dialogue(
      `4.6-0${qos + 1}`,
      `30 messages of QoS ${qos} on one topic arrive in their order`,
      ["MQTT-4.6.0-5", "MQTT-4.6.0-6", "3.1.1 MQTT-4.6.0-5", "3.1.1 MQTT-4.6.0-6"],
      in45,
      async (t) => {
        const [s, p] = [await t.connect("s"), await t.connect("p")];
        await t.subscribe(s, "~/a", qos);
        const payloads = Array.from({ length: 30 }, (_, at) => `${at}`);
        const publishing = async (): Promise<void> => {
          for (const payload of payloads) await t.publish(p, qos, "~/a", payload);
        };
        const receiving = async (): Promise<void> => {
          const first = `3${qos * 2} {"~/a" ${qos === 0 ? "" : "????"} <>`;
          for (const payload of payloads) await t.receive(s, `${first} '${payload}'}`);
        };
        await Promise.all([publishing(), receiving()]);
        await s.expectNothing();
      },
    ),
  ),
  dialogue(
    "4.6-04",
    "what was queued for a Session that was away comes in its order, and before what is new",
    ["MQTT-4.6.0-5", "3.1.1 MQTT-4.6.0-6"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s", kept), await t.connect("p")];
      await t.subscribe(s, "~/a", 1);
      await s.disconnect();
      const payloads = Array.from({ length: 30 }, (_, at) => `message ${at}`);
      for (const payload of payloads) await t.publish(p, 1, "~/a", payload);
      const again = await t.connect("s", kept);
      await t.publish(p, 1, "~/a", "new");
      for (const payload of [...payloads, "new"]) {
        await t.receive(again, `32 {"~/a" ???? <> '${payload}'}`);
      }
      await again.expectNothing();
    },
  ),
  dialogue(
    "4.6-05",
    "each PUBLISH of a burst is acknowledged",
    ["MQTT-3.3.4-1", "3.1.1 MQTT-3.3.4-1"],
    in45,
    async (t) => {
      const p = await t.connect("p");
      const ids = Array.from({ length: 10 }, (_, at) => `00${(at + 16).toString(16)}`);
      p.send(ids.map((id) => `32 {"~/a" ${id} <> 'x'}`).join(" "));
      // Reason Code 0x00 or 0x10; the order is prescribed to clients only.
      await p.expectInAnyOrder(
        ...ids.map((id) => (t.version === 5 ? `40 {${id} ?0}` : `40 {${id}}`)),
      );
    },
  ),
].flat();

export const flow: readonly Dialogue[] = [
  dialogue(
    "4.9-01",
    "no more on their way than the client's Receive Maximum; each PUBACK lets one through",
    ["MQTT-3.3.4-9", "MQTT-4.9.0-1", "MQTT-4.9.0-2"],
    in5,
    async (t) => {
      const [s, p] = [await t.connect("s", { properties: "21 0002" }), await t.connect("p")];
      await t.subscribe(s, "~/a", 1);
      for (const payload of ["1", "2", "3", "4", "5"]) await t.publish(p, 1, "~/a", payload);
      let first = await s.expect(`32 {"~/a" ???? <> '1'}`);
      let second = await s.expect(`32 {"~/a" ???? <> '2'}`);
      for (const payload of ["3", "4", "5"]) {
        await s.expectNothing();
        await t.acknowledge(s, first);
        [first, second] = [second, await s.expect(`32 {"~/a" ???? <> '${payload}'}`)];
      }
    },
  ),
  dialogue(
    "4.9-02",
    "QoS 2: PUBREC frees no place, PUBCOMP does",
    ["MQTT-3.3.4-9", "MQTT-4.9.0-2"],
    in5,
    async (t) => {
      const [s, p] = [await t.connect("s", { properties: "21 0001" }), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      await t.publish(p, 2, "~/a", "1");
      await t.publish(p, 2, "~/a", "2");
      const { id } = await s.expect(`34 {"~/a" ???? <> '1'}`);
      s.send(`50 {${id}}`);
      await s.expect(`62 {${id}}`);
      await s.expectNothing();
      s.send(`70 {${id}}`);
      await t.receive(s, `34 {"~/a" ???? <> '2'}`);
      await s.expectNothing();
    },
  ),
  dialogue(
    "4.9-03",
    "with Receive Maximum used up, everything else goes on",
    ["MQTT-3.3.4-10", "MQTT-4.9.0-3"],
    in5,
    async (t) => {
      const [s, p] = [await t.connect("s", { properties: "21 0001" }), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      await t.publish(p, 1, "~/a", "1");
      await t.publish(p, 1, "~/a", "2");
      await s.expect(`32 {"~/a" ???? <> '1'}`);
      s.send(`c0 00 82 {0001 <> "~/b" 01} a2 {0002 <> "~/b"} 34 {"~/c" 0003 <> 'own'}`);
      const replies = ["d0 00", "90 {0001 <> 01}", "b0 {0002 <> 00}"];
      // Nobody subscribed to "~/c", and a broker may say so or not.
      await s.expectInAnyOrder(...replies, "50 {0003 ?0}");
      s.send("62 {0003}");
      await s.expect("70 {0003}");
      await s.expectNothing();
    },
  ),
  dialogue(
    "4.9-04",
    "Receive Maximum of the new connection counts for what is sent again, too",
    ["MQTT-3.3.4-9", "MQTT-4.4.0-1"],
    in5,
    async (t) => {
      const [s, p] = [await t.connect("s", kept), await t.connect("p")];
      await t.subscribe(s, "~/a", 1);
      for (const payload of ["1", "2", "3"]) await t.publish(p, 1, "~/a", payload);
      const ids: string[] = [];
      for (const payload of ["1", "2", "3"]) {
        ids.push((await s.expect(`32 {"~/a" ???? <> '${payload}'}`)).id);
      }
      await s.drop();
      const again = await t.connect("s", { ...kept, properties: "21 0001" });
      for (const [at, id] of ids.entries()) {
        const publish = await again.expect(`3a {"~/a" ${id} <> '${at + 1}'}`);
        await again.expectNothing();
        await t.acknowledge(again, publish);
      }
      await again.expectNothing();
    },
  ),
  dialogue(
    "4.9-05",
    "without Receive Maximum (65,535) the broker may send many; QoS 0 needs no place",
    ["MQTT-4.9.0-1", "§4.9"],
    in5,
    async (t) => {
      const [s, p] = [await t.connect("s", { properties: "21 0001" }), await t.connect("p")];
      await t.subscribe(s, "~/one", 1);
      await t.subscribe(s, "~/zero", 0);
      await t.publish(p, 1, "~/one", "x");
      const publish = await s.expect(`32 {"~/one" ???? <> 'x'}`);
      await t.publish(p, 0, "~/zero", "y");
      // "The Server MAY delay" QoS 0 as well; but it comes, at the latest after PUBACK.
      await t.acknowledge(s, publish);
      await s.expect(`30 {"~/zero" <> 'y'}`);
    },
  ),
].flat();
