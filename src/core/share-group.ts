import { Queue } from "../delivery/queue.ts";
import type { Message } from "../protocol/message.ts";
import type { Session } from "./session.ts";
import type { Subscription } from "./subscription.ts";

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
  readonly queue: Queue<Message> = new Queue();
  queueBytes = 0;
  readonly #members: Subscription[] = [];
  #next = 0;

  constructor(key: string, topicFilter: string) {
    this.key = key;
    this.topicFilter = topicFilter;
  }

  get size(): number {
    return this.#members.length;
  }

  members(): readonly Subscription[] {
    return this.#members;
  }

  memberOf(session: Session): Subscription | undefined {
    return this.#members.find((member) => member.session === session);
  }

  /** Adds a member, or replaces its subscription [MQTT-3.8.4-3]. */
  set(subscription: Subscription): void {
    const at = this.#members.findIndex(({ session }) => session === subscription.session);
    if (at < 0) this.#members.push(subscription);
    else this.#members[at] = subscription;
  }

  delete(session: Session): void {
    const at = this.#members.findIndex((member) => member.session === session);
    if (at >= 0) this.#members.splice(at, 1);
  }

  /** Some member outlives its connection, so what waits here must as well. */
  get isRecorded(): boolean {
    return this.#members.some(({ session }) => session.isRecorded);
  }

  /**
   * The member that gets the next message: connected, with room, fewest in flight; among equals
   * the one whose turn it is. Ends at the first that has nothing in flight.
   *
   * @param passOver A member that could not take it.
   * @param packetSizeOver Only a member that takes larger packets than this.
   */
  pick(passOver: Session | undefined, packetSizeOver: number): Subscription | undefined {
    const total = this.#members.length;
    let best: Subscription | undefined;
    let bestLoad = Number.POSITIVE_INFINITY;
    let bestAt = 0;
    for (let step = 0; step < total && bestLoad > 0; step += 1) {
      const at = (this.#next + step) % total;
      const member = this.#members[at] as Subscription;
      if (member.session === passOver) continue;
      if ((member.session.peer?.maximumPacketSize ?? 0) <= packetSizeOver) continue;
      const load = loadOf(member.session);
      if (load >= bestLoad) continue;
      best = member;
      bestLoad = load;
      bestAt = at;
    }
    this.#next = total === 0 ? 0 : (bestAt + 1) % total;
    return best;
  }
}

/** Messages under way to a member; Infinity when it can take none now. */
function loadOf(session: Session): number {
  const { peer } = session;
  if (peer === undefined) return Number.POSITIVE_INFINITY;
  if (!session.hasRoom) return Number.POSITIVE_INFINITY;
  return (session.windowIfAny?.unfinished ?? 0) + peer.qos0Waiting;
}
