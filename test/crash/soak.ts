/** What the two soaks have in common: their flags, their progress, their table. */
import { parseArgs } from "node:util";
import { BROKERS, type CrashBroker, customBroker } from "./brokers.ts";
import { type CrashResult, crashCycles } from "./crash-cycles.ts";
import type { Disk } from "./disk.ts";
import { passes, progressLine, tableOf } from "./table.ts";

/** Cycles between two lines of progress. */
const REPORT_EVERY = 50;

export interface Soak {
  readonly cycles: number;
  /** Names, with commas between. */
  readonly brokers: string;
  /** A new one for each broker; undefined: a folder like any other. */
  disk(seed: number): Promise<Disk | undefined>;
  /** Told when a broker is through. */
  done(broker: string, disk: Disk | undefined): void;
}

/** Prints a table; the process fails when nightjar has not kept everything. */
export async function soak({ cycles, brokers, disk, done }: Soak): Promise<void> {
  const { values } = parseArgs({
    options: {
      cycles: { type: "string", default: `${cycles}` },
      seed: { type: "string", default: process.env["SEED"] ?? "1" },
      brokers: { type: "string" },
      broker: { type: "string", multiple: true, default: [] },
      "drain-every": { type: "string", default: "10" },
    },
  });
  const custom = values.broker.map(customBroker);
  const names = values.brokers ?? (custom.length > 0 ? "" : brokers);
  const known = names.split(",").filter((name) => name !== "");
  const seed = Number(values.seed);
  const results: CrashResult[] = [];
  for (const broker of [...known.map(brokerNamed), ...custom]) {
    const itsDisk = await disk(seed);
    const options = { cycles: Number(values.cycles), drainEvery: Number(values["drain-every"]) };
    const progress = reporter(broker.name);
    results.push(await crashCycles({ broker, seed, ...options, disk: itsDisk, progress }));
    done(broker.name, itsDisk);
  }
  console.log(`SEED=${seed}\n\n${tableOf(results)}\n`);
  for (const result of results.filter(({ broker }) => broker === "nightjar")) {
    console.log(`nightjar: ${passes(result) ? "PASS" : "FAIL"}`);
    if (!passes(result)) process.exitCode = 1;
  }
}

function reporter(name: string): (cycle: number, counts: CrashResult["counts"]) => void {
  return (cycle, counts) => {
    if (cycle % REPORT_EVERY === 0) console.error(`${name}: ${progressLine(cycle, counts)}`);
  };
}

function brokerNamed(name: string): CrashBroker {
  const broker = BROKERS.find((one) => one.name === name);
  if (broker !== undefined) return broker;
  throw new Error(`--brokers ${name}: have ${BROKERS.map((one) => one.name).join(", ")}`);
}
