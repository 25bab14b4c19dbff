/**
 * Durable operation: what it costs, how soon it answers and starts, and how large it grows.
 *
 *     node --import tsx bench/durable.ts [--rows durable-qos1-pairs,…] [--peers nightjar-fsync,…]
 *         [--runs 3] [--duration 3] [--scale 1] [--mqload PATH] [--scratch DIR] [--core 0]
 *         [--markdown]
 *
 * One broker runs at a time, on core --core, freshly started for each run; mqload and this program
 * run on another one. Where one core serves the disk's interrupts (see /proc/interrupts), that is
 * the core for a broker that waits for the disk. The peers of a row alternate (A B C A B C …). Data
 * folders are made in DIR, which must be on a disk, and are deleted again. The exit code is 1 when
 * a must was not shown to be kept.
 */
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { cpus, release } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { ACK_LATENCY } from "./durable/ack-latency.ts";
import { claimsTable, isKept, verdict } from "./durable/claims.ts";
import { DISK } from "./durable/disk.ts";
import { FANOUT_OFFLINE } from "./durable/fanout-offline.ts";
import { QUEUE_MEMORY, SESSION_MEMORY } from "./durable/memory.ts";
import { OFFLINE } from "./durable/offline.ts";
import { QOS1_PAIRS, QOS2_PAIRS } from "./durable/pairs.ts";
import { RESTART } from "./durable/restart.ts";
import type { Bench, DurableRow } from "./durable/row.ts";
import { interleaved, type Run } from "./interleaved.ts";
import { BROKER_CORE, LOAD_CORE, load } from "./mqload.ts";
import {
  durableNightjar,
  MissingPeerError,
  mosquitto,
  type Peer,
  persistentMosquitto,
} from "./peers.ts";
import { RunningBroker } from "./running-broker.ts";
import { type Line, remarkLines, table } from "./table.ts";

const ROWS: readonly DurableRow[] = [
  ...[QOS1_PAIRS, QOS2_PAIRS, OFFLINE, FANOUT_OFFLINE, ACK_LATENCY],
  ...[RESTART, SESSION_MEMORY, QUEUE_MEMORY, DISK],
];

const PEERS: ReadonlyMap<string, () => Peer> = new Map([
  ["nightjar-fsync", () => durableNightjar("fsync")],
  ["nightjar-os", () => durableNightjar("os")],
  ["nightjar-memory", () => durableNightjar("memory")],
  ["mosquitto", mosquitto],
  ["mosquitto-persistent", persistentMosquitto],
]);

/** File systems in memory, by the number that statfs gives. */
const TMPFS = 0x01021994;
const RAMFS = 0x858458f6;

const { values: flags } = parseArgs({
  options: {
    rows: { type: "string", default: ROWS.map(({ name }) => name).join(",") },
    peers: { type: "string" },
    runs: { type: "string", default: "3" },
    duration: { type: "string", default: "3" },
    scale: { type: "string", default: "1" },
    mqload: { type: "string", default: "mqload" },
    scratch: { type: "string", default: "." },
    core: { type: "string", default: `${BROKER_CORE}` },
    markdown: { type: "boolean", default: false },
  },
});
const brokerCore = Number(flags.core);
const loadCore = brokerCore === BROKER_CORE ? LOAD_CORE : BROKER_CORE;
const rows = flags.rows.split(",").map(rowNamed);
const peers = peersOf(rows);
const scratch = makeScratch(flags.scratch);
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));
await main();

async function main(): Promise<void> {
  stayOnCore(loadCore);
  for (const line of description()) console.log(line);
  const bench = benchIn(scratch);
  const lines: Line[] = [];
  for (const row of rows) {
    const taking = [...peers.values()].filter(({ name }) => peerNames(row).includes(name));
    const run = (peer: Peer) => runOnce(row, peer, bench);
    const found = await interleaved(row, taking, Number(flags.runs), run);
    lines.push(...found);
    const names = taking.map(({ name }) => name);
    console.log(`\n${table(found, names, undefined, flags.markdown)}`);
  }
  const verdicts = rows.flatMap(({ name, claims }) =>
    claims.map((claim) => verdict(name, claim, lines)),
  );
  console.log(`\n${claimsTable(verdicts, flags.markdown)}\n`);
  for (const line of remarkLines(lines)) console.log(line);
  if (verdicts.some((each) => isKept(each) === false)) process.exitCode = 1;
}

function rowNamed(name: string): DurableRow {
  const row = ROWS.find((candidate) => candidate.name === name);
  if (row !== undefined) return row;
  throw new Error(`--rows ${name}: there are ${ROWS.map((known) => known.name).join(", ")}`);
}

function peerNames(row: DurableRow): readonly string[] {
  return flags.peers?.split(",") ?? row.peers;
}

/** Those that the rows ask for and that are here; a line for each that is left out. */
function peersOf(asking: readonly DurableRow[]): Map<string, Peer> {
  const found = new Map<string, Peer>();
  for (const name of new Set(asking.flatMap(peerNames))) {
    const find = PEERS.get(name);
    if (find === undefined) throw new Error(`--peers ${name}: there are ${[...PEERS.keys()]}`);
    try {
      found.set(name, find());
    } catch (error) {
      if (!(error instanceof MissingPeerError)) throw error;
      console.log(`left out: ${error.message}`);
    }
  }
  return found;
}

function makeScratch(parent: string): string {
  const { type } = statfsSync(parent);
  if (type === TMPFS || type === RAMFS) throw new Error(`--scratch ${parent} is not on a disk`);
  return mkdtempSync(join(resolve(parent), "nightjar-bench-"));
}

/** This process is a client in some rows, and must not take from the broker what it measures. */
function stayOnCore(core: number): void {
  execFileSync("taskset", ["--all-tasks", "--pid", "--cpu-list", `${core}`, `${process.pid}`], {
    stdio: "ignore",
  });
}

function description(): string[] {
  return [
    `${cpus()[0]?.model.trim()}, ${cpus().length} cores, Linux ${release()}`,
    [...peers.values()].map(({ name, version }) => `${name} ${version}`).join("; "),
    `MQTT 3.1.1, median of ${flags.runs} × ${flags.duration} s, brokers on core ${brokerCore}` +
      (flags.scale === "1" ? "" : `, ${flags.scale} of the load: the bounds mean nothing`),
    "The event loop's delay is the time between two firings of a 1 ms timer, that 1 ms included.",
  ];
}

function benchIn(folder: string): Bench {
  const program = join(folder, "ack-latency");
  const source = fileURLToPath(new URL("ack-latency.c", import.meta.url));
  execFileSync("cc", ["-std=c11", "-O2", "-o", program, source]);
  const { mqload, duration } = flags;
  const settings = { mqload, mqtt: 3, durationSec: Number(duration), core: loadCore } as const;
  return {
    scale: Number(flags.scale),
    brokerCore,
    load: (what, broker) => load(what, broker, settings),
    ackLatency: async (how, { port }) => {
      const { stdout } = await promisify(execFile)(program, [port, ...how].map(String));
      return JSON.parse(stdout);
    },
  };
}

async function runOnce(row: DurableRow, peer: Peer, bench: Bench): Promise<Run> {
  const broker = await RunningBroker.start(peer, brokerCore, scratch);
  try {
    return await row.run(broker, bench);
  } finally {
    await broker.stop();
  }
}
