/** What stands in a log, as plain objects: `nightjar store dump` prints each as a line of JSON. */
import { isUtf8 } from "node:buffer";
import type { Op, PublishOp, Recipient, SessionOp } from "../core/ops.ts";
import type { Message } from "../protocol/message.ts";
import type { PublishProperties, Will } from "../protocol/packets.ts";
import type { LogItem } from "../server/store-inspection.ts";

/** Fields that are undefined are left out. */
export type Line = { readonly type: string } & Readonly<Record<string, unknown>>;

/** Everything that a line can be of. */
export const LINE_TYPES: readonly string[] = [
  ...["segment", "frame", "damage", "torn"],
  ...["open", "leave", "end", "will-clear", "subscribe", "unsubscribe", "publish", "assign"],
  ...["release", "finish", "unhold", "retained-expired", "group", "slot", "session", "move"],
];

export class LogLines {
  readonly #clientIds: ReadonlyMap<number, string>;
  readonly #asText: boolean;

  /**
   * @param clientIds By number of the session.
   * @param asText Payloads that are UTF-8 are `text`; the others are `payload`, in base64.
   */
  constructor(clientIds: ReadonlyMap<number, string>, asText: boolean) {
    this.#clientIds = clientIds;
    this.#asText = asText;
  }

  of(item: LogItem): Line {
    switch (item.is) {
      case "segment": {
        const { base, end, number, name, fileSize } = item.segment;
        return { type: "segment", position: base, size: end - base, number, file: name, fileSize };
      }
      case "frame": {
        const { position, wallMs, records, logStart } = item.frame;
        return { type: "frame", position, size: item.size, time: iso(wallMs), records, logStart };
      }
      case "damage": {
        const { from, to, file, what } = item.damage;
        const size = Number.isFinite(to) ? to - from : undefined;
        return { type: "damage", position: from, size, file, what };
      }
      case "torn":
        return { type: "torn", position: item.position, size: item.size };
      case "record": {
        const { op, position, size, frame } = item;
        return { type: op.type, position, size, time: iso(frame.wallMs), ...this.#fields(op) };
      }
    }
  }

  /** The clients that a record has to do with. */
  clientsOf(op: Op): string[] {
    const ids = "clientId" in op ? [op.clientId] : [];
    if ("session" in op) ids.push(this.#clientIds.get(op.session) ?? "");
    if (op.type === "publish") {
      ids.push(op.message?.publisherId ?? "", this.#clientIds.get(op.heldBy) ?? "");
      ids.push(...op.recipients.map(({ session }) => this.#clientIds.get(session) ?? ""));
    }
    if (op.type === "move") ids.push(op.message.publisherId);
    return ids.filter((id) => id !== "");
  }

  #fields(op: Op): Record<string, unknown> {
    switch (op.type) {
      case "publish":
        return this.#publish(op);
      case "move":
        return { from: op.from, ...this.#message(op.message) };
      case "session":
        return this.#session(op);
      case "open": {
        const { session, clientId, principal, expiryIntervalSec } = op;
        return { session, clientId, user: principal.name, expiryIntervalSec, ...this.#will(op) };
      }
      case "leave": {
        const { session, expiryIntervalSec, expiresAtMs, willAtMs, sentTo } = op;
        const due = { expiresAt: iso(expiresAtMs), willAt: iso(willAtMs) };
        return { ...this.#who(session), expiryIntervalSec, ...due, sentTo };
      }
      case "assign": {
        const { type: _, session, grant, ...rest } = op;
        const to = session > 0 ? this.#who(session) : {};
        return { ...rest, ...to, ...(grant === undefined ? {} : shownGrant(grant, false)) };
      }
      default: {
        const { type: _, ...rest } = op;
        return "session" in rest ? { ...this.#who(rest.session), ...rest } : rest;
      }
    }
  }

  #who(session: number): Record<string, unknown> {
    return { session, clientId: this.#clientIds.get(session) };
  }

  #publish(op: PublishOp): Record<string, unknown> {
    const { message, storedAt, recipients, shareKeys, retain, heldBy, heldPacketId } = op;
    return {
      ...(message === undefined ? { storedAt } : this.#message(message)),
      becomesRetained: retain ? true : undefined,
      publishedBy: heldPacketId > 0 ? { ...this.#who(heldBy), packetId: heldPacketId } : undefined,
      recipients: recipients.map(({ session, grant, retained }) => ({
        ...this.#who(session),
        ...shownGrant(grant, retained),
      })),
      shareKeys: shareKeys.length > 0 ? shareKeys : undefined,
    };
  }

  #message(message: Message): Record<string, unknown> {
    const { topicName, qos, retain, publisherId, expiresAtMs, properties, payload } = message;
    return {
      ...{ topic: topicName, qos, retain, ...this.#payload(payload) },
      publisher: publisherId === "" ? undefined : publisherId,
      expiresAt: iso(expiresAtMs),
      properties: shownProperties(properties),
    };
  }

  #payload(payload: Uint8Array): Record<string, unknown> {
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
    if (this.#asText && isUtf8(bytes)) return { text: bytes.toString("utf8") };
    return { payload: bytes.toString("base64") };
  }

  #will({ will }: { readonly will: Will | undefined }): Record<string, unknown> {
    if (will === undefined) return {};
    const { topicName: topic, payload, qos, retain, properties, willDelayIntervalSec } = will;
    const message = { topic, qos, retain, ...this.#payload(payload) };
    return { will: { ...message, properties: shownProperties(properties), willDelayIntervalSec } };
  }

  #session(op: SessionOp): Record<string, unknown> {
    const { session, clientId, principal, isOpen, expiryIntervalSec, tail, heldPacketIds } = op;
    return {
      ...{ session, clientId, user: principal.name, isOpen, expiryIntervalSec },
      ...{ expiresAt: iso(op.expiresAtMs), willAt: iso(op.willAtMs), ...this.#will(op) },
      subscriptions: op.subscriptions,
      heldPacketIds,
      tail,
      entries: op.entries.map(({ seq, stage, qos, retained, held, size, grant }) => ({
        ...{ seq, stage, storedAt: stage === "released" ? undefined : held, charge: size },
        ...{ ...shownGrant(grant, retained), qos },
      })),
    };
  }
}

/** What is as it mostly is goes without saying. */
function shownGrant(grant: Recipient["grant"], retained: boolean): Record<string, unknown> {
  const { qos, retainAsPublished, subscriptionIdentifiers: ids, shareKey } = grant;
  return {
    qos,
    retainAsPublished: retainAsPublished ? true : undefined,
    retained: retained ? true : undefined,
    subscriptionIdentifiers: ids.length > 0 ? ids : undefined,
    shareKey: shareKey === "" ? undefined : shareKey,
  };
}

function shownProperties(properties: PublishProperties | undefined): unknown {
  if (properties === undefined) return undefined;
  const { correlationData, userProperties, ...rest } = properties;
  return {
    ...rest,
    correlationData:
      correlationData === undefined ? undefined : Buffer.from(correlationData).toString("base64"),
    userProperties: userProperties.length > 0 ? userProperties : undefined,
  };
}

/** Undefined: never. */
function iso(ms: number): string | undefined {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : undefined;
}
