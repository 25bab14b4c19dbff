/**
 * A client in another process that obeys lines on stdin and tells on stdout what happens.
 *
 * A line is `verb TAB key=value TAB key=value …`; bytes of a value outside [A-Za-z0-9._~-] are %XX.
 * Commands: connect, subscribe, unsubscribe, publish, disconnect; each has one reply (connected or
 * refused, subscribed, unsubscribed, published, disconnected), in order. Between the replies come
 * `message` and `lost`. `paho_client.py` and `paho_client.c` speak it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import {
  type ConnectOptions,
  type Driver,
  type InteropClient,
  Mailbox,
  type Publication,
  present,
  type Qos,
  type Received,
  RefusedError,
  type SubscribeOptions,
  type Version,
  type Will,
} from "./client.ts";

type Fields = Array<[key: string, value: string | number | boolean | Buffer | undefined]>;

interface Line {
  readonly verb: string;
  readonly fields: ReadonlyArray<readonly [key: string, value: Buffer]>;
}

export function lineDriver(
  library: string,
  command: readonly string[],
  version: Version,
  url: () => URL,
  transport: string,
): Driver {
  return {
    name: `${library}, MQTT ${{ 3: "3.1", 4: "3.1.1", 5: "5.0" }[version]} over ${transport}`,
    version,
    keepsUserPropertyOrder: true,
    connect: (options) => LineClient.connect(command, url(), version, options),
  };
}

class LineClient implements InteropClient {
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #replies: Mailbox<Line>;
  readonly #messages = new Mailbox<Received>("a message");
  readonly #lost = new Mailbox<number | undefined>("the broker to close");
  /** Topics by alias: Paho hands aliases on as they came, to be looked up by its user. */
  readonly #topics = new Map<number | undefined, string>();
  sessionPresent: boolean | undefined;
  assignedClientId: string | undefined;

  static async connect(
    command: readonly string[],
    url: URL,
    version: Version,
    options: ConnectOptions,
  ): Promise<LineClient> {
    const self = new LineClient(command);
    const { clientId, clean = true, will, topicAliasMax } = options;
    const reply = await self.#ask("connect", [
      ["host", url.hostname],
      ["port", url.port],
      ["path", url.protocol === "ws:" ? url.pathname : undefined],
      ["version", version],
      ["clientId", clientId],
      ["clean", clean],
      ["expiry", options.sessionExpirySec ?? (clean ? 0 : 3600)],
      ["aliasMax", topicAliasMax],
      ...(will === undefined ? [] : willFields(will)),
    ]);
    if (reply.verb === "refused") {
      await self.kill();
      throw new RefusedError(Number(field(reply, "code")));
    }
    const present = field(reply, "sessionPresent");
    if (present !== undefined) self.sessionPresent = present === "1";
    self.assignedClientId = field(reply, "assignedClientId");
    return self;
  }

  constructor([program = "", ...args]: readonly string[]) {
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#process = child;
    this.#exited = once(child, "exit");
    this.#replies = new Mailbox(`a reply of ${program} ${args.join(" ")}`);
    child.stdin.on("error", () => {}); // EPIPE after it ended: the missing reply tells more.
    createInterface(child.stdout).on("line", (line) => this.#heard(parseLine(line)));
  }

  async subscribe(filter: string, qos: Qos, options: SubscribeOptions = {}): Promise<number> {
    const reply = await this.#ask("subscribe", [
      ["filter", filter],
      ["qos", qos],
      ["id", options.subscriptionId],
      ["noLocal", options.noLocal],
      ["retainAsPublished", options.retainAsPublished],
      ["retainHandling", options.retainHandling],
    ]);
    return Number(field(reply, "code"));
  }

  async unsubscribe(filter: string): Promise<number | undefined> {
    return optionalNumber(field(await this.#ask("unsubscribe", [["filter", filter]]), "code"));
  }

  async publish(publication: Publication): Promise<number | undefined> {
    const reply = await this.#ask("publish", publicationFields(publication));
    return optionalNumber(field(reply, "code"));
  }

  next(): Promise<Received> {
    return this.#messages.next();
  }

  lost(): Promise<number | undefined> {
    return this.#lost.next();
  }

  async disconnect(reasonCode = 0): Promise<void> {
    await this.#ask("disconnect", [["code", reasonCode]]);
    await this.#exited;
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#exited;
  }

  async #ask(verb: string, fields: Fields): Promise<Line> {
    const words = fields.flatMap(([key, value]) =>
      value === undefined ? [] : [`${key}=${percent(value)}`],
    );
    this.#process.stdin?.write(`${[verb, ...words].join("\t")}\n`);
    const reply = await this.#replies.next();
    if (reply.verb === "failed") throw new Error(`${verb} failed, code ${field(reply, "code")}`);
    return reply;
  }

  #heard(line: Line): void {
    if (line.verb === "message") this.#messages.push(this.#withTopic(receivedFrom(line)));
    else if (line.verb === "lost") this.#lost.push(optionalNumber(field(line, "code")));
    else this.#replies.push(line);
  }

  #withTopic(received: Received): Received {
    const alias = received.properties.topicAlias;
    if (received.topic === "") return { ...received, topic: this.#topics.get(alias) ?? "" };
    if (alias !== undefined) this.#topics.set(alias, received.topic);
    return received;
  }
}

