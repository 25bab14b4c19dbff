import assert from "node:assert/strict";
import { test } from "node:test";
import { firstDifference } from "../../src/conform/compare.ts";
import { formatHex, parseBytes, parsePattern } from "../../src/conform/hex.ts";

const in5 = { version: 5, prefix: "p1" } as const;
const in4 = { version: 4, prefix: "p1" } as const;

const NOTATION: ReadonlyArray<readonly [what: string, text: string, hex: string]> = [
  ["pairs of digits, spaces", " 00ff  A1 ", "00 ff a1"],
  ["text as it is", "'aé' 00", "61 c3 a9 00"],
  ["a UTF-8 String", `"ab"`, "00 02 61 62"],
  ["the prefix", `"~/a" '~'`, "00 04 70 31 2f 61 70 31"],
  ["Binary Data", "[c328]", "00 02 c3 28"],
  ["a packet's body", "c0 {} d0 {01 02}", "c0 00 d0 02 01 02"],
  ["lengths within lengths", `32 {"a" 0001 <01 01> 'x'}`, "32 09 00 01 61 00 01 02 01 01 78"],
  ["a comment", "c0 00 # PINGREQ\nd0", "c0 00 d0"],
  ["no comment within quotes", "'#'", "23"],
  ["a body of 128 bytes", `c0 {'${"x".repeat(128)}'}`, `c0 80 01${" 78".repeat(128)}`],
];

for (const [what, text, hex] of NOTATION) {
  test(`hex: ${what}`, () => assert.equal(formatHex(parseBytes(text, in5)), hex));
}

test("hex: properties are nothing in 3.x", () => {
  assert.equal(formatHex(parseBytes(`30 {"a" <> 'x'}`, in4)), "30 04 00 01 61 78");
  assert.throws(() => parseBytes(`30 {"a" <01 01>}`, in4), SyntaxError);
});

test("hex: digits that do not matter", () => {
  const { bytes, mask } = parsePattern("3? ??", in5);
  assert.equal(formatHex(bytes, mask), "3? ??");
  assert.throws(() => parseBytes("3?", in5), SyntaxError);
});

for (const text of ["3", "zz", "'a", "{00", "00}", "[00}"]) {
  test(`hex: refused: ${text}`, () => assert.throws(() => parseBytes(text, in5), SyntaxError));
}

const SAME: ReadonlyArray<readonly [what: string, expected: string, received: string]> = [
  ["PUBACK in short and long form", "40 {0001}", "40 {0001 00 <>}"],
  ["PUBACK that explains itself", "40 {0001 97}", `40 {0001 97 <1f "full" 26 "n" "v">}`],
  ["SUBACK that explains itself", "90 {0001 <> 01}", `90 {0001 <1f "welcome"> 01}`],
  ["DISCONNECT in short and long form", "e0 00", "e0 {00 <>}"],
  ["properties in another order", `30 {"a" <01 01 03 "t">}`, `30 {"a" <03 "t" 01 01>}`],
  ["a Packet Identifier that does not matter", `32 {"a" ???? <>}`, `32 {"a" 1234 <>}`],
];

for (const [what, expected, received] of SAME) {
  test(`compare: the same: ${what}`, () => {
    const difference = firstDifference(parsePattern(expected, in5), parseBytes(received, in5), 5);
    assert.equal(difference, undefined);
  });
}

const DIFFERENT: ReadonlyArray<
  readonly [what: string, expected: string, received: string, field: string]
> = [
  ["another identifier", "40 {0001}", "40 {0002}", "byte 3 (Packet Identifier)"],
  ["another code", "40 {0001}", "40 {0001 10}", "byte 4 (Reason Code)"],
  ["another flag", `32 {"a" 0001 <>}`, `3a {"a" 0001 <>}`, "byte 0 (packet type and flags)"],
  ["another payload", `30 {"a" <> 'x'}`, `30 {"a" <> 'y'}`, "byte 6 (payload)"],
  ["another topic", `30 {"a" <> 'x'}`, `30 {"b" <> 'x'}`, "byte 4 (Topic Name)"],
  ["a longer packet", "d0 00", "90 {0001 <> 00}", "byte 0 (packet type and flags)"],
  ["a property too many", `30 {"a" <>}`, `30 {"a" <01 00>}`, "byte 1 (Remaining Length)"],
  [
    "User Properties in another order",
    `30 {"a" <26 "a" "1" 26 "b" "2">}`,
    `30 {"a" <26 "b" "2" 26 "a" "1">}`,
    "byte 9 (User Property (name))",
  ],
];

for (const [what, expected, received, field] of DIFFERENT) {
  test(`compare: different: ${what}`, () => {
    const difference = firstDifference(parsePattern(expected, in5), parseBytes(received, in5), 5);
    assert.match(difference ?? "no difference", new RegExp(field.replace(/[()]/g, "\\$&")));
  });
}
