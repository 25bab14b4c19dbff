/**
 * A broker without sockets, on a clock that stands still until it is told to pass.
 *
 * Clients send packets and see what they are sent as short texts:
 *
 *     const world = new World();
 *     const a = world.connect({ clientId: "a" });
 *     a.subscribe("t/#", { qos: 1 });
 *     world.connect({ clientId: "b" }).publish("t/1", "hi", { qos: 1 });
 *     a.takes("suback 1: 1", 'publish t/1 "hi" qos1 id1');
 */
import assert from "node:assert/strict";
import { Message } from "../protocol/message.ts";
import type {
  AckType,
  ConnackPacket,
  ConnectPacket,
  OutgoingPacket,
  Packet,
  ProtocolVersion,
  PublishProperties,
  Qos,
  SubscriptionRequest,
  Will,
} from "../protocol/packets.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { MemoryJournal } from "../store/memory-journal.ts";
import { Broker, type BrokerOptions } from "./broker.ts";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import type { Op } from "./ops.ts";
import type { Peer } from "./peer.ts";
import type { Link, ListenerPolicy, LossEvent } from "./ports.ts";

export const POLICY: ListenerPolicy = {
  name: "tcp://here",
  queueFullPolicy: "drop-oldest",
  maximumQos: 2,
  retainAvailable: true,
  wildcardSubscriptionAvailable: true,
  sharedSubscriptionAvailable: true,
  subscriptionIdentifiersAvailable: true,
  validatePayloadFormat: false,
};

const NO_PROPERTIES: PublishProperties = {
  payloadFormatIndicator: undefined,
  messageExpiryIntervalSec: undefined,
  contentType: undefined,
  responseTopic: undefined,
  correlationData: undefined,
  userProperties: [],
};

interface WorldOptions extends Partial<Omit<BrokerOptions, "limits">> {
  readonly limits?: Partial<Limits>;
  readonly policy?: Partial<ListenerPolicy>;
}

/** A Journal that remembers, and commits when the World says so. */
class Journal extends MemoryJournal {
  readonly ops: Op[] = [];

  override append(op: Op): number {
    this.ops.push(op);
    return super.append(op);
  }
}

export class World {
  nowMs = 1_000_000;
  readonly journal: Journal = new Journal();
  readonly broker: Broker;
  /** What the loss ledger said: `reason topic → client`. */
  losses: string[] = [];
  /** False: replies wait for their commit. */
  commits = true;
  readonly #clients = new Map<Peer, Client>();
  readonly #policy: ListenerPolicy;
  #assigned = 0;

  constructor({ limits, policy, ...options }: WorldOptions = {}) {
    this.#policy = { ...POLICY, ...policy };
    this.broker = new Broker(
      {
        limits: { ...DEFAULT_LIMITS, keepAliveMaxSec: 0, ...limits }, // Time passes in days here.
        journal: this.journal,
        observer: { lost: (event) => this.#lost(event) },
        authenticator: undefined,
        authorizer: undefined,
        randomId: () => `auto-${++this.#assigned}`,
        isUtf8: (bytes) => bytes.every((byte) => byte < 0x80),
        responseInformation: undefined,
        sysIntervalMs: 0,
        version: "1.2.3",
        ...options,
      },
      this.nowMs,
    );
  }

  #lost({ reason, topicName, clientId }: LossEvent): void {
    this.losses.push(`${reason} ${topicName} → ${clientId || "nobody"}`);
  }

  /** What was lost since the last call. */
  lost(...expected: string[]): void {
    assert.deepEqual(this.losses, expected);
    this.losses = [];
  }

