/**
 * The broker under test: Nightjar in this process, unless NIGHTJAR_INTEROP_URL says otherwise.
 *
 *     NIGHTJAR_INTEROP_URL=mosquitto     Debian's mosquitto, started and stopped here
 *     NIGHTJAR_INTEROP_URL=mqtt://host:1883,ws://host:8083/mqtt     one that runs already
 *
 * The same suite against another broker tells a wrong test from a wrong broker.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface InteropBroker {
  readonly name: string;
  readonly tcp: URL;
  readonly ws: URL;
  close(): Promise<void>;
}

export async function startBroker(): Promise<InteropBroker> {
  const wanted = process.env["NIGHTJAR_INTEROP_URL"] ?? "";
  if (wanted === "") return startNightjar();
  if (wanted === "mosquitto") return startMosquitto();
  return brokerAt("external", wanted.split(","), async () => {});
}

async function startNightjar(): Promise<InteropBroker> {
  const { createBroker } = await import("../../src/server/index.ts");
  const broker = createBroker({
    listeners: [{ url: "tcp://127.0.0.1:0" }, { url: "ws://127.0.0.1:0/mqtt" }],
  });
  await broker.listen();
  return brokerAt("nightjar", broker.addresses, () => broker.close());
}

async function startMosquitto(): Promise<InteropBroker> {
  const [tcpPort, wsPort] = [await freePort(), await freePort()];
  const folder = await mkdtemp(join(tmpdir(), "nightjar-interop-"));
  const configFile = join(folder, "mosquitto.conf");
  await writeFile(
    configFile,
    `allow_anonymous true
log_dest stdout
listener ${tcpPort} 127.0.0.1
listener ${wsPort} 127.0.0.1
protocol websockets
`,
  );
  const broker = spawn("stdbuf", ["-oL", "mosquitto", "-c", configFile], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin` },
  });
  await lineWith(createInterface(broker.stdout), " running");
  const addresses = [`mqtt://127.0.0.1:${tcpPort}`, `ws://127.0.0.1:${wsPort}/mqtt`];
  return brokerAt("mosquitto", addresses, async () => {
    broker.kill();
    await once(broker, "exit");
    await rm(folder, { recursive: true });
  });
}

function brokerAt(
  name: string,
  addresses: readonly string[],
  close: () => Promise<void>,
): InteropBroker {
  const urls = addresses.map((address) => new URL(address));
  const tcp = urls.find((url) => url.protocol === "mqtt:" || url.protocol === "tcp:");
  const ws = urls.find((url) => url.protocol === "ws:");
  if (tcp === undefined || ws === undefined) {
    throw new Error(`wanted an mqtt:// and a ws:// address, have ${addresses.join(", ")}`);
  }
  return { name, tcp, ws, close };
}

async function lineWith(lines: AsyncIterable<string>, part: string): Promise<void> {
  for await (const line of lines) if (line.includes(part)) return;
  throw new Error(`the broker ended before it said "${part}"`);
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
