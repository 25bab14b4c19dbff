/** §4.7: Topic Names, Topic Filters, and which match. */
import { type Dialogue, type DialogueOptions, dialogue, in45, in345 } from "../dialogue.ts";
import { refusedFilter } from "../refused.ts";

const wild45: DialogueOptions = { versions: [4, 5], needs: ["wildcard"] };

/** What a broker may say to a Topic Name that goes beyond its limits. */
const LIMIT = [0x81, 0x83, 0x90, 0x95, 0x97];

/** `filter` matches `yes`, and none of `no`. */
function matching(
  id: string,
  title: string,
  statements: string[],
  filter: string,
  yes: readonly string[],
  no: readonly string[],
): Dialogue[] {
  return dialogue(id, title, statements, wild45, async (t) => {
    const [s, p] = [await t.connect("s"), await t.connect("p")];
    await t.subscribe(s, filter, 0);
    for (const topicName of no) p.send(`30 {"${topicName}" <> 'no'}`);
    for (const topicName of yes) {
      p.send(`30 {"${topicName}" <> 'yes'}`);
      await s.expect(`30 {"${topicName}" <> 'yes'}`);
    }
    await s.expectNothing();
  });
}

const MULTI = ["MQTT-4.7.1-1", "3.1.1 MQTT-4.7.1-2"];
const SINGLE = ["MQTT-4.7.1-2", "3.1.1 MQTT-4.7.1-3"];
const EXACT = ["MQTT-4.7.3-4", "3.1.1 MQTT-4.7.3-4"];

const matches: readonly Dialogue[] = [
  matching(
    "4.7-01",
    `"#" matches all levels below, and the parent`,
    MULTI,
    "~/a/#",
    ["~/a", "~/a/b", "~/a/b/c", "~/a/", "~/a//"],
    ["~", "~/ab", "~/b/a"],
  ),
  matching(
    "4.7-02",
    `"+" matches one level, an empty one too`,
    SINGLE,
    "~/+/c",
    ["~/b/c", "~//c", "~/$b/c"],
    ["~/c", "~/b/b/c", "~/b/c/d", "~/b/c/", "~/b"],
  ),
  matching(
    "4.7-03",
    `"+" as the last level does not match the parent`,
    SINGLE,
    "~/+",
    ["~/a", "~/"],
    ["~", "~/a/b", "~/a/"],
  ),
  matching(
    "4.7-04",
    `"+" as the first level, and a leading "/" is a level of its own`,
    SINGLE,
    "+/~/a",
    ["/~/a", "x/~/a"],
    ["~/a", "x/x/~/a"],
  ),
  matching(
    "4.7-05",
    `"+/+" and what begins with "/"`,
    SINGLE,
    "/+/~",
    ["/x/~", "//~"],
    ["x/~", "/x/x/~"],
  ),
  matching(
    "4.7-06",
    `"+" and "#" together`,
    [...MULTI, ...SINGLE],
    "~/+/b/#",
    ["~/a/b", "~/a/b/c/d", "~//b"],
    ["~/b", "~/a", "~/a/c/b"],
  ),
  matching("4.7-07", "case counts", EXACT, "~/Abc", ["~/Abc"], ["~/abc", "~/ABC"]),
  matching(
    "4.7-08",
    "slashes at the end and doubled make another topic",
    EXACT,
    "~/a",
    ["~/a"],
    ["~/a/", "~//a", "/~/a"],
  ),
  matching(
    "4.7-09",
    "spaces, dots and control characters are characters like others",
    EXACT,
    "~/a b. c",
    ["~/a b. c"],
    ["~/ab.c", "~/a b.c", "~/a b. c "],
  ),
  matching(
    "4.7-10",
    "no normalization: é as one code point is not é as two",
    EXACT,
    "~/\u00e9",
    ["~/\u00e9"],
    ["~/e\u0301", "~/e"],
  ),
  matching(
    "4.7-11",
    `"$" counts in the first level only`,
    ["MQTT-4.7.2-1", "3.1.1 MQTT-4.7.2-1"],
    "~/#",
    ["~/$a", "~/$SYS/b"],
    [],
  ),
].flat();

