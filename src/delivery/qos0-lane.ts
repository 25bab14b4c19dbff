import type { Message } from "../protocol/message.ts";
import type { Delivery } from "../protocol/packets.ts";
import { type Grant, sizeOf } from "./outbound-window.ts";

/** Places that an emptied lane keeps for the next burst. */
const PLACES_KEPT_MAX = 512;

/**
 * QoS 0 messages on their way to a connected client: first in, first out, at most once (§4.3.1).
 *
 * Belongs to the connection, not to the Session State: what is in it when the connection goes is
 * lost, and the caller says so to the loss ledger.
 */
export class Qos0Lane {
  #messages: (Message | undefined)[] = [];
  #grants: Grant[] = [];
  #head = 0;
  #tail = 0;
  #bytes = 0;
  /** Up to here they own their bytes. */
  #ownedTo = 0;

  get length(): number {
    return this.#tail - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(message: Message, grant: Grant): void {
    this.#messages[this.#tail] = message;
    this.#grants[this.#tail] = grant;
    this.#tail += 1;
    this.#bytes += sizeOf(message);
  }

  /** Fills `delivery` with the oldest message. @returns false when there is none. */
  poll(delivery: Delivery): boolean {
    const message = this.#messages[this.#head];
    if (this.#head === this.#tail || message === undefined) return false;
    const grant = this.#grants[this.#head] as Grant;
    this.#messages[this.#head] = undefined;
    this.#head += 1;
    this.#bytes -= sizeOf(message);
    if (this.#head === this.#tail) this.#rewind();
    else if (this.#head >= PLACES_KEPT_MAX && this.#head * 2 >= this.#tail) this.#forget();
    delivery.message = message;
    delivery.qos = 0;
    delivery.dup = false; // [MQTT-3.3.1-2] [MQTT-4.3.1-1]
    delivery.retain = grant.retainAsPublished && message.retain; // [MQTT-3.3.1-12] [MQTT-3.3.1-13]
    delivery.packetId = 0; // [MQTT-2.2.1-2]
    delivery.subscriptionIdentifiers = grant.subscriptionIdentifiers;
    return true;
  }

  /** Copies what still waits out of the chunks it came in: it will not leave within this turn. */
  own(): void {
    const from = Math.max(this.#head, this.#ownedTo); // Asked again and again while it is stuck.
    for (let at = from; at < this.#tail; at += 1) this.#messages[at]?.own();
    this.#ownedTo = this.#tail;
  }

  /** Of a client that is always a little behind the lane never gets empty. */
  #forget(): void {
    this.#messages = this.#messages.slice(this.#head, this.#tail);
    this.#grants = this.#grants.slice(this.#head, this.#tail);
    this.#tail -= this.#head;
    this.#ownedTo = Math.max(this.#ownedTo - this.#head, 0);
    this.#head = 0;
  }

  #rewind(): void {
    if (this.#tail > PLACES_KEPT_MAX) {
      this.#messages = [];
      this.#grants = [];
    }
    this.#head = 0;
    this.#tail = 0;
    this.#ownedTo = 0;
  }
}
