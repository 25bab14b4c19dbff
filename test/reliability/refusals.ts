/** Tables of what the broker answers with the end of the connection. */
import assert from "node:assert/strict";
import type { ProtocolVersion } from "../../src/protocol/packets.ts";
import type { TestBroker } from "./harness.ts";
import { WireClient } from "./wire-client.ts";

export interface Refusal {
  readonly what: string;
  readonly version: ProtocolVersion;
  /** In the notation of the codec's vectors. */
  readonly send: string | Buffer;
  /** Reason Code of the DISCONNECT or CONNACK; undefined: closed without a word, as in 3.x. */
  readonly reasonCode: number | undefined;
}

/** Each is sent on a connection of its own after CONNECT, and ends it. */
export async function assertRefused(
  { port }: TestBroker,
  refusals: readonly Refusal[],
): Promise<void> {
  for (const { what, version, send, reasonCode } of refusals) {
    const client = await WireClient.connect(port, "refused", version);
    client.send(send);
    const packets = await client.closed().catch(() => assert.fail(`${what}: was not closed`));
    const codes = packets.map((packet) => packet.type === "disconnect" && packet.reasonCode);
    assert.deepEqual(codes, reasonCode === undefined ? [] : [reasonCode], `v${version} ${what}`);
  }
}

/** Each is the first on its connection, and ends it. */
export async function assertRefusedAtTheDoor(
  { port }: TestBroker,
  refusals: readonly Refusal[],
): Promise<void> {
  for (const { what, version, send, reasonCode } of refusals) {
    const client = await WireClient.open(port, version);
    client.send(send);
    const packets = await client.closed().catch(() => assert.fail(`${what}: was not closed`));
    const codes = packets.map((packet) => packet.type === "connack" && packet.reasonCode);
    assert.deepEqual(codes, reasonCode === undefined ? [] : [reasonCode], `v${version} ${what}`);
  }
}

export interface Answer {
  readonly what: string;
  readonly version: ProtocolVersion;
  readonly send: string | Buffer;
  readonly reasonCodes: readonly number[];
}

/** Each is answered with these Reason Codes, and the connection goes on. */
export async function assertAnswered(
  { port }: TestBroker,
  answers: readonly Answer[],
): Promise<void> {
  for (const { what, version, send, reasonCodes } of answers) {
    const client = await WireClient.connect(port, "answered", version);
    client.send(send);
    const codes = (await client.settled()).flatMap((packet) =>
      "reasonCodes" in packet
        ? packet.reasonCodes
        : "reasonCode" in packet
          ? [packet.reasonCode]
          : [],
    );
    assert.deepEqual(codes, reasonCodes, `v${version} ${what}`);
    await client.destroy();
  }
}
