import { Queue } from "../delivery/queue.ts";
import type { Message } from "../protocol/message.ts";
import type { Session } from "./session.ts";
import type { Subscription } from "./subscription.ts";

/** A Message, or the number of one on the shelf; those are pinned there. */
export type Waiting = Message | number;

/** Whether a Session may be given messages of a topic; undefined: all may. */
export type MayReceive = ((session: Session, topicName: string) => boolean) | undefined;

/** Connected members that are compared; beyond them the first with room is taken. */
const COMPARED_MAX = 64;

/**
 * The subscribers of one `$share/{ShareName}/{filter}` (§4.8.2), and what waits for one of them.
 *
 * A message goes to the connected member with the fewest in flight. When none has room, it waits
 * here, and the first that has room pulls it: so a slow member holds up nobody, and nothing is
 * given to an offline member while an online one exists.
 */
export class ShareGroup {
  /** The whole filter, `$share/…/…`. */
  readonly key: string;
  readonly topicFilter: string;
  readonly queue: Queue<Waiting> = new Queue();
  queueBytes = 0;
  readonly #members = new Map<Session, Subscription>();
  /** The connected ones, and where each stands in the line: nobody is ever searched for. */
  readonly #online: Subscription[] = [];
  readonly #onlineAt = new Map<Session, number>();
  #recordedTotal = 0;
  #next = 0;

  constructor(key: string, topicFilter: string) {
    this.key = key;
    this.topicFilter = topicFilter;
  }

  get size(): number {
    return this.#members.size;
  }

  /** Some member outlives its connection, so what waits here must as well. */
  get isRecorded(): boolean {
    return this.#recordedTotal > 0;
  }

  /** Without this member, nothing that waits here would be on record. */
  isLastRecorded(session: Session): boolean {
    return session.isRecorded && this.#recordedTotal === 1 && this.#members.has(session);
  }

  /** Adds a member, or replaces its subscription [MQTT-3.8.4-3]. */
  set(subscription: Subscription): void {
    const { session } = subscription;
    if (!this.#members.has(session) && session.isRecorded) this.#recordedTotal += 1;
    this.#members.set(session, subscription);
    if (session.peer !== undefined) this.connected(session);
  }

  delete(session: Session): void {
    if (!this.#members.delete(session)) return;
    if (session.isRecorded) this.#recordedTotal -= 1;
    this.disconnected(session);
  }

  connected(session: Session): void {
    const member = this.#members.get(session);
    if (member === undefined) return;
    const at = this.#onlineAt.get(session) ?? this.#online.length;
    this.#online[at] = member;
    this.#onlineAt.set(session, at);
  }

  disconnected(session: Session): void {
    const at = this.#onlineAt.get(session);
    if (at === undefined) return;
    this.#onlineAt.delete(session);
    const last = this.#online.pop() as Subscription;
    if (last.session === session) return;
    this.#online[at] = last;
    this.#onlineAt.set(last.session, at);
  }

  /** Whether any member, connected or not, may be given messages of this topic. */
  anyMay(mayReceive: MayReceive, topicName: string): boolean {
    if (mayReceive === undefined) return true;
    for (const session of this.#members.keys()) if (mayReceive(session, topicName)) return true;
    return false;
  }

  get hasOnline(): boolean {
    return this.#online.length > 0;
  }

  /**
   * The member that gets the next message: connected, with room, fewest in flight; among equals
   * the one whose turn it is. Ends at the first that has nothing in flight.
   *
   * @param passOver A member that could not take it.
   * @param packetSizeOver Only a member that takes larger packets than this.
   */
  pick(
    message: Message,
    mayReceive: MayReceive,
    passOver: Session | undefined,
    packetSizeOver: number,
  ): Subscription | undefined {
    const total = this.#online.length;
    let best: Subscription | undefined;
    let bestLoad = Number.POSITIVE_INFINITY;
    let bestAt = 0;
    for (let step = 0; step < total && bestLoad > 0; step += 1) {
      if (step >= COMPARED_MAX && best !== undefined) break;
      const at = (this.#next + step) % total;
      const member = this.#online[at] as Subscription;
      const { session } = member;
      if (session === passOver) continue;
      if ((session.peer?.maximumPacketSize ?? 0) <= packetSizeOver) continue;
      const load = loadOf(member, message);
      if (load >= bestLoad || mayReceive?.(session, message.topicName) === false) continue;
      best = member;
      bestLoad = load;
      bestAt = at;
    }
    this.#next = total === 0 ? 0 : (bestAt + 1) % total;
    return best;
  }
}

/** Messages under way to a member; Infinity when it can take none now. */
function loadOf({ session, grant }: Subscription, message: Message): number {
  const { peer } = session;
  if (peer === undefined) return Number.POSITIVE_INFINITY;
  const hasRoom = message.qos === 0 || grant.qos === 0 ? peer.takesQos0 : session.hasRoom;
  if (!hasRoom) return Number.POSITIVE_INFINITY;
  return (session.windowIfAny?.unfinished ?? 0) + peer.qos0Waiting;
}
