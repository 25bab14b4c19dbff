/** PUBACK, PUBREC and PUBCOMP from a client, for what it was sent (§4.3.2, §4.3.3). */
import type { AckPacket } from "../protocol/packets.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { REASON_CODE_FAILURE, ReasonCode } from "../protocol/reason-code.ts";
import type { Context } from "./context.ts";
import type { Peer } from "./peer.ts";
import type { Session } from "./session.ts";

export function acknowledged(
  peer: Peer,
  session: Session,
  packet: AckPacket,
  context: Context,
  nowMs: number,
): void {
  const { type, packetId, reasonCode } = packet;
  const window = session.windowIfAny;
  const seq = window === undefined ? -1 : window.find(packetId);
  if (window === undefined || seq < 0) {
    if (type !== "pubrec") return; // Late or repeated: there is nothing to do for it.
    // [MQTT-3.6.2-1]
    peer.replies.acknowledge("pubrel", packetId, ReasonCode.packetIdentifierNotFound, 0);
    return;
  }
  const isReleased = window.isReleased(seq);
  if ((type === "puback") !== (window.qosAt(seq) === 1) || (type === "pubcomp" && !isReleased)) {
    throw new ProtocolError(
      ReasonCode.protocolError,
      "§4.3",
      `${type} for Packet Identifier ${packetId}: not what its exchange is waiting for`,
    );
  }
  if (type === "pubrec" && reasonCode < REASON_CODE_FAILURE) {
    // The PUBREL must not leave before the PUBREC is on record, or PUBLISH could be sent again.
    const position = isReleased ? 0 : context.recorder.release(session, seq);
    peer.replies.acknowledge("pubrel", packetId, ReasonCode.success, position); // [MQTT-4.3.3-4]
    return;
  }
  if (reasonCode >= REASON_CODE_FAILURE) {
    // Given up, and by all of a group [MQTT-4.4.0-2] [MQTT-4.8.2-6].
    const message = window.stubAt(seq);
    if (message !== undefined) {
      context.ledger.record("refused-by-client", message, session.clientId, nowMs);
    }
  }
  context.recorder.finish(session, seq); // [MQTT-4.3.2-3] [MQTT-4.3.3-3] [MQTT-4.3.3-5]
  context.dispatcher.pull(session, nowMs);
}
