import type { SessionSnapshot } from "./ops.ts";
import type { Session } from "./session.ts";
import type { BrokerState } from "./state.ts";

/** All that survives of a recorded Session, with messages named by where they lie in the log. */
export function snapshotOf(session: Session, { shelf }: BrokerState): SessionSnapshot {
  const entries = session.windowIfAny?.entries() ?? [];
  return {
    session: session.number,
    clientId: session.clientId,
    principal: session.principal,
    isOpen: session.isOpen,
    expiryIntervalSec: session.expiryIntervalSec,
    expiresAtMs: session.expiresAtMs,
    will: session.will,
    willAtMs: session.willAtMs,
    subscriptions: [...(session.subscriptions?.values() ?? [])].map(
      ({ topicFilter, options, subscriptionIdentifier }) => ({
        topicFilter,
        options,
        subscriptionIdentifier,
      }),
    ),
    entries: entries.map((entry) => {
      const { held } = entry;
      return typeof held === "number" ? { ...entry, held: shelf.position(held) } : entry;
    }),
    tail: session.windowIfAny?.tail ?? 0,
    heldPacketIds: session.inboundIfAny?.packetIds() ?? [],
  };
}
