/** What publishers, receivers and those who leave a will have in common: a connection. */
import type {
  AckType,
  ConnackPacket,
  ConnectPacket,
  OutgoingPacket,
  Packet,
  Will,
} from "../../src/codec/index.ts";
import type { Activity } from "./activity.ts";
import type { Ledger } from "./ledger.ts";
import { Link, type LinkOwner } from "./link.ts";

export interface World {
  readonly ledger: Ledger;
  readonly activity: Activity;
  /** Where the broker listens; undefined while it is down. */
  port: number | undefined;
}

/** What a CONNECT of ours says that differs from client to client. */
export interface ConnectOptions {
  readonly cleanStart: boolean;
  readonly sessionExpiryIntervalSec: number;
  readonly receiveMaximum: number;
  readonly will: Will | undefined;
}

/** Sessions that are to be kept stay for longer than any run. */
export const KEPT_SEC: number = 24 * 3_600;

/** Connections in one life of the broker that it may close before the client stays away. */
const RETRIES_MAX = 5;

export abstract class Client implements LinkOwner {
  readonly clientId: string;
  readonly version: 4 | 5;
  protected readonly world: World;
  /** Whether it is connected while the broker is up. */
  isWanted = false;
  #link: Link | undefined = undefined;
  #isConnected = false;
  #isLeaving = false;
  /** A CONNACK has come, so that the broker has promised to keep the session. */
  #isKnown = false;
  #retriesLeft = RETRIES_MAX;

  constructor(world: World, clientId: string, version: 4 | 5) {
    this.world = world;
    this.clientId = clientId;
    this.version = version;
  }

  /** CONNACK has come on this connection. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  get hasLink(): boolean {
    return this.#link !== undefined;
  }

  protected abstract connectOptions(): ConnectOptions;
  /** The session is not what it was: it ended with this CONNECT, or the broker has lost it. */
  protected abstract sessionBegun(): void;
  /** CONNACK has come, and `sessionBegun` was called where that is so. */
  protected abstract connected(connack: ConnackPacket): void;
  protected abstract packet(packet: Packet): void;
  protected abstract disconnected(): void;

  /** The broker is up again, at another port. */
  come(): void {
    this.isWanted = true;
    this.#retriesLeft = RETRIES_MAX;
    this.#connect();
  }

  /** DISCONNECT; the session stays. */
  leave(): void {
    this.isWanted = false;
    if (this.#link === undefined) return;
    this.#isLeaving = true;
    if (this.#isConnected) {
      const rest = { serverReference: undefined, properties: undefined };
      this.send({
        type: "disconnect",
        reasonCode: 0,
        sessionExpiryIntervalSec: undefined,
        ...rest,
      });
    }
    this.#link.end();
  }

  /** Cuts the connection; if it is wanted there soon is another one. */
  drop(): void {
    this.#isLeaving = true;
    this.#link?.destroy();
  }

  send(packet: OutgoingPacket): void {
    this.#link?.send(packet);
  }

  protected sendAck(type: AckType, packetId: number): void {
    this.send({ type, packetId, reasonCode: 0, properties: undefined });
  }

  opened(): void {
    this.send(connectPacket(this.clientId, this.version, this.connectOptions()));
  }

  received(packet: Packet): void {
    this.world.activity.touch();
    if (packet.type === "connack") this.#accepted(packet);
    else if (packet.type !== "disconnect") this.packet(packet);
  }

  closed(malformed: Error | undefined): void {
    const wasExpected = this.#isLeaving || this.world.port === undefined;
    if (malformed !== undefined) this.world.ledger.counts.corrupt += 1;
    else if (!wasExpected) this.world.ledger.counts.refused += 1;
    if (this.#isConnected) this.disconnected();
    this.#link = undefined;
    this.#isConnected = false;
    this.world.activity.touch();
    if (!this.isWanted || this.#retriesLeft === 0) return;
    this.#retriesLeft -= 1;
    this.#connect();
  }

  #connect(): void {
    if (this.#link !== undefined || this.world.port === undefined) return;
    this.#isLeaving = false;
    this.#link = new Link(this.world.port, this.version, this);
  }

  #accepted(connack: ConnackPacket): void {
    if (connack.reasonCode !== 0) return; // The broker closes, and that is counted.
    this.#isConnected = true;
    const { cleanStart, sessionExpiryIntervalSec } = this.connectOptions();
    if (this.#isKnown && !cleanStart && !connack.sessionPresent) {
      this.world.ledger.counts.sessionsLost += 1;
    }
    if (cleanStart && connack.sessionPresent) this.world.ledger.counts.sessionsReturned += 1;
    this.#isKnown = sessionExpiryIntervalSec === KEPT_SEC;
    if (cleanStart || !connack.sessionPresent) this.sessionBegun();
    this.connected(connack);
  }
}

export function connectPacket(
  clientId: string,
  protocolVersion: 4 | 5,
  options: ConnectOptions,
): ConnectPacket {
  return {
    type: "connect",
    ...{ protocolVersion, clientId, ...options, keepAliveSec: 600 },
    ...{ userName: undefined, password: undefined },
    ...{ maximumPacketSize: Number.POSITIVE_INFINITY, topicAliasMaximum: 0 },
    ...{ requestResponseInformation: false, requestProblemInformation: true, userProperties: [] },
    ...{ authenticationMethod: undefined, authenticationData: undefined },
  };
}
