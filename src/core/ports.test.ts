import assert from "node:assert/strict";
import { test } from "node:test";
import { ReasonCode } from "../protocol/reason-code.ts";
import { bytesOf, World, willOf } from "./bench.suite.ts";
import type { Action, Authenticator, AuthRequest } from "./ports.ts";

/** The client must answer every number with the next one, until 3. */
class Counting implements Authenticator {
  readonly methods: ReadonlySet<string> = new Set(["count"]);
  requests: AuthRequest[] = [];

  authenticate(request: AuthRequest, nowMs: number): void {
    this.requests.push(request);
    const said = Number(new TextDecoder().decode(request.data));
    const last = (request.exchange.state as number | undefined) ?? 0;
    request.exchange.state = said + 1;
    const text = `${said + 1}`;
    if (said !== last + 1) {
      const reasonCode = ReasonCode.badUserNameOrPassword;
      request.decide({ verdict: "refuse", reasonCode }, nowMs);
    } else if (said < 3) request.decide({ verdict: "continue", data: bytesOf(text) }, nowMs);
    else {
      const principal = { name: `counted ${text}` };
      request.decide({ verdict: "accept", principal, data: bytesOf(text) }, nowMs);
    }
  }
}

/** Decides when it is told to. */
class Slow implements Authenticator {
  readonly methods: ReadonlySet<string> = new Set();
  requests: AuthRequest[] = [];

  authenticate(request: AuthRequest): void {
    this.requests.push(request);
  }
}

const COUNT = { clientId: "a", authenticationMethod: "count" } as const;
const first = { ...COUNT, authenticationData: bytesOf("1") };

test("without an Authenticator, a method is refused: 0x8C [MQTT-4.12.0-1]", () => {
  const world = new World();
  world.open().connect(COUNT).takes("connack 0x8c", "closed");
});

test("a method that it does not know is refused: 0x8C [MQTT-4.12.0-1]", () => {
  const world = new World({ authenticator: new Counting() });
  const strange = { clientId: "a", authenticationMethod: "x".repeat(60_000) };
  const a = world.open().connect(strange).takes("connack 0x8c", "closed");
  assert.ok((a.connack?.properties?.reasonString?.length ?? 0) < 1_000);
});

test("challenge and answer [MQTT-4.12.0-2] [MQTT-4.12.0-3] [MQTT-4.12.0-5] [MQTT-3.15.2-1]", () => {
  const world = new World({ authenticator: new Counting() });
  const a = world.open().connect(first).takes('auth 0x18 count "2"');
  a.auth(0x18, "count", "3").takes("connack 0x00");
  assert.equal(a.connack?.properties?.authenticationMethod, "count");
  assert.equal(new TextDecoder().decode(a.connack?.properties?.authenticationData), "4");
  assert.equal(a.peer.session?.principal.name, "counted 4");
});

test("a wrong answer is refused [MQTT-4.12.0-4] [MQTT-3.1.4-2]", () => {
  const world = new World({ authenticator: new Counting() });
  const a = world.open().connect(first);
  a.auth(0x18, "count", "7").takes('auth 0x18 count "2"', "connack 0x86", "closed");
  assert.equal(world.broker.state.sessions.size, 0);
});

test("nothing but AUTH and DISCONNECT before CONNACK [MQTT-3.1.2-30] [MQTT-3.1.4-6]", () => {
  const world = new World({ authenticator: new Counting() });
  const a = world.open().connect(first);
  a.publish("t", "").takes('auth 0x18 count "2"', "connack 0x82", "closed");
  const b = world.open().connect(first).disconnect();
  b.takes('auth 0x18 count "2"', "closed");
});

test("AUTH with another method, or out of turn, is a Protocol Error [MQTT-4.12.0-5]", () => {
  // [MQTT-4.12.0-3]
  const world = new World({ authenticator: new Counting() });
  const a = world.open().connect(first).auth(0x18, "other", "3");
  a.takes('auth 0x18 count "2"', "connack 0x82", "closed");
  const b = world.open().connect(first).auth(0x19, "count", "3");
  b.takes('auth 0x18 count "2"', "connack 0x82", "closed");
});

test("re-authentication goes on beside everything else [MQTT-4.12.1-1]", () => {
  const authenticator = new Counting();
  const world = new World({ authenticator });
  const a = world.open().connect(first).auth(0x18, "count", "3");
  a.inbox = [];
  a.auth(0x19, "count", "1").takes('auth 0x18 count "2"');
  a.ping().auth(0x18, "count", "3").takes("pingresp", 'auth 0x00 count "4"');
  assert.deepEqual(
    authenticator.requests.map(({ reauthentication }) => reauthentication),
    [false, false, true, true],
  );
  a.auth(0x18, "count", "3").takes("disconnect 0x82", "closed"); // Not its turn.
});

test("re-authentication that fails: DISCONNECT with a code it may have [MQTT-4.12.1-2]", () => {
  // [MQTT-3.14.2-1]
  const world = new World({ authenticator: new Counting() });
  const a = world.open().connect(first).auth(0x18, "count", "3");
  a.inbox = [];
  a.auth(0x19, "count", "9").takes("disconnect 0x87", "closed");
});

test("AUTH of a client that has named no method [MQTT-4.12.0-7] [MQTT-4.12.0-6]", () => {
  const world = new World();
  const a = world.connect({ clientId: "a" });
  assert.equal(a.connack?.properties?.authenticationMethod, undefined);
  a.auth(0x19, "count").takes("disconnect 0x82", "closed");
});

