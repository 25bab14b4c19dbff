/** Ways to break the broker, each of which the simulation must notice. */
export interface Mutant {
  readonly file: string;
  /** Must occur exactly once in the file. */
  readonly was: string;
  readonly becomes: string;
  readonly breaks: string;
}

const DELIVERY: readonly Mutant[] = [
  {
    file: "src/delivery/outbound-window.ts",
    was: "if ((ring.flags(seq) & COUNTED) !== 0) this.#counted -= 1;",
    becomes: "this.#counted -= 1;",
    breaks: "Receive Maximum: an exchange of an earlier connection frees a place on this one",
  },
  {
    file: "src/delivery/outbound-window.ts",
    was: "if (this.#counted >= this.#receiveMaximum)",
    becomes: "if (this.#counted > this.#receiveMaximum)",
    breaks: "Receive Maximum: one too many",
  },
  {
    file: "src/delivery/outbound-window.ts",
    was: "if (sent.has(seq) && (sent.flags(seq) & RELEASED) === 0) {",
    becomes: "if (sent.has(seq)) {",
    breaks: "PUBREL forgotten on reconnection",
  },
  {
    file: "src/delivery/outbound-window.ts",
    was: "this.#fill(delivery, seq, message, true);",
    becomes: "this.#fill(delivery, seq, message, false);",
    breaks: "DUP missing on a resend",
  },
  {
    file: "src/delivery/outbound-window.ts",
    was: 'if (sent.head !== sent.tail && seq - sent.head >= this.#packetIdMax) return "none";',
    becomes: "",
    breaks: "Packet Identifier used again while in use",
  },
  {
    file: "src/delivery/outbound-window.ts",
    was: 'if (message.expiresAtMs <= nowMs) return "expired";',
    becomes: "",
    breaks: "an expired message is sent",
  },
  {
    file: "src/delivery/outbound-window.ts",
    was: "this.#resendAt = sent.head;",
    becomes: "this.#resendAt = sent.tail;",
    breaks: "nothing is resent after a reconnection",
  },
  {
    file: "src/delivery/outbound-window.ts",
    was: "const qos = Math.min(messageQos, grant.qos);",
    becomes: "const qos = messageQos;",
    breaks: "the QoS granted is not looked at",
  },
  {
    file: "src/delivery/outbound-window.ts",
    was: "this.#sent.skipTo(seq, grant);",
    becomes: "",
    breaks: "numbers slip where a queued message was dropped",
  },
  {
    file: "src/delivery/outbound-window.ts",
    was: 'const released = stage === "released" ? RELEASED : 0;',
    becomes: "const released = 0;",
    breaks: "a recovery forgets PUBREC",
  },
  {
    file: "src/delivery/inbound-window.ts",
    was: "return this.#held.delete(packetId);",
    becomes: "return this.#held.has(packetId);",
    breaks: "PUBREL does not free the publisher's identifier",
  },
  {
    file: "src/delivery/reply-lane.ts",
    was: "if (reply === undefined || (this.#positions[this.#head] as number) > committed)",
    becomes: "if (reply === undefined || committed < 0)",
    breaks: "acknowledgements do not wait for the commit",
  },
  {
    file: "src/delivery/topic-aliases.ts",
    was: 'this.#aliases.delete(this.#names[alias] ?? "");',
    becomes: "",
    breaks: "an alias stands for two topics",
  },
  {
    file: "src/delivery/topic-aliases.ts",
    was: "if (alias !== undefined) this.#used[alias] = false;",
    becomes: "if (alias !== undefined) return;",
    breaks: "an alias whose packet was never sent is used",
  },
  {
    file: "src/delivery/qos0-lane.ts",
    was: "delivery.retain = grant.retainAsPublished && message.retain;",
    becomes: "delivery.retain = message.retain;",
    breaks: "RETAIN on what is not asked for as published",
  },
];

