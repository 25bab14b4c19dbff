/** The brokers that are killed: each is the command that starts it on a data folder. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface CrashBroker {
  readonly name: string;
  /** @param folder What earlier lives of the broker have left behind. */
  command(port: number, folder: string): readonly string[];
  /** The line that says it listens; undefined: it is asked by connecting. */
  readonly readyLine: RegExp | undefined;
}

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/**
 * @param name Of the row in a table.
 * @param flags Put behind what is always there: nothing is dropped for want of room.
 */
export function nightjar(name: string, flags: (folder: string) => readonly string[]): CrashBroker {
  return {
    name,
    command: (port, folder) => [
      ...[process.execPath, MAIN, "serve", "--listen", `tcp://127.0.0.1:${port}`],
      ...["--set", "limits.queueMessages=1000000", "--set", "limits.queueBytes=1GiB"],
      ...["--log-level", "warn", ...flags(folder)],
    ],
    readyLine: /listens on/,
  };
}

/** As it is meant to be used: what it acknowledges is on the disk. */
export const NIGHTJAR: CrashBroker = nightjar("nightjar", (folder) => ["--data", folder]);

/** The control that has to lose when the power is lost, though not when it is killed. */
export const NIGHTJAR_OS: CrashBroker = nightjar("nightjar-os", (folder) => [
  ...["--data", folder, "--durability", "os"],
]);

/** The control that has to lose everything. */
export const NIGHTJAR_MEMORY: CrashBroker = nightjar("nightjar-memory", () => [
  ...["--durability", "memory"],
]);

/** With what it has by default: it saves every half an hour and at its end. */
export const MOSQUITTO: CrashBroker = mosquitto("mosquitto", []);

/** As often as it can be told to save. */
export const MOSQUITTO_AUTOSAVE: CrashBroker = mosquitto("mosquitto-autosave", [
  ...["autosave_on_changes true", "autosave_interval 1"],
]);

export const BROKERS: readonly CrashBroker[] = [
  ...[NIGHTJAR, NIGHTJAR_OS, NIGHTJAR_MEMORY, MOSQUITTO, MOSQUITTO_AUTOSAVE],
];

function mosquitto(name: string, saving: readonly string[]): CrashBroker {
  return {
    name,
    command: (port, folder) => {
      const config = join(folder, "mosquitto.conf");
      const lines = [
        ...[`listener ${port} 127.0.0.1`, "allow_anonymous true"],
        ...["max_inflight_messages 0", "max_queued_messages 0", "connection_messages false"],
        ...["persistence true", `persistence_location ${folder}/`, ...saving],
        // Else root becomes the user mosquitto, who may not write there.
        ...(process.getuid?.() === 0 ? ["user root"] : []),
      ];
      writeFileSync(config, `${lines.join("\n")}\n`);
      return [mosquittoProgram(), "-c", config];
    },
    readyLine: /mosquitto version \S+ running/,
  };
}

let foundMosquitto: string | undefined;

function mosquittoProgram(): string {
  foundMosquitto ??= ["mosquitto", "/usr/sbin/mosquitto"].find(
    (path) => spawnSync(path, ["-h"]).error === undefined,
  );
  if (foundMosquitto === undefined) {
    throw new Error("not installed here: Debian package mosquitto");
  }
  return foundMosquitto;
}

/** @param definition `name=command with {port} and {data}`; it goes through a shell. */
export function customBroker(definition: string): CrashBroker {
  const [, name, command] = /^([^=]+)=(.*\{port\}.*)$/s.exec(definition) ?? [];
  if (name === undefined || command === undefined) {
    throw new Error(`--broker ${definition}: wanted name='command with {port} and {data}'`);
  }
  return {
    name,
    command: (port, folder) => {
      const filled = command.replaceAll("{port}", `${port}`).replaceAll("{data}", folder);
      return ["sh", "-c", `exec ${filled}`];
    },
    readyLine: undefined,
  };
}
