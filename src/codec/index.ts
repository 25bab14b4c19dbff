/** Bytes ↔ packets of MQTT 3.1, 3.1.1 and 5.0: the public entry `nightjar-mqtt/codec`. */
export { Message } from "../protocol/message.ts";
export * from "../protocol/packets.ts";
export { ProtocolError } from "../protocol/protocol-error.ts";
export { describeReasonCode, ReasonCode } from "../protocol/reason-code.ts";
export { encode } from "./encode.ts";
export { type DecoderOptions, PacketDecoder } from "./packet-decoder.ts";
export { type ByteSink, PacketWriter } from "./packet-writer.ts";
