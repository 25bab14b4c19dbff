/**
 * How test vectors are written: tables of packets that can be read next to the specification.
 *
 *     0x81 [MQTT-2.2.1-3] 32 .. "a" 0000 (0b 05) 'text'*3   # what is wrong with it
 *
 * hex · `..` the Remaining Length · `"a"` a UTF-8 Encoded String with its length · `( )` properties
 * with their length · `'text'` bytes as they are · `*3` three times · `#` why it is here.
 */
import { Buffer } from "node:buffer";
import type { ProtocolVersion } from "../protocol/packets.ts";

/** Who decodes; a stranger's decoder is a server's that has not seen a CONNECT yet. */
export type VectorRole = "stranger" | "server" | "client";

export interface Vector {
  readonly role: VectorRole;
  /** Of the connection; of no meaning to a stranger. */
  readonly version: ProtocolVersion;
  readonly spec: string;
  /** Refused with this Reason Code; 0: accepted. */
  readonly reasonCode: number;
  /** Encoding what was decoded gives these bytes again. */
  readonly canonical: boolean;
  readonly bytes: Buffer;
  readonly note: string;
}

const LINE = /^(~)?(?:0x([0-9a-f]{2}) )?\[([^\]]+)\] (.*?) *# (.*)$/;

/** Reads a table: one vector a line; `~` in front says that it is not canonical. */
export function vectors(role: VectorRole, version: ProtocolVersion, table: string): Vector[] {
  const lines = table.split("\n").map((line) => line.trim());
  return lines
    .filter((line) => line !== "")
    .map((line) => {
      const [, tilde, code = "0", spec = "", packet = "", note = ""] = LINE.exec(line) ?? [];
      if (packet === "") throw new Error(`not a vector: ${line}`);
      const reasonCode = Number.parseInt(code, 16);
      const canonical = tilde === undefined;
      return { role, version, spec, reasonCode, canonical, bytes: wire(packet), note };
    });
}

const TOKEN = /(\.\.|[()]|"[^"]*"|'[^']*'|[0-9a-f]+)(?:\*(\d+))?/gi;

/** The bytes that a packet in this notation stands for. */
export function wire(packet: string): Buffer {
  const groups: Buffer[][] = [[]];
  for (const [, token = "", times = "1"] of packet.matchAll(TOKEN)) {
    if (token === ".." || token === "(") {
      groups.push([]);
    } else if (token === ")") {
      const group = Buffer.concat(groups.pop() ?? []);
      groups.at(-1)?.push(varint(group.length), group);
    } else {
      const bytes = bytesOf(token);
      for (let count = Number(times); count > 0; count -= 1) groups.at(-1)?.push(bytes);
    }
  }
  const [header = [], ...body] = groups;
  if (body.length === 0) return Buffer.concat(header);
  const bytes = Buffer.concat(body.flat());
  return Buffer.concat([...header, varint(bytes.length), bytes]);
}

function bytesOf(token: string): Buffer {
  if (!/^["']/.test(token)) return Buffer.from(token, "hex");
  const text = Buffer.from(token.slice(1, -1), "utf8");
  if (token.startsWith("'")) return text;
  return Buffer.concat([Buffer.from([text.length >> 8, text.length & 0xff]), text]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
}
