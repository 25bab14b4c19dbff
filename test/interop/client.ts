/**
 * What the interop suites ask of a client, whatever library stands behind it.
 *
 * A driver (one per library and protocol version) makes clients; the suites know only this file.
 * Nothing here sleeps: every wait is for an event, with a deadline that names what did not come.
 */

/** 3 = MQTT 3.1, 4 = 3.1.1, 5 = 5.0. */
export type Version = 3 | 4 | 5;
export type Qos = 0 | 1 | 2;
export type UserProperties = Array<[name: string, value: string]>;

/** Properties of a PUBLISH (or Will); those that were absent are absent here too. */
export interface Properties {
  contentType?: string;
  responseTopic?: string;
  correlationData?: string;
  messageExpirySec?: number;
  payloadFormat?: number;
  topicAlias?: number;
  userProperties?: UserProperties;
  /** Received only. */
  subscriptionIds?: number[];
}

type Present<Fields> = { [Key in keyof Fields]?: Exclude<Fields[Key], undefined> };

/** Leaves out what is undefined, so that absent is absent. */
export function present<Fields extends object>(fields: Fields): Present<Fields> {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Present<Fields>;
}

export interface Publication {
  topic: string;
  payload: string | Buffer;
  qos: Qos;
  retain?: boolean;
  properties?: Properties;
}

export interface Received {
  topic: string;
  payload: Buffer;
  qos: number;
  retain: boolean;
  properties: Properties;
}

export interface Will extends Publication {
  delaySec?: number;
}

export interface ConnectOptions {
  clientId: string;
  /** Clean Session or Clean Start; true when absent. */
  clean?: boolean;
  /** 5.0 only. When absent: 0 with `clean`, else an hour. */
  sessionExpirySec?: number;
  will?: Will;
  /** 5.0: how many aliases the client lets the broker use. */
  topicAliasMax?: number;
}

export interface SubscribeOptions {
  subscriptionId?: number;
  noLocal?: boolean;
  retainAsPublished?: boolean;
  retainHandling?: 0 | 1 | 2;
}

/** One connection of one client; it is never used again after `disconnect`, `kill` or `lost`. */
export interface InteropClient {
  /** Undefined where the client hides it. */
  readonly sessionPresent: boolean | undefined;
  readonly assignedClientId: string | undefined;
  /** @returns the Reason Code of the SUBACK: the granted QoS, or 0x80 and above. */
  subscribe(filter: string, qos: Qos, options?: SubscribeOptions): Promise<number>;
  /** @returns the Reason Code of the UNSUBACK, undefined where the client hides it. */
  unsubscribe(filter: string): Promise<number | undefined>;
  /**
   * Resolves when QoS 0 is written, QoS 1 and 2 are acknowledged.
   * @returns the Reason Code of PUBACK or PUBREC/PUBCOMP, undefined where the client hides it.
   */
  publish(publication: Publication): Promise<number | undefined>;
  /** The next message, in the order of arrival. */
  next(): Promise<Received>;
  /** Resolves when the broker closed; with the Reason Code of its DISCONNECT if it sent one. */
  lost(): Promise<number | undefined>;
  /** DISCONNECT, then close. */
  disconnect(reasonCode?: number): Promise<void>;
  /** Closes the network connection without DISCONNECT. Does nothing after it is closed. */
  kill(): Promise<void>;
}

/** CONNACK refused the connection. */
export class RefusedError extends Error {
  readonly reasonCode: number;

  constructor(reasonCode: number) {
    super(`connection refused, reason code ${reasonCode}`);
    this.reasonCode = reasonCode;
  }
}

export interface Driver {
  readonly name: string;
  readonly version: Version;
  /** MQTT.js keeps the order of User Properties per name only: its API has an object of lists. */
  readonly keepsUserPropertyOrder: boolean;
  connect(options: ConnectOptions): Promise<InteropClient>;
}

/** Far above what anything here takes, so that only what never comes meets it. */
export const WAIT_MAX_MS = 20_000;

/** A queue between what happens and who waits for it. */
export class Mailbox<Value> {
  readonly #name: string;
  readonly #values: Value[] = [];
  #waiting: ((value: Value) => void) | undefined;

  /** @param name What a value is, for the message that says that none came. */
  constructor(name: string) {
    this.#name = name;
  }

  push(value: Value): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#values.push(value);
    else waiting(value);
  }

  /** One caller at a time. */
  next(): Promise<Value> {
    if (this.#values.length > 0) return Promise.resolve(this.#values.shift() as Value);
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => {
        this.#waiting = undefined;
        reject(new Error(`waited ${WAIT_MAX_MS} ms for ${this.#name}`));
      }, WAIT_MAX_MS);
      this.#waiting = (value) => {
        clearTimeout(deadline);
        resolve(value);
      };
    });
  }
}

let idsGiven = 0;

/** A client id or topic level nobody used before, short enough for MQTT 3.1 (23 bytes). */
export function uniqueId(): string {
  idsGiven += 1;
  return `it-${process.pid.toString(36)}-${Date.now().toString(36)}-${idsGiven.toString(36)}`;
}
