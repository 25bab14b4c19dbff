/** §4.8.2: Shared Subscriptions. */
import { type Dialogue, type DialogueOptions, dialogue, KEPT_SEC } from "../dialogue.ts";
import { refusedFilter } from "../refused.ts";

const shared5: DialogueOptions = { versions: [5], needs: ["shared"] };
const NAME = ["MQTT-4.8.2-1"];
const NAME_CHARACTERS = ["MQTT-4.8.2-2"];

const filters: readonly Dialogue[] = [
  refusedFilter("4.8-01", "no ShareName: $share//a", NAME, "$share//~/a", shared5),
  refusedFilter("4.8-02", `a ShareName with "+"`, NAME_CHARACTERS, "$share/~+/~/a", shared5),
  refusedFilter("4.8-03", `a ShareName with "#"`, NAME_CHARACTERS, "$share/~#/~/a", shared5),
  refusedFilter("4.8-04", "no Topic Filter: $share/name/", NAME_CHARACTERS, "$share/~/", shared5),
  refusedFilter("4.8-05", `no "/" behind the ShareName`, NAME_CHARACTERS, "$share/~", shared5),
  refusedFilter(
    "4.8-06",
    "a bad Topic Filter behind a good ShareName",
    ["MQTT-4.7.1-1"],
    "$share/~/~/a#",
    shared5,
  ),
].flat();

const sharing: readonly Dialogue[] = [
  dialogue(
    "4.8-07",
    "each message goes to one of the sharing Sessions",
    ["MQTT-4.8.2-1", "§4.8.2"],
    shared5,
    async (t) => {
      const members = [await t.connect("one"), await t.connect("two"), await t.connect("three")];
      for (const member of members) await t.subscribe(member, "$share/~/~/a", 1);
      const p = await t.connect("p");
      for (const payload of ["1", "2", "3", "4", "5", "6"]) await t.publish(p, 1, "~/a", payload);
      for (const member of members) await t.subscribe(member, "~/end", 1);
      await t.publish(p, 1, "~/end", "end");
      const got: string[] = [];
      for (const member of members) {
        const publishes = await member.collectUntil(`32 {"~/end" ???? <> 'end'}`);
        got.push(...publishes.map(({ bytes }) => String.fromCharCode(bytes.at(-1) ?? 0)));
      }
      t.check(got.sort().join("") === "123456", `messages 1 to 6; the members got ${got}`);
    },
  ),
  dialogue(
    "4.8-08",
    "every ShareName gets its own copy, and so does a subscription that is not shared",
    ["MQTT-4.8.2-1", "MQTT-4.8.2-2"],
    shared5,
    async (t) => {
      const [a, b, c] = [await t.connect("a"), await t.connect("b"), await t.connect("c")];
      await t.subscribe(a, "$share/~A/~/a", 0);
      await t.subscribe(b, "$share/~B/~/a", 0);
      await t.subscribe(c, "~/a", 0);
      c.send(`30 {"~/a" <> 'x'}`);
      for (const client of [a, b, c]) {
        await client.expect(`30 {"~/a" <> 'x'}`);
        await client.expectNothing();
      }
    },
  ),
  dialogue(
    "4.8-09",
    "the QoS granted to each Session counts",
    ["MQTT-4.8.2-3", "MQTT-3.8.4-8"],
    shared5,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "$share/~/~/+", 1);
      await t.publish(p, 2, "~/a", "two");
      await t.receive(s, `32 {"~/a" ???? <> 'two'}`);
      await t.publish(p, 0, "~/a", "zero");
      await s.expect(`30 {"~/a" <> 'zero'}`);
      await t.subscribe(s, "$share/~/~/+", 0);
      await t.publish(p, 2, "~/a", "now zero");
      await s.expect(`30 {"~/a" <> 'now zero'}`);
      await s.expectNothing();
    },
  ),
  dialogue(
    "4.8-10",
    "no retained messages for a Shared Subscription",
    ["§4.8.2"],
    { versions: [5], needs: ["shared", "retain"] },
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.publish(p, 1, "~/a", "kept", { retain: true });
      await t.subscribe(s, "$share/~/~/a", 1);
      await t.publish(p, 1, "~/a", "live");
      await t.receive(s, `32 {"~/a" ???? <> 'live'}`);
      await s.expectNothing();
    },
  ),
  dialogue(
    "4.8-11",
    "who unsubscribes gets no more, the others get all",
    ["MQTT-3.10.4-1", "MQTT-4.8.2-1"],
    shared5,
    async (t) => {
      const [a, b, p] = [await t.connect("a"), await t.connect("b"), await t.connect("p")];
      await t.subscribe(a, "$share/~/~/a", 0);
      await t.subscribe(b, "$share/~/~/a", 0);
      a.send(`a2 {0001 <> "~/a"} a2 {0002 <> "$share/~/~/a"}`);
      await a.expect("b0 {0001 <> 11}"); // The shared one is not "~/a".
      await a.expect("b0 {0002 <> 00}");
      for (const payload of ["1", "2", "3", "4"]) {
        p.send(`30 {"~/a" <> '${payload}'}`);
        await b.expect(`30 {"~/a" <> '${payload}'}`);
      }
      await a.expectNothing();
    },
  ),
  dialogue(
    "4.8-12",
    "who disconnects leaves the messages to the others",
    ["MQTT-4.8.2-1", "§4.8.2"],
    shared5,
    async (t) => {
      const [a, b, p] = [await t.connect("a"), await t.connect("b"), await t.connect("p")];
      await t.subscribe(a, "$share/~/~/a", 1);
      await t.subscribe(b, "$share/~/~/a", 1);
      await a.disconnect();
      for (const payload of ["1", "2", "3", "4"]) {
        await t.publish(p, 1, "~/a", payload);
        await t.receive(b, `32 {"~/a" ???? <> '${payload}'}`);
      }
    },
  ),
  dialogue(
    "4.8-13",
    "Subscription Identifier and Retain As Published work in a Shared Subscription",
    ["MQTT-3.3.4-3", "MQTT-3.3.1-13"],
    { versions: [5], needs: ["shared", "subscriptionIds", "retain"] },
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "$share/~/~/a", 0x08, "0b 03");
      await t.publish(p, 0, "~/a", "x", { retain: true });
      await s.expect(`31 {"~/a" <0b 03> 'x'}`);
    },
  ),
].flat();