const dollar: readonly Dialogue[] = [
  dialogue(
    "4.7-12",
    `filters that begin with "+" do not match topics that begin with "$"`,
    ["MQTT-4.7.2-1", "3.1.1 MQTT-4.7.2-1"],
    wild45,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "+/~/#", 0);
      const rude = await t.connect("rude");
      rude.send(`30 {"$x/~/a" <> 'no'}`);
      await rude.expectAliveOrClosed(0x87, 0x90); // "The Server SHOULD prevent" such use (§4.7.2).
      p.send(`30 {"x/~/a" <> 'yes'}`);
      await s.expect(`30 {"x/~/a" <> 'yes'}`);
      await s.expectNothing();
    },
  ),
  dialogue(
    "4.7-13",
    `"#" does not match topics that begin with "$"`,
    ["MQTT-4.7.2-1", "3.1.1 MQTT-4.7.2-1"],
    wild45,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      // In 5.0 without retained messages: the broker may be in use.
      await t.subscribe(s, "#", t.version === 5 ? 0x20 : 0);
      const rude = await t.connect("rude");
      rude.send(`30 {"$x/~/a" <> 'no'}`);
      await rude.expectAliveOrClosed(0x87, 0x90);
      p.send(`30 {"~/end" <> 'end'}`);
      for (;;) {
        const { topicName } = await s.next();
        t.check(!topicName.startsWith("$"), `"#" brought "${topicName}"`);
        if (topicName === `${t.prefix}/end`) break;
      }
    },
  ),
].flat();

const sizes: readonly Dialogue[] = [
  dialogue(
    "4.7-14",
    "a Topic Name of one character beside the prefix, and one of a thousand",
    ["MQTT-4.7.3-1", "MQTT-4.7.3-3", "3.1.1 MQTT-4.7.3-3"],
    in345,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      const long = `~/${"x".repeat(1000)}`;
      await t.subscribe(s, "~/a", 0);
      await t.subscribe(s, long, 0);
      p.send(`30 {"~/a" <> 'short'} 30 {"${long}" <> 'long'}`);
      await s.expect(`30 {"~/a" <> 'short'}`);
      await s.expect(`30 {"${long}" <> 'long'}`);
    },
  ),
  dialogue(
    "4.7-15",
    "a Topic Name of 65,535 bytes is delivered, or refused; the broker lives on",
    ["MQTT-4.7.3-3", "3.1.1 MQTT-4.7.3-3"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/#", 0);
      const long = `~/${"x".repeat(65_535 - t.prefix.length - 1)}`;
      p.send(`30 {"${long}" <> 'long'}`);
      await p.expectAliveOrClosed(...LIMIT);
      const q = await t.connect("q");
      q.send(`30 {"~/end" <> 'end'}`);
      await s.collectUntil(`30 {"~/end" <> 'end'}`);
    },
  ),
  dialogue(
    "4.7-16",
    "a Topic Name of 200 levels is delivered, or refused; the broker lives on",
    ["MQTT-4.7.3-4", "3.1.1 MQTT-4.7.3-4"],
    in45,
    async (t) => {
      const [s, p] = [await t.connect("s"), await t.connect("p")];
      await t.subscribe(s, "~/#", 0);
      p.send(`30 {"~${"/a".repeat(199)}" <> 'deep'}`);
      await p.expectAliveOrClosed(...LIMIT);
      const q = await t.connect("q");
      q.send(`30 {"~/end" <> 'end'}`);
      await s.collectUntil(`30 {"~/end" <> 'end'}`);
    },
  ),
].flat();

const filters: readonly Dialogue[] = [
  refusedFilter("4.7-20", `"#" that is not the last level`, MULTI, "~/#/a"),
  refusedFilter("4.7-21", `"#" that is not a whole level: "a#"`, MULTI, "~/a#"),
  refusedFilter("4.7-22", `"#" that is not a whole level: "#a"`, MULTI, "~/#a"),
  refusedFilter("4.7-23", `"+" that is not a whole level: "a+"`, SINGLE, "~/a+"),
  refusedFilter("4.7-24", `"+" that is not a whole level: "+a"`, SINGLE, "~/+a/b"),
  refusedFilter("4.7-25", `"++"`, SINGLE, "~/++"),
  refusedFilter(
    "4.7-26",
    "a Topic Filter of no characters",
    ["MQTT-4.7.3-1", "3.1.1 MQTT-4.7.3-1"],
    "",
  ),
].flat();

export const topics: readonly Dialogue[] = [...matches, ...dollar, ...sizes, ...filters];