  /** A Network Connection without CONNECT. */
  open(policy: Partial<ListenerPolicy> = {}): Client {
    const link: Link = { remoteAddress: "10.0.0.1:1", policy: { ...this.#policy, ...policy } };
    const peer = this.broker.open(link, this.nowMs);
    const client = new Client(this, peer);
    this.#clients.set(peer, client);
    return client;
  }

  /** A client that has connected, and taken its CONNACK. */
  connect(
    options: Partial<ConnectPacket> & { clientId: string },
    policy?: Partial<ListenerPolicy>,
  ): Client {
    const client = this.open(policy);
    client.connect(options);
    const [connack = "", ...others] = client.inbox;
    assert.match(connack, /^connack 0x00/);
    client.inbox = others;
    return client;
  }

  /** One turn: commit, then everybody who reads gets what there is. */
  turn(): void {
    if (this.commits) {
      this.journal.commit();
      this.broker.committed();
    }
    while (this.broker.hasReady) {
      for (const peer of this.broker.takeReady()) this.#clients.get(peer)?.drain();
    }
  }

  /** Lets time pass, a tick at a time. */
  pass(ms: number): void {
    const end = this.nowMs + ms;
    while (this.nowMs < end) {
      // Long waits in larger steps: the wheel must bear that too.
      this.nowMs = Math.min(this.nowMs + Math.max(250, Math.floor(ms / 50)), end);
      this.broker.tick(this.nowMs);
      this.turn();
    }
  }

  get wheelSize(): number {
    return this.broker.deadlines;
  }

  /** From inside the broker's process. */
  publish(topicName: string, payload: string, options: PublishOptions = {}): number {
    const matched = this.broker.publish(messageOf(topicName, payload, options), this.nowMs);
    this.turn();
    return matched;
  }
}

export interface PublishOptions extends Partial<PublishProperties> {
  readonly qos?: Qos;
  readonly retain?: boolean;
  readonly dup?: boolean;
  readonly packetId?: number;
  readonly topicAlias?: number;
}

type SubscribeOptions = Partial<SubscriptionRequest> & { readonly subscriptionIdentifier?: number };

export class Client {
  readonly world: World;
  readonly peer: Peer;
  inbox: string[] = [];
  /** CONNACK as it came. */
  connack: ConnackPacket | undefined = undefined;
  /** False: the socket takes no bytes. */
  reads = true;
  /** Sent, and not taken by the broker yet. */
  #held: Packet[] = [];
  #version: ProtocolVersion = 5;
  #packetId = 0;
  #isGone = false;

  constructor(world: World, peer: Peer) {
    this.world = world;
    this.peer = peer;
  }

  /** Takes what the broker has for it. */
  drain(): void {
    const { world, peer } = this;
    if (this.#isGone) return;
    this.#feed();
    if (!this.reads) return;
    for (let packet = peer.poll(world.nowMs); packet; packet = peer.poll(world.nowMs)) {
      if (packet.type === "connack") this.connack = packet;
      if (sizeOf(packet) > peer.maximumPacketSize) world.broker.undeliverable(peer, world.nowMs);
      else this.inbox.push(textOf(packet));
    }
    if (peer.isClosing && peer.replies.length === 0) {
      this.#isGone = true;
      this.inbox.push("closed");
      world.broker.lost(peer, world.nowMs);
    }
  }

  /** Sends packets in one go, then has a turn go by. */
  send(...packets: Packet[]): this {
    this.#held.push(...packets);
    this.#feed();
    this.world.turn();
    return this;
  }

  #feed(): void {
    const { peer, world } = this;
    while (peer.takesPackets && !peer.isClosing) {
      const packet = this.#held.shift();
      if (packet === undefined) return;
      try {
        peer.receive(packet, world.nowMs);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        peer.violated(error, this.#version, world.nowMs);
      }
    }
  }

  /** What came since the last call; "closed" once the broker has ended the connection. */
  takes(...expected: string[]): this {
    assert.deepEqual(this.inbox, expected);
    this.inbox = [];
    return this;
  }

  /** The connection breaks. */
  drops(): void {
    this.#isGone = true;
    this.world.broker.lost(this.peer, this.world.nowMs);
    this.world.turn();
  }

  connect(options: Partial<ConnectPacket>): this {
    const packet = connectPacket(options);
    this.#version = packet.protocolVersion;
    return this.send(packet);
  }

  subscribe(filters: string | readonly string[], options: SubscribeOptions = {}): this {
    const { subscriptionIdentifier = 0, ...own } = options;
    const defaults = { qos: 2 as Qos, noLocal: false, retainAsPublished: false } as const;
    const subscriptions = [filters].flat().map((topicFilter) => ({
      ...{ ...defaults, retainHandling: 0 as const, ...own },
      topicFilter,
    }));
    const packetId = this.#nextId();
    return this.send({
      ...{ type: "subscribe", packetId, subscriptions, subscriptionIdentifier, userProperties: [] },
    });
  }

  unsubscribe(...topicFilters: string[]): this {
    const packetId = this.#nextId();
    return this.send({ type: "unsubscribe", packetId, topicFilters, userProperties: [] });
  }

  publish(topicName: string, payload = "", options: PublishOptions = {}): this {
    return this.send(this.publishPacket(topicName, payload, options));
  }

  publishPacket(topicName: string, payload = "", options: PublishOptions = {}): Packet {
    const { qos = 0, dup = false, topicAlias = 0 } = options;
    const packetId = options.packetId ?? (qos === 0 ? 0 : this.#nextId());
    const message = messageOf(topicName, payload, options);
    return { type: "publish", message, dup, packetId, topicAlias, subscriptionIdentifiers: [] };
  }

  ack(type: AckType, packetId: number, reasonCode = 0): this {
    return this.send({ type, packetId, reasonCode, properties: undefined });
  }

  ping(): this {
    return this.send({ type: "pingreq" });
  }

  auth(reasonCode: number, method: string | undefined, data = ""): this {
    return this.send({
      ...{ type: "auth", reasonCode, authenticationMethod: method },
      ...{ authenticationData: bytesOf(data), properties: undefined },
    });
  }

  disconnect(reasonCode = 0, sessionExpiryIntervalSec?: number): this {
    return this.send({
      ...{ type: "disconnect", reasonCode, sessionExpiryIntervalSec },
      ...{ serverReference: undefined, properties: undefined },
    });
  }

  #nextId(): number {
    this.#packetId += 1;
    return this.#packetId;
  }
}

/** A 5.0 CONNECT with Clean Start 1, unless `options` say otherwise. */
export function connectPacket(options: Partial<ConnectPacket>): ConnectPacket {
  return {
    type: "connect",
    protocolVersion: 5,
    clientId: "",
    cleanStart: true,
    keepAliveSec: 0,
    userName: undefined,
    password: undefined,
    will: undefined,
    sessionExpiryIntervalSec: 0,
    receiveMaximum: 65_535,
    maximumPacketSize: Number.POSITIVE_INFINITY,
    topicAliasMaximum: 0,
    requestResponseInformation: false,
    requestProblemInformation: true,
    userProperties: [],
    authenticationMethod: undefined,
    authenticationData: undefined,
    ...options,
  };
}

export function willOf(topicName: string, payload: string, options: Partial<Will> = {}): Will {
  return {
    ...{ topicName, payload: bytesOf(payload), qos: 0, retain: false },
    ...{ properties: undefined, willDelayIntervalSec: 0, ...options },
  };
}

export function messageOf(topicName: string, payload: string, options: PublishOptions): Message {
  const { qos = 0, retain = false, dup: _, packetId: _id, topicAlias: _alias, ...own } = options;
  const properties = Object.keys(own).length === 0 ? undefined : { ...NO_PROPERTIES, ...own };
  return Message.of(topicName, bytesOf(payload), qos, retain, properties);
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Enough of an encoder for Maximum Packet Size. */
function sizeOf(packet: OutgoingPacket): number {
  if (packet.type !== "publish") return 2;
  return packet.message.payloadSize + packet.message.topicName.length;
}

function textOf(packet: OutgoingPacket): string {
  switch (packet.type) {
    case "publish":
      return publishText(packet);
    case "connack":
      return `connack ${hex(packet.reasonCode)}${packet.sessionPresent ? " present" : ""}`;
    case "suback":
    case "unsuback": {
      const codes = packet.reasonCodes.map((code) => (code < 3 ? `${code}` : hex(code)));
      return `${packet.type} ${packet.packetId}: ${codes.join(" ")}`;
    }
    case "disconnect":
      return `disconnect ${hex(packet.reasonCode)}`;
    case "auth": {
      const data = new TextDecoder().decode(packet.authenticationData);
      return `auth ${hex(packet.reasonCode)} ${packet.authenticationMethod} "${data}"`;
    }
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp": {
      const code = packet.reasonCode === 0 ? "" : ` ${hex(packet.reasonCode)}`;
      return `${packet.type} ${packet.packetId}${code}`;
    }
    default:
      return packet.type;
  }
}

function publishText(packet: OutgoingPacket & { type: "publish" }): string {
  const { message, qos, packetId, dup, retain, topicAlias, topicOmitted } = packet;
  const parts = [
    `publish ${topicOmitted ? "" : message.topicName}`,
    `"${new TextDecoder().decode(message.payload)}"`,
  ];
  if (topicAlias > 0) parts.push(`alias${topicAlias}`);
  if (qos > 0) parts.push(`qos${qos} id${packetId}`);
  if (dup) parts.push("dup");
  if (retain) parts.push("retain");
  const { subscriptionIdentifiers, messageExpiryIntervalSec } = packet;
  if (subscriptionIdentifiers.length > 0) parts.push(`subs${subscriptionIdentifiers.join("+")}`);
  if (messageExpiryIntervalSec !== undefined) parts.push(`expiry${messageExpiryIntervalSec}`);
  return parts.join(" ");
}

function hex(code: number): string {
  return `0x${code.toString(16).padStart(2, "0")}`;
}
