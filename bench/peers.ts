/** The brokers that are compared: how each is found, configured and started. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export interface Peer {
  readonly name: string;
  readonly version: string;
  readonly mqttVersions: readonly number[];
  /** @param folder Empty, for this one start: configuration and data go there. */
  command(port: number, folder: string): readonly string[];
  /** The line that says it listens; undefined: it is asked by connecting. */
  readonly readyLine: RegExp | undefined;
  /** Whether it runs under loop-delay.mjs, which writes to `reportFile`. */
  readonly hasReport?: boolean;
}

/** Why a peer is left out. */
export class MissingPeerError extends Error {}

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** In memory, as its peers are, and without two limits against one client and one address. */
export function nightjar(): Peer {
  const main = nightjarMain();
  return {
    ...nightjarPeer("nightjar"),
    command: (port) => [
      ...[process.execPath, main, "serve", "--listen", `tcp://127.0.0.1:${port}`],
      ...["--durability", "memory"],
      ...["--set", "limits.connectionsPerAddress=100000"], // "idle" has 2,000 on each.
      ...["--set", "limits.subscriptionsPerSession=100000"], // "random" has 10,000.
    ],
  };
}

/** When it acknowledges: once the disk has it, once the system has it, or with nothing on disk. */
export type Durability = "fsync" | "os" | "memory";

/**
 * The same with a data folder, and with a preload that measures its event loop. `fsync` is what
 * a data folder means when nothing else is said, so nothing else is said.
 */
export function durableNightjar(durability: Durability): Peer {
  const main = nightjarMain();
  const preload = new URL("loop-delay.mjs", import.meta.url).href;
  return {
    ...nightjarPeer(`nightjar-${durability}`),
    command: (port, folder) => [
      ...["env", `LOOP_DELAY_FILE=${reportFile(folder)}`],
      ...[process.execPath, "--expose-gc", "--import", preload],
      ...[main, "serve", "--listen", `tcp://127.0.0.1:${port}`],
      ...["--data", dataFolder(folder), "--durability", durability],
      ...["--log-level", "warn"], // Two lines for each of 100,000 sessions are no part of it.
      ...["--set", "limits.connectionsPerAddress=100000"],
      ...["--set", "limits.queueMessages=100000"], // "memory" and "restart" have 10,000.
    ],
    hasReport: true,
  };
}

/** Where a broker keeps what must outlive it. */
export function dataFolder(folder: string): string {
  return join(folder, "data");
}

export function reportFile(folder: string): string {
  return join(folder, "loop-delay.json");
}

function nightjarPeer(name: string): Omit<Peer, "command"> {
  return {
    name,
    version: `${versionOf(ROOT)}, Node ${process.version}`,
    mqttVersions: [3, 5],
    readyLine: /listens on/,
  };
}

function nightjarMain(): string {
  const main = join(ROOT, "dist/cli/main.js");
  if (!existsSync(main)) throw new MissingPeerError("nightjar: run `npm run build` first");
  return main;
}

/**
 * Without limits of queues and windows, so that mosquitto drops nothing, and without its lines
 * about every connection.
 */
export function mosquitto(): Peer {
  return mosquittoWith("mosquitto", () => "persistence false");
}

/** As often as by default: it writes its state every 30 minutes and when it ends. */
export function persistentMosquitto(): Peer {
  return mosquittoWith("mosquitto-persistent", (folder) => {
    const data = dataFolder(folder);
    mkdirSync(data, { recursive: true });
    // Else root's mosquitto becomes a user who may not write there.
    return `persistence true\npersistence_location ${data}/\nuser root`;
  });
}

function mosquittoWith(name: string, persistence: (folder: string) => string): Peer {
  const program = ["mosquitto", "/usr/sbin/mosquitto"].find(
    (path) => spawnSync(path, ["-h"]).error === undefined,
  );
  if (program === undefined) throw new MissingPeerError(`${name}: Debian package mosquitto`);
  const help = String(spawnSync(program, ["-h"]).stdout);
  return {
    name,
    version: /version (\S+)/.exec(help)?.[1] ?? "?",
    mqttVersions: [3, 5],
    command: (port, folder) => {
      const config = join(folder, "mosquitto.conf");
      writeFileSync(
        config,
        `allow_anonymous true
listener ${port} 127.0.0.1
max_inflight_messages 0
max_queued_messages 0
${persistence(folder)}
connection_messages false
`,
      );
      return [program, "-c", config];
    },
    readyLine: /mosquitto version \S+ running/,
  };
}

/** @param installed A folder whose node_modules has aedes; without it, aedes is installed. */
export function aedes(installed: string | undefined, scratch: string): Peer {
  const folder = installed === undefined ? installAedes(scratch) : resolve(installed);
  const library = join(folder, "node_modules/aedes");
  if (!existsSync(library)) throw new MissingPeerError(`aedes: not in ${folder}/node_modules`);
  const script = join(folder, "serve-aedes.mjs");
  writeFileSync(
    script,
    `import { createServer } from "node:net";
import { Aedes } from "aedes";

const broker = await Aedes.createBroker();
createServer(broker.handle).listen(Number(process.argv[2]), "127.0.0.1", () => {
  console.log("listening");
});
`,
  );
  return {
    name: "aedes",
    version: `${versionOf(library)}, Node ${process.version}`,
    mqttVersions: [3],
    command: (port) => [process.execPath, script, `${port}`],
    readyLine: /listening/,
  };
}

function installAedes(scratch: string): string {
  const folder = mkdtempSync(join(scratch, "aedes-"));
  try {
    const flags = ["--prefix", folder, "--no-audit", "--no-fund", "--loglevel", "error"];
    execFileSync("npm", ["install", ...flags, "aedes@1"], {
      stdio: ["ignore", "ignore", "inherit"],
    });
  } catch (cause) {
    throw new MissingPeerError("aedes: cannot be installed, see --aedes DIR", { cause });
  }
  return folder;
}

/** @param definition `name=command with {port}`; the command goes through a shell. */
export function customPeer(definition: string): Peer {
  const [, name, command] = /^([^=]+)=(.*\{port\}.*)$/s.exec(definition) ?? [];
  if (name === undefined || command === undefined) {
    throw new Error(`--peer ${definition}: wanted name='command with {port}'`);
  }
  return {
    name,
    version: "?",
    mqttVersions: [3, 5],
    command: (port) => ["sh", "-c", `exec ${command.replaceAll("{port}", `${port}`)}`],
    readyLine: undefined,
  };
}

function versionOf(folder: string): string {
  const manifest: { version: string } = JSON.parse(
    readFileSync(join(folder, "package.json"), "utf8"),
  );
  return manifest.version;
}
