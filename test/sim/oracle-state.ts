/**
 * The naive broker: sessions, subscriptions, retained messages, and who is owed what.
 *
 * It keeps no queue and knows no limit. Each message that is accepted makes OBLIGATIONS, one for
 * each receiver; each must end in a delivery or in the loss ledger.
 */
import type { Authorizer } from "../../src/core/ports.ts";
import type {
  AckType,
  ConnectPacket,
  Qos,
  SubscriptionRequest,
  Will,
} from "../../src/protocol/packets.ts";
import type { Claim } from "./claims.ts";

export const ANYBODY = { name: "" };

/** On what terms one subscriber gets a message. */
export interface Terms {
  readonly qos: Qos;
  readonly retainAsPublished: boolean;
  /** Subscription Identifiers, sorted. */
  readonly identifiers: string;
}

export interface Sub {
  readonly request: SubscriptionRequest;
  readonly identifier: number;
  /** "" for one that is not shared. */
  readonly shareKey: string;
  /** Without `$share/…/`. */
  readonly filter: string;
}

export interface Publication {
  /** In the order of dispatch. */
  readonly order: number;
  readonly topicName: string;
  readonly payload: Buffer;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly expiresAtMs: number;
  readonly publisherId: string;
  readonly obligations: Obligation[];
  readonly claims: Map<Obligation, Claim>;
  /** Sessions and groups with a matching subscription. */
  matched: number;
  /** Nobody at all has a matching subscription. */
  isUnwanted: boolean;
  /** Who must be in the ledger as not authorized to receive it. */
  readonly denied: string[];
  /** What the ledger said about all of it: why it was refused, or that nobody subscribes. */
  verdict: string;
  /** Nothing about it can change any more. */
  isClosed: boolean;
  /** The store takes nothing more: it was passed on, and is not retained. */
  isNotKept: boolean;
  /** Journal position of its Op; 0: it needs none. */
  position: number;
  /** Where it is on record that it has a place in a client's line, for each time it has one. */
  readonly placedAt: Map<string, number[]>;
}

export interface Obligation {
  readonly publication: Publication;
  readonly kind: "live" | "retained" | "shared";
  readonly shareKey: string;
  /** Who is owed it; of a shared one, who was sent it. */
  session: ModelSession | undefined;
  /** Of a shared one: who may get it, and on what terms. */
  readonly eligible: Map<ModelSession, Terms[]>;
  /** Of one that is not shared; more than one where a subscription was replaced meanwhile. */
  readonly terms: Terms[];
  /** Of a retained one: the Topic Filter whose SUBSCRIBE it answers. */
  readonly filter: string;
  /** `void`: it need not be delivered, but may be. `barred`: No Local, it must not be. */
  state: "pending" | "sent" | "released" | "done" | "lost" | "void" | "barred";
  /** In answer to a SUBSCRIBE, it may be in the queue by now: no later one changes that. */
  isQueued: boolean;
  /** It was sent by QoS 2, and is too large to be sent again: only its PUBREL is left to do. */
  isGivenUp: boolean;
  /** What it was sent with. */
  qos: Qos;
  sentAs: SentAs | undefined;
  packetId: number;
  /** Of all that its session was sent: the how manieth. */
  sendOrder: number;
  /** The broker died, and may have sent it: it goes out as a repetition. */
  isDoubtful: boolean;
  readonly seen: Seen;
}

/** How often the receiving application saw a message: no crash of the broker's undoes that. */
export class Seen {
  times = 0;
  timesQos2 = 0;
}

export class ModelSession {
  readonly clientId: string;
  readonly subs: Map<string, Sub> = new Map();
  expirySec = 0;
  expiresAtMs: number = Number.POSITIVE_INFINITY;
  will: Will | undefined = undefined;
  willAtMs: number = Number.POSITIVE_INFINITY;
  /** Identifiers of its QoS 2 messages, and the journal position of each. */
  readonly held: Map<number, number> = new Map();
  readonly inflight: Map<number, Obligation> = new Map();
  /** What it is owed, apart from shared ones, and has not had. */
  readonly open: Set<Obligation> = new Set();
  conn: Conn | undefined = undefined;
  /** A rude client had it: what arrived is no evidence. */
  isTainted = false;
  /** It outlives its connection, or has a will that must: it is on record. */
  isRecorded = false;
  sendCount = 0;
  /** Order of the latest live message that was sent for the first time. */
  liveOrder = 0;