const SESSIONS: readonly Mutant[] = [
  {
    file: "src/core/lifecycle.ts",
    was: "const endedAt = old !== undefined && opening.cleanStart ? this.end(old, nowMs) : 0;",
    becomes: "const endedAt = 0;",
    breaks: "Clean Start takes up the old Session",
  },
  {
    file: "src/core/lifecycle.ts",
    was: 'connected.close(ReasonCode.sessionTakenOver, "session taken over", nowMs);',
    becomes: "",
    breaks: "two live connections for one client",
  },
  {
    file: "src/core/lifecycle.ts",
    was: "if (discardWill) recorder.clearWill(session);",
    becomes: "",
    breaks: "the will is sent after a normal DISCONNECT",
  },
  {
    file: "src/core/lifecycle.ts",
    was: ": Math.min(nowMs + will.willDelayIntervalSec * 1_000, expiresAtMs);",
    becomes: ": Math.min(nowMs, expiresAtMs);",
    breaks: "a delayed will is sent at once",
  },
  {
    file: "src/core/lifecycle.ts",
    was: "if (session.will !== undefined) this.#publishWill(session, nowMs);",
    becomes: "",
    breaks: "a Session that ends forgets its will",
  },
  {
    file: "src/core/lifecycle.ts",
    was: 'ledger.record("session-ended", message, session.clientId, nowMs);',
    becomes: "",
    breaks: "messages are lost with a Session, in silence",
  },
  {
    file: "src/core/lifecycle.ts",
    was: "this.#handOnShared(session, nowMs);",
    becomes: "",
    breaks: "a leaving member of a group keeps what it has not acknowledged",
  },
  {
    file: "src/core/lifecycle.ts",
    was: 'if (stage === "sent" && entry.qos === 2) continue;',
    becomes: "",
    breaks: "a QoS 2 message goes to two members of a group",
  },
  {
    file: "src/core/lifecycle.ts",
    was: 'ledger.record("share-without-member", message, key, nowMs);',
    becomes: "",
    breaks: "messages are lost with a group, in silence",
  },
  {
    file: "src/core/peer.ts",
    was: "this.replies.push(connackOf(connect, settled, this.link.policy, context), position);",
    becomes: "this.replies.push(connackOf(connect, settled, this.link.policy, context), 0);",
    breaks: "CONNACK leaves before its Session is on record",
  },
  {
    file: "src/core/peer.ts",
    was: "this.#resendPubrels(session);",
    becomes: "",
    breaks: "PUBREL is not sent again",
  },
  {
    file: "src/core/peer.ts",
    was: "if (this.replies.holdsConnack) return undefined;",
    becomes: "",
    breaks: "PUBLISH before CONNACK",
  },
  {
    file: "src/core/peer.ts",
    was: "const deadlineMs = this.#heardMs + this.#keepAliveMs;",
    becomes: "const deadlineMs = this.#heardMs + 2 * this.#keepAliveMs;",
    breaks: "Keep Alive runs out late",
  },
  {
    file: "src/core/peer.ts",
    was: "const receiveMaximum = Math.min(connect.receiveMaximum, limits.inflightMax);",
    becomes: "const receiveMaximum = limits.inflightMax;",
    breaks: "the client's Receive Maximum is not looked at",
  },
  {
    file: "src/core/broker.ts",
    was: "peer.awaitsCommit = false;",
    becomes: "",
    breaks: "a peer is woken by one commit only",
  },
  {
    file: "src/core/wheel.ts",
    was: "Math.ceil((atMs - this.#startMs) / WHEEL_SLOT_MS)",
    becomes: "Math.ceil((atMs - this.#startMs) / WHEEL_SLOT_MS) + 4",
    breaks: "deadlines are met late",
  },
];

