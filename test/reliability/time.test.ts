/** Deadlines, wills and clocks: rows F27, F28, F37 and F41, on a clock that is turned by hand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Replay } from "../../src/core/replay.ts";
import { BrokerState } from "../../src/core/state.ts";
import { Turn } from "../../src/net/turn.ts";
import { MemoryJournal } from "../../src/store/memory-journal.ts";
import { startBroker } from "./harness.ts";
import { besideNeighbours } from "./neighbours.ts";
import { VirtualBroker, type VirtualClient } from "./virtual-broker.ts";
import { WireClient } from "./wire-client.ts";

/** A client that lives as long as it is pinged, and sees every will. */
function watcher(broker: VirtualBroker): VirtualClient {
  const client = broker.connect('10 .. "MQTT" 05 02 0000 () "watcher"');
  client.send('82 .. 0001 () "will/#" 00');
  client.take();
  return client;
}

const WILL = '"will/w" "gone"';

test("F27 no CONNECT, half a CONNECT, a byte now and then: closed 10 s after the beginning", () => {
  const broker = new VirtualBroker();
  const silent = broker.open();
  const half = broker.connect('10 20 0004 "MQTT" 05');
  const trickling = broker.open();
  trickling.send("10 7f");
  for (let second = 0; second < 9; second += 1) {
    broker.advance(1);
    trickling.send("00");
  }
  for (const client of [silent, half, trickling]) assert.equal(client.closedAtMs, undefined);
  const startMs = broker.nowMs - 9_000;
  broker.advance(2);
  for (const client of [silent, half, trickling]) {
    const afterMs = (client.closedAtMs ?? 0) - startMs;
    assert.ok(afterMs >= 10_000 && afterMs <= 10_500, `${afterMs} ms`);
    assert.deepEqual(client.take(), []);
  }
});

test("F27 no Keep Alive, or a longer one than allowed: the broker's own", () => {
  const broker = new VirtualBroker({ keepAliveMaxSec: 60 });
  for (const [keepAlive, told] of [
    ["0000", 60],
    ["ffff", 60],
    ["003c", undefined],
    ["000a", undefined],
  ] as const) {
    const client = broker.connect(`10 .. "MQTT" 05 02 ${keepAlive} () "k${keepAlive}"`);
    const [connack] = client.take();
    assert.ok(connack?.type === "connack", "a connack");
    assert.equal(connack.properties?.serverKeepAliveSec, told);
  }
  const old = broker.connect('10 .. "MQTT" 04 02 0000 "old"');
  broker.advance(91);
  assert.notEqual(old.closedAtMs, undefined); // 3.x is held to it as well.
  assert.equal(broker.core.stats.clientsConnected, 0);
});

test("F28 a silent client: closed between 1.5 × Keep Alive and 1 s later, will published", () => {
  for (const keepAliveSec of [1, 2, 7, 60, 3_600]) {
    for (const offsetMs of [0, 1, 125, 249]) {
      const broker = new VirtualBroker({}, 1_700_000_000_000 + offsetMs);
      const watching = watcher(broker);
      const ka = keepAliveSec.toString(16).padStart(4, "0");
      const silent = broker.connect(`10 .. "MQTT" 05 06 ${ka} () "silent" () ${WILL}`);
      const talkative = broker.connect(`10 .. "MQTT" 04 02 ${ka} "talkative"`);
      const startMs = broker.nowMs;
      for (let passed = 0; passed < keepAliveSec * 1.5 + 1; passed += keepAliveSec / 2) {
        broker.advance(keepAliveSec / 2);
        talkative.send("c000");
        watching.send("c000");
      }
      const afterSec = ((silent.closedAtMs ?? 0) - startMs) / 1_000;
      const lateSec = afterSec - keepAliveSec * 1.5;
      assert.ok(lateSec >= 0 && lateSec <= 1, `${keepAliveSec} s: after ${afterSec} s`);
      const disconnect = silent.take().at(-1);
      assert.ok(disconnect?.type === "disconnect", "a disconnect");
      assert.equal(disconnect.reasonCode, 0x8d);
      assert.equal(talkative.closedAtMs, undefined);
      assert.deepEqual(watching.messages(), ["gone"]);
    }
  }
});

