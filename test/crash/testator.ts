/** A client that leaves a will, a new one with each connection. */
import type { ConnackPacket, Packet, Will } from "../../src/codec/index.ts";
import { Client, type ConnectOptions, KEPT_SEC, type World } from "./client.ts";
import type { Sent } from "./ledger.ts";
import { payloadOf } from "./payload.ts";

export interface TestatorKind {
  readonly version: 4 | 5;
  readonly cleanStart: boolean;
  readonly qos: 1 | 2;
  readonly willDelayIntervalSec: number;
  readonly sessionExpiryIntervalSec: number;
  /**
   * at once: the will is published when the connection ends, whatever comes then.
   * later: a while after that, for which the client stays away until the next drain.
   * never: the client comes back before the delay has passed, each time.
   */
  readonly published: "at once" | "later" | "never";
}

const V5 = { version: 5, cleanStart: false } as const;

export const TESTATOR_KINDS: readonly TestatorKind[] = [
  {
    ...{ version: 4, cleanStart: true, qos: 1, published: "at once" },
    ...{ willDelayIntervalSec: 0, sessionExpiryIntervalSec: 0 },
  },
  {
    ...{ version: 4, cleanStart: false, qos: 2, published: "at once" },
    ...{ willDelayIntervalSec: 0, sessionExpiryIntervalSec: KEPT_SEC },
  },
  {
    ...{ ...V5, qos: 1, published: "at once" },
    ...{ willDelayIntervalSec: 0, sessionExpiryIntervalSec: KEPT_SEC },
  },
  {
    ...{ ...V5, qos: 2, published: "at once" },
    ...{ willDelayIntervalSec: 0, sessionExpiryIntervalSec: KEPT_SEC },
  },
  {
    // The session ends with the connection, and no delay outlives it [MQTT-3.1.2-8].
    ...{ ...V5, qos: 2, published: "at once" },
    ...{ willDelayIntervalSec: 3_600, sessionExpiryIntervalSec: 0 },
  },
  {
    ...{ ...V5, qos: 2, published: "never" },
    ...{ willDelayIntervalSec: 3_600, sessionExpiryIntervalSec: KEPT_SEC },
  },
  {
    ...{ ...V5, qos: 2, published: "later" },
    ...{ willDelayIntervalSec: 1, sessionExpiryIntervalSec: KEPT_SEC },
  },
  {
    ...{ ...V5, qos: 1, published: "later" },
    ...{ willDelayIntervalSec: 3_600, sessionExpiryIntervalSec: 1 },
  },
];

export class Testator extends Client {
  readonly #kind: TestatorKind;
  readonly #topic: string;
  #will: Sent | undefined = undefined;
  #saidGoodbye = false;
  /** It died, and its will is to come while it stays away. */
  isAway = false;

  constructor(world: World, number: number, kind: TestatorKind) {
    super(world, `testator-${number}`, kind.version);
    this.#kind = kind;
    this.#topic = `will/${number}`;
  }

  /** DISCONNECT takes the will back; should the broker not live to read it, it does not. */
  override leave(): void {
    this.#saidGoodbye = true;
    super.leave();
  }

  override opened(): void {
    this.#saidGoodbye = false;
    this.#will = this.world.ledger.newMessage("will", this.#topic, this.#kind.qos, 0);
    this.#will.isUnwanted = this.#kind.published === "never";
    super.opened();
  }

  protected connectOptions(): ConnectOptions {
    const { cleanStart, sessionExpiryIntervalSec } = this.#kind;
    const rest = { receiveMaximum: 65_535, will: this.#willOf(this.#will) };
    return { cleanStart, sessionExpiryIntervalSec, ...rest };
  }

  /** Should the broker have lost the session, its will has gone with it, one way or the other. */
  protected sessionBegun(): void {}

  protected connected(_connack: ConnackPacket): void {
    if (this.#will !== undefined) this.#will.ackTick = this.world.ledger.tick();
  }

  protected packet(_packet: Packet): void {}

  /** Dead, since CONNACK had come and DISCONNECT was not sent. */
  protected disconnected(): void {
    const will = this.#will;
    if (will === undefined || this.#saidGoodbye || will.isUnwanted) return;
    this.world.ledger.due(will);
    if (this.#kind.published !== "later") return;
    this.isAway = true;
    this.isWanted = false;
  }

  #willOf(sent: Sent | undefined): Will | undefined {
    if (sent === undefined) return undefined;
    const { willDelayIntervalSec } = this.#kind;
    const rest = { retain: false, properties: undefined, willDelayIntervalSec };
    return { topicName: sent.topic, payload: payloadOf(sent.serial), qos: sent.qos, ...rest };
  }
}
