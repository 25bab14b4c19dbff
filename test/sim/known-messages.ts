/** Which publication a Message of the broker's is, whether it came in, or was read from the log. */
import type { Op } from "../../src/core/ops.ts";
import type { BrokerState } from "../../src/core/state.ts";
import type { Stub } from "../../src/delivery/shelf.ts";
import { Message } from "../../src/protocol/message.ts";
import type { Publication } from "./oracle-state.ts";

export class KnownMessages {
  readonly #byMessage = new WeakMap<Stub, Publication>();
  /** By where a record of it ends in the log. */
  readonly #byPosition = new Map<number, Publication>();
  readonly #clientIds = new Map<number, string>();
  /** Wills that are being published: their Messages are made by the broker. */
  readonly #wills = new Map<string, Publication>();

  know(message: Stub, publication: Publication): void {
    this.#byMessage.set(message, publication);
  }

  expectWill(publication: Publication): void {
    this.#wills.set(`${publication.publisherId} ${publication.payload}`, publication);
  }

  of(message: Stub): Publication | undefined {
    const known = this.#byMessage.get(message);
    if (known !== undefined || !(message instanceof Message)) return known;
    const key = `${message.publisherId} ${Buffer.from(message.payload)}`;
    const will = this.#wills.get(key);
    if (will !== undefined) this.#byMessage.set(message, will);
    this.#wills.delete(key);
    return will;
  }

  recorded(op: Op, position: number): void {
    if (op.type === "open") this.#clientIds.set(op.session, op.clientId);
    const publication = this.#in(op);
    if (publication === undefined) return;
    if (op.type === "assign") this.#placed(publication, op.session, position);
    else this.#byPosition.set(position, publication);
    if (op.type !== "publish") return;
    for (const { session } of op.recipients) this.#placed(publication, session, position);
  }

  #placed({ placedAt }: Publication, session: number, position: number): void {
    const clientId = this.clientIdOf(session);
    placedAt.set(clientId, [...(placedAt.get(clientId) ?? []), position]);
  }

  #in(op: Op): Publication | undefined {
    switch (op.type) {
      case "publish":
        return op.message === undefined ? undefined : this.of(op.message);
      case "assign":
        return this.#byPosition.get(op.storedAt);
      case "move":
        return this.#byPosition.get(op.from);
      default:
        return undefined;
    }
  }

  /** Of a recorded Session, by the number that the journal knows it by. */
  clientIdOf(session: number): string {
    return this.#clientIds.get(session) ?? "";
  }

  /** A state that was read from a log, and goes on to read from it. */
  adopt(state: BrokerState, retained: ReadonlyMap<string, Publication>): void {
    const { shelf } = state;
    const name = <Found extends Stub>(id: number, found: Found): Found => {
      const publication = this.#byPosition.get(shelf.position(id));
      if (publication !== undefined) this.know(found, publication);
      return found;
    };
    for (let id = 0; id < shelf.top; id += 1) {
      const message = shelf.messageAt(id);
      if (message !== undefined && shelf.refs(id) > 0) name(id, message);
    }
    for (const message of state.retained.all()) {
      const publication = retained.get(message.topicName);
      if (publication !== undefined) this.know(message, publication);
    }
    const stub = shelf.stub.bind(shelf);
    shelf.stub = (id) => name(id, stub(id));
    const warm = shelf.warm.bind(shelf);
    shelf.warm = (id, message) => warm(id, name(id, message));
  }
}
