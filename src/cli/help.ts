/** `nightjar --help` and `nightjar --version`. */
import { packageVersion } from "../server/version.ts";
import { ExitCode } from "./exit-code.ts";

const HELP = `Nightjar, an MQTT 3.1, 3.1.1 and 5.0 broker.

  nightjar [serve] [flags]     run the broker
  nightjar check [flags]       check the configuration and print it whole
  nightjar conform URL         check any broker against the MQTT specification
  nightjar store ACTION [DIR]  a data directory: check, stat, dump or salvage
  nightjar version
  nightjar COMMAND --help      the flags of a command

Examples
  nightjar                                          this machine only: ports 1883 and 8083
  nightjar -p 1884 -v                               another port, and everything in the log
  nightjar serve --listen tcp://0.0.0.0:1883 --allow-anonymous
                                                    open to whoever reaches this machine
  nightjar serve -c nightjar.yaml --set limits.packetSize=4MiB
  nightjar --data /var/lib/nightjar                 keep sessions, queues and messages there
  nightjar check -c nightjar.yaml
  nightjar store check /var/lib/nightjar
  nightjar conform mqtt://127.0.0.1:1883
`;

export async function help(): Promise<number> {
  process.stdout.write(HELP);
  return ExitCode.ok;
}

export async function version(): Promise<number> {
  process.stdout.write(`${packageVersion()}\n`);
  return ExitCode.ok;
}
