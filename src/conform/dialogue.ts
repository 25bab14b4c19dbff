/**
 * A dialogue: what a client and a broker say to one another, byte by byte, and which statements of
 * the specification it proves.
 */
import type { ProtocolVersion } from "../protocol/packets.ts";
import { Difference, NotOffered } from "./difference.ts";
import type { PacketView } from "./packet-view.ts";
import { type Endpoint, WireClient } from "./wire-client.ts";

/** What a broker may decline (§3.2.2.3). Its CONNACK says so; the dialogue is then skipped. */
export type Capability = "qos1" | "qos2" | "retain" | "wildcard" | "subscriptionIds" | "shared";

export interface DialogueOptions {
  readonly versions: readonly ProtocolVersion[];
  /** Time is part of it: it takes a second or more. */
  readonly slow?: boolean;
  readonly needs?: readonly Capability[];
  /** It writes a CONNECT of its own, without user name: it cannot be held where one is needed. */
  readonly anonymous?: boolean;
}

export interface Dialogue {
  /** Chapter and number, e.g. "3.3-07". With the version it is unique. */
  readonly id: string;
  readonly version: ProtocolVersion;
  readonly title: string;
  /** "MQTT-4.3.2-4", or "3.1.1 MQTT-4.3.2-2" where `version` is 4, or "§4.3" without a number. */
  readonly statements: readonly string[];
  readonly slow: boolean;
  readonly needs: readonly Capability[];
  readonly anonymous: boolean;
  readonly hold: (talk: Talk) => Promise<void>;
}

/** The versions a dialogue is held in, as chapters write it. */
export const in5: DialogueOptions = { versions: [5] };
export const in4: DialogueOptions = { versions: [4] };
export const in45: DialogueOptions = { versions: [4, 5] };
export const in345: DialogueOptions = { versions: [3, 4, 5] };
export const slowIn5: DialogueOptions = { versions: [5], slow: true };
export const slowIn45: DialogueOptions = { versions: [4, 5], slow: true };
export const slowIn345: DialogueOptions = { versions: [3, 4, 5], slow: true };
/** Session Expiry Interval of Sessions that last longer than their dialogue, and not for ever. */
export const KEPT_SEC = 60;

const OLD_STATEMENT = "3.1.1 ";

/** One dialogue for each version. Of `statements` each version gets its own. */
export function dialogue(
  id: string,
  title: string,
  statements: readonly string[],
  options: DialogueOptions,
  hold: (talk: Talk) => Promise<void>,
): Dialogue[] {
  const { versions, slow = false, needs = [], anonymous = false } = options;
  return versions.map((version) => ({
    id,
    version,
    title,
    statements: statements.filter(
      (statement) =>
        statement.startsWith("§") || statement.startsWith(OLD_STATEMENT) === version < 5,
    ),
    slow,
    needs,
    anonymous,
    hold,
  }));
}

export interface Target extends Endpoint {
  readonly userName: string | undefined;
  readonly password: string | undefined;
  /** For each expectation. */
  readonly timeoutMs: number;
}

export interface WillOptions {
  readonly topicName: string;
  readonly payload: string;
  readonly qos?: 0 | 1 | 2;
  readonly retain?: boolean;
  /** Will Properties in hex, 5.0 only. */
  readonly properties?: string;
}

export interface ConnectOptions {
  /** Of this client, where it is not the version of the dialogue. */
  readonly version?: ProtocolVersion;
  /** Clean Start, or Clean Session in 3.x. Default: true. */
  readonly clean?: boolean;
  /** Session Expiry Interval in seconds, 5.0 only; 3.x keeps the Session when `clean` is false. */
  readonly expirySec?: number;
  /** Default: 60. */
  readonly keepAliveSec?: number;
  /** Further properties in hex, 5.0 only. */
  readonly properties?: string;
  readonly will?: WillOptions;
  /** Maximum Packet Size that this client announces, 5.0 only. */
  readonly packetSizeMax?: number;
}

export interface PublishOptions {
  readonly retain?: boolean;
  /** In hex, 5.0 only. */
  readonly properties?: string;
}

export const PROTOCOL_NAMES: Readonly<Record<ProtocolVersion, string>> = {
  3: "MQIsdp",
  4: "MQTT",
  5: "MQTT",
};

/** What a dialogue holds in its hands: its clients, and the small steps that prepare a scene. */
export class Talk {
  readonly version: ProtocolVersion;
  /** Unique to this dialogue in this run; what "~" stands for in hex texts. */
  readonly prefix: string;
  readonly #target: Target;
  readonly #slow: boolean;
  readonly #clients = new Set<WireClient>();
  /** Client names whose Session may outlive its connection. */
  readonly #sessions = new Set<string>();
  #packetIdLast = 0x1000; // Apart from those that dialogues write by hand.

  constructor(target: Target, dialogue: Dialogue, prefix: string) {
    this.#target = target;
    this.#slow = dialogue.slow;
    this.version = dialogue.version;
    this.prefix = prefix;
  }

