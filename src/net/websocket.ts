/** From an HTTP upgrade to a stream of MQTT: the opening handshake of §6. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type ServerOptions, WebSocketServer } from "ws";
import { type OriginRule, originAllowed } from "./origin.ts";
import { WebSocketStream } from "./websocket-stream.ts";

/** In the order of preference; the second is what 3.1 clients of old ask for. */
const SUB_PROTOCOLS = ["mqtt", "mqttv3.1"] as const;

/** A peer that does not answer our close frame is cut off after this. */
const CLOSE_TIMEOUT_MS = 2_000;

export interface UpgradeRules {
  /** The one path there is, or undefined: any. */
  readonly path: string | undefined;
  readonly origin: OriginRule;
  /** Longest message; one packet must fit in. */
  readonly messageSizeMax: number;
}

/** @types/ws does not know `closeTimeout` yet. */
const OPTIONS: ServerOptions & { readonly closeTimeout: number } = {
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false, // A few bytes could swell to any size.
  skipUTF8Validation: true, // Text is refused anyway.
  closeTimeout: CLOSE_TIMEOUT_MS,
  // [MQTT-6.0.0-4]
  handleProtocols: (offered) => SUB_PROTOCOLS.find((name) => offered.has(name)) ?? false,
};

/** One for all listeners: what differs between them is in the rules. */
const SERVER = new WebSocketServer(OPTIONS);

/**
 * Answers the request: with a WebSocket, which `accept` gets as a stream, or with an HTTP error.
 *
 * @returns Why it was refused, or undefined.
 */
export function upgradeToStream(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  rules: UpgradeRules,
  accept: (stream: WebSocketStream) => void,
): string | undefined {
  const refusal = refusalOf(request, rules);
  if (refusal !== undefined) {
    refuse(socket, refusal.status, refusal.why);
    return refusal.why;
  }
  SERVER.options.maxPayload = rules.messageSizeMax;
  SERVER.handleUpgrade(request, socket, head, (webSocket) => {
    accept(new WebSocketStream(webSocket));
  });
  return undefined;
}

function refusalOf(
  { url = "", headers }: IncomingMessage,
  rules: UpgradeRules,
): { status: string; why: string } | undefined {
  const path = url.replace(/\?.*$/s, "");
  if (rules.path !== undefined && path !== rules.path) {
    return { status: "404 Not Found", why: `MQTT is at ${rules.path}` };
  }
  const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
  if (!SUB_PROTOCOLS.some((name) => offered.includes(name))) {
    return { status: "400 Bad Request", why: 'the sub-protocol "mqtt" is missing [MQTT-6.0.0-3]' };
  }
  if (!originAllowed(headers.origin, headers.host, rules.origin)) {
    const origin = JSON.stringify(headers.origin);
    return { status: "403 Forbidden", why: `pages of ${origin} may not connect [origins]` };
  }
  return undefined;
}

function refuse(socket: Duplex, status: string, why: string): void {
  const body = `${why}\n`;
  socket.on("error", () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}
