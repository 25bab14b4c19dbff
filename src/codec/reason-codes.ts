/** Which Reason Codes a packet type may carry (§2.4), as one byte per code. */
export type ReasonCodeSet = Uint8Array;

export function reasonCodes(...codes: ReadonlyArray<readonly number[]>): ReasonCodeSet {
  const set = new Uint8Array(256);
  for (const code of codes.flat()) set[code] = 1;
  return set;
}

export function isAllowed(set: ReasonCodeSet, code: number): boolean {
  return set[code] === 1;
}
