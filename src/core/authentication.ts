import type { AuthPacket, ConnectPacket } from "../protocol/packets.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { ReasonCode } from "../protocol/reason-code.ts";
import type { Peer } from "./peer.ts";
import type { AuthDecision, Authenticator } from "./ports.ts";

/** One client's authentication, and its re-authentications (§4.12). */
export class Authentication {
  readonly #peer: Peer;
  readonly #connect: ConnectPacket;
  readonly #authenticator: Authenticator;
  #exchange: { state: unknown } = { state: undefined };
  #turn: "nobody" | "client" | "authenticator" = "nobody";
  /** Decisions that come for an older question, or twice, are told apart by it. */
  #question = 0;

  constructor(peer: Peer, connect: ConnectPacket, authenticator: Authenticator) {
    this.#peer = peer;
    this.#connect = connect;
    this.#authenticator = authenticator;
  }

  /** The Authenticator has been asked and has not answered. */
  get isPending(): boolean {
    return this.#turn === "authenticator";
  }

  begin(data: Uint8Array | undefined, nowMs: number): void {
    this.#exchange = { state: undefined };
    this.#ask(data, nowMs);
  }

  /** AUTH 0x18, the client's answer to a challenge [MQTT-4.12.0-3]. */
  continued(packet: AuthPacket, nowMs: number): void {
    this.#check(packet);
    if (this.#turn !== "client" || packet.reasonCode !== ReasonCode.continueAuthentication) {
      throw new ProtocolError(ReasonCode.protocolError, "MQTT-4.12.0-3", "AUTH out of turn");
    }
    this.#ask(packet.authenticationData, nowMs);
  }

  /** AUTH 0x19 on a connection that is up, or 0x18 in the course of that [MQTT-4.12.1-1]. */
  reauthenticate(packet: AuthPacket, nowMs: number): void {
    this.#check(packet);
    if (packet.reasonCode !== ReasonCode.reauthenticate) this.continued(packet, nowMs);
    else if (this.#turn === "nobody") this.begin(packet.authenticationData, nowMs);
    else throw new ProtocolError(ReasonCode.protocolError, "MQTT-4.12.1-1", "AUTH out of turn");
  }

  #check({ authenticationMethod }: AuthPacket): void {
    if (this.#connect.authenticationMethod === undefined) {
      throw new ProtocolError(ReasonCode.protocolError, "MQTT-4.12.0-7", "AUTH without a method");
    }
    if (authenticationMethod === this.#connect.authenticationMethod) return; // [MQTT-4.12.0-5]
    throw new ProtocolError(ReasonCode.protocolError, "MQTT-4.12.0-5", "another method");
  }

  #ask(data: Uint8Array | undefined, nowMs: number): void {
    this.#turn = "authenticator";
    this.#question += 1;
    const question = this.#question;
    this.#authenticator.authenticate(
      {
        connect: this.#connect,
        link: this.#peer.link,
        data,
        reauthentication: this.#peer.isConnected,
        exchange: this.#exchange,
        decide: (decision, decidedMs) => {
          if (question !== this.#question || this.#turn !== "authenticator") return;
          this.#decided(decision, decidedMs);
        },
      },
      nowMs,
    );
  }

  #decided(decision: AuthDecision, nowMs: number): void {
    const peer = this.#peer;
    if (peer.isClosing) return;
    this.#turn = decision.verdict === "continue" ? "client" : "nobody";
    switch (decision.verdict) {
      case "continue":
        this.#send(ReasonCode.continueAuthentication, decision.data); // [MQTT-4.12.0-2]
        break;
      case "accept":
        if (peer.isConnected) {
          peer.identified(decision.principal);
          this.#send(ReasonCode.success, decision.data);
        } else peer.accept(this.#connect, decision.principal, decision.data, this, nowMs);
        break;
      case "refuse": {
        const { reasonCode, reasonString: reason = "not authorized" } = decision;
        // [MQTT-4.12.1-2] [MQTT-4.12.0-4] [MQTT-3.1.4-2]
        if (peer.isConnected) peer.close(reasonCode, reason, nowMs);
        else peer.refuse({ reasonCode, reason }, nowMs);
      }
    }
    peer.markReady();
  }

  #send(reasonCode: ReasonCode, data: Uint8Array | undefined): void {
    const { authenticationMethod } = this.#connect;
    if (authenticationMethod === undefined) return; // [MQTT-4.12.0-6]
    this.#peer.replies.push(
      {
        type: "auth",
        reasonCode, // [MQTT-3.15.2-1]
        authenticationMethod,
        authenticationData: data,
        properties: undefined,
      },
      0,
    );
  }
}
