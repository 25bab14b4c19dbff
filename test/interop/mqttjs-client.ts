/** MQTT.js as an interop client: MQTT 3.1, 3.1.1 and 5.0 over TCP and WebSocket. */
import { once } from "node:events";
import mqtt from "mqtt";
import {
  type ConnectOptions,
  type Driver,
  type InteropClient,
  Mailbox,
  type Properties,
  type Publication,
  present,
  type Qos,
  type Received,
  RefusedError,
  type SubscribeOptions,
  type UserProperties,
  type Version,
  WAIT_MAX_MS,
  type Will,
} from "./client.ts";

const SESSION_EXPIRY_SEC = 3600;

type PublishProperties = NonNullable<mqtt.IPublishPacket["properties"]>;

export function mqttJsDriver(version: Version, url: () => URL, transport: string): Driver {
  return {
    name: `MQTT.js, MQTT ${{ 3: "3.1", 4: "3.1.1", 5: "5.0" }[version]} over ${transport}`,
    version,
    keepsUserPropertyOrder: false,
    connect: (options) => MqttJsClient.connect(url(), version, options),
  };
}

class MqttJsClient implements InteropClient {
  readonly #client: mqtt.MqttClient;
  readonly #messages = new Mailbox<Received>("a message");
  readonly #lost = new Mailbox<number | undefined>("the broker to close");
  /** Reason Codes of PUBACK and PUBREC by packetId: MQTT.js does not hand out those below 0x80. */
  readonly #ackCodes = new Map<number, number | undefined>();
  #reasonCodeOfBroker: number | undefined;
  sessionPresent: boolean | undefined;
  assignedClientId: string | undefined;

  static async connect(url: URL, version: Version, options: ConnectOptions): Promise<MqttJsClient> {
    const client = mqtt.connect(url.href, optionsFor(version, options));
    const self = new MqttJsClient(client);
    const connack = await new Promise<mqtt.IConnackPacket>((resolve, reject) => {
      client.once("connect", resolve);
      client.once("error", (error: Error & { code?: number | string }) => {
        client.end(true);
        reject(typeof error.code === "number" ? new RefusedError(error.code) : error);
      });
    });
    // The flag came with 3.1.1.
    if (version > 3) self.sessionPresent = connack.sessionPresent;
    self.assignedClientId = connack.properties?.assignedClientIdentifier;
    return self;
  }

  constructor(client: mqtt.MqttClient) {
    this.#client = client;
    client.on("message", (topic, payload, packet) => {
      const properties = fromMqttJs(packet.properties);
      const { qos, retain } = packet;
      this.#messages.push({ topic, payload, qos, retain, properties });
    });
    client.on("packetreceive", (packet) => {
      const { cmd, messageId } = packet;
      if ((cmd !== "puback" && cmd !== "pubrec") || messageId === undefined) return;
      this.#ackCodes.set(messageId, packet.reasonCode);
    });
    client.on("disconnect", (packet) => {
      this.#reasonCodeOfBroker = packet.reasonCode;
    });
    client.on("close", () => this.#lost.push(this.#reasonCodeOfBroker));
    client.on("error", () => {}); // "close" follows; an unheard "error" would be thrown.
  }

  async subscribe(filter: string, qos: Qos, options: SubscribeOptions = {}): Promise<number> {
    const { noLocal: nl = false, retainAsPublished: rap = false, retainHandling: rh = 0 } = options;
    const id = options.subscriptionId;
    return new Promise((resolve, reject) => {
      this.#client.subscribe(
        filter,
        {
          qos,
          nl,
          rap,
          rh,
          ...(id !== undefined && { properties: { subscriptionIdentifier: id } }),
        },
        (error, _granted, packet) => {
          const reasonCode = packet?.granted[0];
          if (reasonCode === undefined) reject(error ?? new Error("no SUBACK"));
          else resolve(Number(reasonCode));
        },
      );
    });
  }

