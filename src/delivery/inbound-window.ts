/**
 * The receiving half of QoS 2: Packet Identifiers between PUBLISH and PUBREL (§4.3.3).
 *
 * A message is passed on when its identifier is first held; the same identifier again is the same
 * message [MQTT-4.3.3-10]. Session State, so it outlives the connection. Bounded by the 65,535
 * identifiers that there are, and in 5.0 by Receive Maximum.
 */
export class InboundWindow {
  readonly #held = new Set<number>();

  get size(): number {
    return this.#held.size;
  }

  has(packetId: number): boolean {
    return this.#held.has(packetId);
  }

  hold(packetId: number): void {
    this.#held.add(packetId);
  }

  /** @returns false when it was not held. */
  release(packetId: number): boolean {
    return this.#held.delete(packetId);
  }

  packetIds(): number[] {
    return [...this.#held];
  }
}
