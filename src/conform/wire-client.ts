/**
 * One TCP connection of a dialogue: sends bytes as they are written, and expects bytes.
 *
 * Every expectation has a deadline; none of them sleeps. That NOTHING came is proven by PINGREQ:
 * what the broker sent before its PINGRESP has arrived by then.
 */
import type { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import type { ProtocolVersion } from "../protocol/packets.ts";
import { firstDifference, mustBeOneOf } from "./compare.ts";
import { Difference } from "./difference.ts";
import { FrameCutter } from "./frame-cutter.ts";
import { type HexContext, type Pattern, parseBytes, parsePattern } from "./hex.ts";
import { describePacket, PacketType, type PacketView, viewPacket } from "./packet-view.ts";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** §4.13.1: what to send unless something more specific is defined. */
const GENERAL_ERRORS: readonly number[] = [0x81, 0x82];
/** After so long without a close we ask whether the connection lives; a broker may be slow. */
const CLOSE_PATIENCE_MS = 400;

interface Ping {
  /** How many frames were waiting when PINGRESP came. */
  readonly resolve: (framesBefore: number) => void;
  readonly reject: (error: Error) => void;
}

export class WireClient {
  readonly name: string;
  readonly version: ProtocolVersion;
  /** The last CONNACK. */
  connack: PacketView | undefined;
  /** Maximum Packet Size that this client announced: nothing larger may arrive. */
  packetSizeMax: number = Number.POSITIVE_INFINITY;

  readonly #hex: HexContext;
  readonly #timeoutMs: number;
  readonly #siblings: ReadonlySet<WireClient>;
  readonly #socket: Socket;
  readonly #cutter = new FrameCutter();
  readonly #frames: PacketView[] = [];
  readonly #pings: Ping[] = [];
  /** CONNACK with success was seen. */
  #accepted = false;
  #ended = false;
  /** The broker sent what cannot be cut or read. */
  #broken: Error | undefined;
  /** Called whenever something arrived or ended. */
  #wake: () => void = () => {};

  private constructor(
    name: string,
    hex: HexContext,
    timeoutMs: number,
    siblings: ReadonlySet<WireClient>,
    socket: Socket,
  ) {
    this.name = name;
    this.version = hex.version;
    this.#hex = hex;
    this.#timeoutMs = timeoutMs;
    this.#siblings = siblings;
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("end", () => this.#end());
    socket.on("close", () => this.#end());
    socket.on("error", () => this.#end()); // A reset is a close as well.
  }

  /** Opens a connection and sends nothing. */
  static open(
    endpoint: Endpoint,
    name: string,
    hex: HexContext,
    timeoutMs: number,
    siblings: ReadonlySet<WireClient>,
  ): Promise<WireClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: endpoint.host, port: endpoint.port });
      socket.setTimeout(timeoutMs, () => socket.destroy(new Error("connecting took too long")));
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.setTimeout(0);
        socket.off("error", reject);
        resolve(new WireClient(name, hex, timeoutMs, siblings, socket));
      });
    });
  }

  /** CONNACK with success was seen and the connection is open. */
  get isConnected(): boolean {
    return this.#accepted && !this.#ended;
  }

  get sessionPresent(): boolean {
    return this.connack?.bytes[2] === 1;
  }

  /** @throws Difference if the broker sent what cannot be read, though nobody waited for it. */
  checkUnbroken(): void {
    if (this.#broken !== undefined) throw this.#difference(this.#broken.message);
  }

  /** A number property of CONNACK, or undefined: absent. */
  connackNumber(id: number): number | undefined {
    return this.connack?.properties.find((property) => property.id === id)?.number;
  }

  /** Sends `text` (see `hex.ts`), right or wrong, in one write. */
  send(text: string): void {
    this.sendBytes(parseBytes(text, this.#hex));
  }

  sendBytes(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Sends `text` byte by byte, each in a write of its own. */
  async sendByteByByte(text: string): Promise<void> {
    for (const byte of parseBytes(text, this.#hex)) {
      await new Promise((resolve) => this.#socket.write(Uint8Array.of(byte), resolve));
    }
  }

  /** The next packet must be exactly `text`. */
  expect(text: string): Promise<PacketView> {
    return this.expectOneOf(text);
  }

  /** The next packet must be one of `texts`. */
  async expectOneOf(...texts: string[]): Promise<PacketView> {
    const patterns = texts.map((text) => this.#pattern(text));
    const view = await this.next(() => describePattern(patterns, this.version));
    this.#explained(() => mustBeOneOf(patterns, view.bytes, this.version));
    return view;
  }

  /** Likewise `expect`, but for what may take its time: wills, expiry. */
  async expectWithin(timeoutMs: number, text: string): Promise<PacketView> {
    await this.#until(
      () => this.#frames.length > 0,
      () => text.trim(),
      timeoutMs,
    );
    return this.expect(text);
  }

  /** The next packets must be `texts`, in any order. Returned in the order of `texts`. */
  async expectInAnyOrder(...texts: string[]): Promise<PacketView[]> {
    const missing = texts.map((text) => this.#pattern(text));
    const order = [...missing];
    const found = new Map<Pattern, PacketView>();
    while (missing.length > 0) {
      const view = await this.next(() => describePattern(missing, this.version));
      const same = (pattern: Pattern): boolean =>
        firstDifference(pattern, view.bytes, this.version) === undefined;
      const at = missing.findIndex(same);
      if (at < 0) this.#explained(() => mustBeOneOf(missing, view.bytes, this.version));
      const [pattern] = missing.splice(at, 1);
      if (pattern !== undefined) found.set(pattern, view);
    }
    return order.map((pattern) => found.get(pattern) as PacketView);
  }

  /** Like `expectOneOf`, but lets PUBLISH packets wait: a broker may send them at any time. */
  async expectReply(...texts: string[]): Promise<PacketView> {
    const patterns = texts.map((text) => this.#pattern(text));
    const isReply = (view: PacketView): boolean => view.type !== PacketType.publish;
    await this.#until(
      () => this.#frames.some(isReply),
      () => describePattern(patterns, this.version),
    );
    const [view] = this.#frames.splice(this.#frames.findIndex(isReply), 1);
    if (view === undefined) throw new RangeError("no reply");
    this.#explained(() => mustBeOneOf(patterns, view.bytes, this.version));
    return view;
  }

  /** All packets up to the one that is `text`, which is left out. */
  async collectUntil(text: string): Promise<PacketView[]> {
    const pattern = this.#pattern(text);
    const before: PacketView[] = [];
    for (;;) {
      const view = await this.next(() => describePattern([pattern], this.version));
      if (firstDifference(pattern, view.bytes, this.version) === undefined) return before;
      before.push(view);
    }
  }

  /** The next packet, whatever it is. */
  async next(wanted: () => string = () => "a packet"): Promise<PacketView> {
    await this.#until(() => this.#frames.length > 0, wanted);
    return this.#frames.shift() as PacketView;
  }

  /** Nothing more came, although the broker has worked off all that this dialogue has sent. */
  async expectNothing(): Promise<void> {
    const others = [...this.#siblings].filter((other) => other !== this && other.isConnected);
    // One that closes meanwhile is settled too.
    await Promise.allSettled(others.map((other) => other.ping()));
    const count = await this.ping();
    if (count === 0) return;
    const lines = this.#frames
      .slice(0, count)
      .map((view) => describePacket(view.bytes, this.version));
    throw this.#difference(`expected nothing\ngot      ${lines.join("\n         ")}`);
  }

  /** PINGREQ and PINGRESP; what comes in between waits. @returns How many packets are waiting. */
  ping(): Promise<number> {
    const answered = new Promise<number>((resolve, reject) =>
      this.#pings.push({ resolve, reject }),
    );
    if (this.#ended) this.#end();
    else this.send("c0 00");
    return this.#within(answered, () => "PINGRESP");
  }

  /**
   * CONNACK with one of `codes` (a Reason Code in 5.0, else a return code), by default success.
   * One that refuses must say Session Present 0 and be followed by the end of the connection.
   */
  async expectConnack(...codes: number[]): Promise<number> {
    const allowed = codes.length > 0 ? codes : [0];
    const view = await this.next(() => `CONNACK ${allowed.map(hexByte).join(" or ")}`);
    const code = view.reasonCodes[0] ?? -1;
    if (view.type !== PacketType.connack || !allowed.includes(code)) {
      throw this.#difference(
        `expected CONNACK ${allowed.map(hexByte).join(" or ")}\n` +
          `got      ${describePacket(view.bytes, this.version)}`,
      );
    }
    this.#checkConnackFlags(view);
    this.connack = view;
    if (code === 0) this.#accepted = true;
    else await this.#expectEnd();
    return code;
  }

  /**
   * The broker closes. It may first say why: by DISCONNECT (5.0), or before the connection is made
   * by CONNACK, with one of `codes`. Without `codes`: Malformed Packet or Protocol Error in 5.0;
   * in 3.x nothing may be said.
   *
   * @returns The code, or undefined when it closed without a word.
   */
  async expectClosed(...codes: number[]): Promise<number | undefined> {
    const over = (): boolean => this.#frames.length > 0 || this.#ended;
    if (this.#accepted) {
      await this.#settled(over, CLOSE_PATIENCE_MS);
      // A connection that still answers will not be closed: learn so now, not at the deadline.
      if (!over()) this.send("c0 00");
    }
    return this.expectClosedWithin(this.#timeoutMs, ...codes);
  }

  /** Likewise, but without a word of ours: for the dialogues about Keep Alive. */
  async expectClosedWithin(timeoutMs: number, ...codes: number[]): Promise<number | undefined> {
    const general = this.version === 5 ? GENERAL_ERRORS : [];
    const allowed = codes.length > 0 ? codes : general;
    const over = (): boolean => this.#frames.length > 0 || this.#ended;
    await this.#until(over, () => "the end of the connection", timeoutMs);
    const lastWord = this.#frames.shift();
    if (lastWord === undefined) return undefined;
    const wantedType = this.#accepted ? PacketType.disconnect : PacketType.connack;
    const code = lastWord.reasonCodes[0] ?? 0;
    if (lastWord.type !== wantedType || !allowed.includes(code)) {
      const word = wantedType === PacketType.connack ? "CONNACK" : "DISCONNECT";
      const may =
        allowed.length > 0 ? `, perhaps after ${word} ${allowed.map(hexByte).join("/")}` : "";
      const lives = lastWord.type === PacketType.pingresp ? " (it lives on)" : "";
      throw this.#difference(
        `expected the end of the connection${may}\n` +
          `got      ${describePacket(lastWord.bytes, this.version)}${lives}`,
      );
    }
    if (lastWord.type === PacketType.connack) this.#checkConnackFlags(lastWord);
    await this.#expectEnd();
    return code;
  }

  /** The next packet is one of `texts`, or the broker closes as above. */
  async expectOneOfOrClosed(
    texts: readonly string[],
    ...codes: number[]
  ): Promise<PacketView | undefined> {
    await this.#until(
      () => this.#frames.length > 0 || this.#ended,
      () => texts.join(" or "),
    );
    const type = this.#frames[0]?.type;
    if (type !== undefined && type !== PacketType.disconnect) return this.expectOneOf(...texts);
    await this.expectClosedWithin(this.#timeoutMs, ...codes);
    return undefined;
  }

  /** Where the specification leaves it open: the broker goes on, or it closes as above. */
  async expectAliveOrClosed(...codes: number[]): Promise<void> {
    this.send("c0 00");
    await this.expectOneOfOrClosed(["d0 00"], ...codes);
  }

  /** Forgets the PUBLISH packets that are waiting. */
  discardPublishes(): void {
    const others = this.#frames.filter(({ type }) => type !== PacketType.publish);
    this.#frames.splice(0, this.#frames.length, ...others);
  }

  /** Half-closes without DISCONNECT, and waits until the broker has noticed. */
  async drop(): Promise<void> {
    this.#socket.end();
    await this.#untilEnded();
  }

  /** DISCONNECT (`text` for another than the normal one), and the end of the connection. */
  async disconnect(text = "e0 00"): Promise<void> {
    this.send(text);
    await this.drop();
    const complaint = this.#frames.find(({ type }) => type === PacketType.disconnect);
    if (complaint === undefined) return;
    const got = describePacket(complaint.bytes, this.version);
    throw this.#difference(`expected the end of the connection after DISCONNECT\ngot      ${got}`);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Says which client it was, and what had come in all, for a failure message. */
  #difference(explanation: string): Difference {
    return new Difference(
      explanation
        .split("\n")
        .map((line) => `${this.name}: ${line}`)
        .join("\n"),
    );
  }

  #explained(check: () => void): void {
    try {
      check();
    } catch (error) {
      if (error instanceof Difference) throw this.#difference(error.message);
      throw error;
    }
  }

  #pattern(text: string): Pattern {
    return parsePattern(text, this.#hex);
  }

  #checkConnackFlags(view: PacketView): void {
    const flags = view.bytes[2] ?? 0;
    const code = view.reasonCodes[0] ?? 0;
    if (this.version !== 3 && (flags & 0xfe) !== 0) {
      throw this.#difference("CONNACK with reserved flags [MQTT-3.2.2-1]");
    }
    if (this.version !== 3 && code !== 0 && flags !== 0) {
      throw this.#difference("CONNACK that refuses with Session Present 1 [MQTT-3.2.2-6]");
    }
  }

  #receive(chunk: Buffer): void {
    if (this.#broken !== undefined) return;
    try {
      this.#cutter.push(chunk);
      for (let bytes = this.#cutter.next(); bytes !== undefined; bytes = this.#cutter.next()) {
        this.#accept(bytes);
      }
    } catch (error) {
      this.#broken = error as Error;
      this.#rejectPings(this.#broken.message);
    }
    this.#wake();
  }

  #rejectPings(explanation: string): void {
    for (const { reject } of this.#pings.splice(0)) reject(this.#difference(explanation));
  }

  #accept(bytes: Uint8Array): void {
    if (bytes.length > this.packetSizeMax) {
      throw new Difference(
        `a packet of ${bytes.length} bytes; Maximum Packet Size is ${this.packetSizeMax} ` +
          `[MQTT-3.1.2-24]\ngot      ${describePacket(bytes, this.version)}`,
      );
    }
    // Before CONNACK the version of the answer is not settled; it is read when it is expected.
    const view = viewPacket(bytes, this.#versionOf(bytes));
    const ping = view.type === PacketType.pingresp ? this.#pings.shift() : undefined;
    if (ping === undefined) this.#frames.push(view);
    else ping.resolve(this.#frames.length);
  }

  /** Whoever refuses a version may do so in the form of another one. */
  #versionOf(bytes: Uint8Array): ProtocolVersion {
    const refuses = (bytes[0] ?? 0) >> 4 === PacketType.connack && bytes[3] !== 0;
    if (!refuses || this.version === 3) return this.version;
    return bytes.length === 4 ? 4 : 5;
  }

  #end(): void {
    this.#ended = true;
    this.#rejectPings("expected PINGRESP\ngot      the end of the connection");
    this.#wake();
  }

  async #expectEnd(): Promise<void> {
    await this.#untilEnded();
    const [extra] = this.#frames;
    if (extra === undefined) return;
    throw this.#difference(
      `expected the end of the connection\ngot      ${describePacket(extra.bytes, this.version)}`,
    );
  }

  #untilEnded(): Promise<void> {
    return this.#until(
      () => this.#ended,
      () => "the end of the connection",
    );
  }

  /** Waits until `done`, at most for the deadline; the end of the connection cuts it short. */
  async #until(
    done: () => boolean,
    wanted: () => string,
    timeoutMs: number = this.#timeoutMs,
  ): Promise<void> {
    await this.#settled(() => done() || this.#broken !== undefined || this.#ended, timeoutMs);
    if (done()) return;
    if (this.#broken !== undefined) throw this.#difference(this.#broken.message);
    const half = this.#cutter.left > 0 ? " (half a packet)" : "";
    const got = this.#ended ? "the end of the connection" : `nothing for ${timeoutMs} ms${half}`;
    throw this.#difference(`expected ${wanted()}\ngot      ${got}`);
  }

  #settled(over: () => boolean, timeoutMs: number): Promise<void> {
    if (over()) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.#wake = () => {};
        resolve();
      };
      const timer = setTimeout(finish, timeoutMs);
      this.#wake = () => {
        if (over()) finish();
      };
    });
  }

  #within<Value>(promise: Promise<Value>, wanted: () => string): Promise<Value> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(
          this.#difference(`expected ${wanted()}\ngot      nothing for ${this.#timeoutMs} ms`),
        );
      }, this.#timeoutMs);
      promise.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }
}

function describePattern(patterns: readonly Pattern[], version: ProtocolVersion): string {
  return patterns.map(({ bytes }) => describePacket(bytes, version)).join("\n      or ");
}

function hexByte(value: number): string {
  return `0x${value.toString(16).padStart(2, "0")}`;
}
