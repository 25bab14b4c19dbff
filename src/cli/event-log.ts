/** What the broker does, as lines of the log. */
import type { LossEvent, NightjarBroker } from "../server/index.ts";
import type { Log } from "./log.ts";
import { Repeats } from "./repeats.ts";

const CHECK_MS = 1_000;
/** From one address in ten seconds: more connections are only counted. */
const COMINGS_MAX = 100;
/** Refusals of one address, and losses for one reason. */
const TROUBLES_MAX = 5;

/** Losses that are everyday: nobody wanted the message, or it was not meant to be kept. */
const EVERYDAY: ReadonlySet<LossEvent["reason"]> = new Set(["no-subscriber", "qos0-offline"]);

/**
 * Logs what `broker` does from now on.
 *
 * @returns To be called at the end: logs how many were held back until then.
 */
export function logEvents(broker: NightjarBroker, log: Log): () => void {
  const repeats = new Repeats((kind, count) => {
    log.write("warn", `${kind}: ${count} more like it`);
  });
  const now = () => performance.now();
  setInterval(() => repeats.due(now()), CHECK_MS).unref();

  broker.on("connected", (event) => {
    if (!log.includes("info") || !repeats.admit(`connected ${host(event)}`, COMINGS_MAX, now()))
      return;
    const { clientId, principal, remoteAddress, listener, protocolVersion } = event;
    const { sessionPresent } = event;
    const user = principal.name === "" ? undefined : principal.name;
    const fields = { clientId, user, remoteAddress, listener, protocolVersion, sessionPresent };
    log.write("info", "connected", fields);
  });
  broker.on("disconnected", (event) => {
    if (!log.includes("info") || !repeats.admit(`disconnected ${host(event)}`, COMINGS_MAX, now()))
      return;
    const { clientId, remoteAddress, why } = event;
    log.write("info", "disconnected", { clientId, remoteAddress, why });
  });
  broker.on("violated", (event) => {
    if (!repeats.admit(`refused ${host(event)}`, TROUBLES_MAX, now())) return;
    const { clientId, remoteAddress, message } = event;
    const who = { clientId: clientId === "" ? undefined : clientId, remoteAddress };
    log.write("warn", "refused", { ...who, why: message });
  });
  broker.on("lost", (event) => {
    const level = EVERYDAY.has(event.reason) ? "debug" : "warn";
    if (!log.includes(level) || !repeats.admit(`lost ${event.reason}`, TROUBLES_MAX, now())) return;
    const { reason, topicName, qos, clientId, publisherId } = event;
    log.write(level, "lost", { reason, topicName, qos, clientId, publisherId });
  });
  broker.on("store", ({ level, message }) => log.write(level, message));
  broker.on("subscribed", ({ clientId, topicFilter, qos }) => {
    log.write("debug", "subscribed", { clientId, topicFilter, qos });
  });
  broker.on("unsubscribed", ({ clientId, topicFilter }) => {
    log.write("debug", "unsubscribed", { clientId, topicFilter });
  });
  broker.on("sessionEnded", ({ clientId }) => {
    log.write("debug", "session ended", { clientId });
  });
  return () => repeats.due(Number.POSITIVE_INFINITY);
}

/** Without the port, which is another at each connection. */
function host({ remoteAddress }: { readonly remoteAddress: string }): string {
  return remoteAddress.replace(/:\d+$/, "");
}
