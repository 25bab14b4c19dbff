/** Debian's mosquitto on a port of its own, with nothing but its defaults. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Missing } from "../interop/peers.ts";

export interface MosquittoBroker {
  readonly url: string;
  close(): Promise<void>;
}

const MOSQUITTO = "mosquitto";
/** Debian has it where only root looks. */
const ENVIRONMENT = { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin` };

/** "2.0.11", or undefined when there is none. */
export function mosquittoVersion(): string | undefined {
  const { stdout } = spawnSync(MOSQUITTO, ["-h"], { env: ENVIRONMENT, encoding: "utf8" });
  return /mosquitto version (\S+)/.exec(stdout ?? "")?.[1];
}

export function missingMosquitto(): Missing {
  return mosquittoVersion() === undefined
    ? "not installed here: Debian package mosquitto"
    : undefined;
}

export async function startMosquitto(): Promise<MosquittoBroker> {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), "nightjar-conform-"));
  const configFile = join(folder, "mosquitto.conf");
  await writeFile(configFile, `allow_anonymous true\nlistener ${port} 127.0.0.1\n`);
  const broker = spawn(MOSQUITTO, ["-c", configFile], { stdio: "ignore", env: ENVIRONMENT });
  await reachable(port, broker);
  return {
    url: `mqtt://127.0.0.1:${port}`,
    close: async () => {
      broker.kill();
      await once(broker, "exit");
      await rm(folder, { recursive: true });
    },
  };
}

/** It says on no stream that it listens, so it is asked until it answers. */
async function reachable(port: number, broker: ChildProcess): Promise<void> {
  while (broker.exitCode === null) {
    const socket = connect(port, "127.0.0.1");
    const answered = await once(socket, "connect").then(
      () => true,
      () => false, // Not yet.
    );
    socket.destroy();
    if (answered) return;
  }
  throw new Error("mosquitto ended before it listened");
}

/** mosquitto takes no port 0. Another process could take this one in between; none does. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
