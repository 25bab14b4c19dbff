/** What dies with the broker's process, taken out of the model. */
import type { Model, ModelSession, Obligation, Publication } from "./oracle-state.ts";

/**
 * Sessions that are not on record are gone, with what they were owed; and so is what waits at QoS 0
 * or in answer to a SUBSCRIBE. What was queued for somebody who was connected may have been sent.
 */
export function forgetProcess(model: Model): void {
  for (const session of [...model.sessions.values()]) {
    if (!session.isRecorded) forgetSession(model, session);
  }
  for (const publication of model.publications) {
    for (const owed of publication.obligations) owed.isDoubtful ||= mayHaveBeenSent(owed);
    for (const owed of mayBeGone(publication, model)) {
      if (owed.state === "pending") owed.state = "void";
    }
  }
}

function forgetSession({ sessions }: Model, session: ModelSession): void {
  sessions.delete(session.clientId);
  for (const owed of session.inflight.values()) {
    if (owed.state === "sent" || owed.state === "released") owed.state = "lost";
  }
}

function mayHaveBeenSent({ session, eligible }: Obligation): boolean {
  return [session, ...eligible.keys()].some((one) => one?.conn !== undefined);
}

/** One that is claimed may stand for another that fits as well. */
function mayBeGone({ obligations, claims }: Publication, model: Model): Obligation[] {
  const gone = obligations.filter((owed) => !isOnRecord(owed, model));
  for (const owed of gone) {
    const holder = claims.get(owed);
    if (holder === undefined) continue;
    for (const other of obligations) {
      if (!gone.includes(other) && holder.fits(other)) gone.push(other);
    }
  }
  return gone;
}

/** A shared one may be with any member: in a lane, or in a window that is on record or not. */
function isOnRecord(owed: Obligation, model: Model): boolean {
  const { kind, qos, session, eligible, shareKey, publication } = owed;
  if (kind !== "shared") return session?.isRecorded === true && kind === "live" && qos > 0;
  if (publication.qos === 0 || model.members(shareKey).length === 0) return false;
  return [...eligible].every(
    ([{ isRecorded }, terms]) => isRecorded && terms.every(({ qos: granted }) => granted > 0),
  );
}
