import type { AuthPacket, ProtocolVersion } from "../protocol/packets.ts";
import { PropertyId as P } from "../protocol/property.ts";
import { ReasonCode } from "../protocol/reason-code.ts";
import { type BodyReader, protocolError } from "./body-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import {
  type Detail,
  hasReply,
  type Properties,
  writeBinary,
  writeReply,
  writeText,
} from "./properties.ts";
import { isAllowed, reasonCodes } from "./reason-codes.ts";

const R = ReasonCode;

/** Authenticate Reason Codes by who may send them (§3.15.2.1). */
const FROM_CLIENT = reasonCodes([R.continueAuthentication, R.reauthenticate]);
const FROM_SERVER = reasonCodes([R.success, R.continueAuthentication]);

export function decodeAuth(reader: BodyReader, properties: Properties): AuthPacket {
  properties.clear();
  // Both may be left out when it is Success without properties (§3.15.2.1).
  const empty = reader.bytesLeft === 0;
  const reasonCode = empty ? R.success : reader.u8("Authenticate Reason Code");
  if (!isAllowed(reader.fromClient ? FROM_CLIENT : FROM_SERVER, reasonCode)) {
    throw protocolError("MQTT-3.15.2-1", `AUTH: Reason Code ${reasonCode}`);
  }
  if (reader.bytesLeft > 0) properties.read(reader, "auth");
  const authenticationMethod = properties.text(P.authenticationMethod);
  if (authenticationMethod === undefined && !empty) {
    throw protocolError("§3.15.2.2.2", "AUTH: no Authentication Method");
  }
  return {
    type: "auth",
    reasonCode,
    authenticationMethod,
    authenticationData: properties.binary(P.authenticationData),
    properties: properties.reply(),
  };
}

export function encodeAuth(
  writer: ByteWriter,
  packet: AuthPacket,
  version: ProtocolVersion,
  detail: Detail,
): void {
  if (version !== 5) throw new Error("3.x has no AUTH: close instead");
  const { reasonCode, authenticationMethod, authenticationData, properties } = packet;
  const withProperties =
    authenticationMethod !== undefined ||
    authenticationData !== undefined ||
    hasReply(properties, detail); // [MQTT-3.15.2-2] [MQTT-3.15.2-3]
  const start = writer.beginPacket();
  if (withProperties || reasonCode !== R.success) {
    writer.u8(reasonCode);
    const lengthAt = writer.beginProperties();
    writeText(writer, P.authenticationMethod, authenticationMethod);
    writeBinary(writer, P.authenticationData, authenticationData);
    writeReply(writer, properties, detail);
    writer.endProperties(lengthAt);
  }
  writer.endPacket(start, 0xf0, 0);
}
