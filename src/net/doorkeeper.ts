/** Who is connected, and whether one more may be; asked before a byte of it is read. */
import type { Duplex } from "node:stream";
import type { Limits } from "../core/limits.ts";

export class Doorkeeper {
  /** Each open connection, with its address as counted; "" is not counted by address. */
  readonly #addresses = new Map<Duplex, string>();
  readonly #perAddress = new Map<string, number>();
  readonly #limits: () => Limits;
  readonly #left: (this: Duplex) => void;
  #whenEmpty: (() => void)[] = [];

  constructor(limits: () => Limits) {
    this.#limits = limits;
    const leave = (stream: Duplex) => this.#leave(stream);
    // One function for all connections: an idle one should cost little.
    this.#left = function (this: Duplex) {
      leave(this);
    };
  }

  /**
   * @param address IP address, or "" for a stream that has none.
   * @returns Undefined: it is in, until it emits "close". Else why not; the caller closes it.
   */
  admit(stream: Duplex, address: string): string | undefined {
    const { connectionsMax, connectionsPerAddressMax } = this.#limits();
    if (this.#addresses.size >= connectionsMax) {
      return `there are ${connectionsMax} connections already [limits.connections]`;
    }
    const key = addressKey(address);
    const count = this.#perAddress.get(key) ?? 0;
    if (key !== "") {
      if (count >= connectionsPerAddressMax) {
        return (
          `there are ${connectionsPerAddressMax} connections from its address already ` +
          "[limits.connectionsPerAddress]"
        );
      }
      this.#perAddress.set(key, count + 1);
    }
    this.#addresses.set(stream, key);
    stream.on("close", this.#left);
    return undefined;
  }

  get size(): number {
    return this.#addresses.size;
  }

  streams(): IterableIterator<Duplex> {
    return this.#addresses.keys();
  }

  /** Resolves once nobody is left. */
  async empty(): Promise<void> {
    if (this.#addresses.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenEmpty.push(resolve);
    });
  }

  #leave(stream: Duplex): void {
    const key = this.#addresses.get(stream);
    if (key === undefined) return;
    this.#addresses.delete(stream);
    const count = this.#perAddress.get(key) ?? 0;
    if (count > 1) this.#perAddress.set(key, count - 1);
    else this.#perAddress.delete(key);
    if (this.#addresses.size > 0) return;
    for (const resolve of this.#whenEmpty) resolve();
    this.#whenEmpty = [];
  }
}

/**
 * What of `address` is counted: an IPv4 address, or the first 64 bits of an IPv6 one, of which
 * whoever has one has 2^64.
 */
export function addressKey(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.replace(/%.*$/, "").split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const after = tail === "" ? 0 : tail.split(":").length;
    while (groups.length < 8 - after) groups.push("0");
  }
  return groups.slice(0, 4).join(":");
}
