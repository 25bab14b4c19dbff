/**
 * Reading TCP sockets into ONE buffer that all of them share.
 *
 * As it is, Node allocates 64 KiB for each read, cuts it to size, wraps it twice and sends it
 * through the stream's queue: a third of the cost of a small packet. For sockets that connect,
 * `onread` of `net.connect` does without all that; for sockets that a server accepts there is no
 * such option. So the two private fields that `onread` would set are set here. Where Node's
 * insides are not as expected nothing is touched, and the caller listens to "data" instead.
 */
import { Buffer } from "node:buffer";
import { Socket } from "node:net";

const SHARED = Buffer.allocUnsafeSlow(64 * 1024);

/** Reads up to this size are packed together into slabs; larger ones get a buffer each. */
const PACKED_SIZE_MAX = 512;
const SLAB_SIZE = 16 * 1024;

let slab = Buffer.allocUnsafeSlow(SLAB_SIZE);
let slabUsed = 0;

/** The private fields of a Socket, and the one method of its handle, that `onread` works with. */
interface Insides {
  readonly buffer: symbol;
  readonly callback: symbol;
}

let insides: Insides | "unknown" | undefined;

/**
 * Has `receive` called with each piece that `socket` reads: a buffer that nobody else writes to.
 * Pausing, end, error and close stay as they are.
 *
 * @returns false when it cannot be done; "data" then works as ever.
 */
export function readShared(socket: unknown, receive: (chunk: Buffer) => void): boolean {
  if (!(socket instanceof Socket) || socket.constructor !== Socket) return false; // Not TLS.
  insides ??= insidesOf(socket);
  const handle = (socket as unknown as { _handle?: { useUserBuffer?: unknown } })._handle;
  if (insides === "unknown" || typeof handle?.useUserBuffer !== "function") return false;
  const fields = socket as unknown as Record<symbol, unknown>;
  fields[insides.buffer] = SHARED;
  fields[insides.callback] = (size: number): boolean => {
    receive(copyOf(size));
    return true;
  };
  handle.useUserBuffer(SHARED);
  socket.resume();
  return true;
}

function insidesOf(socket: Socket): Insides | "unknown" {
  const symbols = Object.getOwnPropertySymbols(socket);
  const buffer = symbols.find(({ description }) => description === "kBuffer");
  const callback = symbols.find(({ description }) => description === "kBufferCb");
  return buffer === undefined || callback === undefined ? "unknown" : { buffer, callback };
}

/** The first `size` bytes of the shared buffer, which the next read will overwrite. */
function copyOf(size: number): Buffer {
  if (size > PACKED_SIZE_MAX) {
    const chunk = Buffer.allocUnsafeSlow(size);
    SHARED.copy(chunk, 0, 0, size);
    return chunk;
  }
  if (slabUsed + size > SLAB_SIZE) {
    slab = Buffer.allocUnsafeSlow(SLAB_SIZE);
    slabUsed = 0;
  }
  const at = slabUsed;
  slabUsed += size;
  for (let i = 0; i < size; i += 1) slab[at + i] = SHARED[i] as number;
  return slab.subarray(at, slabUsed);
}