const MESSAGES: readonly Mutant[] = [
  {
    file: "src/core/publishing.ts",
    was: "if (message.qos > 0 && isRepeated(peer, session, packet, context)) return;",
    becomes: "if (message.qos === 1 && isRepeated(peer, session, packet, context)) return;",
    breaks: "a repeated QoS 2 PUBLISH is passed on again",
  },
  {
    file: "src/core/publishing.ts",
    was: "as AckType, packetId, reasonCode, position);",
    becomes: "as AckType, packetId, reasonCode, 0);",
    breaks: "PUBACK leaves before the message is on record",
  },
  {
    file: "src/core/acknowledging.ts",
    was: "const position = isReleased ? 0 : context.recorder.release(session, seq);",
    becomes: "const position = isReleased ? 0 : 0 * context.recorder.release(session, seq);",
    breaks: "PUBREL leaves before PUBREC is on record",
  },
  {
    file: "src/core/acknowledging.ts",
    was: 'context.ledger.record("refused-by-client", message, session.clientId, nowMs);',
    becomes: "",
    breaks: "a message that the client refused is lost in silence",
  },
  {
    file: "src/core/dispatcher.ts",
    was: "heldPacketId: heldRecorded ? heldPacketId : 0,",
    becomes: "heldPacketId: 0,",
    breaks: "the publisher's QoS 2 identifier is not held",
  },
  {
    file: "src/core/dispatcher.ts",
    was: "if (!this.makeRoom(session, message, nowMs)) return;",
    becomes: "",
    breaks: "queues without a bound",
  },
  {
    file: "src/core/dispatcher.ts",
    was: "recorder.finish(session, oldest);",
    becomes: "session.window.finish(oldest);",
    breaks: "a dropped message is in the journal for ever",
  },
  {
    file: "src/core/dispatcher.ts",
    was: "return target.session === from ? target.ownGrant : target.grant;",
    becomes: "return from === undefined ? target.grant : target.grant;",
    breaks: "No Local",
  },
  {
    file: "src/core/delivering.ts",
    was: "recorder.enqueue(session, message, grant, true);",
    becomes: "recorder.enqueue(session, message, grant, false);",
    breaks: "RETAIN missing in answer to a SUBSCRIBE",
  },
  {
    file: "src/core/delivering.ts",
    was: "if (options.noLocal && message.publisherId === clientId) return false;",
    becomes: "",
    breaks: "No Local for retained messages",
  },
  {
    file: "src/core/delivering.ts",
    was: "if (delivery.dup && delivery.qos === 2) {",
    becomes: "if (delivery.dup && delivery.qos > 2) {",
    breaks: "an identifier that the client holds is used again",
  },
  {
    file: "src/core/delivering.ts",
    was: "context.dispatcher.pull(session, nowMs) &&",
    becomes: "false &&",
    breaks: "a member with room leaves the group's messages waiting",
  },
  {
    file: "src/core/recorder.ts",
    was: "const waiting = this.#takeUnrecorded(topicFilter);",
    becomes: "const waiting: Message[] = [];",
    breaks: "a group's queue from before its first lasting member is not on record",
  },
  {
    file: "src/core/retained.ts",
    was: "node.serial <= until",
    becomes: "node.serial > 0",
    breaks: "a retained message comes twice: live, and in the replay",
  },
  {
    file: "src/core/routes.ts",
    was: "if (latest.topicName === topicName && latest.epoch === epoch) return latest;",
    becomes: "if (latest.topicName === topicName) return latest;",
    breaks: "who gets a topic is remembered too long",
  },
  {
    file: "src/core/share-group.ts",
    was: "if ((session.peer?.maximumPacketSize ?? 0) <= packetSizeOver) continue;",
    becomes: "",
    breaks: "a message too large for one member goes to another with the same maximum",
  },
  {
    file: "src/core/state.ts",
    was: "group?.delete(session);",
    becomes: "",
    breaks: "a group keeps a member that has unsubscribed",
  },
  {
    file: "src/core/subscription.ts",
    was: "if (options.qos > qos) qos = options.qos;",
    becomes: "qos = options.qos;",
    breaks: "overlapping subscriptions do not get the highest QoS",
  },
  {
    file: "src/core/subscribing.ts",
    was: "else if (existed) goOn(session, topicFilter);",
    becomes: "",
    breaks: "a replay ends when its Subscription is replaced",
  },
];

const RIGHTS_AND_LIMITS: readonly Mutant[] = [
  {
    file: "src/core/routes.ts",
    was: "if (this.#mayReceive?.(session, topicName) === false) denied.push(session);",
    becomes: 'if (this.#mayReceive?.(session, "") === false) denied.push(session);',
    breaks: "who may not receive a topic does",
  },
  {
    file: "src/core/publishing.ts",
    was: "+ peer.replies.pubacks >= receiveMaximum",
    becomes: "+ peer.replies.pubacks > receiveMaximum",
    breaks: "a publisher may send one more than its Receive Maximum",
  },
  {
    file: "src/core/peer.ts",
    was: "Math.min(sessionExpiryIntervalSec, sessionExpiryMaxSec);",
    becomes: "Math.max(1, Math.min(sessionExpiryIntervalSec, sessionExpiryMaxSec));",
    breaks: "DISCONNECT cannot end the Session",
  },
  {
    file: "src/core/state.ts",
    was: "session.will = op.will;",
    becomes: "session.will ??= op.will;",
    breaks: "a delayed will outlives the reconnection",
  },
  {
    file: "src/core/state.ts",
    was: "message.own();\n    const { topicName } = message;",
    becomes: "const { topicName } = message;",
    breaks: "a retained message pins the chunk it came in",
  },
  {
    file: "src/core/delivering.ts",
    was: "const leftSec = Math.ceil((message.expiresAtMs - nowMs) / 1_000);",
    becomes: "const leftSec = Math.floor((message.expiresAtMs - nowMs) / 1_000);",
    breaks: "Message Expiry Interval is a second short",
  },
  {
    file: "src/core/recorder.ts",
    was: "session: recorded?.number ?? 0,",
    becomes: "session: 0,",
    breaks: "the journal does not know who got a group's message",
  },
  {
    file: "src/core/dispatcher.ts",
    was: "if (fits && count <= retainedMessagesMax) return true;",
    becomes: "if (fits) return true;",
    breaks: "retained messages without a bound",
  },
];