  async unsubscribe(filter: string): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      this.#client.unsubscribe(filter, (error, packet) => {
        const granted = (packet as { granted?: number[] } | undefined)?.granted;
        if (error === undefined || error === null) resolve(granted?.[0]);
        else reject(error);
      });
    });
  }

  async publish(publication: Publication): Promise<number | undefined> {
    const { topic, payload, qos, retain = false, properties } = publication;
    return new Promise((resolve, reject) => {
      this.#client.publish(
        topic,
        payload,
        { qos, retain, ...(properties !== undefined && { properties: toMqttJs(properties) }) },
        (error, packet) => {
          const reasonCode = (error as { code?: number } | undefined)?.code;
          if (error && typeof reasonCode !== "number") reject(error);
          else if (error) resolve(reasonCode);
          else resolve(this.#ackCodes.get(packet?.messageId ?? 0));
        },
      );
    });
  }

  next(): Promise<Received> {
    return this.#messages.next();
  }

  lost(): Promise<number | undefined> {
    return this.#lost.next();
  }

  async disconnect(reasonCode = 0): Promise<void> {
    await this.#client.endAsync(false, { reasonCode });
  }

  async kill(): Promise<void> {
    const { stream } = this.#client;
    if (stream.destroyed) return;
    const closed = once(stream, "close");
    stream.destroy();
    await closed;
    this.#client.end(true);
  }
}

function optionsFor(version: Version, options: ConnectOptions): mqtt.IClientOptions {
  const { clientId, clean = true, will, topicAliasMax } = options;
  const expirySec = options.sessionExpirySec ?? (clean ? 0 : SESSION_EXPIRY_SEC);
  return {
    clientId,
    clean,
    protocolVersion: version,
    protocolId: version === 3 ? "MQIsdp" : "MQTT",
    reconnectPeriod: 0,
    resubscribe: false,
    connectTimeout: WAIT_MAX_MS,
    ...(will !== undefined && { will: willFor(version, will) }),
    ...(version === 5 && {
      properties: present({
        sessionExpiryInterval: expirySec,
        topicAliasMaximum: topicAliasMax,
      }),
    }),
  };
}

function willFor(version: Version, will: Will): NonNullable<mqtt.IClientOptions["will"]> {
  const { topic, payload, qos, retain = false, properties = {}, delaySec = 0 } = will;
  return {
    topic,
    payload: Buffer.from(payload),
    qos,
    retain,
    ...(version === 5 && {
      properties: { ...toMqttJs(properties), willDelayInterval: delaySec },
    }),
  };
}

function toMqttJs(properties: Properties): PublishProperties {
  const { correlationData, payloadFormat, userProperties } = properties;
  return present({
    contentType: properties.contentType,
    responseTopic: properties.responseTopic,
    correlationData: correlationData === undefined ? undefined : Buffer.from(correlationData),
    messageExpiryInterval: properties.messageExpirySec,
    payloadFormatIndicator: payloadFormat === undefined ? undefined : payloadFormat === 1,
    topicAlias: properties.topicAlias,
    userProperties: userProperties === undefined ? undefined : listsByName(userProperties),
  });
}

function fromMqttJs(properties: PublishProperties = {}): Properties {
  const { payloadFormatIndicator, subscriptionIdentifier, userProperties } = properties;
  const ids = subscriptionIdentifier === undefined ? undefined : [subscriptionIdentifier].flat();
  return present({
    contentType: properties.contentType,
    responseTopic: properties.responseTopic,
    correlationData: properties.correlationData?.toString(),
    messageExpirySec: properties.messageExpiryInterval,
    payloadFormat: payloadFormatIndicator === undefined ? undefined : +payloadFormatIndicator,
    topicAlias: properties.topicAlias,
    userProperties: userProperties === undefined ? undefined : pairs(userProperties),
    subscriptionIds: ids,
  });
}

function listsByName(properties: UserProperties): Record<string, string[]> {
  const lists = new Map<string, string[]>();
  for (const [name, value] of properties) lists.set(name, [...(lists.get(name) ?? []), value]);
  return Object.fromEntries(lists);
}

function pairs(lists: Record<string, string | string[]>): UserProperties {
  return Object.entries(lists).flatMap(([name, values]) =>
    [values].flat().map((value): [string, string] => [name, value]),
  );
}