  /** A TCP connection on which nothing has been said. */
  async open(name: string, version: ProtocolVersion = this.version): Promise<WireClient> {
    const { timeoutMs } = this.#target;
    const hex = { version, prefix: this.prefix };
    const client = await WireClient.open(this.#target, name, hex, timeoutMs, this.#clients);
    this.#clients.add(client);
    return client;
  }

  /** Connects as client `~name` and expects success. The same name again is the same client. */
  async connect(name: string, options: ConnectOptions = {}): Promise<WireClient> {
    const client = await this.open(name, options.version);
    if (options.packetSizeMax !== undefined) client.packetSizeMax = options.packetSizeMax;
    client.send(this.connectPacket(name, options));
    await client.expectConnack();
    return client;
  }

  /** The CONNECT that `connect` sends, as hex text. */
  connectPacket(name: string, options: ConnectOptions = {}): string {
    const { clean = true, expirySec = 0, keepAliveSec = 60, will, properties = "" } = options;
    const { version = this.version } = options;
    const { userName, password } = this.#target;
    if (!clean || expirySec > 0) this.#sessions.add(name);
    const flags =
      (userName === undefined ? 0 : 0x80) |
      (password === undefined ? 0 : 0x40) |
      (will === undefined ? 0 : 0x04 | ((will.qos ?? 0) << 3) | (will.retain ? 0x20 : 0)) |
      (clean ? 0x02 : 0);
    const inFive = [
      version === 5 && expirySec > 0 ? `11 ${hexNumber(expirySec, 4)}` : "",
      options.packetSizeMax === undefined ? "" : `27 ${hexNumber(options.packetSizeMax, 4)}`,
      properties,
    ].join(" ");
    const willFields =
      will === undefined
        ? ""
        : `<${will.properties ?? ""}> "${will.topicName}" ['${will.payload}']`;
    return `10 {
      "${PROTOCOL_NAMES[version]}" ${hexNumber(version, 1)} ${hexNumber(flags, 1)}
      ${hexNumber(keepAliveSec, 2)} <${inFive}>
      "~${name}" ${willFields}
      ${quotedOrNothing(userName)} ${quotedOrNothing(password)}
    }`;
  }

  /** SUBSCRIBE to one filter, granted as asked. `options` is the options byte. */
  async subscribe(
    client: WireClient,
    topicFilter: string,
    options: number,
    properties = "",
  ): Promise<void> {
    const id = this.#packetId();
    client.send(`82 {${id} <${properties}> "${topicFilter}" ${hexNumber(options, 1)}}`);
    await client.expectReply(`90 {${id} <> ${hexNumber(options & 3, 1)}}`);
  }

  /** PUBLISH with the whole exchange that its QoS asks for. */
  async publish(
    client: WireClient,
    qos: 0 | 1 | 2,
    topicName: string,
    payload: string,
    options: PublishOptions = {},
  ): Promise<void> {
    const first = hexNumber(0x30 | (qos << 1) | (options.retain ? 1 : 0), 1);
    const id = qos === 0 ? "" : this.#packetId();
    client.send(`${first} {"${topicName}" ${id} <${options.properties ?? ""}> '${payload}'}`);
    if (qos === 1) await client.expectReply(`40 {${id}}`, `40 {${id} 10}`);
    if (qos === 2) {
      await client.expectReply(`50 {${id}}`, `50 {${id} 10}`);
      client.send(`62 {${id}}`);
      await client.expectReply(`70 {${id}}`);
    }
  }

  /** The next packet is this PUBLISH; it is acknowledged as its QoS asks for. */
  async receive(client: WireClient, text: string): Promise<PacketView> {
    const publish = await client.expect(text);
    await this.acknowledge(client, publish);
    return publish;
  }

  /** Ends the exchange that a received PUBLISH began. */
  async acknowledge(client: WireClient, publish: PacketView): Promise<void> {
    const qos = ((publish.bytes[0] ?? 0) >> 1) & 3;
    if (qos === 1) client.send(`40 {${publish.id}}`);
    if (qos === 2) {
      client.send(`50 {${publish.id}}`);
      await client.expectReply(`62 {${publish.id}}`);
      client.send(`70 {${publish.id}}`);
    }
  }

  /** Lets real time pass, where the protocol is about time. Only in dialogues that are `slow`. */
  wait(ms: number): Promise<void> {
    if (!this.#slow) throw new RangeError("only a slow dialogue may wait");
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  check(holds: boolean, explanation: string): void {
    if (!holds) throw new Difference(explanation);
  }

  /** Ends the dialogue without a verdict. */
  skip(reason: string): never {
    throw new NotOffered(reason);
  }

  /** @throws Difference if a broken packet came behind the last one that was expected. */
  checkUnbroken(): void {
    for (const client of this.#clients) client.checkUnbroken();
  }

  /** Leaves no connections, Sessions or retained messages of this dialogue behind. */
  async end(deletesRetained: boolean): Promise<void> {
    try {
      for (const client of this.#clients) {
        if (client.isConnected) client.send("e0 00"); // Or its will would be published.
        client.destroy();
      }
      for (const name of [...this.#sessions]) {
        const client = await this.connect(name);
        await client.disconnect();
      }
      if (deletesRetained) await this.#deleteRetained();
    } finally {
      for (const client of this.#clients) client.destroy();
    }
  }

  async #deleteRetained(): Promise<void> {
    const client = await this.connect("cleaner");
    await this.subscribe(client, "~/#", 0);
    for (let left = await client.ping(); left > 0; left -= 1) {
      const { topicName } = await client.next();
      client.send(`31 {"${topicName}" <>}`);
    }
    await client.ping();
    await client.disconnect();
  }

  #packetId(): string {
    this.#packetIdLast += 1;
    return hexNumber(this.#packetIdLast, 2);
  }
}

function quotedOrNothing(text: string | undefined): string {
  return text === undefined ? "" : `"${text}"`;
}

/** `value` in `size` bytes, for hex texts. */
export function hexNumber(value: number, size: number): string {
  return value.toString(16).padStart(size * 2, "0");
}
