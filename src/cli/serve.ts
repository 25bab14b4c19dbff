/** `nightjar serve`: the broker as a process. */
import { openListeners } from "../server/anonymous.ts";
import { ConfigError } from "../server/config-error.ts";
import type { ServeConfig } from "../server/config-schema.ts";
import { ListenError } from "../server/index.ts";
import { loadConfig } from "../server/load-config.ts";
import { monotonicClock } from "../server/monotonic-clock.ts";
import { NightjarBroker } from "../server/nightjar-broker.ts";
import { packageVersion } from "../server/version.ts";
import { logEvents } from "./event-log.ts";
import { ExitCode } from "./exit-code.ts";
import { describeFlags } from "./flags.ts";
import { Log } from "./log.ts";
import { readServeArguments, SERVE_FLAGS, type ServeArguments } from "./serve-flags.ts";

const HELP = `nightjar serve [flags]

Runs the broker until SIGTERM or SIGINT. SIGHUP reads the configuration again. Without flags it
listens on this machine alone: tcp://127.0.0.1:1883 and ws://127.0.0.1:8083/mqtt.

${describeFlags(SERVE_FLAGS)}

Keys of the file: docs/configuration.md, or nightjar check. Each can also be said as a variable:
NIGHTJAR_LIMITS__PACKET_SIZE=2MiB.
`;

/** @returns The exit code, once the broker is closed. */
export async function serve(argv: readonly string[]): Promise<number> {
  const given = readServeArguments(argv);
  if (given.help) {
    process.stdout.write(HELP);
    return ExitCode.ok;
  }
  const config = await configOf(given);
  const log = new Log(config.log);
  crashLoudly(log);
  const broker = new NightjarBroker(config, {
    ...{ authenticator: undefined, authenticationMethods: [], authorizer: undefined },
    clock: monotonicClock,
    failed: (error) => log.write("error", "internal", { error: String(error) }),
    salvage: given.salvage,
  });
  const endLog = logEvents(broker, log);
  // Before anybody can know that it runs, and send a signal.
  process.on("SIGHUP", reloader(broker, log, given));
  const end = closed(broker, log);
  await listening(broker, config);
  if (!broker.isClosed) warnOfOpenListeners(config, log);
  await end;
  endLog();
  await log.drained();
  return ExitCode.ok;
}

/** Listens and says so, unless a signal comes first. */
async function listening(broker: NightjarBroker, config: ServeConfig): Promise<void> {
  try {
    await broker.listen();
  } catch (error) {
    if (broker.isClosed) return;
    throw error;
  }
  process.stdout.on("error", () => {}); // Whoever started it need not read the line.
  process.stdout.write(`${startLine(broker, config)}\n`);
}

async function configOf({ file, flags }: ServeArguments): Promise<ServeConfig> {
  return (await loadConfig({ file, environment: process.env, flags })).config;
}

/** One line: what listens where, who may connect, and where what it is given is kept. */
function startLine({ addresses, storage }: NightjarBroker, config: ServeConfig): string {
  const open = openListeners(config);
  const who =
    open.length === 0
      ? "anyone on this machine may connect (no users are set)"
      : `anyone who reaches ${enumerated(open, "or")} may connect (allowAnonymous is true)`;
  const kept = storage === "" ? "nothing is kept on disk" : `data is kept in ${storage}`;
  return `Nightjar ${packageVersion()} listens on ${enumerated(addresses, "and")}; ${who}; ${kept}`;
}

function warnOfOpenListeners(config: ServeConfig, log: Log): void {
  for (const url of openListeners(config)) {
    log.write("warn", "everyone who reaches this listener may publish and read everything", {
      listener: url,
    });
  }
}

function enumerated(items: readonly string[], last: "and" | "or"): string {
  if (items.length < 2) return items.join("");
  return `${items.slice(0, -1).join(", ")} ${last} ${items.at(-1)}`;
}

/** Our own mistakes: say all there is to say, and let the supervisor start a sound process. */
function crashLoudly(log: Log): void {
  process.on("uncaughtException", (error) => {
    log.write("error", "crash", { error: error instanceof Error ? error.stack : String(error) });
    log.flush();
    process.exit(ExitCode.software);
  });
}

/** Resolves once a signal has asked for the end and the broker is closed. */
async function closed(broker: NightjarBroker, log: Log): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let isClosing = false;
    const end = (signal: NodeJS.Signals, code: number) => () => {
      if (isClosing) {
        log.flush();
        process.exit(code);
      }
      isClosing = true;
      log.write("info", "closing", { signal, connections: broker.connections });
      broker.close().then(resolve, reject);
    };
    process.on("SIGTERM", end("SIGTERM", 143));
    process.on("SIGINT", end("SIGINT", 130));
  });
}

/** What SIGHUP does: all of the new configuration, or nothing and a loud log. One at a time. */
function reloader(broker: NightjarBroker, log: Log, given: ServeArguments): () => void {
  let last = Promise.resolve();
  const reload = async () => {
    try {
      const config = await configOf(given);
      const waiting = await broker.apply(config);
      log.options = config.log;
      log.write("info", "reloaded", { listening: broker.addresses.join(" ") });
      warnOfOpenListeners(config, log);
      if (waiting.length > 0) {
        log.write("warn", "changed, but takes a restart", { keys: waiting.join(" ") });
      }
    } catch (error) {
      if (broker.isClosed) return;
      if (!(error instanceof ConfigError || error instanceof ListenError)) throw error;
      log.write("error", "not reloaded: the configuration stays as it was");
      for (const line of error.message.split("\n")) log.write("error", line);
    }
  };
  return () => {
    last = last.then(reload);
  };
}
