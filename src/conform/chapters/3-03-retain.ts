/** §3.3.1.3: the RETAIN flag, and the subscription options that go with it. */
import { type Dialogue, type DialogueOptions, dialogue } from "../dialogue.ts";

const retain5: DialogueOptions = { versions: [5], needs: ["retain"] };
const retain45: DialogueOptions = { versions: [4, 5], needs: ["retain"] };
const retain345: DialogueOptions = { versions: [3, 4, 5], needs: ["retain"] };

const stored: readonly Dialogue[] = [
  dialogue(
    "3.3-20",
    "a retained message is sent to a new subscriber, with RETAIN 1",
    ["MQTT-3.3.1-5", "MQTT-3.3.1-9", "3.1.1 MQTT-3.3.1-5", "3.1.1 MQTT-3.3.1-6"].concat([
      "3.1.1 MQTT-3.3.1-8",
    ]),
    retain345,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.publish(p, 1, "~/a", "kept", { retain: true });
      await t.subscribe(s, "~/a", 1);
      await t.receive(s, `33 {"~/a" ???? <> 'kept'}`);
      await s.expectNothing();
    },
  ),
  dialogue(
    "3.3-21",
    "a later retained message takes the place of the first",
    ["MQTT-3.3.1-5", "3.1.1 MQTT-3.3.1-5", "3.1.1 MQTT-3.3.1-7"],
    retain345,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.publish(p, 1, "~/a", "first", { retain: true });
      await t.publish(p, 2, "~/a", "second", { retain: true });
      await t.publish(p, 1, "~/a", "third", { retain: true });
      await t.subscribe(s, "~/a", 2);
      await t.receive(s, `33 {"~/a" ???? <> 'third'}`);
      await s.expectNothing();
    },
  ),
  dialogue(
    "3.3-22",
    "a retained message of no bytes is passed on and removes the stored one",
    ["MQTT-3.3.1-6", "MQTT-3.3.1-7", "3.1.1 MQTT-3.3.1-10", "3.1.1 MQTT-3.3.1-11"],
    retain345,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 0);
      await t.publish(p, 1, "~/a", "kept", { retain: true });
      await s.expect(`30 {"~/a" <> 'kept'}`);
      await t.publish(p, 1, "~/a", "", { retain: true });
      await s.expect(`30 {"~/a" <>}`);
      const late = await t.connect("late");
      await t.subscribe(late, "~/a", 0);
      await late.expectNothing();
    },
  ),
  dialogue(
    "3.3-23",
    "RETAIN 0 neither stores nor replaces nor removes",
    ["MQTT-3.3.1-8", "3.1.1 MQTT-3.3.1-12"],
    retain345,
    async (t) => {
      const p = await t.connect("p");
      await t.publish(p, 1, "~/none", "passing");
      await t.publish(p, 1, "~/a", "kept", { retain: true });
      await t.publish(p, 1, "~/a", "passing");
      await t.publish(p, 1, "~/a", "");
      const late = await t.connect("late");
      await t.subscribe(late, "~/+", 1);
      await t.receive(late, `33 {"~/a" ???? <> 'kept'}`);
      await late.expectNothing();
    },
  ),
  dialogue(
    "3.3-24",
    "an established subscription gets it with RETAIN 0",
    ["MQTT-3.3.1-12", "3.1.1 MQTT-3.3.1-9"],
    retain345,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 1);
      await t.publish(p, 1, "~/a", "x", { retain: true });
      await t.receive(s, `32 {"~/a" ???? <> 'x'}`);
    },
  ),
  dialogue(
    "3.3-25",
    "the retained message comes with the smaller QoS of message and subscription",
    ["MQTT-3.8.4-8", "3.1.1 MQTT-3.8.4-6"],
    retain45,
    async (t) => {
      const p = await t.connect("p");
      await t.publish(p, 2, "~/two", "2", { retain: true });
      await t.publish(p, 1, "~/one", "1", { retain: true });
      const [zero, one, two] = [
        await t.connect("zero"),
        await t.connect("one"),
        await t.connect("two"),
      ];
      await t.subscribe(zero, "~/+", 0);
      await zero.expectInAnyOrder(`31 {"~/two" <> '2'}`, `31 {"~/one" <> '1'}`);
      await t.subscribe(one, "~/+", 1);
      await one.expectInAnyOrder(`33 {"~/two" ???? <> '2'}`, `33 {"~/one" ???? <> '1'}`);
      await t.subscribe(two, "~/+", 2);
      await two.expectInAnyOrder(`35 {"~/two" ???? <> '2'}`, `33 {"~/one" ???? <> '1'}`);
    },
  ),
  dialogue(
    "3.3-26",
    "a filter with wildcards brings all the retained messages that it matches, no others",
    ["MQTT-3.3.1-9", "3.1.1 MQTT-3.3.1-6"],
    { versions: [4, 5], needs: ["retain", "wildcard"] },
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      for (const topic of ["~", "~/a", "~/a/b", "~/b/b", "~/a/b/c"]) {
        await t.publish(p, 1, topic, "kept", { retain: true });
      }
      await t.subscribe(s, "~/+/b", 0);
      await s.expectInAnyOrder(`31 {"~/a/b" <> 'kept'}`, `31 {"~/b/b" <> 'kept'}`);
      await s.expectNothing();
      await t.subscribe(s, "~/a/#", 0);
      await s.expectInAnyOrder(
        `31 {"~/a" <> 'kept'}`,
        `31 {"~/a/b" <> 'kept'}`,
        `31 {"~/a/b/c" <> 'kept'}`,
      );
      await s.expectNothing();
    },
  ),
  dialogue(
    "3.3-27",
    "retained messages outlive the Session of their publisher",
    ["MQTT-3.3.1-5", "3.1.1 MQTT-3.1.2-7"],
    retain45,
    async (t) => {
      const p = await t.connect("p");
      await t.publish(p, 1, "~/a", "kept", { retain: true });
      await p.disconnect();
      await (await t.connect("p", { clean: true })).disconnect();
      const s = await t.connect("s");
      await t.subscribe(s, "~/a", 0);
      await s.expect(`31 {"~/a" <> 'kept'}`);
    },
  ),
  dialogue(
    "3.3-28",
    "a retained message keeps its properties",
    ["MQTT-3.3.2-4", "MQTT-3.3.2-15", "MQTT-3.3.2-16", "MQTT-3.3.2-17", "MQTT-3.3.2-20"],
    retain5,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      const properties = `01 01 03 "text/plain" 08 "~/answer" 09 [00ff] 26 "b" "1" 26 "a" "2"`;
      await t.publish(p, 1, "~/a", "kept", { retain: true, properties });
      await t.subscribe(s, "~/a", 0);
      await s.expect(`31 {"~/a" <${properties}> 'kept'}`);
    },
  ),
].flat();

