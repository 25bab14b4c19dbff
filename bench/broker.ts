/**
 * Brokers compared: delivered messages per second of the broker's CPU time, and a few more figures.
 *
 *     node --import tsx bench/broker.ts [--rows qos0-pairs,…] [--peers nightjar,mosquitto,aedes]
 *         [--peer name='command with {port}'] [--runs 3] [--duration 5] [--mqtt 3|5]
 *         [--mqload PATH] [--aedes DIR] [--raw FILE] [--markdown]
 *
 * One broker runs at a time, on core 0, freshly started for each run; mqload runs on core 1. Peers
 * alternate (A B C A B C …), so that whatever the machine does meanwhile meets all of them.
 */
import { execFile } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { aedes, customPeer, MissingPeerError, mosquitto, nightjar, type Peer } from "./peers.ts";
import { type LoadResult, ROWS, type Row, remarks } from "./rows.ts";
import { RunningBroker } from "./running-broker.ts";
import { type Cell, type Line, remarkLines, table } from "./table.ts";

const BROKER_CORE = 0;
const LOAD_CORE = 1;
const REFERENCE = "mosquitto";
const WARMUP_SEC = 1;

interface Settings {
  readonly rows: readonly Row[];
  readonly peers: readonly Peer[];
  readonly runs: number;
  readonly durationSec: number;
  readonly mqtt: 3 | 5;
  readonly mqload: string;
  readonly rawFile: string | undefined;
  readonly scratch: string;
}

const { values: flags } = parseArgs({
  options: {
    rows: { type: "string", default: ROWS.map(({ name }) => name).join(",") },
    peers: { type: "string", default: "nightjar,mosquitto,aedes" },
    peer: { type: "string", multiple: true, default: [] },
    runs: { type: "string", default: "3" },
    duration: { type: "string", default: "5" },
    mqtt: { type: "string", default: "3" },
    mqload: { type: "string", default: "mqload" },
    aedes: { type: "string" },
    raw: { type: "string" },
    markdown: { type: "boolean", default: false },
  },
});
await main();

async function main(): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "nightjar-bench-"));
  try {
    const settings = settingsFrom(scratch);
    for (const line of description(settings)) console.log(line);
    const lines: Line[] = [];
    for (const row of settings.rows) lines.push(...(await measure(row, settings)));
    const names = settings.peers.map(({ name }) => name);
    console.log(`\n${table(lines, names, REFERENCE, flags.markdown)}\n`);
    for (const line of remarkLines(lines)) console.log(line);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function settingsFrom(scratch: string): Settings {
  const mqtt = flags.mqtt === "5" ? 5 : 3;
  return {
    rows: flags.rows.split(",").map(rowNamed),
    peers: peersFrom(scratch, mqtt),
    runs: Number(flags.runs),
    durationSec: Number(flags.duration),
    mqtt,
    mqload: flags.mqload,
    rawFile: flags.raw,
    scratch,
  };
}

function rowNamed(name: string): Row {
  const row = ROWS.find((candidate) => candidate.name === name);
  if (row !== undefined) return row;
  throw new Error(`--rows ${name}: there are ${ROWS.map((known) => known.name).join(", ")}`);
}

/** Those that are here and speak the version; a line for each that is left out. */
function peersFrom(scratch: string, mqtt: 3 | 5): Peer[] {
  const known = new Map([
    ["nightjar", nightjar],
    ["mosquitto", mosquitto],
    ["aedes", () => aedes(flags.aedes, scratch)],
  ]);
  const peers: Peer[] = [];
  for (const name of flags.peers.split(",")) {
    const find = known.get(name);
    if (find === undefined) throw new Error(`--peers ${name}: see --peer name='command'`);
    try {
      peers.push(find());
    } catch (error) {
      if (!(error instanceof MissingPeerError)) throw error;
      console.log(`left out: ${error.message}`);
    }
  }
  const all = [...peers, ...flags.peer.map(customPeer)];
  for (const { name, mqttVersions } of all) {
    if (!mqttVersions.includes(mqtt)) console.log(`left out: ${name} does not speak MQTT ${mqtt}`);
  }
  return all.filter(({ mqttVersions }) => mqttVersions.includes(mqtt));
}

function description({ peers, runs, durationSec, mqtt }: Settings): string[] {
  return [
    `${cpus()[0]?.model.trim()}, ${cpus().length} cores, Linux ${release()}`,
    `${peers.map(({ name, version }) => `${name} ${version}`).join("; ")}`,
    `MQTT ${mqtt === 5 ? "5.0" : "3.1.1"}, payload 64 bytes, median of ${runs} × ${durationSec} s`,
  ];
}

async function measure(row: Row, settings: Settings): Promise<Line[]> {
  const runs = new Map(settings.peers.map(({ name }): [string, Run[]] => [name, []]));
  for (let round = 1; round <= settings.runs; round += 1) {
    for (const peer of settings.peers) {
      const run = await tryOnce(row, peer, settings);
      console.error(`${row.name} ${round}/${settings.runs} ${peer.name}: ${run.values.join(" ")}`);
      runs.get(peer.name)?.push(run);
    }
  }
  return row.metrics.map((metric, index) => ({
    row: row.name,
    metric,
    cells: new Map([...runs].map(([peer, done]) => [peer, cellFrom(done, index)])),
  }));
}

function cellFrom(runs: readonly Run[], metricIndex: number): Cell {
  const values = runs.flatMap(({ values }) => values.slice(metricIndex, metricIndex + 1));
  return { values, remarks: new Set(runs.flatMap(({ found }) => found)) };
}

interface Run {
  /** One for each metric of the row. */
  readonly values: readonly number[];
  readonly found: readonly string[];
}

/** A run that fails is a remark on its row, not the end of an hour of runs. */
async function tryOnce(row: Row, peer: Peer, settings: Settings): Promise<Run> {
  try {
    return await runOnce(row, peer, settings);
  } catch (error) {
    console.error(error);
    return { values: [], found: ["a run failed"] };
  }
}

async function runOnce(row: Row, peer: Peer, settings: Settings): Promise<Run> {
  const broker = await RunningBroker.start(peer, BROKER_CORE, settings.scratch);
  try {
    if (row.flags === undefined) return { values: [broker.startMs], found: [] };
    const result = await load(row.flags, broker, settings);
    if (settings.rawFile !== undefined) {
      const about = { row: row.name, peer: peer.name, version: peer.version };
      appendFileSync(settings.rawFile, `${JSON.stringify({ ...about, ...result })}\n`);
    }
    return { values: row.metrics.map(({ value }) => value(result)), found: remarks(result) };
  } finally {
    await broker.stop();
  }
}

async function load(
  rowFlags: string,
  broker: RunningBroker,
  { mqload, mqtt, durationSec }: Settings,
): Promise<LoadResult> {
  const where = ["--cpu", LOAD_CORE, "--port", broker.port, "--broker-pid", broker.pid];
  const how = ["--mqtt", mqtt, "--payload", 64, "--warmup", WARMUP_SEC, "--duration", durationSec];
  const args = [...where, ...how].map(String).concat(rowFlags.split(" "));
  try {
    return resultFrom((await promisify(execFile)(mqload, args)).stdout);
  } catch (error) {
    // Loss and disorder are exit codes above 0, with the figures on stdout all the same.
    if (error instanceof Error && "stdout" in error && String(error.stdout).startsWith("{")) {
      return resultFrom(String(error.stdout));
    }
    throw new Error(`${mqload} ${args.join(" ")} failed: see --mqload`, { cause: error });
  }
}

function resultFrom(stdout: string): LoadResult {
  return JSON.parse(stdout) as LoadResult;
}
