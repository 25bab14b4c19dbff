/**
 * Which obligation did a loss, or a QoS 0 delivery, meet? The ledger names a message and a client,
 * not which of several copies; QoS 0 does not say by which group it came. So what was once assumed
 * is a CLAIM: it moves to another obligation that fits as well, when its own turns out to be
 * another's. What fits nowhere, with all claims moved as need be, is a fault of the broker's.
 */
import type { Obligation, Publication } from "./oracle-state.ts";

export interface Claim {
  readonly fits: (owed: Obligation) => boolean;
  readonly apply: (owed: Obligation) => void;
}

/** Claims one obligation. @returns undefined: it fits none, whatever is moved. */
export function claim(publication: Publication, by: Claim): Obligation | undefined {
  const owed = make(publication, by.fits, new Set());
  if (owed === undefined) return undefined;
  publication.claims.set(owed, Object.freeze(by));
  by.apply(owed);
  return owed;
}

/** Finds one that is, or can be made, free. It stays free: the caller says what becomes of it. */
export function take(
  publication: Publication,
  fits: (owed: Obligation) => boolean,
): Obligation | undefined {
  return make(publication, fits, new Set());
}

function make(
  publication: Publication,
  fits: (owed: Obligation) => boolean,
  tried: Set<Obligation>,
): Obligation | undefined {
  const { obligations, claims } = publication;
  const isFree = ({ state }: Obligation): boolean => state === "pending" || state === "void";
  const free =
    obligations.find((owed) => owed.state === "pending" && fits(owed)) ??
    obligations.find((owed) => isFree(owed) && fits(owed));
  if (free !== undefined) return free;
  for (const owed of obligations) {
    const holder = claims.get(owed);
    if (holder === undefined || tried.has(owed) || !fits(owed)) continue;
    tried.add(owed);
    const other = make(publication, holder.fits, tried);
    if (other === undefined) continue;
    claims.delete(owed);
    owed.state = "pending";
    owed.sentAs = undefined;
    claims.set(other, holder);
    holder.apply(other);
    return owed;
  }
  return undefined;
}