const options: readonly Dialogue[] = [
  dialogue(
    "3.3-29",
    "Retain As Published 1: RETAIN goes on as the publisher set it",
    ["MQTT-3.3.1-13"],
    retain5,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 0x09);
      await t.publish(p, 1, "~/a", "kept", { retain: true });
      await t.receive(s, `33 {"~/a" ???? <> 'kept'}`);
      await t.publish(p, 1, "~/a", "passing");
      await t.receive(s, `32 {"~/a" ???? <> 'passing'}`);
    },
  ),
  dialogue(
    "3.3-30",
    "Retain As Published 0: RETAIN 0, but 1 for what was stored before the subscription",
    ["MQTT-3.3.1-12", "MQTT-3.3.1-9"],
    retain5,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.publish(p, 1, "~/a", "before", { retain: true });
      await t.subscribe(s, "~/a", 0x01);
      await t.receive(s, `33 {"~/a" ???? <> 'before'}`);
      await t.publish(p, 1, "~/a", "after", { retain: true });
      await t.receive(s, `32 {"~/a" ???? <> 'after'}`);
    },
  ),
  dialogue(
    "3.3-31",
    "Retain Handling 0: retained messages with every SUBSCRIBE",
    ["MQTT-3.3.1-9", "MQTT-3.8.4-4", "3.1.1 MQTT-3.8.4-3"],
    retain45,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.publish(p, 1, "~/a", "kept", { retain: true });
      for (const _ of ["first", "again"]) {
        await t.subscribe(s, "~/a", 0x00);
        await s.expect(`31 {"~/a" <> 'kept'}`);
      }
      await s.expectNothing();
    },
  ),
  dialogue(
    "3.3-32",
    "Retain Handling 1: retained messages only with a new subscription",
    ["MQTT-3.3.1-10"],
    retain5,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.publish(p, 1, "~/a", "kept", { retain: true });
      await t.subscribe(s, "~/a", 0x10);
      await s.expect(`31 {"~/a" <> 'kept'}`);
      await t.subscribe(s, "~/a", 0x10);
      await t.subscribe(s, "~/a", 0x11);
      await s.expectNothing();
      s.send(`a2 {0001 <> "~/a"}`);
      await s.expect("b0 {0001 <> 00}");
      await t.subscribe(s, "~/a", 0x10);
      await s.expect(`31 {"~/a" <> 'kept'}`);
    },
  ),
  dialogue(
    "3.3-33",
    "Retain Handling 1 after a resumed Session: the subscription exists, nothing is sent",
    ["MQTT-3.3.1-10", "MQTT-3.1.2-5"],
    retain5,
    async (t) => {
      const [s, p] = [await t.connect("s", { expirySec: 60 }), await t.connect("p")];
      await t.publish(p, 1, "~/a", "kept", { retain: true });
      await t.subscribe(s, "~/a", 0x00);
      await s.expect(`31 {"~/a" <> 'kept'}`);
      await s.disconnect();
      const again = await t.connect("s", { clean: false, expirySec: 60 });
      await t.subscribe(again, "~/a", 0x10);
      await again.expectNothing();
    },
  ),
  dialogue(
    "3.3-34",
    "Retain Handling 2: no retained messages",
    ["MQTT-3.3.1-11"],
    retain5,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.publish(p, 1, "~/a", "kept", { retain: true });
      await t.subscribe(s, "~/a", 0x20);
      await t.publish(p, 1, "~/a", "live");
      await s.expect(`30 {"~/a" <> 'live'}`);
      await s.expectNothing();
    },
  ),
].flat();

export const retain: readonly Dialogue[] = [...stored, ...options];
