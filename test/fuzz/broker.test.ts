/**
 * Two clients' sessions, spoilt, against a broker over TCP, beside neighbours who do nothing wrong.
 *
 * Whatever comes, the broker stays; whoever sends something malformed is cut off; when all have
 * gone, nothing of them is left.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PacketDecoder } from "../../src/codec/packet-decoder.ts";
import { ACCEPTED, REFUSED } from "../../src/codec/vectors.suite.ts";
import type { ProtocolVersion } from "../../src/protocol/packets.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import { memoryInUse, startBroker, type TestBroker, until } from "../reliability/harness.ts";
import { Neighbours } from "../reliability/neighbours.ts";
import { hex16, publishBytes, WireClient, wire } from "../reliability/wire-client.ts";
import { Random } from "../sim/prng.ts";
import { FUZZ_SECONDS, FUZZ_SEED, shuffle, split, spoil } from "./fuzz.ts";

const MIB = 1024 * 1024;
const USER_PROPERTIES_MAX = 5;
const PACKET_SIZE_MAX = 64 * 1024;
/** Pairs of clients at the same time. */
const PAIRS = 32;

/** Small, so that a fuzzer meets them. */
const LIMITS = {
  packetSize: PACKET_SIZE_MAX,
  userProperties: USER_PROPERTIES_MAX,
  topicLevels: 8,
  subscriptionsPerSession: 10,
  sessions: 40,
  queueMessages: 10,
  queueBytes: "32KiB",
  qos0Messages: 10,
  inflight: 5,
  receiveMaximum: 5,
  topicAlias: 3,
  retainedMessages: 50,
  routes: 100,
  ledgerEntries: 50,
} as const;

const PINGREQ = wire("c000");
const VERSIONS = [3, 4, 5] as const;
const VECTORS = new Map(
  VERSIONS.map((version) => [
    version,
    [...ACCEPTED, ...REFUSED]
      .filter((vector) => vector.role !== "client" && vector.version === version)
      .map(({ bytes }) => bytes)
      .filter((bytes) => bytes.length < 5_000),
  ]),
);
const TOPICS = ["a", "a/b", "a/b/c", "/", "b", "a//c", "$SYS/x"];
const FILTERS = [...TOPICS, "#", "+", "a/#", "+/b", "a/+/c", "$share/g/a", "$share/g/#", "$SYS/#"];

/** Packets of a session in which much happens, as a client would send them. */
function sensibleSession(version: ProtocolVersion, clientId: string, dice: Random): Buffer[] {
  const v5 = version === 5;
  const none = v5 ? "()" : "";
  const clean = dice.chance(50) ? 0x02 : 0x00;
  const will = dice.chance(33) ? 0x04 | (dice.below(3) << 3) | (dice.below(2) << 5) : 0;
  const flags = (clean | will).toString(16).padStart(2, "0");
  const head = version === 3 ? '"MQIsdp" 03' : version === 4 ? '"MQTT" 04' : '"MQTT" 05';
  const limits = dice.pick(["", "21 0001", "27 00000020", "11 00000064", "22 0002", "17 00"]);
  const willPart = will === 0 ? "" : `${none} "${dice.pick(TOPICS.slice(0, 4))}" "will"`;
  const properties = v5 ? `(${limits})` : "";
  const connect = `10 .. ${head} ${flags} 0000 ${properties} "${clientId}" ${willPart}`;
  const packets = [wire(connect)];
  for (let count = 2 + dice.below(12); count > 0; count -= 1) {
    const id = 1 + dice.below(4);
    const qos = dice.below(3) as 0 | 1 | 2;
    const topic = dice.pick(TOPICS);
    const options = v5 ? dice.below(0x30) & 0x3b : qos;
    const option = ((options & 3) === 3 ? 0 : options).toString(16).padStart(2, "0");
    const other = [
      () => wire(`82 .. ${hex16(id)} ${none} "${dice.pick(FILTERS)}" ${option}`),
      () => wire(`a2 .. ${hex16(id)} ${none} "${dice.pick(FILTERS)}"`),
      () => wire(`${dice.pick(["40", "50", "62", "70"])} .. ${hex16(id)}`),
      () => wire(`30 .. "${v5 ? "" : topic}" ${v5 ? `(23 ${hex16(id)})` : ""} 'aliased'`),
      () => wire("c000"),
      () => dice.pick(VECTORS.get(version) ?? []),
    ];
    const payload = dice.chance(10) ? "x".repeat(dice.below(20_000)) : String(id);
    if (dice.chance(50))
      packets.push(publishBytes(version, topic, payload, qos, id, dice.chance(33)));
    else packets.push(dice.pick(other)());
  }
  if (dice.chance(33)) packets.push(wire("e000"));
  return packets;
}