const unfinished: readonly Dialogue[] = [
  dialogue(
    "4.8-14",
    "a QoS 2 exchange that began with one Session is completed with it",
    ["MQTT-4.8.2-4", "MQTT-4.4.0-1"],
    shared5,
    async (t) => {
      const kept = { clean: false, expirySec: KEPT_SEC } as const;
      const [a, p] = [await t.connect("a", kept), await t.connect("p")];
      await t.subscribe(a, "$share/~/~/a", 2);
      await t.publish(p, 2, "~/a", "x");
      const { id } = await a.expect(`34 {"~/a" ???? <> 'x'}`);
      const b = await t.connect("b");
      await t.subscribe(b, "$share/~/~/a", 2);
      await a.drop();
      await b.expectNothing();
      const again = await t.connect("a", kept);
      await t.receive(again, `3c {"~/a" ${id} <> 'x'}`);
      await b.expectNothing();
    },
  ),
  dialogue(
    "4.8-15",
    "a QoS 2 exchange that ends with its Session goes to no other",
    ["MQTT-4.8.2-5"],
    shared5,
    async (t) => {
      const [a, b, p] = [await t.connect("a"), await t.connect("b"), await t.connect("p")];
      await t.subscribe(a, "$share/~/~/a", 2);
      await t.publish(p, 2, "~/a", "x");
      await a.expect(`34 {"~/a" ???? <> 'x'}`);
      await t.subscribe(b, "$share/~/~/a", 2);
      await a.drop(); // Session Expiry Interval is 0.
      await b.expectNothing();
      await t.publish(p, 2, "~/a", "y");
      await t.receive(b, `34 {"~/a" ???? <> 'y'}`);
    },
  ),
  ...(
    [
      ["4.8-16", 1, "PUBACK", "40"],
      ["4.8-17", 2, "PUBREC", "50"],
    ] as const
  ).map(([id, qos, name, first]) =>
    dialogue(
      id,
      `a message refused by ${name} goes to no other Session`,
      ["MQTT-4.8.2-6", "MQTT-4.4.0-2"],
      shared5,
      async (t) => {
        const [a, b, p] = [await t.connect("a"), await t.connect("b"), await t.connect("p")];
        await t.subscribe(a, "$share/~/~/a", qos);
        await t.publish(p, qos, "~/a", "x");
        const publish = await a.expect(`3${qos * 2} {"~/a" ???? <> 'x'}`);
        await t.subscribe(b, "$share/~/~/a", qos);
        a.send(`${first} {${publish.id} 80}`);
        await a.expectNothing();
        await b.expectNothing();
      },
    ),
  ),
].flat();

export const shared: readonly Dialogue[] = [...filters, ...sharing, ...unfinished];