test("F28 Keep Alive of tens of thousands: no timer each, and in time", () => {
  const broker = new VirtualBroker();
  const timers = process.getActiveResourcesInfo().length;
  const clients = Array.from({ length: 20_000 }, (_, at) => {
    const ka = (10 + (at % 50)).toString(16).padStart(4, "0");
    return broker.connect(`10 .. "MQTT" 04 02 ${ka} "client-${at}"`);
  });
  assert.equal(process.getActiveResourcesInfo().length, timers);
  const startMs = broker.nowMs;
  broker.advance(100);
  for (const [at, { closedAtMs = 0 }] of clients.entries()) {
    const lateMs = closedAtMs - startMs - (10 + (at % 50)) * 1_500;
    assert.ok(lateMs >= 0 && lateMs <= 1_000);
  }
});

test("F37 exactly one will for each way to go, none after DISCONNECT 0x00", () => {
  const ways: [string, (client: VirtualClient, broker: VirtualBroker) => void, number][] = [
    ["DISCONNECT 0x00", (client) => client.send("e000"), 0],
    ["DISCONNECT 0x04", (client) => client.send("e00104"), 1],
    ["DISCONNECT, then the cable", (client) => [client.send("e000"), client.cut()], 0],
    ["the cable", (client) => client.cut(), 1],
    ["a protocol error", (client) => client.send("0000"), 1],
    ["a protocol error, then the cable", (client) => [client.send("0000"), client.cut()], 1],
    [
      "a take-over",
      (_client, broker) => broker.connect('10 .. "MQTT" 05 02 0000 () "w"').send("e000"),
      1,
    ],
    ["DISCONNECT that is an error", (client) => client.send("e0 .. 00 (11 0000000a)"), 1],
    ["a second CONNECT", (client) => client.send('10 .. "MQTT" 05 02 0000 () "w"'), 1],
    ["Keep Alive", (_client, broker) => broker.advance(16), 1],
  ];
  for (const [what, go, wills] of ways) {
    const broker = new VirtualBroker();
    const watching = watcher(broker);
    const client = broker.connect(`10 .. "MQTT" 05 06 000a () "w" () ${WILL}`);
    go(client, broker);
    broker.advance(20);
    assert.equal(watching.messages().length, wills, what);
    assert.equal(broker.core.state.sessions.has("w"), false, what);
  }
});

test("F37 a delayed will: on time, with the session, or never after a reconnection", () => {
  const cases = [
    { expirySec: 100, delaySec: 10, backAfterSec: undefined, dueSec: 10 },
    { expirySec: 5, delaySec: 100, backAfterSec: undefined, dueSec: 5 },
    { expirySec: 0, delaySec: 100, backAfterSec: undefined, dueSec: 0 },
    { expirySec: 100, delaySec: 10, backAfterSec: 9, dueSec: undefined },
    { expirySec: 0xffff_ffff, delaySec: 10, backAfterSec: undefined, dueSec: 10 },
    { expirySec: 100, delaySec: 0xffff_ffff, backAfterSec: undefined, dueSec: 100 },
  ];
  for (const { expirySec, delaySec, backAfterSec, dueSec } of cases) {
    const what = `expiry ${expirySec}, delay ${delaySec}, back after ${backAfterSec}`;
    const broker = new VirtualBroker();
    const watching = watcher(broker);
    const u32 = (value: number) => value.toString(16).padStart(8, "0");
    const connect = (flags: string, rest: string) =>
      broker.connect(`10 .. "MQTT" 05 ${flags} 0000 (11 ${u32(expirySec)}) "w" ${rest}`);
    connect("04", `(18 ${u32(delaySec)}) ${WILL}`).cut();
    let atSec: number | undefined;
    for (let second = 0; second <= 150; second += 1) {
      if (second === backAfterSec) connect("00", "").send("e000");
      if (watching.messages().length > 0) {
        assert.equal(atSec, undefined, `${what}: twice`);
        atSec = second;
      }
      broker.advance(1);
      watching.send("c000");
    }
    if (dueSec === undefined) assert.equal(atSec, undefined, what);
    else assert.ok(atSec !== undefined && atSec - dueSec <= 1, `${what}: after ${atSec} s`);
  }
});

