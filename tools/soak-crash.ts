/**
 * Kills brokers with SIGKILL under load, many times, and counts what each does not keep.
 *
 *     npm run build
 *     node --import tsx tools/soak-crash.ts --cycles 1000 --seed 1
 *         [--brokers nightjar,mosquitto,mosquitto-autosave] [--drain-every 10]
 *         [--broker 'name=command with {port} and {data}']
 *
 * `--broker` may be repeated, and then is all there is unless `--brokers` says more. Prints a table
 * and fails when nightjar has not kept everything. All names: test/crash/brokers.ts.
 */
import { soak } from "../test/crash/soak.ts";

await soak({
  cycles: 1_000,
  brokers: "nightjar,mosquitto,mosquitto-autosave",
  disk: async () => undefined,
  done: () => {},
});