function publicationFields(publication: Publication): Fields {
  const { topic, payload, qos, retain = false, properties = {} } = publication;
  return [
    ["topic", topic],
    ["payload", payload],
    ["qos", qos],
    ["retain", retain],
    ["contentType", properties.contentType],
    ["responseTopic", properties.responseTopic],
    ["correlation", properties.correlationData],
    ["expiry", properties.messageExpirySec],
    ["format", properties.payloadFormat],
    ["alias", properties.topicAlias],
    ...(properties.userProperties ?? []).map(([name, value]): [string, string] => [
      "user",
      `${name}=${value}`, // Names of the tests have no "=".
    ]),
  ];
}

/** The keys of a PUBLISH behind "will.". */
function willFields(will: Will): Fields {
  const fields = publicationFields(will).map(([key, value]): Fields[number] => [
    `will.${key}`,
    value,
  ]);
  return [...fields, ["will.delay", will.delaySec]];
}

function receivedFrom(line: Line): Received {
  const text = (key: string) => field(line, key);
  const all = (key: string) =>
    line.fields.filter(([name]) => name === key).map(([, value]) => value.toString());
  const number = (key: string) => optionalNumber(text(key));
  const [users, ids] = [all("user").map(pairOf), all("id").map(Number)];
  return {
    topic: text("topic") ?? "",
    payload: line.fields.find(([name]) => name === "payload")?.[1] ?? Buffer.alloc(0),
    qos: number("qos") ?? -1,
    retain: text("retain") === "1",
    properties: present({
      contentType: text("contentType"),
      responseTopic: text("responseTopic"),
      correlationData: text("correlation"),
      messageExpirySec: number("expiry"),
      payloadFormat: number("format"),
      topicAlias: number("alias"),
      userProperties: users.length > 0 ? users : undefined,
      subscriptionIds: ids.length > 0 ? ids : undefined,
    }),
  };
}

function pairOf(text: string): [string, string] {
  const at = text.indexOf("=");
  return [text.slice(0, at), text.slice(at + 1)];
}

function parseLine(line: string): Line {
  const [verb = "", ...words] = line.split("\t");
  const fields = words.map((word): [string, Buffer] => {
    const at = word.indexOf("=");
    return [word.slice(0, at), unpercent(word.slice(at + 1))];
  });
  return { verb, fields };
}

function field(line: Line, key: string): string | undefined {
  return line.fields.find(([name]) => name === key)?.[1].toString();
}

function optionalNumber(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function percent(value: string | number | boolean | Buffer): string {
  const bytes = Buffer.isBuffer(value)
    ? value
    : Buffer.from(typeof value === "boolean" ? `${+value}` : `${value}`);
  return bytes
    .toString("latin1")
    .replace(/[^\w.~-]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

function unpercent(text: string): Buffer {
  const bytes = text.replace(/%(..)/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1");
}
