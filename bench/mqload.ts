/** Runs mqload, the load generator, and reads its line of JSON. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { LoadResult } from "./rows.ts";

export const BROKER_CORE = 0;
export const LOAD_CORE = 1;
const WARMUP_SEC = 1;

export interface LoadSettings {
  /** Where mqload is. */
  readonly mqload: string;
  readonly mqtt: 3 | 5;
  readonly durationSec: number;
  /** Where mqload runs; LOAD_CORE if not said. */
  readonly core?: number;
}

/** @param flags What mqload does; the last flag of a name counts, also against those from here. */
export async function load(
  flags: string,
  broker: { readonly port: number; readonly pid: number },
  { mqload, mqtt, durationSec, core = LOAD_CORE }: LoadSettings,
): Promise<LoadResult> {
  const where = ["--cpu", core, "--port", broker.port, "--broker-pid", broker.pid];
  const how = ["--mqtt", mqtt, "--payload", 64, "--warmup", WARMUP_SEC, "--duration", durationSec];
  const args = [...where, ...how].map(String).concat(flags.split(" "));
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
