/** Where a listener listens, as its URL says. */
export type ListenerTarget =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "ws"; readonly host: string; readonly port: number; readonly path: string }
  | { readonly kind: "unix"; readonly path: string };

const PORT_DEFAULT = { tcp: 1883, ws: 8083 } as const;
const WS_PATH_DEFAULT = "/mqtt";

/** @returns Undefined if `url` is not one; `expectedListenerUrl` then says what is amiss. */
export function parseListenerUrl(url: string): ListenerTarget | undefined {
  if (url.startsWith("unix:")) {
    const path = url.slice("unix:".length).replace(/^\/\//, "");
    return path === "" ? undefined : { kind: "unix", path };
  }
  // Into a scheme for which URL knows no default port, so that it keeps each one.
  const parts = /^(tcp|mqtt|ws):\/\/(.+)$/.exec(url);
  if (parts === null || !URL.canParse(`nightjar://${parts[2]}`)) return undefined;
  const kind = parts[1] === "ws" ? "ws" : "tcp";
  const { hostname, port, pathname, search, hash, username } = new URL(`nightjar://${parts[2]}`);
  if (hostname === "" || username !== "" || search !== "" || hash !== "") return undefined;
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const portNumber = port === "" ? PORT_DEFAULT[kind] : Number(port);
  const path = pathname === "" || pathname === "/" ? "" : pathname;
  if (kind === "ws") return { kind, host, port: portNumber, path: path || WS_PATH_DEFAULT };
  return path === "" ? { kind, host, port: portNumber } : undefined;
}

/** What to say when `parseListenerUrl` does not take `url`. */
export function expectedListenerUrl(url: unknown): string {
  const examples = "tcp://127.0.0.1:1883, ws://127.0.0.1:8083/mqtt or unix:///run/nightjar.sock";
  if (typeof url !== "string") return `a URL such as ${examples}`;
  const port = /^[a-z]+:\/\/.*:(\d+)(\/.*)?$/.exec(url)?.[1];
  if (port !== undefined && Number(port) > 65_535) return "a port 0..65535 at the end of the URL";
  if (/^(tls|ssl|mqtts|wss|https):/.test(url)) {
    return `${examples} (no TLS in this version: put a TLS proxy in front)`;
  }
  return `a URL such as ${examples}`;
}

/** Whether only this machine can reach it. Names are not looked up; `localhost` is trusted. */
export function isLocal(target: ListenerTarget): boolean {
  return target.kind === "unix" || isLoopback(target.host);
}

/** `host` is a name or an IP address, as in a URL or as a socket tells it. */
export function isLoopback(host: string): boolean {
  const address = host.replace(/^\[(.*)\]$/, "$1").replace(/^::ffff:/i, "");
  return address === "localhost" || address === "::1" || /^127\.\d+\.\d+\.\d+$/.test(address);
}