  constructor(clientId: string) {
    this.clientId = clientId;
  }
}

/** A reply that the broker owes, with the journal position that it depends on. */
export interface Expected {
  readonly type: AckType | "connack" | "suback" | "unsuback" | "pingresp";
  readonly packetId: number;
  readonly codes: readonly number[];
  readonly position: number;
}

export interface SentAs {
  readonly qos: Qos;
  readonly retain: boolean;
  readonly identifiers: string;
}

/** A PUBLISH that was written, for the client to compare. */
export interface SentRecord extends SentAs {
  readonly obligation: Obligation;
  readonly session: ModelSession;
  readonly dup: boolean;
  readonly packetId: number;
  readonly expirySec: number | undefined;
}

/** The oracle's view of one Network Connection. */
export class Conn {
  readonly number: number;
  readonly isRude: boolean;
  connect: ConnectPacket | undefined = undefined;
  session: ModelSession | undefined = undefined;
  /** The Session that CONNACK was about. */
  opened: ModelSession | undefined = undefined;
  readonly expected: Expected[] = [];
  readonly sent: SentRecord[] = [];
  readonly counted: Set<number> = new Set();
  readonly aliases: Map<number, string> = new Map();
  /** QoS 2 identifiers whose PUBLISH came on this connection. */
  readonly inboundCounted: Set<number> = new Set();
  receiveMaximum = 0;
  sendOrder = 0;
  /** Order of the latest QoS 0 message from the lane. */
  laneOrder = 0;
  heardMs = 0;
  keepAliveMs = 0;
  pubacksUnsent = 0;
  hasConnack = false;
  /** It was thrown out because there was no room: a client that tries again will be, again. */
  hadNoRoom = false;
  isOver = false;
  answer: { type: AckType; packetId: number; reasonCode: number } | undefined = undefined;

  constructor(number: number, isRude: boolean) {
    this.number = number;
    this.isRude = isRude;
  }
}

export class Model {
  readonly sessions: Map<string, ModelSession> = new Map();
  readonly retained: Map<string, Publication> = new Map();
  readonly publications: Publication[] = [];
  /** Of each shared group: what nobody has had. */
  readonly tokens: Map<string, Set<Obligation>> = new Map();
  readonly authorizer: Authorizer | undefined;

  constructor(authorizer: Authorizer | undefined) {
    this.authorizer = authorizer;
  }

  publication(
    from: Pick<
      Publication,
      "topicName" | "payload" | "qos" | "retain" | "expiresAtMs" | "publisherId"
    >,
  ): Publication {
    const publication: Publication = {
      ...from,
      order: this.publications.length + 1,
      obligations: [],
      claims: new Map(),
      matched: 0,
      isUnwanted: true,
      denied: [],
      verdict: "",
      isClosed: false,
      isNotKept: false,
      position: 0,
      placedAt: new Map(),
    };
    this.publications.push(publication);
    return publication;
  }

  /** Finds out of which publications nothing is owed, or will be, for certain. */
  closeBooks(): void {
    for (const publication of this.publications) {
      if (publication.isClosed || this.retained.get(publication.topicName) === publication)
        continue;
      publication.isClosed = publication.obligations.every(
        ({ state }) => state === "done" || state === "lost",
      );
    }
  }

  members(shareKey: string): [ModelSession, Sub][] {
    return [...this.sessions.values()].flatMap((session) => {
      const sub = session.subs.get(shareKey);
      return sub === undefined ? [] : [[session, sub] as [ModelSession, Sub]];
    });
  }

