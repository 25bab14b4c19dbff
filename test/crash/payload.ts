/** Payloads that tell which message they are and whether every byte of them has come through. */

/** Serial number and size, both u32. */
const HEAD_SIZE = 8;
const FILLER_MAX = 8 * 1024;
/** For each letter, as much of it as a payload may need. */
const FILLERS = Array.from({ length: 26 }, (_, at) => Buffer.alloc(FILLER_MAX, 97 + at));

/** @param serial From 1 on. */
export function payloadOf(serial: number): Buffer {
  const filler = fillerOf(serial);
  const payload = Buffer.allocUnsafe(HEAD_SIZE + filler.length);
  payload.writeUInt32BE(serial, 0);
  payload.writeUInt32BE(payload.length, 4);
  payload.set(filler, HEAD_SIZE);
  return payload;
}

/** @returns The serial number, or undefined: these are not the bytes that were sent. */
export function serialOf(payload: Uint8Array): number | undefined {
  if (payload.length < HEAD_SIZE) return undefined;
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const serial = bytes.readUInt32BE(0);
  if (bytes.readUInt32BE(4) !== bytes.length) return undefined;
  return bytes.subarray(HEAD_SIZE).equals(fillerOf(serial)) ? serial : undefined;
}

/** Most are small, and one in ten is longer than a disk sector or several. */
function fillerOf(serial: number): Buffer {
  const mixed = Math.imul(serial, 0x9e37_79b1) >>> 8;
  const size = serial % 10 === 0 ? mixed % FILLER_MAX : mixed % 300;
  return (FILLERS[serial % FILLERS.length] as Buffer).subarray(0, size);
}