type Fate =
  /** Its sender must be cut off. */
  | "malformed"
  /** It ends where a packet ends: a PINGREQ after it is answered, unless a rule was broken. */
  | "complete"
  /** More bytes are wanted. */
  | "unfinished";

/** What a decoder makes of it. */
function fateOf(bytes: Buffer): Fate {
  const decoder = new PacketDecoder({
    role: "server",
    packetSizeMax: PACKET_SIZE_MAX,
    userPropertiesMax: USER_PROPERTIES_MAX,
  });
  try {
    lastType(decoder, bytes);
  } catch (error) {
    if (error instanceof ProtocolError) return "malformed";
    throw error;
  }
  try {
    return lastType(decoder, PINGREQ) === "pingreq" ? "complete" : "unfinished";
  } catch {
    return "unfinished"; // The PINGREQ became part of a packet.
  }
}

function lastType(decoder: PacketDecoder, bytes: Buffer): string | undefined {
  let type: string | undefined;
  decoder.push(bytes);
  for (let packet = decoder.next(); packet; packet = decoder.next()) type = packet.type;
  return type;
}

/** One pair of clients, from CONNECT to their end. @returns Packets sent. */
async function runCase({ port }: TestBroker, seed: number): Promise<number> {
  const dice = new Random(seed);
  const version = dice.pick(VERSIONS);
  const vectors = VECTORS.get(version) ?? [];
  const sessions = [0, 1].map(() => {
    const id = `fuzz-${dice.below(20)}`;
    const sensible = sensibleSession(version, id, dice);
    const packets = shuffle(sensible, dice).map((packet) => {
      return dice.chance(17) ? spoil(packet, dice, vectors) : packet;
    });
    return { connect: sensible[0] as Buffer, packets };
  });
  const clients = await Promise.all(
    sessions.map(async ({ connect, packets }) => {
      const client = await WireClient.open(port, version);
      const bytes = Buffer.concat(packets);
      return { client, connect, bytes, pieces: split(bytes, dice) };
    }),
  );
  for (let at = 0; clients.some(({ pieces }) => at < pieces.length); at += 1) {
    for (const { client, pieces } of clients) {
      const piece = pieces[at];
      if (piece !== undefined && !client.isClosed) client.send(piece);
    }
    if (dice.chance(25)) await new Promise((resolve) => setImmediate(resolve));
  }
  for (const { client, bytes, connect } of clients) {
    const isUnderstood = bytes.subarray(0, connect.length).equals(connect);
    if (isUnderstood) assert.equal(client.malformed, undefined);
    const fate = fateOf(bytes);
    if (fate === "malformed") await client.closed();
    else if (fate === "complete" && client.malformed === undefined) await answeredOrClosed(client);
    else client.socket.end();
    await client.destroy();
  }
  return sessions.reduce((sum, { packets }) => sum + packets.length, 0);
}

/** All before it was dealt with. */
async function answeredOrClosed(client: WireClient): Promise<void> {
  client.send(PINGREQ);
  while (!client.isClosed) {
    const packets = await client.some().catch(() => []);
    if (packets.some(({ type }) => type === "pingresp")) return;
  }
}

test(`spoilt sessions against a broker (FUZZ_SEED=${FUZZ_SEED})`, async (t) => {
  const broker = await startBroker(t, { limits: LIMITS });
  const neighbours = await Neighbours.moveIn(broker);
  let cases = 0;
  let packets = 0;
  const runFor = async (seconds: number): Promise<number> => {
    const untilMs = performance.now() + seconds * 1_000;
    const pair = async (): Promise<void> => {
      while (performance.now() < untilMs) {
        const seed = FUZZ_SEED + cases;
        cases += 1;
        try {
          const sent = await runCase(broker, seed);
          packets += sent;
        } catch (cause) {
          throw new Error(`FUZZ_SEED=${seed}: ${(cause as Error).message}`, { cause });
        }
      }
    };
    await Promise.all(Array.from({ length: PAIRS }, pair));
    await until(() => broker.broker.connections === 2, "all but the neighbours gone");
    return memoryInUse();
  };
  const seconds = (FUZZ_SECONDS * 2) / 3;
  const before = await runFor(seconds / 2);
  const handles = process.getActiveResourcesInfo().length;
  const after = await runFor(seconds / 2);
  t.diagnostic(`${cases} sessions of two, ${packets} packets`);
  assert.equal(broker.broker.stats.clientsConnected, 2);
  // An immediate of the moment is not one that is left open: those go by themselves.
  await until(() => process.getActiveResourcesInfo().length <= handles, "no handle left open");
  const grown = (after - before) / MIB;
  assert.ok(grown < 8, `${grown.toFixed(1)} MiB more after the second half`);
  await neighbours.leave();
});
