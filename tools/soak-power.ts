/**
 * As tools/soak-crash.ts, and with each SIGKILL the power is lost: what was written and not synced
 * is gone, or part of it is (test/crash/forgetful-fs.c).
 *
 *     npm run build
 *     node --import tsx tools/soak-power.ts --cycles 200 --seed 1
 *         [--brokers nightjar,nightjar-os] [--broker 'name=command with {port} and {data}']
 *
 * Needs /dev/fuse and the Debian packages gcc, libfuse3-dev and fuse3.
 */
import { ForgetfulDisk } from "../test/crash/forgetful-fs.ts";
import { soak } from "../test/crash/soak.ts";

await soak({
  cycles: 200,
  brokers: "nightjar,nightjar-os",
  disk: (seed) => ForgetfulDisk.mount(seed),
  done: (broker, disk) => {
    if (!(disk instanceof ForgetfulDisk)) return;
    const { bytes, names } = disk.forgotten;
    console.error(`${broker}: ${bytes} bytes and ${names} names were forgotten`);
  },
});
