import type { OutgoingPacket, Packet } from "../../src/protocol/packets.ts";

/** Lines kept for a failure to show. */
const LINES_KEPT = 200;

/**
 * What happened, in order: a hash of all of it, so that two runs of one seed can be compared, and
 * the latest lines, for people. `SIM_LOG=1 SEED=123 npm test` prints every line.
 */
export class Trace {
  readonly #lines: string[] = [];
  readonly #prints: boolean = process.env["SIM_LOG"] !== undefined;
  #hash = 0x811c_9dc5;

  note(line: string): void {
    let hash = this.#hash;
    for (let at = 0; at < line.length; at += 1) {
      hash = Math.imul(hash ^ line.charCodeAt(at), 0x0100_0193);
    }
    this.#hash = hash;
    if (this.#prints) console.log(line);
    this.#lines.push(line);
    if (this.#lines.length > 2 * LINES_KEPT) this.#lines.splice(0, LINES_KEPT);
  }

  get hash(): number {
    return this.#hash >>> 0;
  }
}

export function receivedNote(packet: Packet): string {
  switch (packet.type) {
    case "publish": {
      const { topicName, qos, retain, payload } = packet.message;
      const text = Buffer.from(payload).toString("latin1", 0, 4);
      return `${topicName} q${qos} r${retain} ${packet.packetId} ${text}`;
    }
    case "subscribe":
      return packet.subscriptions
        .map(({ topicFilter, qos, retainHandling: rh }) => `${topicFilter} q${qos} h${rh}`)
        .join(", ");
    case "unsubscribe":
      return packet.topicFilters.join(", ");
    default:
      return noteOf(packet);
  }
}

export function noteOf(packet: OutgoingPacket | Packet): string {
  if (packet.type === "publish") {
    const { message, dup, packetId } = packet;
    const text = Buffer.from(message.payload).toString("latin1", 0, 4);
    return `${message.topicName} d${dup} ${packetId} ${text}`;
  }
  return "packetId" in packet ? `${packet.packetId}` : "";
}