test("F37 a crash: the log has the wills of those who were connected, and of no one else", () => {
  const broker = new VirtualBroker();
  broker.connect(`10 .. "MQTT" 05 06 0000 () "connected" () ${WILL}`);
  broker.connect(`10 .. "MQTT" 05 06 0000 () "left" () ${WILL}`).send("e000");
  broker.connect(`10 .. "MQTT" 05 06 0000 () "lost" () ${WILL}`).cut();
  broker.connect(`10 .. "MQTT" 04 06 0000 "taken" ${WILL}`);
  broker.connect('10 .. "MQTT" 04 02 0000 "taken"');
  broker.connect(`10 .. "MQTT" 05 06 0000 (11 00000064) "delayed" (18 0000000a) ${WILL}`).cut();
  const recovered = new BrokerState();
  const replay = new Replay(recovered);
  broker.ops.forEach((op, index) => {
    replay.apply(op, index + 1, 1);
  });
  const withWill = [...recovered.sessions.values()].filter(({ will }) => will !== undefined);
  assert.deepEqual(withWill.map(({ clientId }) => clientId).sort(), ["connected", "delayed"]);
  const delayed = recovered.sessions.get("delayed");
  assert.equal(delayed?.willAtMs, broker.nowMs + 10_000);
});

test("F41 the time of day jumps by hours and years: nobody notices", async (t) => {
  const broker = await startBroker(t, { sys: { interval: 0 } });
  const now = Date.now;
  t.after(() => {
    Date.now = now;
  });
  await besideNeighbours(broker, async (neighbours) => {
    const kept = await WireClient.connectWith(broker.port, '10 .. "MQTT" 05 02 0001 () "kept"');
    const left = await WireClient.connectWith(
      broker.port,
      '10 .. "MQTT" 05 00 0000 (11 00000e10) "left"',
    );
    await left.destroy();
    for (const jumpMs of [3_600_000, -3_600_000, -315_576_000_000, 315_576_000_000]) {
      Date.now = () => now() + jumpMs;
      const untilMs = performance.now() + 600; // Two ticks of the broker's wheel.
      while (performance.now() < untilMs) await neighbours.turn();
      assert.deepEqual(await kept.settled(), []);
    }
    const back = await WireClient.open(broker.port);
    back.send('10 .. "MQTT" 05 00 0000 (11 00000e10) "left"');
    assert.equal((await back.expect("connack")).sessionPresent, true);
    await Promise.all([kept.destroy(), back.destroy()]);
  });
});

test("F41 a clock that goes back expires nothing, and deadlines come all the same", () => {
  const broker = new VirtualBroker();
  const client = broker.connect('10 .. "MQTT" 05 00 000a (11 0000003c) "client"');
  const watching = watcher(broker);
  broker.core.tick(broker.nowMs - 3_600_000);
  broker.flush();
  assert.equal(client.closedAtMs, undefined);
  broker.advance(16);
  assert.notEqual(client.closedAtMs, undefined);
  watching.send('82 .. 0002 () "expiring" 00');
  const publisher = broker.connect('10 .. "MQTT" 05 02 0000 () "publisher"');
  publisher.send(`31 .. "expiring" (02 0000000a) 'x'`);
  const delivery = watching.take().find(({ type }) => type === "publish");
  assert.ok(delivery?.type === "publish", "a publish");
  assert.equal(delivery.messageExpiryIntervalSec, 10);
});

test("F41 the process slept for 10 minutes: who has spoken meanwhile is not cut off", () => {
  const broker = new VirtualBroker();
  const journal = new MemoryJournal();
  const turn = new Turn(broker.core, journal, () => broker.nowMs);
  const sleepers = [1, 10, 60].map((sec) => {
    const ka = sec.toString(16).padStart(4, "0");
    return broker.connect(`10 .. "MQTT" 04 02 ${ka} "ka-${sec}"`);
  });
  turn.tick();
  broker.nowMs += 600_000;
  turn.tick(); // Timers come first: what the sockets have is read only after it.
  broker.flush();
  for (const sleeper of sleepers) sleeper.send("c000");
  broker.nowMs += 250;
  turn.tick();
  broker.flush();
  for (const sleeper of sleepers) assert.equal(sleeper.closedAtMs, undefined);
  for (let count = 0; count < 500; count += 1) {
    broker.nowMs += 250;
    turn.tick();
  }
  broker.flush();
  for (const sleeper of sleepers) assert.notEqual(sleeper.closedAtMs, undefined);
});
