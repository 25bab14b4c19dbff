/** §3.3.4, §3.8.2.1.2: subscriptions that overlap, and Subscription Identifiers. */
import { type Dialogue, type DialogueOptions, dialogue, in345, KEPT_SEC } from "../dialogue.ts";
import type { PacketView } from "../packet-view.ts";

const ids5: DialogueOptions = { versions: [5], needs: ["subscriptionIds"] };
const SUBSCRIPTION_IDENTIFIER = 0x0b;

function qosOf(publish: PacketView): number {
  return ((publish.bytes[0] ?? 0) >> 1) & 3;
}

function identifiersOf(publish: PacketView): number[] {
  return publish.properties
    .filter(({ id }) => id === SUBSCRIPTION_IDENTIFIER)
    .map(({ number }) => number)
    .sort((a, b) => a - b);
}

const overlapping: readonly Dialogue[] = [
  dialogue(
    "3.8-30",
    "overlapping subscriptions: a copy with the highest QoS; more copies only with their own",
    ["MQTT-3.3.4-2", "3.1.1 MQTT-3.3.5-1"],
    { ...in345, needs: ["wildcard", "qos2"] },
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 0);
      await t.subscribe(s, "~/+", 2);
      await t.subscribe(s, "~/a/#", 1);
      await t.subscribe(s, "~/the/end", 2);
      await t.publish(p, 2, "~/a", "x");
      await t.publish(p, 2, "~/the/end", "");
      const copies = (await s.collectUntil(`34 {"~/the/end" ???? <>}`)).map(qosOf);
      t.check(copies.includes(2), `no copy with QoS 2, but with ${copies.join(", ")}`);
      t.check(copies.length <= 3, `${copies.length} copies for 3 subscriptions`);
      const others = copies.filter((qos) => qos < 2);
      t.check(new Set(others).size === others.length, `copies with QoS ${copies.join(", ")}`);
    },
  ),
].flat();

const identifiers: readonly Dialogue[] = [
  ...(
    [
      ["3.8-31", "1", "01"],
      ["3.8-32", "128", "80 01"],
      ["3.8-33", "268,435,455", "ff ff ff 7f"],
    ] as const
  ).map(([id, value, hex]) =>
    dialogue(
      id,
      `Subscription Identifier ${value} comes with the message`,
      ["MQTT-3.3.4-3", "MQTT-3.3.4-4"],
      ids5,
      async (t) => {
        const [s, p] = [await t.connect("s"), await t.connect("p")];
        await t.subscribe(s, "~/a", 2, `0b ${hex}`);
        for (const qos of [0, 1, 2] as const) {
          await t.publish(p, qos, "~/a", "x");
          const packetId = qos === 0 ? "" : "????";
          await t.receive(s, `3${qos * 2} {"~/a" ${packetId} <0b ${hex}> 'x'}`);
        }
      },
    ),
  ),
  dialogue(
    "3.8-34",
    "overlapping subscriptions: one copy with all Subscription Identifiers, or one for each",
    ["MQTT-3.3.4-3", "MQTT-3.3.4-4", "MQTT-3.3.4-5"],
    { versions: [5], needs: ["subscriptionIds", "wildcard"] },
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 0, "0b 01");
      await t.subscribe(s, "~/+", 0, "0b 02");
      await t.subscribe(s, "~/#", 0); // Has none.
      p.send(`30 {"~/a" <> 'x'} 30 {"~/a" <> 'end'}`);
      const copies: string[] = [];
      for (;;) {
        const publish = await s.next();
        if (publish.bytes.at(-1) !== "x".charCodeAt(0)) break;
        copies.push(identifiersOf(publish).join("+"));
      }
      const found = copies.sort().join(" | ");
      const legal = found === "1+2" || found === " | 1 | 2";
      t.check(legal, `expected one copy with 1+2, or copies with 1, 2 and none; got ${found}`);
    },
  ),
  dialogue(
    "3.8-35",
    "one Subscription Identifier for all filters of a SUBSCRIBE",
    ["MQTT-3.3.4-3", "MQTT-3.8.4-5"],
    ids5,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      s.send(`82 {0001 <0b 07> "~/a" 00 "~/b" 00}`);
      await s.expect("90 {0001 <> 00 00}");
      p.send(`30 {"~/a" <> 'x'} 30 {"~/b" <> 'x'}`);
      await s.expect(`30 {"~/a" <0b 07> 'x'}`);
      await s.expect(`30 {"~/b" <0b 07> 'x'}`);
    },
  ),
  dialogue(
    "3.8-36",
    "subscribing again replaces the Subscription Identifier, or takes it away",
    ["MQTT-3.8.4-3", "MQTT-3.3.4-3"],
    ids5,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/a", 0, "0b 01");
      await t.subscribe(s, "~/a", 0, "0b 02");
      p.send(`30 {"~/a" <> 'x'}`);
      await s.expect(`30 {"~/a" <0b 02> 'x'}`);
      await t.subscribe(s, "~/a", 0);
      p.send(`30 {"~/a" <> 'y'}`);
      await s.expect(`30 {"~/a" <> 'y'}`);
    },
  ),
  dialogue(
    "3.8-37",
    "Subscription Identifiers belong to the Session: they come after it is resumed too",
    ["MQTT-3.3.4-3", "MQTT-3.1.2-5"],
    ids5,
    async (t) => {
      const [s, p] = [await t.connect("s", { expirySec: KEPT_SEC }), await t.connect("p")];
      await t.subscribe(s, "~/a", 1, "0b 05");
      await s.disconnect();
      await t.publish(p, 1, "~/a", "meanwhile");
      const again = await t.connect("s", { clean: false, expirySec: KEPT_SEC });
      await t.receive(again, `32 {"~/a" ???? <0b 05> 'meanwhile'}`);
      await t.publish(p, 1, "~/a", "after");
      await t.receive(again, `32 {"~/a" ???? <0b 05> 'after'}`);
    },
  ),
  dialogue(
    "3.8-38",
    "a retained message comes with the Subscription Identifier of the SUBSCRIBE",
    ["MQTT-3.3.4-3", "MQTT-3.3.1-9"],
    { versions: [5], needs: ["subscriptionIds", "retain"] },
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.publish(p, 1, "~/a", "kept", { retain: true });
      await t.subscribe(s, "~/a", 0, "0b 09");
      await s.expect(`31 {"~/a" <0b 09> 'kept'}`);
    },
  ),
  dialogue(
    "3.8-39",
    "each subscriber gets its own Subscription Identifiers only",
    ["MQTT-3.3.4-3"],
    ids5,
    async (t) => {
      const [s, r, p] = [await t.connect("s"), await t.connect("r"), await t.connect("p")];
      await t.subscribe(s, "~/a", 0, "0b 01");
      await t.subscribe(r, "~/a", 0, "0b 02");
      p.send(`30 {"~/a" <> 'x'}`);
      await s.expect(`30 {"~/a" <0b 01> 'x'}`);
      await r.expect(`30 {"~/a" <0b 02> 'x'}`);
    },
  ),
].flat();

export const overlap: readonly Dialogue[] = [...overlapping, ...identifiers];
