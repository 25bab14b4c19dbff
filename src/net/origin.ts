/**
 * Which web pages may open a WebSocket.
 *
 * A browser sends the page's Origin and lets any page connect anywhere, so a page of somebody else
 * can reach the broker on its visitor's own machine or network, where no password may be needed.
 */
import { isIP } from "node:net";
import { isLoopback } from "./listener-url.ts";

export interface OriginRule {
  /** Pages that may, and no others; undefined: by what is known of them. */
  readonly origins: readonly string[] | undefined;
  /** Clients may connect without saying who they are, so being able to connect is all it takes. */
  readonly anonymous: boolean;
}

/**
 * @param origin Header of the request; undefined: no browser.
 * @param host Header of the request: what the page called us.
 */
export function originAllowed(
  origin: string | undefined,
  host: string | undefined,
  { origins, anonymous }: OriginRule,
): boolean {
  if (origin === undefined) return true;
  if (origins !== undefined) return origins.includes("*") || origins.includes(origin);
  if (!anonymous) return true;
  if (!URL.canParse(origin)) return false; // Also "null", what a sandboxed page has.
  const { hostname } = new URL(origin);
  if (isLoopback(hostname)) return true;
  // Names do not count: whoever owns one can let it point to us for a moment (DNS rebinding).
  const isAddress = isIP(hostname.replace(/^\[(.*)\]$/, "$1")) !== 0;
  return (
    isAddress && URL.canParse(`http://${host}`) && hostname === new URL(`http://${host}`).hostname
  );
}
