import { InboundWindow } from "../delivery/inbound-window.ts";
import { OutboundWindow } from "../delivery/outbound-window.ts";
import type { Shelf } from "../delivery/shelf.ts";
import type { Will } from "../protocol/packets.ts";
import type { Context } from "./context.ts";
import type { Peer } from "./peer.ts";
import type { Principal, QueueFullPolicy } from "./ports.ts";
import type { RetainedWalk } from "./retained.ts";
import type { Subscription } from "./subscription.ts";
import type { Subscriptions } from "./subscriptions.ts";
import { NOT_ON_WHEEL, type Timed } from "./wheel.ts";

/** Retained messages still to be sent in answer to one SUBSCRIBE. */
export interface Replay {
  readonly subscription: Subscription;
  readonly messages: RetainedWalk;
}

/**
 * Session State (§4.1): what outlives a Network Connection.
 *
 * Its durable part is changed by `BrokerState` alone. `peer` and `replays` are of the moment.
 * Windows and tables exist once they are needed: an idle session is small.
 */
export class Session implements Timed<Context> {
  readonly clientId: string; // [MQTT-3.1.3-2]
  principal: Principal;
  expiryIntervalSec: number;
  /**
   * Its changes go to the journal, under this number: it outlives its connection, or has a will
   * that must. 0: they do not.
   */
  number = 0;
  /** As the journal has it: a client is connected. Only for recorded ones. */
  isOpen = false;
  /** The one live connection, if there is one (invariant 4). */
  peer: Peer | undefined = undefined;
  /** When it ends, on the core's clock; Infinity while connected, or for ever. */
  expiresAtMs: number = Number.POSITIVE_INFINITY;
  will: Will | undefined = undefined;
  wheelSlot: number = NOT_ON_WHEEL;
  subscriptions: Subscriptions | undefined = undefined;
  /** Of the listener that it last came by. */
  queueFullPolicy: QueueFullPolicy = "drop-oldest";
  /** By Topic Filter: a SUBSCRIBE of the same filter starts its replay again. */
  replays: Map<string, Replay> | undefined = undefined;
  /** Those of its subscriptions that are shared: it may pull from their groups' queues. */
  shared: Map<string, Subscription> | undefined = undefined;
  /** Undefined for Infinity: nearly always, and a number like that takes memory of its own. */
  #willAtMs: number | undefined = undefined;
  #window: OutboundWindow | undefined = undefined;
  #inbound: InboundWindow | undefined = undefined;
  #receiveMaximum = 0;
  readonly #packetIdMax: number;
  readonly #shelf: Shelf;

  constructor(
    clientId: string,
    principal: Principal,
    expiryIntervalSec: number,
    packetIdMax: number,
    shelf: Shelf,
  ) {
    this.#packetIdMax = packetIdMax;
    this.#shelf = shelf;
    this.clientId = clientId;
    this.principal = principal;
    this.expiryIntervalSec = expiryIntervalSec;
  }

  /** When the will is due after the connection has gone; Infinity: not. */
  get willAtMs(): number {
    return this.#willAtMs ?? Number.POSITIVE_INFINITY;
  }

  set willAtMs(atMs: number) {
    this.#willAtMs = atMs === Number.POSITIVE_INFINITY ? undefined : atMs;
  }

  /** Its end or its will, whichever comes first. */
  due(nowMs: number, { lifecycle }: Context): void {
    lifecycle.due(this, nowMs);
  }

  get isRecorded(): boolean {
    return this.number !== 0;
  }

  /** QoS 1 and 2 on their way to the client. */
  get window(): OutboundWindow {
    if (this.#window === undefined) {
      this.#window = new OutboundWindow(this.#packetIdMax, this.#shelf);
      this.#window.connected(this.#receiveMaximum);
    }
    return this.#window;
  }

  /** @param receiveMaximum QoS 1 and 2 messages that may be in flight to it, 1 .. 65,535. */
  connected(receiveMaximum: number): void {
    this.#receiveMaximum = receiveMaximum;
    this.#window?.connected(receiveMaximum);
    this.#inbound?.connected();
  }

  disconnected(): void {
    this.#receiveMaximum = 0;
    this.#window?.disconnected();
  }

  /** It would take one more QoS 1 or 2 message at once. */
  get hasRoom(): boolean {
    return this.#window === undefined ? this.#receiveMaximum > 0 : this.#window.hasRoom;
  }

  /** The same, or undefined if nothing was ever on its way. */
  get windowIfAny(): OutboundWindow | undefined {
    return this.#window;
  }

  /** QoS 2 on its way from the client. */
  get inbound(): InboundWindow {
    this.#inbound ??= new InboundWindow();
    return this.#inbound;
  }

  /** The same, or undefined if nothing was ever on its way. */
  get inboundIfAny(): InboundWindow | undefined {
    return this.#inbound;
  }
}
