/** §3.10, §3.11: UNSUBSCRIBE and UNSUBACK; §3.12: PINGREQ. */
import { type Dialogue, dialogue, in5, in45, in345, KEPT_SEC } from "../dialogue.ts";
import { refused } from "../refused.ts";

const kept = { clean: false, expirySec: KEPT_SEC } as const;

const unsubscribing: readonly Dialogue[] = [
  refused(
    "3.10-01",
    "UNSUBSCRIBE without a Topic Filter",
    ["MQTT-3.10.3-2", "3.1.1 MQTT-3.10.3-2"],
    in45,
    "a2 {0001 <>}",
  ),
  dialogue(
    "3.10-02",
    "UNSUBSCRIBE is answered with UNSUBACK, and no more messages come",
    ["MQTT-3.10.4-1", "MQTT-3.10.4-2", "MQTT-3.10.4-4", "MQTT-3.10.4-5"].concat([
      "3.1.1 MQTT-3.10.4-1",
      "3.1.1 MQTT-3.10.4-2",
      "3.1.1 MQTT-3.10.4-4",
    ]),
    in345,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      await t.subscribe(s, "~/b", 0);
      s.send(`a2 {1234 <> "~/a"}`);
      await s.expect(t.version === 5 ? "b0 {1234 <> 00}" : "b0 {1234}");
      await t.publish(p, 2, "~/a", "no more");
      p.send(`30 {"~/a" <> 'no more'} 30 {"~/b" <> 'end'}`);
      await s.expect(`30 {"~/b" <> 'end'}`);
    },
  ),
  dialogue(
    "3.10-03",
    "UNSUBSCRIBE from what was not subscribed: UNSUBACK, in 5.0 with 0x11",
    ["MQTT-3.10.4-5", "MQTT-3.11.3-2", "3.1.1 MQTT-3.10.4-5"],
    in345,
    async (t) => {
      const a = await t.connect("a");
      a.send(`a2 {0001 <> "~/none"}`);
      await a.expect(t.version === 5 ? "b0 {0001 <> 11}" : "b0 {0001}");
    },
  ),
  dialogue(
    "3.10-04",
    "several filters in one UNSUBSCRIBE: one UNSUBACK, its codes in their order",
    ["MQTT-3.10.4-6", "MQTT-3.11.3-1", "MQTT-3.11.3-2"],
    in5,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      s.send(`82 {0001 <> "~/a" 00 "~/b" 00 "~/c" 00}`);
      await s.expect("90 {0001 <> 00 00 00}");
      s.send(`a2 {0002 <> "~/none" "~/a" "~/c" "~/a"}`);
      await s.expect("b0 {0002 <> 11 00 00 11}");
      p.send(`30 {"~/a" <> 'x'} 30 {"~/c" <> 'x'} 30 {"~/b" <> 'x'}`);
      await s.expect(`30 {"~/b" <> 'x'}`);
    },
  ),
  dialogue(
    "3.10-05",
    "several filters in one UNSUBSCRIBE: one UNSUBACK",
    ["3.1.1 MQTT-3.10.4-6"],
    { versions: [3, 4] },
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      s.send(`82 {0001 "~/a" 00 "~/b" 00 "~/c" 00}`);
      await s.expect("90 {0001 00 00 00}");
      s.send(`a2 {0002 "~/a" "~/c"}`);
      await s.expect("b0 {0002}");
      p.send(`30 {"~/a" 'x'} 30 {"~/c" 'x'} 30 {"~/b" 'x'}`);
      await s.expect(`30 {"~/b" 'x'}`);
    },
  ),
  dialogue(
    "3.10-06",
    "filters are compared character by character: a wildcard removes only itself",
    ["MQTT-3.10.4-1", "3.1.1 MQTT-3.10.4-1"],
    { ...in45, needs: ["wildcard"] },
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 0);
      s.send(`a2 {0001 <> "~/+"} a2 {0002 <> "~/#"} a2 {0003 <> "#"} a2 {0004 <> "~/A"}`);
      for (const id of ["0001", "0002", "0003", "0004"]) {
        await s.expect(t.version === 5 ? `b0 {${id} <> 11}` : `b0 {${id}}`);
      }
      p.send(`30 {"~/a" <> 'x'}`);
      await s.expect(`30 {"~/a" <> 'x'}`);
    },
  ),
  dialogue(
    "3.10-07",
    "one of two overlapping subscriptions is removed: the other still works",
    ["MQTT-3.10.4-1", "3.1.1 MQTT-3.10.4-1"],
    { ...in45, needs: ["wildcard"] },
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      await t.subscribe(s, "~/+", 0);
      s.send(`a2 {0001 <> "~/a"}`);
      await s.expect(t.version === 5 ? "b0 {0001 <> 00}" : "b0 {0001}");
      await t.publish(p, 2, "~/a", "x");
      await s.expect(`30 {"~/a" <> 'x'}`);
      await s.expectNothing();
    },
  ),
  dialogue(
    "3.10-08",
    "a QoS 1 message that was sent before UNSUBSCRIBE is still delivered: again after reconnecting",
    ["MQTT-3.10.4-3", "3.1.1 MQTT-3.10.4-3"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s", kept), await t.connect("p")];
      await t.subscribe(s, "~/a", 1);
      await t.publish(p, 1, "~/a", "x");
      const { id } = await s.expect(`32 {"~/a" ???? <> 'x'}`);
      s.send(`a2 {0001 <> "~/a"}`);
      await s.expect(t.version === 5 ? "b0 {0001 <> 00}" : "b0 {0001}");
      await s.drop();
      const again = await t.connect("s", kept);
      await t.receive(again, `3a {"~/a" ${id} <> 'x'}`);
      await again.expectNothing();
    },
  ),
  dialogue(
    "3.10-09",
    "a QoS 2 exchange that began before UNSUBSCRIBE goes on to its end",
    ["MQTT-3.10.4-3", "3.1.1 MQTT-3.10.4-3"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 2);
      await t.publish(p, 2, "~/a", "x");
      const { id } = await s.expect(`34 {"~/a" ???? <> 'x'}`);
      s.send(`a2 {0001 <> "~/a"}`);
      await s.expect(t.version === 5 ? "b0 {0001 <> 00}" : "b0 {0001}");
      s.send(`50 {${id}}`);
      await s.expect(`62 {${id}}`);
      s.send(`70 {${id}}`);
      await s.expectNothing();
    },
  ),
  dialogue(
    "3.10-10",
    "what was unsubscribed stays so when the Session is resumed",
    ["MQTT-3.10.4-1", "MQTT-3.1.2-5", "3.1.1 MQTT-3.10.4-1"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s", kept), await t.connect("p")];
      await t.subscribe(s, "~/a", 1);
      await t.subscribe(s, "~/b", 1);
      s.send(`a2 {0001 <> "~/a"}`);
      await s.expect(t.version === 5 ? "b0 {0001 <> 00}" : "b0 {0001}");
      await s.disconnect();
      await t.publish(p, 1, "~/a", "x");
      await t.publish(p, 1, "~/b", "y");
      const again = await t.connect("s", kept);
      await t.receive(again, `32 {"~/b" ???? <> 'y'}`);
      await again.expectNothing();
    },
  ),
].flat();

const ping: readonly Dialogue[] = [
  dialogue(
    "3.12-01",
    "PINGREQ is answered with PINGRESP, each of them",
    ["MQTT-3.12.4-1", "3.1.1 MQTT-3.12.4-1"],
    in345,
    async (t) => {
      const a = await t.connect("a");
      a.send("c0 00");
      await a.expect("d0 00");
      a.send("c0 00 c0 00 c0 00");
      for (const _ of ["first", "second", "third"]) await a.expect("d0 00");
      await a.expectNothing();
    },
  ),
].flat();

export const unsubscribe: readonly Dialogue[] = [...unsubscribing, ...ping];
