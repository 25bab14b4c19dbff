/** The judge with a broker that says what it is told to: what is wrong must not pass. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { type Dialogue, dialogue, in4, in5, type Talk } from "../../src/conform/dialogue.ts";
import { parseBytes } from "../../src/conform/hex.ts";
import { holdDialogue, parseTarget, type Result } from "../../src/conform/runner.ts";

const EVERYTHING = {
  versions: new Set([3, 4, 5] as const),
  missing: new Set<never>(),
  refusal: "",
};
const CONNACK = "20 03 00 00 00";

/**
 * Answers the first thing that each client says with the first of `answers`, and so on; "close"
 * behind an answer closes.
 */
async function script(t: TestContext, answers: readonly string[]): Promise<string> {
  const server = createServer((socket) => {
    const left = answers.values();
    socket.on("error", () => socket.destroy());
    socket.on("data", () => {
      const answer = left.next().value;
      if (answer === undefined) return;
      const [text = "", close] = answer.split("close");
      socket.write(parseBytes(text, { version: 5, prefix: "" }));
      if (close !== undefined) socket.end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function held(
  t: TestContext,
  answers: readonly string[],
  hold: (talk: Talk) => Promise<void>,
  options = in5,
): Promise<Result> {
  const [one] = dialogue("0.0-01", "one of the test", [], options, hold);
  const target = parseTarget(await script(t, answers), 300);
  return holdDialogue(one as Dialogue, target, EVERYTHING);
}

const WRONG: ReadonlyArray<{
  what: string;
  answers: readonly string[];
  hold: (talk: Talk) => Promise<void>;
  says: RegExp;
}> = [
  {
    what: "CONNACK with reserved flags",
    answers: ["20 03 02 00 00"],
    hold: async (t) => void (await t.connect("a")),
    says: /reserved flags \[MQTT-3\.2\.2-1\]/,
  },
  {
    what: "CONNACK that refuses",
    answers: ["20 03 00 87 00"],
    hold: async (t) => void (await t.connect("a")),
    says: /expected CONNACK 0x00\na: got {6}CONNACK 0x87 notAuthorized/,
  },
  {
    what: "CONNACK with a property of PUBLISH",
    answers: ["20 06 00 00 03 23 0001"],
    hold: async (t) => void (await t.connect("a")),
    says: /CONNACK with Topic Alias, which does not belong there/,
  },
  {
    what: "CONNACK with a property twice",
    answers: ["20 09 00 00 06 21 0001 21 0001"],
    hold: async (t) => void (await t.connect("a")),
    says: /Receive Maximum twice/,
  },
  {
    what: "Remaining Length in more bytes than it needs",
    answers: [CONNACK, "d0 80 00"],
    hold: async (t) => void (await (await t.connect("a")).ping()),
    says: /MQTT-1\.5\.5-1/,
  },
  {
    what: "PUBLISH with DUP and QoS 0",
    answers: [CONNACK, `38 {"a" <>}`],
    hold: async (t) => (await t.connect("a")).expectNothing(),
    says: /MQTT-3\.3\.1-2/,
  },
  {
    what: "a packet that only clients send",
    answers: [CONNACK, "c0 00"],
    hold: async (t) => (await t.connect("a")).expectNothing(),
    says: /PINGREQ, which no server may send/,
  },
  {
    what: "something where nothing is expected",
    answers: [CONNACK, `30 {"a" <> 'x'} d0 00`],
    hold: async (t) => (await t.connect("a")).expectNothing(),
    says: /expected nothing\na: got {6}PUBLISH "a": 30 05 00 01 61 00 78/,
  },
  {
    what: "a connection that stays open",
    answers: [CONNACK, "", "d0 00"],
    hold: async (t) => {
      const a = await t.connect("a");
      a.send("00 00");
      await a.expectClosed();
    },
    says: /expected the end of the connection.*\n.*it lives on/,
  },
  {
    what: "DISCONNECT with another Reason Code",
    answers: [CONNACK, "e0 {93}"],
    hold: async (t) => {
      const a = await t.connect("a");
      a.send("00 00");
      await a.expectClosed();
    },
    says: /perhaps after DISCONNECT 0x81\/0x82\na: got {6}DISCONNECT 0x93/,
  },
  {
    what: "DISCONNECT with Session Expiry Interval",
    answers: [CONNACK, "e0 {82 <11 00000000>}"],
    hold: async (t) => {
      const a = await t.connect("a");
      a.send("00 00");
      await a.expectClosed();
    },
    says: /MQTT-3\.14\.2-2/,
  },
  {
    what: "a packet above Maximum Packet Size",
    answers: [CONNACK, `30 {"a" <> '${"x".repeat(30)}'}`],
    hold: async (t) => (await t.connect("a", { packetSizeMax: 30 })).expectNothing(),
    says: /a packet of 36 bytes; Maximum Packet Size is 30/,
  },
  {
    what: "silence",
    answers: [CONNACK],
    hold: async (t) => {
      const a = await t.connect("a");
      a.send(`32 {"a" 0001 <>}`);
      await a.expect("40 {0001}");
    },
    says: /expected PUBACK id 1: 40 02 00 01\na: got {6}nothing for 300 ms/,
  },
  {
    what: "the end where an answer is expected",
    answers: [CONNACK, "close"],
    hold: async (t) => {
      const a = await t.connect("a");
      a.send(`32 {"a" 0001 <>}`);
      await a.expect("40 {0001}");
    },
    says: /expected PUBACK .*\na: got {6}the end of the connection/,
  },
];

for (const { what, answers, hold, says } of WRONG) {
  test(`judge: wrong: ${what}`, async (t) => {
    const { outcome, detail } = await held(t, answers, hold);
    assert.equal(outcome, "fail");
    assert.match(detail, says);
  });
}

test("judge: wrong: a CONNACK before the end in 3.1.1, where nothing may be said", async (t) => {
  const { outcome, detail } = await held(t, ["20 02 00 01"], refusedConnect, in4);
  assert.equal(outcome, "fail");
  assert.match(detail, /expected the end of the connection\na: got {6}CONNACK 0x01/);
});

test("judge: right: an end without a word, and one that says why", async (t) => {
  for (const answer of ["close", "20 03 00 81 00 close", "20 02 00 82 close"]) {
    const { outcome, detail } = await held(t, [answer], refusedConnect);
    assert.equal(outcome, "pass", detail);
  }
});

test("judge: wrong: success in the form of another version", async (t) => {
  const { detail } = await held(t, [CONNACK], async (talk) => void (await talk.connect("a")), in4);
  assert.match(detail, /CONNACK with 1 bytes too many/);
});

test("judge: wrong: a broken packet behind the last one expected", async (t) => {
  const { detail } = await held(t, [CONNACK, "d0 00 20 01 00"], async (talk) => {
    await (await talk.connect("a")).ping();
  });
  assert.match(detail, /the broker sent a packet that ends within Reason Code: 20 01 00/);
});

test("judge: what comes before PINGRESP is kept for the next expectation", async (t) => {
  const answers = [CONNACK, `30 {"a" <> 'x'} d0 00`];
  const { outcome, detail } = await held(t, answers, async (talk) => {
    const a = await talk.connect("a");
    talk.check((await a.ping()) === 1, "not one packet is waiting");
    await a.expect(`30 {"a" <> 'x'}`);
  });
  assert.equal(outcome, "pass", detail);
});

test("judge: a dialogue can end without a verdict", async (t) => {
  const { outcome, detail } = await held(t, [CONNACK], async (talk) => talk.skip("no such thing"));
  assert.equal(outcome, "skip");
  assert.equal(detail, "no such thing");
});

async function refusedConnect(talk: Talk): Promise<void> {
  const a = await talk.open("a");
  a.send("10 00");
  await a.expectClosed();
}
