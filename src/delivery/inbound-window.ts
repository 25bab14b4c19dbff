/**
 * The receiving half of QoS 2: Packet Identifiers between PUBLISH and PUBREL (§4.3.3).
 *
 * A message is passed on when its identifier is first held; the same identifier again is the same
 * message [MQTT-4.3.3-10]. Session State, so it outlives the connection. Bounded by the 65,535
 * identifiers that there are, and in 5.0 by Receive Maximum.
 */
export class InboundWindow {
  /** Identifiers, and whether their PUBLISH came on the present connection. */
  readonly #held = new Map<number, boolean>();
  #counted = 0;

  get size(): number {
    return this.#held.size;
  }

  /** Those that count against Receive Maximum, which begins anew with each connection (§4.9). */
  get counted(): number {
    return this.#counted;
  }

  /** A Network Connection took over this Session. */
  connected(): void {
    this.#counted = 0;
    for (const packetId of this.#held.keys()) this.#held.set(packetId, false);
  }

  has(packetId: number): boolean {
    return this.#held.has(packetId);
  }

  /** Its PUBLISH has come, for the first time or again. */
  hold(packetId: number): void {
    if (this.#held.get(packetId) !== true) this.#counted += 1;
    this.#held.set(packetId, true);
  }

  /** @returns false when it was not held. */
  release(packetId: number): boolean {
    if (this.#held.get(packetId) === true) this.#counted -= 1;
    return this.#held.delete(packetId);
  }

  packetIds(): number[] {
    return [...this.#held.keys()];
  }
}
