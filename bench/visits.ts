/** Many short connections that make sessions, find them again, or end them. */
import { connect } from "node:net";
import {
  connectPacket,
  DISCONNECT,
  PacketReader,
  PacketType,
  type Received,
  subscribePacket,
} from "./packets.ts";

/** Visits under way at once. */
const CONCURRENCY = 256;
/** The kernel's search for a free port slows down long before the last one of an address. */
const CONNECTIONS_PER_ADDRESS = 2000;

export interface Visits {
  readonly count: number;
  readonly cleanSession: boolean;
  readonly clientId: (index: number) => string;
  /** Subscribed at QoS 1; none: the visit only connects. */
  readonly topicFilters: (index: number) => readonly string[];
}

/**
 * Connects, subscribes in the same write, and leaves: many at once, as many sessions as wanted.
 *
 * @returns How many of the sessions were there before.
 */
export async function visit(port: number, visits: Visits): Promise<number> {
  let next = 0;
  let present = 0;
  const oneAfterAnother = async () => {
    while (next < visits.count) {
      const index = next;
      next += 1;
      if (await visitOnce(port, visits, index)) present += 1;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, oneAfterAnother));
  return present;
}

async function visitOnce(port: number, visits: Visits, index: number): Promise<boolean> {
  const filters = visits.topicFilters(index);
  const clientId = visits.clientId(index);
  const socket = connect({ port, host: "127.0.0.1", localAddress: loopbackAddress(index) });
  socket.setNoDelay(true);
  const hello = connectPacket(clientId, visits.cleanSession);
  socket.write(filters.length > 0 ? Buffer.concat([hello, subscribePacket(filters, 1)]) : hello);
  const last = filters.length > 0 ? PacketType.suback : PacketType.connack;
  const reader = new PacketReader();
  let present = false;
  let isAnswered = false;
  const handle = ({ type, body }: Received) => {
    if (type === PacketType.connack) present = body[0] === 1;
    if (type !== last || isRefusal(type, body)) return;
    isAnswered = true;
    socket.end(DISCONNECT);
  };
  socket.on("data", (chunk) => reader.read(chunk, handle));
  return new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("close", () => {
      if (isAnswered) resolve(present);
      else reject(new Error(`${clientId}: refused`));
    });
  });
}

function isRefusal(type: number, body: Buffer): boolean {
  return type === PacketType.suback ? body.subarray(2).includes(0x80) : body[1] !== 0;
}

/** One of 127.0.0.0/8, so that neither ports nor the broker's limit for one address run out. */
function loopbackAddress(connection: number): string {
  const address = Math.floor(connection / CONNECTIONS_PER_ADDRESS);
  return `127.1.${Math.floor(address / 250)}.${1 + (address % 250)}`;
}
