import type { ReasonCode } from "./reason-code.ts";

/**
 * The peer broke the protocol: close its Network Connection with `reasonCode` (§4.13).
 *
 * Thrown by the codec and the core while a packet is received, caught in one place:
 * `net/connection.ts`. Never thrown for our own mistakes; those stop the process.
 */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly reasonCode: ReasonCode;
  /** Normative statement or section that was broken, e.g. `"MQTT-3.3.1-4"` or `"§2.1.4"`. */
  readonly spec: string;

  constructor(reasonCode: ReasonCode, spec: string, detail: string) {
    super(`${detail} [${spec}]`);
    this.reasonCode = reasonCode;
    this.spec = spec;
  }
}
