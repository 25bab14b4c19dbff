/**
 * Listeners: each turns what connects into streams of MQTT bytes.
 *
 * TCP and Unix sockets are such streams themselves; a WebSocket becomes one (websocket.ts). TLS
 * will be a third kind of server in `serverFor`, and nothing after it changes.
 */

import { unlink } from "node:fs/promises";
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
} from "node:http";
import {
  type AddressInfo,
  createConnection,
  createServer,
  type Server,
  type Socket,
} from "node:net";
import type { Duplex } from "node:stream";
import type { Limits } from "../core/limits.ts";
import type { Doorkeeper } from "./doorkeeper.ts";
import type { ListenerTarget } from "./listener-url.ts";
import type { OriginRule } from "./origin.ts";
import type { UpgradeRules } from "./websocket.ts";

export interface ListenerWiring {
  readonly doorkeeper: Doorkeeper;
  readonly limits: () => Limits;
  readonly originRule: () => OriginRule;
  /** A stream of MQTT bytes, admitted already. */
  accept(stream: Duplex, remoteAddress: string): void;
  /** Somebody was turned away before MQTT began; `why` has no bytes of theirs unescaped. */
  refused(remoteAddress: string, why: string): void;
}

export interface Listener {
  /** With the port that it really has: `mqtt://127.0.0.1:43211`. */
  readonly address: string;
  /** Takes no more connections; those that there are stay. */
  stop(): void;
}

/** A listener cannot listen; `code` is the system's, e.g. EADDRINUSE. */
export class ListenError extends Error {
  override readonly name = "ListenError";
  readonly code: string;
  readonly target: ListenerTarget;

  constructor(code: string, target: ListenerTarget, cause: unknown) {
    super(describe(code, target), { cause });
    this.code = code;
    this.target = target;
  }
}

/** As many as the system allows: a fleet that comes back at once should not have to try again. */
const BACKLOG = 4_096;
const KEEP_ALIVE_DELAY_MS = 60_000;
/** Of the HTTP request that asks for a WebSocket. */
const HEADER_SIZE_MAX = 8 * 1024;
const HEADER_CHECK_MS = 1_000;

const SOCKET_OPTIONS = {
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
  allowHalfOpen: false,
} as const;

/** @throws ListenError */
export async function openListener(
  target: ListenerTarget,
  wiring: ListenerWiring,
): Promise<Listener> {
  const server = serverFor(target, wiring);
  await listen(server, target);
  // Later errors are those of accept(2), such as too many open files. It goes on by itself.
  server.on("error", (error) => wiring.refused("", `accepting a connection: ${error.message}`));
  return {
    address: addressOf(server, target),
    stop() {
      server.close();
      // Only those that have not become WebSockets.
      if ("closeAllConnections" in server) (server as HttpServer).closeAllConnections();
    },
  };
}

function serverFor(target: ListenerTarget, wiring: ListenerWiring): Server {
  if (target.kind === "ws") return webSocketServer(target.path, wiring);
  return createServer(SOCKET_OPTIONS, (socket) => {
    if (admitted(socket, wiring)) wiring.accept(socket, remoteAddress(socket));
  });
}

function webSocketServer(path: string, wiring: ListenerWiring): Server {
  const timeout = wiring.limits().connectTimeoutMs;
  const server = createHttpServer({
    ...SOCKET_OPTIONS,
    maxHeaderSize: HEADER_SIZE_MAX,
    headersTimeout: timeout,
    requestTimeout: timeout,
    connectionsCheckingInterval: Math.min(HEADER_CHECK_MS, timeout),
  });
  server.on("connection", (socket: Socket) => admitted(socket, wiring));
  server.on("request", (_request, response) => {
    response.writeHead(426, { Connection: "close", "Content-Type": "text/plain" });
    response.end('MQTT over WebSocket is served here: upgrade with the sub-protocol "mqtt"\n');
  });
  server.on("upgrade", (request, socket, head) => {
    const remote = remoteAddress(request.socket);
    const rules: UpgradeRules = {
      path,
      origin: wiring.originRule(),
      messageSizeMax: wiring.limits().packetSizeMax,
    };
    upgrade(request, socket, head, rules, {
      accept: (stream) => wiring.accept(stream, remote),
      refused: (why) => wiring.refused(remote, why),
    });
  });
  // The library takes longer to load than the rest to start: nobody has to wait for it here.
  server.once("listening", () => void loadWebSocket());
  return server;
}

async function loadWebSocket(): Promise<typeof import("./websocket.ts")> {
  return import("./websocket.ts");
}

/** Makes a stream of MQTT of an HTTP upgrade, or answers why not. */
export function upgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  rules: UpgradeRules,
  { accept, refused }: { accept(stream: Duplex): void; refused(why: string): void },
): void {
  socket.on("error", () => socket.destroy()); // Until somebody else listens.
  void loadWebSocket().then(({ upgradeToStream }) => {
    const why = upgradeToStream(request, socket, head, rules, (stream) => {
      accept(stream);
      stream.on("error", (error) => refused(error.message));
    });
    if (why !== undefined) refused(why);
  });
}

function admitted(socket: Socket, wiring: ListenerWiring): boolean {
  const why = wiring.doorkeeper.admit(socket, socket.remoteAddress ?? "");
  if (why === undefined) return true;
  wiring.refused(remoteAddress(socket), why);
  socket.destroy();
  return false;
}

/** `10.0.0.7:51022`, `[fd00::7]:51022`, or `unix`. */
function remoteAddress(socket: Socket): string {
  const { remoteAddress: address, remotePort } = socket;
  if (address === undefined) return "unix";
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  return plain.includes(":") ? `[${plain}]:${remotePort}` : `${plain}:${remotePort}`;
}

async function listen(server: Server, target: ListenerTarget): Promise<void> {
  const options =
    target.kind === "unix" ? { path: target.path } : { host: target.host, port: target.port };
  const attempt = () =>
    new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ ...options, backlog: BACKLOG }, () => {
        server.off("error", reject);
        resolve();
      });
    });
  try {
    await attempt();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown";
    const isStale =
      code === "EADDRINUSE" && target.kind === "unix" && !(await answers(target.path));
    if (!isStale) throw new ListenError(code, target, error);
    await unlink(target.path);
    await attempt();
  }
}

/** Whether somebody listens on a Unix socket, or its file is what a crash left behind. */
async function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code !== "ECONNREFUSED"));
  });
}

function addressOf(server: Server, target: ListenerTarget): string {
  if (target.kind === "unix") return `unix://${target.path}`;
  const { port } = server.address() as AddressInfo;
  const host = target.host.includes(":") ? `[${target.host}]` : target.host;
  return target.kind === "ws" ? `ws://${host}:${port}${target.path}` : `mqtt://${host}:${port}`;
}

function describe(code: string, target: ListenerTarget): string {
  const where = target.kind === "unix" ? target.path : `port ${target.port} on ${target.host}`;
  switch (code) {
    case "EADDRINUSE":
      return `${where} is taken by another process`;
    case "EACCES":
      return `${where} needs rights that this process has not`;
    case "EADDRNOTAVAIL":
      return `${where}: this machine has no such address`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `${where}: there is no such host`;
    default:
      return `${where}: cannot listen (${code})`;
  }
}
