/** What the simulated clients do of their own accord: one random act at a time. */

import { Message } from "../../src/protocol/message.ts";
import type { ConnectPacket, PublishProperties, Qos, Will } from "../../src/protocol/packets.ts";
import { SESSION_EXPIRY_NEVER } from "../../src/protocol/packets.ts";
import type { Random } from "./prng.ts";
import { rudeBytes, rudeDisconnect } from "./rude.ts";
import { FILTERS, FILTERS_BAD, TOPICS } from "./settings.ts";
import type { SimClient } from "./sim-client.ts";

const PUBLISHED_MAX = 150;

export interface Actor {
  readonly random: Random;
  readonly clients: readonly SimClient[];
  nowMs: number;
  /** Messages made so far, wills too: each has its number in its payload. */
  serial: number;
  connect(client: SimClient, connect: ConnectPacket): void;
  cut(client: SimClient): void;
}

export function act(actor: Actor, client: SimClient): void {
  const { random, nowMs } = actor;
  if (client.end === undefined) {
    if (random.chance(30)) actor.connect(client, connectOf(actor, client, true));
    return;
  }
  if (!client.isConnected) {
    if (random.chance(5)) actor.cut(client);
    else if (client.isRude && random.chance(20)) sendRude(actor, client);
    return;
  }
  const dice = random.below(100);
  if (dice < 40) publish(actor, client);
  else if (dice < 58) subscribe(actor, client);
  else if (dice < 64) unsubscribe(actor, client);
  else if (dice < 67) client.send({ type: "pingreq" }, nowMs);
  else if (dice < 72) disconnect(actor, client);
  else if (dice < 76) actor.cut(client);
  else if (dice < 79) actor.connect(client, connectOf(actor, client, true));
  else if (dice < 84 && client.manners !== "polite") {
    client.pausedUntilMs = nowMs + random.below(6_000);
  } else if (client.isRude) sendRude(actor, client);
}

function sendRude({ random, nowMs }: Actor, client: SimClient): void {
  client.sendBytes(rudeBytes(random, client.version), nowMs);
}

/** @param isWild With a will, a short expiry, tiny maxima: whatever may be. */
export function connectOf(actor: Actor, client: SimClient, isWild: boolean): ConnectPacket {
  const { random } = actor;
  const is5 = client.version === 5;
  // A rude client comes under the name of another, now and then.
  const victim = client.isRude && random.chance(25) ? random.pick(actor.clients).name : client.name;
  const cleanStart = client.mustClean || victim === "" || (isWild && random.chance(25));
  return {
    type: "connect",
    protocolVersion: client.version,
    clientId: victim,
    cleanStart,
    keepAliveSec: random.pick([0, 2, 10]),
    userName: undefined,
    password: undefined,
    will: isWild && random.chance(40) ? willOf(actor, is5) : undefined,
    sessionExpiryIntervalSec: expiryOf(random, is5, cleanStart, isWild),
    receiveMaximum: is5 && random.chance(70) ? random.between(1, 4) : 65_535,
    maximumPacketSize:
      is5 && isWild && random.chance(35) ? random.between(56, 90) : Number.POSITIVE_INFINITY,
    topicAliasMaximum: is5 ? random.below(4) : 0,
    requestResponseInformation: false,
    requestProblemInformation: random.chance(70),
    userProperties: [],
    authenticationMethod: undefined,
    authenticationData: undefined,
  };
}

function expiryOf(random: Random, is5: boolean, cleanStart: boolean, isWild: boolean): number {
  if (!is5) return cleanStart ? 0 : SESSION_EXPIRY_NEVER;
  return isWild ? random.pick([0, 1, 5, 60, SESSION_EXPIRY_NEVER]) : 600;
}

function willOf(actor: Actor, is5: boolean): Will {
  const { random } = actor;
  return {
    topicName: random.pick(TOPICS.slice(0, 5)),
    payload: payloadOf(actor),
    qos: qosOf(random),
    retain: random.chance(25),
    properties: is5 && random.chance(30) ? propertiesOf(random) : undefined,
    willDelayIntervalSec: is5 ? random.pick([0, 0, 1, 10]) : 0,
  };
}