  /** Works out who is owed `publication`, as of now. */
  dispatch(publication: Publication, from: ModelSession | undefined): void {
    const keys = new Set<string>();
    for (const session of this.sessions.values()) {
      const matching = [...session.subs.values()].filter(({ filter }) =>
        matches(filter, publication.topicName),
      );
      for (const { shareKey } of matching) if (shareKey !== "") keys.add(shareKey);
      const plain = matching.filter(({ shareKey }) => shareKey === "");
      if (plain.length === 0) continue;
      if (!this.mayReceive(session.clientId, publication.topicName)) {
        publication.denied.push(session.clientId);
        continue;
      }
      publication.matched += 1;
      const granting = plain.filter(({ request }) => session !== from || !request.noLocal);
      if (granting.length === 0) continue; // [MQTT-3.8.3-3]
      this.#owe(publication, session, termsOf(granting), "");
    }
    publication.isUnwanted = publication.matched + publication.denied.length + keys.size === 0;
    for (const shareKey of keys) {
      publication.matched += 1;
      const token = obligation(publication, "shared", shareKey);
      for (const [session, sub] of this.members(shareKey)) {
        token.eligible.set(session, [termsOf([sub])]);
      }
      this.#tokensOf(shareKey).add(token);
      publication.obligations.push(token);
    }
  }

  #owe(publication: Publication, session: ModelSession, terms: Terms, filter: string): Obligation {
    const kind = filter === "" ? "live" : "retained";
    const owed = obligation(publication, kind, "", session, terms, filter);
    publication.obligations.push(owed);
    session.open.add(owed);
    return owed;
  }

  #tokensOf(shareKey: string): Set<Obligation> {
    let tokens = this.tokens.get(shareKey);
    if (tokens === undefined) {
      tokens = new Set();
      this.tokens.set(shareKey, tokens);
    }
    return tokens;
  }

  /** It was sent, or is lost: nobody waits for it any more. */
  close(owed: Obligation): void {
    owed.session?.open.delete(owed);
    // Of what is only claimed, members that come later may still get it.
    if (!owed.publication.claims.has(owed)) this.tokens.get(owed.shareKey)?.delete(owed);
  }

  /** A shared one is to be given to somebody, again: whoever is a member now may get it. */
  reopen(token: Obligation): void {
    token.state = "pending";
    token.session = undefined;
    token.packetId = 0;
    token.sendOrder = 0;
    for (const [session, sub] of this.members(token.shareKey)) makeEligible(token, session, sub);
    this.#tokensOf(token.shareKey).add(token);
  }

  /** The publication was refused: nobody is owed it. */
  refuse(publication: Publication): void {
    for (const owed of publication.obligations) {
      owed.session?.open.delete(owed);
      this.tokens.get(owed.shareKey)?.delete(owed);
    }
    publication.obligations.length = 0;
    publication.claims.clear();
  }

  retain(publication: Publication): void {
    if (!publication.retain || publication.isNotKept) return;
    this.unretain(publication.topicName);
    if (publication.payload.length > 0) this.retained.set(publication.topicName, publication);
  }

  /** Replays that have not come to it may leave out what is not retained any more. */
  unretain(topicName: string): void {
    const old = this.retained.get(topicName);
    this.retained.delete(topicName);
    for (const owed of old?.obligations ?? []) {
      if (owed.kind === "retained" && owed.state === "pending") owed.state = "void";
    }
  }

  subscribe(session: ModelSession, sub: Sub): void {
    const { topicFilter, retainHandling } = sub.request;
    const existed = session.subs.has(topicFilter);
    session.subs.set(topicFilter, sub);
    if (sub.shareKey !== "") {
      for (const token of this.tokens.get(sub.shareKey) ?? []) makeEligible(token, session, sub);
      return;
    }
    if (retainHandling === 2 || (retainHandling === 1 && existed)) {
      this.#goOn(session, sub);
      return;
    }
    if (existed) this.excuseReplay(session, topicFilter);
    for (const [topicName, publication] of this.retained) {
      if (!matches(sub.filter, topicName)) continue;
      if (!this.mayReceive(session.clientId, topicName)) continue;
      const owed = this.#owe(publication, session, termsOf([sub]), topicFilter);
      if (isBarred(owed, session, sub)) owed.state = "barred";
    }
  }

  /** A replay under way goes on, as the new subscription says. */
  #goOn(session: ModelSession, sub: Sub): void {
    for (const owed of session.open) {
      if (owed.filter !== sub.request.topicFilter) continue;
      owed.terms.push(termsOf([sub]));
      if (isBarred(owed, session, sub)) owed.state = owed.isQueued ? "void" : "barred";
      // The replay may have passed over it.
      else if (owed.state === "barred") owed.state = "void";
    }
  }

  /** A replay for this filter may end here: the subscription is gone, or another replay begins. */
  excuseReplay(session: ModelSession, filter: string): void {
    for (const owed of session.open) {
      const isOpen = owed.state === "pending" || owed.state === "barred";
      if (owed.filter === filter && isOpen) owed.state = "void";
    }
  }

  /** It would have to be on record before it is acknowledged. */
  mustKeep({ retain, qos, obligations }: Publication, from: ModelSession): boolean {
    return (
      retain ||
      (qos === 2 && from.isRecorded) ||
      obligations.some((owed) =>
        owed.kind === "shared"
          ? this.members(owed.shareKey).some(([{ isRecorded }]) => isRecorded)
          : owed.session?.isRecorded === true && owed.qos > 0,
      )
    );
  }

  mayReceive(clientId: string, topicName: string): boolean {
    return this.authorizer?.authorize(ANYBODY, clientId, "receive", topicName) !== false;
  }
}