const RECORDS: readonly Mutant[] = [
  {
    file: "src/delivery/outbound-window.ts",
    was: 'if (Math.max(placedAt, this.#placedAt) > committed) return "uncommitted";',
    becomes: "",
    breaks: "QoS 2 is sent before its place in the line is on record",
  },
  {
    file: "src/delivery/shelf.ts",
    was: "if (refs === 0 && !this.isReplaying) this.#remove(id);",
    becomes: "",
    breaks: "a message that nobody refers to stays on the shelf",
  },
  {
    file: "src/core/state.ts",
    was: "this.shelf.unref(waiting);",
    becomes: "",
    breaks: "a group's queue keeps its reference to what has left it",
  },
  {
    file: "src/core/replay.ts",
    was: "state.enqueue(this.#find(op.storedAt, op.charge), op, position);",
    becomes: "",
    breaks: "a replay does not queue what an earlier record has",
  },
  {
    file: "src/core/replay.ts",
    was: "if (op.tail > 0) session.window.restore(entries, op.tail);",
    becomes: "if (op.tail > 0) session.window.restore(entries, entries.length);",
    breaks: "a checkpoint forgets where the line ends",
  },
  {
    file: "src/core/replay.ts",
    was: "for (const packetId of op.heldPacketIds) session.inbound.hold(packetId);",
    becomes: "",
    breaks: "a checkpoint forgets the publisher's QoS 2 identifiers",
  },
  {
    file: "src/core/state.ts",
    was: "session.windowIfAny?.markSent(op.sentTo);",
    becomes: "",
    breaks: "a replay takes for queued what has been sent",
  },
];

const RECOVERY: readonly Mutant[] = [
  {
    file: "src/core/broker.ts",
    was: "for (const session of sessions) if (session.isOpen) lifecycle.orphaned(session);",
    becomes: "",
    breaks: "after a crash what was queued counts as never sent",
  },
  {
    file: "src/core/broker.ts",
    was: "if (session.isOpen) lifecycle.leave(session, false, nowMs);",
    becomes: "if (session.isOpen) lifecycle.leave(session, true, nowMs);",
    breaks: "a crash discards the wills of those who were connected",
  },
  {
    file: "src/delivery/outbound-window.ts",
    was: "if (Math.max(placedAt, this.#placedAt) > committed)",
    becomes: "if (placedAt > committed)",
    breaks: "QoS 2 leaves before its place in the line is on record",
  },
  {
    file: "src/core/dispatcher.ts",
    was: "if (!isKept) return false;",
    becomes: "if (!isKept || message.qos === 1) return false;",
    breaks: "a message is acknowledged that the store cannot keep",
  },
  {
    file: "src/store/log-journal.ts",
    was: "this.#log.write(batch, () => this.#written(batch));",
    becomes: "this.#committed = batch.end; this.#log.write(batch, () => this.#written(batch));",
    breaks: "what is being written counts as on the disk",
  },
  {
    file: "src/store/log-journal.ts",
    was: " && this.#dropAfter <= this.#committed",
    becomes: "",
    breaks: "old segments go before what they had is on the disk again",
  },
  {
    file: "src/store/log.ts",
    was: "      this.#failed(error);\n      return;\n",
    becomes: "",
    breaks: "a write that failed counts as done",
  },
  {
    file: "src/store/segment-supply.ts",
    was: "    this.#lastNumber = number;\n    this.#surplus.push(segmentName(number));\n",
    becomes: "    this.#surplus.push(segmentName(number));\n",
    breaks: "a file that is to be removed becomes the next segment",
  },
];

export const MUTANTS: readonly Mutant[] = [
  ...DELIVERY,
  ...SESSIONS,
  ...MESSAGES,
  ...RIGHTS_AND_LIMITS,
  ...RECORDS,
  ...RECOVERY,
];