/** Its number, and perhaps some more bytes. */
function payloadOf(actor: Actor): Buffer {
  const { random } = actor;
  actor.serial += 1;
  return Buffer.from(`${actor.serial}${".".repeat(random.chance(30) ? random.below(120) : 0)}`);
}

function propertiesOf(random: Random): PublishProperties {
  return {
    payloadFormatIndicator: random.pick([undefined, 0, 1]),
    messageExpiryIntervalSec: random.pick([undefined, 1, 3, 30]),
    contentType: random.pick([undefined, "text"]),
    responseTopic: random.pick([undefined, "reply"]),
    correlationData: random.chance(20) ? random.bytes(3) : undefined,
    userProperties: random.chance(20) ? [["name", "value"]] : [],
  };
}

function qosOf(random: Random): Qos {
  return random.pick<Qos>([0, 1, 1, 2, 2]);
}

export function messageOf(actor: Actor, is5: boolean, isRude: boolean): Message {
  const { random } = actor;
  const retain = random.chance(25);
  const topics = isRude && random.chance(20) ? ["$SYS/x", "a/b/c/d/e", "a".repeat(21)] : TOPICS;
  const payload = retain && random.chance(25) ? Buffer.alloc(0) : payloadOf(actor);
  const properties = is5 && random.chance(30) ? propertiesOf(random) : undefined;
  return Message.of(random.pick(topics), payload, qosOf(random), retain, properties);
}

/** One message; a rude client sometimes sends a flood of them. */
function publish(actor: Actor, client: SimClient): void {
  const total = client.isRude && actor.random.chance(20) ? 6 : 1;
  for (let left = total; left > 0 && actor.serial < PUBLISHED_MAX; left -= 1) {
    const message = messageOf(actor, client.version === 5, client.isRude);
    const packetId = message.qos > 0 ? client.freePacketId() : 0;
    if (message.qos > 0 && packetId === 0) return;
    client.publish(message, packetId, actor.nowMs);
  }
}

function subscribe({ random, nowMs }: Actor, client: SimClient): void {
  const is5 = client.version === 5;
  const subscriptions = Array.from({ length: random.between(1, 3) }, () => {
    const isBad = random.chance(5);
    // Often one that it has just subscribed to.
    const isAgain = !isBad && client.latestFilter !== "" && random.chance(20);
    const filters = isBad ? FILTERS_BAD : isAgain ? [client.latestFilter] : FILTERS;
    const topicFilter = random.pick(filters);
    if (!isBad) client.latestFilter = topicFilter;
    const isShared = topicFilter.startsWith("$share");
    return {
      topicFilter,
      qos: random.pick<Qos>([0, 1, 2, 2]),
      noLocal: is5 && !isShared && random.chance(20),
      retainAsPublished: is5 && random.chance(50),
      retainHandling: is5 ? random.pick([0, 0, 1, 2] as const) : (0 as const),
    };
  });
  client.send(
    {
      type: "subscribe",
      packetId: 100 + random.below(4),
      subscriptions,
      subscriptionIdentifier: is5 && random.chance(50) ? random.between(1, 300) : 0,
      userProperties: [],
    },
    nowMs,
  );
}

function unsubscribe({ random, nowMs }: Actor, client: SimClient): void {
  const topicFilters = Array.from({ length: random.between(1, 2) }, () => random.pick(FILTERS));
  client.send(
    { type: "unsubscribe", packetId: 100 + random.below(4), topicFilters, userProperties: [] },
    nowMs,
  );
}

function disconnect({ random, nowMs }: Actor, client: SimClient): void {
  const { end } = client;
  if (client.isRude && client.version === 5) {
    const packet = rudeDisconnect(random);
    if (packet.type === "disconnect") client.send(packet, nowMs);
  } else {
    client.send(
      {
        type: "disconnect",
        reasonCode: client.version === 5 ? random.pick([0, 0, 4]) : 0,
        sessionExpiryIntervalSec: client.version === 5 && random.chance(15) ? 0 : undefined,
        serverReference: undefined,
        properties: undefined,
      },
      nowMs,
    );
  }
  end?.up.end(nowMs);
  client.forget();
}
