import type { Recorder } from "../../src/core/recorder.ts";
import type { Session } from "../../src/core/session.ts";
import type { BrokerState } from "../../src/core/state.ts";
import { Message } from "../../src/protocol/message.ts";
import type { Qos } from "../../src/protocol/packets.ts";
import type { Random } from "../sim/prng.ts";

const CLIENTS = 8;
const TOPICS = 6;
const NEVER = Number.POSITIVE_INFINITY;
const SHARED = "$share/crew/t/#";

/** Changes of durable state, at random. */
export class StoreDriver {
  readonly #recorder: Recorder;
  readonly #state: BrokerState;
  readonly #random: Random;

  constructor(recorder: Recorder, state: BrokerState, random: Random) {
    this.#recorder = recorder;
    this.#state = state;
    this.#random = random;
  }

  step(): void {
    const dice = this.#random.below(100);
    if (dice < 30) this.#publish();
    else if (dice < 60) this.#acknowledge();
    else if (dice < 70) this.#retain();
    else if (dice < 80) this.#open();
    else if (dice < 84) this.#leave();
    else if (dice < 86) this.#end();
    else if (dice < 93) this.#subscribe();
    else if (dice < 96) this.#unsubscribe();
    else this.#share();
  }

  #session(): Session | undefined {
    const sessions = [...this.#state.recorded.values()];
    return sessions.length === 0 ? undefined : this.#random.pick(sessions);
  }

  #topic(): string {
    return `t/${this.#random.below(TOPICS)}`;
  }

  /** Mostly small, and now and then larger than a segment. */
  #message(retain: boolean): Message {
    const random = this.#random;
    const size = random.chance(1) ? random.below(20_000) : random.between(1, 300);
    const payload = Buffer.alloc(size, random.between(33, 120));
    payload.write(String(random.below(1e9)));
    const message = Message.of(this.#topic(), payload, random.pick([1, 2]), retain, undefined);
    message.publisherId = random.chance(50) ? "pub" : "";
    if (random.chance(10)) message.expiresAtMs = random.below(2 ** 40);
    return message;
  }

  #publish(): void {
    const random = this.#random;
    const holder = random.chance(20) ? this.#session() : undefined;
    const held = { heldBy: holder?.number ?? 0, heldPacketId: holder ? random.between(1, 9) : 0 };
    const recipients = [...this.#state.recorded.values()]
      .filter(() => random.chance(50))
      .map(({ number }) => ({
        session: number,
        grant: {
          qos: random.pick([1, 2]) as Qos,
          retainAsPublished: random.chance(30),
          subscriptionIdentifiers: random.chance(20) ? [random.between(1, 300)] : [],
          shareKey: "",
        },
        retained: random.chance(10),
      }));
    const shareKeys = this.#state.groups.has(SHARED) && random.chance(30) ? [SHARED] : [];
    const message = this.#message(false);
    this.#recorder.publish(message, { recipients, shareKeys, ...held });
    if (message.shelfId < 0 || !random.chance(10)) return;
    const again = recipients.filter(() => random.chance(30));
    if (again.length > 0) this.#recorder.publish(message, { recipients: again });
  }

  #acknowledge(): void {
    const session = this.#session();
    if (session === undefined) return;
    for (const packetId of session.inboundIfAny?.packetIds() ?? []) {
      if (this.#random.chance(50)) this.#recorder.unhold(session, packetId);
    }
    for (const { seq, qos, stage } of session.windowIfAny?.entries() ?? []) {
      if (this.#random.chance(30)) continue;
      if (qos === 2 && stage !== "released") this.#recorder.release(session, seq);
      else this.#recorder.finish(session, seq);
    }
  }

  #retain(): void {
    const random = this.#random;
    if (random.chance(10)) {
      const topicName = this.#topic();
      if (this.#state.retained.get(topicName)) this.#recorder.retainedExpired(topicName);
    } else if (random.chance(30)) {
      const none = Message.of(this.#topic(), new Uint8Array(), 1, true, undefined);
      this.#recorder.publish(none, { retain: true });
    } else this.#recorder.publish(this.#message(true), { retain: true });
  }

  #open(): void {
    const random = this.#random;
    const will = {
      ...{ topicName: this.#topic(), payload: random.bytes(9), qos: 1 as Qos, retain: false },
      ...{ properties: undefined, willDelayIntervalSec: random.below(99) },
    };
    const clientId = `c${random.below(CLIENTS)}`;
    const ever = random.between(1, 1_000);
    this.#recorder.open(clientId, { name: "u" }, ever, random.chance(30) ? will : undefined);
  }

  #leave(): void {
    const session = this.#session();
    if (session === undefined) return;
    const willAtMs = session.will === undefined ? NEVER : this.#random.below(2 ** 41);
    this.#recorder.leave(session, 77, this.#random.below(2 ** 41), willAtMs);
    if (this.#random.chance(30)) this.#recorder.clearWill(session);
  }

  #end(): void {
    const session = this.#session();
    if (session === undefined) return;
    this.#recorder.end(session);
  }

  #subscribe(): void {
    const session = this.#session();
    const random = this.#random;
    if (session === undefined) return;
    const filter = random.chance(20) ? SHARED : random.pick([this.#topic(), "t/#", "t/+"]);
    const options = {
      qos: random.below(3) as Qos,
      ...{ noLocal: false, retainAsPublished: random.chance(50) },
      retainHandling: random.below(3) as 0 | 1 | 2,
    };
    this.#recorder.subscribe(session, filter, options, random.below(500));
  }

  #unsubscribe(): void {
    const session = this.#session();
    const filters = [...(session?.subscriptions?.keys() ?? [])];
    if (session === undefined || filters.length === 0) return;
    this.#recorder.unsubscribe(session, this.#random.pick(filters));
  }

  /** The head of the group's queue goes to a member, or is given up. */
  #share(): void {
    const group = this.#state.groups.get(SHARED);
    if (group === undefined || group.queue.length === 0) return;
    const members = [...this.#state.recorded.values()].filter((it) => it.shared?.has(SHARED));
    const session = this.#random.chance(80) ? members[0] : undefined;
    const grant = { qos: 1 as Qos, retainAsPublished: false, subscriptionIdentifiers: [] };
    this.#recorder.assign(group, session, { ...grant, shareKey: SHARED });
  }
}
