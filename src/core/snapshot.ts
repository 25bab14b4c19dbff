import type { Op, SessionSnapshot } from "./ops.ts";
import { Session } from "./session.ts";
import type { ShareGroup } from "./share-group.ts";
import type { SlotItem } from "./slots.ts";
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

/**
 * The Op that says again all that is to be known of something in a hash slot; undefined: nothing
 * of it is on record.
 */
export function checkpointOf(item: SlotItem, state: BrokerState): Op | undefined {
  if (typeof item === "string") return retainedOp(item, state);
  if (item instanceof Session) return { type: "session", ...snapshotOf(item, state) };
  return groupOp(item, state);
}

function retainedOp(topicName: string, { retained }: BrokerState): Op | undefined {
  const message = retained.get(topicName);
  if (message === undefined) return undefined;
  const nobody = { recipients: [], shareKeys: [], heldBy: 0, heldPacketId: 0 };
  return { type: "publish", message, storedAt: 0, charge: 0, retain: true, ...nobody };
}

/** What waits where no member is recorded is not on the shelf, and not on record. */
function groupOp({ key, queue }: ShareGroup, { shelf }: BrokerState): Op | undefined {
  if (typeof queue.peek() !== "number") return undefined;
  const waiting = queue.items().map((id) => ({
    storedAt: shelf.position(Number(id)),
    charge: shelf.chargeAndQos(Number(id)),
  }));
  return { type: "group", shareKey: key, waiting };
}

/** What it is, for people. */
export function nameOf(item: SlotItem): string {
  if (typeof item === "string") return `retained message of ${item}`;
  return item instanceof Session ? `session ${item.clientId}` : `shared group ${item.key}`;
}

const WEIGHT_BYTES = 1_024;

/** How much there is to be said of it: itself, what is in it, and a KiB of payload as one more. */
export function weightOf(item: SlotItem, { retained }: BrokerState): number {
  if (typeof item === "string") {
    return 1 + Math.floor((retained.get(item)?.payloadSize ?? 0) / WEIGHT_BYTES);
  }
  if (!(item instanceof Session)) return 1 + item.queue.length;
  const { subscriptions, windowIfAny, inboundIfAny, will } = item;
  const payload = Math.floor((will?.payload.length ?? 0) / WEIGHT_BYTES);
  const inside = (windowIfAny?.unfinished ?? 0) + (inboundIfAny?.size ?? 0);
  return 1 + (subscriptions?.size ?? 0) + inside + payload;
}
