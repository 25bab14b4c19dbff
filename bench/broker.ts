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
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { interleaved, type Run } from "./interleaved.ts";
import { BROKER_CORE, type LoadSettings, load } from "./mqload.ts";
import { aedes, customPeer, MissingPeerError, mosquitto, nightjar, type Peer } from "./peers.ts";
import { ROWS, type Row, remarks } from "./rows.ts";
import { RunningBroker } from "./running-broker.ts";
import { type Line, remarkLines, table } from "./table.ts";

const REFERENCE = "mosquitto";

interface Settings extends LoadSettings {
  readonly rows: readonly Row[];
  readonly peers: readonly Peer[];
  readonly runs: number;
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
    for (const row of settings.rows) {
      const run = (peer: Peer) => runOnce(row, peer, settings);
      lines.push(...(await interleaved(row, settings.peers, settings.runs, run)));
    }
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
