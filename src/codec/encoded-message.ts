import { Buffer } from "node:buffer";
import type { Message } from "../protocol/message.ts";
import type { ProtocolVersion, Qos } from "../protocol/packets.ts";

/** Stands in `message.encoded` after one encoding: the next is worth remembering. */
export const ENCODED_ONCE: object = Object.freeze({});

/**
 * A PUBLISH as some receivers of a Message get it: those of one version family and one QoS, with
 * nothing of their own in it. A payload that goes by reference is not in `bytes`.
 *
 * At most six per Message, as a list that starts in `message.encoded`.
 */
export class EncodedMessage {
  readonly bytes: Buffer;
  /** -1: QoS 0 has none. */
  readonly packetIdAt: number;
  readonly #is5: boolean;
  readonly #qos: Qos;
  readonly #next: EncodedMessage | undefined;

  /** @param frame Copied. */
  constructor(
    message: Message,
    version: ProtocolVersion,
    qos: Qos,
    frame: Uint8Array,
    packetIdAt: number,
  ) {
    this.bytes = Buffer.from(frame);
    this.packetIdAt = packetIdAt;
    this.#is5 = version === 5;
    this.#qos = qos;
    this.#next = message.encoded instanceof EncodedMessage ? message.encoded : undefined;
  }

  find(version: ProtocolVersion, qos: Qos): EncodedMessage | undefined {
    let encoded: EncodedMessage | undefined = this;
    while (encoded !== undefined) {
      if (encoded.#qos === qos && encoded.#is5 === (version === 5)) return encoded;
      encoded = encoded.#next;
    }
    return undefined;
  }
}

export function findEncoded(
  message: Message,
  version: ProtocolVersion,
  qos: Qos,
): EncodedMessage | undefined {
  const { encoded } = message;
  return encoded instanceof EncodedMessage ? encoded.find(version, qos) : undefined;
}