function obligation(
  publication: Publication,
  kind: Obligation["kind"],
  shareKey: string,
  session?: ModelSession,
  terms?: Terms,
  filter = "",
): Obligation {
  const qos = Math.min(publication.qos, terms?.qos ?? 2) as Qos;
  return {
    publication,
    kind,
    shareKey,
    session,
    terms: terms === undefined ? [] : [terms],
    filter,
    eligible: new Map(),
    state: "pending",
    qos,
    sentAs: undefined,
    isQueued: false,
    isGivenUp: false,
    packetId: 0,
    sendOrder: 0,
    isDoubtful: false,
    seen: new Seen(),
  };
}

/** A message of one's own, and No Local [MQTT-3.8.3-3]. */
function isBarred({ publication }: Obligation, { clientId }: ModelSession, sub: Sub): boolean {
  return sub.request.noLocal && publication.publisherId === clientId;
}

function makeEligible(token: Obligation, session: ModelSession, sub: Sub): void {
  const terms = token.eligible.get(session) ?? [];
  token.eligible.set(session, [...terms, termsOf([sub])]);
}

function termsOf(subs: readonly Sub[]): Terms {
  return Object.freeze({
    qos: Math.max(...subs.map(({ request }) => request.qos)) as Qos, // [MQTT-3.3.4-2]
    retainAsPublished: subs.some(({ request }) => request.retainAsPublished),
    identifiers: identifiersText(subs.flatMap(({ identifier }) => identifier || [])),
  });
}

/** For the message of a failure. */
export function obligationsText({ obligations }: Publication): string {
  return obligations
    .map(({ kind, shareKey, state, session, terms, eligible }) => {
      const members = [...eligible].map(
        ([{ clientId }, all]) => `${clientId} ${JSON.stringify(all)}`,
      );
      const who = `${session?.clientId} ${members.join(" ")}`;
      return `\n  ${kind} ${shareKey} ${state} ${who} ${JSON.stringify(terms)}`;
    })
    .join("");
}

export function identifiersText(identifiers: readonly number[]): string {
  return [...identifiers].sort((a, b) => a - b).join(",");
}

/** §4.7 as a regular expression: written to be unlike the broker's tree. */
export function matches(filter: string, topicName: string): boolean {
  let pattern = PATTERNS.get(filter);
  if (pattern === undefined) {
    pattern = patternOf(filter);
    PATTERNS.set(filter, pattern);
  }
  return pattern.test(topicName);
}

const PATTERNS = new Map<string, RegExp>();

function patternOf(filter: string): RegExp {
  const source = filter
    .split("/")
    .map((level) => (level === "+" ? "[^/]*" : level === "#" ? ".*" : level))
    .join("/")
    .replace(/\/\.\*$/, "(/.*)?"); // "a/#" also matches "a".
  return new RegExp(/^[+#]/.test(filter) ? `^(?!\\$)${source}$` : `^${source}$`);
}