test("while the Authenticator thinks, what comes waits [MQTT-3.1.4-6]", () => {
  const authenticator = new Slow();
  const world = new World({ authenticator });
  const a = world.open().connect({ clientId: "a" }).ping().subscribe("t");
  a.takes();
  const [request] = authenticator.requests;
  request?.decide({ verdict: "accept", principal: { name: "A" } }, world.nowMs);
  request?.decide({ verdict: "refuse", reasonCode: ReasonCode.banned }, world.nowMs); // Too late.
  world.turn();
  a.takes("connack 0x00", "pingresp", "suback 1: 2");
});

test("an Authenticator that takes too long, or answers when the client has gone", () => {
  const authenticator = new Slow();
  const world = new World({ authenticator, limits: { connectTimeoutMs: 5_000 } });
  const a = world.open().connect({ clientId: "a" });
  const b = world.open().connect({ clientId: "b" });
  b.drops();
  world.pass(6_000);
  a.takes("closed");
  for (const request of authenticator.requests) {
    request.decide({ verdict: "accept", principal: { name: "" } }, world.nowMs);
  }
  world.turn();
  assert.equal(world.broker.state.sessions.size, 0);
  assert.equal(world.wheelSize, 0);
});

test("a refusal says a code that CONNACK may have [MQTT-3.2.2-8]", () => {
  const authenticator = new Slow();
  const world = new World({ authenticator });
  const a = world.open().connect({ clientId: "a" });
  const [request] = authenticator.requests;
  request?.decide({ verdict: "refuse", reasonCode: ReasonCode.success }, world.nowMs);
  world.turn();
  a.takes("connack 0x87", "closed");
});

/** Says no to what is listed as `client action topic`. */
function denying(...denied: string[]): { asked: string[]; world: World } {
  const asked: string[] = [];
  const authorize = (_: unknown, clientId: string, action: Action, topic: string): boolean => {
    asked.push(`${clientId} ${action} ${topic}`);
    return !denied.includes(`${clientId} ${action} ${topic}`);
  };
  return { asked, world: new World({ authorizer: { authorize } }) };
}

test("a PUBLISH that is denied: 0x87; in 3.1.1 as if it were taken [3.1.1 MQTT-3.3.5-2]", () => {
  const { world } = denying("a publish t", "old publish t");
  const sub = world.connect({ clientId: "sub" }).subscribe("t").takes("suback 1: 2");
  const a = world.connect({ clientId: "a" });
  a.publish("t", "").publish("t", "", { qos: 1, retain: true }).publish("t", "", { qos: 2 });
  a.takes("puback 1 0x87", "pubrec 2 0x87");
  const old = world.connect({ clientId: "old", protocolVersion: 4 });
  old.publish("t", "", { qos: 2 }).ack("pubrel", 1);
  assert.equal(old.inbox.length, 2);
  sub.takes();
  assert.equal(world.broker.state.retained.count, 0);
  assert.equal(world.broker.ledger.count("not-authorized"), 4);
});

test("a SUBSCRIBE that is denied: 0x87 for that filter; a share is asked as its filter", () => {
  const { world, asked } = denying("a subscribe t/#");
  const a = world.connect({ clientId: "a" }).subscribe(["t/#", "u", "$share/g/t/#"]);
  a.takes("suback 1: 0x87 2 0x87");
  assert.deepEqual(asked, ["a subscribe t/#", "a subscribe u", "a subscribe t/#"]);
});

test("who may not receive a topic gets neither live nor retained messages of it", () => {
  const { world } = denying("a receive t/secret");
  world.publish("t/secret", "kept", { retain: true });
  const a = world.connect({ clientId: "a" }).subscribe("#").takes("suback 1: 2");
  world.publish("t/secret", "live");
  world.publish("t/open", "x");
  a.takes('publish t/open "x"');
  assert.equal(world.broker.ledger.count("not-authorized"), 2);
});

test("a will that may not be published refuses CONNECT; one that may not later is not sent", () => {
  //
  let allowed = true;
  const world = new World({ authorizer: { authorize: (_p, id) => id === "sub" || allowed } });
  const sub = world.connect({ clientId: "sub" }).subscribe("#").takes("suback 1: 2");
  const a = world.connect({ clientId: "a", will: willOf("w", "") });
  allowed = false;
  a.drops();
  sub.takes();
  world.lost("will-not-authorized w → nobody");
  world
    .open()
    .connect({ clientId: "a", will: willOf("w", "") })
    .takes("connack 0x87", "closed");
});

test("a re-authentication as somebody else changes what is received at once", () => {
  const authenticator = new Counting();
  const world = new World({
    authenticator,
    authorizer: {
      authorize: ({ name }, _id, action) => action !== "receive" || name !== "counted 4",
    },
  });
  const a = world.open().connect(first).auth(0x18, "count", "3").subscribe("t");
  world.publish("t", "no");
  const { session } = a.peer;
  assert.ok(session);
  a.peer.identified({ name: "other" });
  a.inbox = [];
  world.publish("t", "yes");
  a.takes('publish t "yes"');
});

test("Response Information goes to those who ask [MQTT-3.1.2-28]", () => {
  const world = new World({ responseInformation: "answers/" });
  const asks = world.connect({ clientId: "a", requestResponseInformation: true });
  assert.equal(asks.connack?.properties?.responseInformation, "answers/");
  const does = world.connect({ clientId: "b" });
  assert.equal(does.connack?.properties?.responseInformation, undefined);
});
