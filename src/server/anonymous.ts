/**
 * Who may connect without saying who they are.
 *
 * A broker that nobody configured lets in this machine and nobody else. Everything else has to be
 * said: users, or `allowAnonymous`. Not said, a listener that others can reach does not open.
 */
import { isLocal, isLoopback } from "../net/listener-url.ts";
import type { Config, ListenerConfig, Policy } from "./config-schema.ts";

export type Anonymous =
  | "anyone"
  /** Only those on this machine. */
  | "local"
  | "nobody";

/** @param hasUsers There is an Authenticator. */
export function anonymousFor(
  config: Pick<Config, "allowAnonymous">,
  policy: Pick<Policy, "allowAnonymous">,
  hasUsers: boolean,
): Anonymous {
  const allowed = policy.allowAnonymous ?? config.allowAnonymous;
  if (allowed !== undefined) return allowed ? "anyone" : "nobody";
  return hasUsers ? "nobody" : "local";
}

/** Why the listeners must not open: problems with their indices. */
export function listenerProblems(
  config: Config,
  hasUsers: boolean,
): { readonly index: number; readonly message: string }[] {
  const listeners = config.listeners ?? [];
  return listeners.flatMap((listener, index) => {
    const message = unsafe(config, listener, hasUsers) ?? repeated(listeners, index);
    return message === undefined ? [] : [{ index, message }];
  });
}

function unsafe(config: Config, listener: ListenerConfig, hasUsers: boolean): string | undefined {
  const anonymous = anonymousFor(config, listener, hasUsers);
  if (anonymous === "nobody" && !hasUsers) {
    return "no users are set and allowAnonymous is false, so nobody could connect";
  }
  if (anonymous !== "local" || isLocal(listener.target)) return undefined;
  return (
    `no users are set, so anyone who reaches ${listener.url} could connect: ` +
    "set allowAnonymous: true (--allow-anonymous) if that is meant, or listen on 127.0.0.1"
  );
}

function repeated(listeners: readonly ListenerConfig[], index: number): string | undefined {
  const { url, target } = listeners[index] as ListenerConfig;
  if (target.kind !== "unix" && target.port === 0) return undefined;
  const first = listeners.findIndex((listener) => listener.url === url);
  return first < index ? `${url} is listeners[${first}] already` : undefined;
}

/** URLs of the listeners that others reach and that ask nobody who they are. */
export function openListeners(config: Config): string[] {
  return (config.listeners ?? [])
    .filter(({ target }) => !isLocal(target))
    .filter((listener) => anonymousFor(config, listener, false) === "anyone")
    .map(({ url }) => url);
}

/** Whether a connection from `remoteAddress` comes from this machine; "" is a stream in it. */
export function isFromHere(remoteAddress: string): boolean {
  if (remoteAddress === "" || remoteAddress === "unix") return true;
  return isLoopback(remoteAddress) || isLoopback(remoteAddress.replace(/:\d+$/, ""));
}
