/** Bytes cut and joined, and WebSockets: rows F4, F26 and F38. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect as connectSocket, type Socket } from "node:net";
import { test } from "node:test";
import { WebSocket } from "ws";
import {
  assertGrewLess,
  memoryInUse,
  startBroker,
  type TestBroker,
  until,
  within,
} from "./harness.ts";
import { besideNeighbours } from "./neighbours.ts";
import { connectBytes, publishBytes, WireClient, wire } from "./wire-client.ts";

const MIB = 1024 * 1024;

async function webSocket({ webSocketUrl }: TestBroker): Promise<WebSocket> {
  const socket = new WebSocket(webSocketUrl, ["mqtt"], { perMessageDeflate: false });
  await within(once(socket, "open"), "a WebSocket");
  return socket;
}

/** All that comes, joined; resolves to the close code. */
function listen(socket: WebSocket): { bytes: () => Buffer; closed: Promise<number> } {
  const chunks: Buffer[] = [];
  socket.on("message", (chunk: Buffer) => chunks.push(chunk));
  socket.on("error", () => {}); // "close" follows.
  const closed = new Promise<number>((resolve) => socket.on("close", resolve));
  return { bytes: () => Buffer.concat(chunks), closed: within(closed, "the end") };
}

/** A frame as clients mask it; `first` is FIN, RSV1 to 3 and opcode. */
function frame(first: number, payload: Buffer, announced: number = payload.length): Buffer {
  const size = [0x80 | 126, announced >> 8, announced & 0xff];
  return Buffer.concat([Buffer.from([first, ...size, 0, 0, 0, 0]), payload]); // Masked with zeroes.
}

/** Past the handshake, for frames that a WebSocket library would not send. */
async function rawWebSocket(
  { webSocketUrl }: TestBroker,
  headers = "",
): Promise<{ socket: Socket; head: string }> {
  const { port, host, pathname } = new URL(webSocketUrl);
  const socket = connectSocket(Number(port), "127.0.0.1");
  socket.on("error", () => {}); // "close" follows.
  socket.write(
    `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\nSec-WebSocket-Version: 13\r\n` +
      `Sec-WebSocket-Protocol: mqtt\r\n${headers}\r\n`,
  );
  const head = new Promise<string>((resolve) => {
    socket.once("data", (chunk) => resolve(chunk.toString("latin1")));
    socket.once("close", () => resolve(""));
  });
  return { socket, head: await within(head, "an answer to the handshake") };
}

async function closedBy(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  if (!socket.destroyed) await within(once(socket, "close"), "the end of the connection");
  return Buffer.concat(chunks);
}

test("F4 Remaining Length 4,096 and 3 bytes of body, over WebSocket: waited for", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    const socket = await webSocket(broker);
    const { bytes } = listen(socket);
    socket.send(connectBytes(4, "ws"));
    await until(() => bytes().length === 4, "CONNACK");
    const whole = publishBytes(4, "a", Buffer.alloc(4_092, "x"), 1);
    socket.send(whole.subarray(0, 6));
    const { bytesReceived } = broker.broker.stats;
    await until(() => broker.broker.stats.bytesReceived >= bytesReceived, "the part");
    assert.equal(bytes().length, 4);
    socket.send(whole.subarray(6));
    await until(() => bytes().length === 8, "PUBACK");
    assert.equal(bytes().subarray(4).toString("hex"), "40020001");
    socket.terminate();
  });
});

/** A session with every kind of packet that answers. */
const SESSION = Buffer.concat([
  connectBytes(4, "chopped"),
  wire('82 .. 0001 "chopped/#" 02'),
  publishBytes(4, "chopped/0", "nothing", 0),
  publishBytes(4, "chopped/1", "x".repeat(300), 1, 7),
  publishBytes(4, "chopped/2", "y".repeat(200), 2, 8),
  wire("62 .. 0008"),
  wire("c000"),
]);

/** Bytes that it brings: CONNACK, SUBACK, the three messages, PUBACK, PUBREC, PUBCOMP, PINGRESP. */
const ANSWER_SIZE = 4 + 5 + 20 + 316 + 216 + 4 + 4 + 4 + 2;

test("F26 a session in fragments of 1 byte, in one segment, and cut anywhere", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async (neighbours) => {
    for (const size of [SESSION.length, 1, 2, 3, 7, 61, 300]) {
      const socket = connectSocket({ port: broker.port, host: "127.0.0.1", noDelay: true });
      let received = 0;
      socket.on("data", (chunk) => {
        received += chunk.length;
      });
      for (let at = 0; at < SESSION.length; at += size) {
        socket.write(SESSION.subarray(at, at + size));
        if (at % 50 === 0) await neighbours.turn(); // So that they do not go out joined.
      }
      await until(() => received === ANSWER_SIZE, `${ANSWER_SIZE} bytes, by ${size}: ${received}`);
      socket.destroy();
    }
  });
});

test("F26 packets split across WebSocket frames, or many in one", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    for (const size of [SESSION.length, 1, 5, 100]) {
      const socket = await webSocket(broker);
      const { bytes } = listen(socket);
      for (let at = 0; at < SESSION.length; at += size) {
        socket.send(SESSION.subarray(at, at + size));
      }
      await until(() => bytes().length === ANSWER_SIZE, `all answers, by ${size}`);
      socket.terminate();
    }
  });
});

test("F26 a text frame ends the connection; without the sub-protocol there is none", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    const socket = await webSocket(broker);
    const { closed } = listen(socket);
    socket.send("text");
    assert.equal(await closed, 1003);
    for (const protocols of [[], ["soap"], ["mqttx"]]) {
      const refused = new WebSocket(broker.webSocketUrl, protocols);
      const [error] = (await within(once(refused, "error"), "a refusal")) as [Error];
      assert.match(error.message, /400/);
    }
  });
});

test("F38 permessage-deflate is not taken, a compressed frame ends it", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    const offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    const { socket, head } = await rawWebSocket(broker, offer);
    assert.match(head, /^HTTP\/1\.1 101/);
    assert.doesNotMatch(head, /deflate/i);
    socket.write(frame(0xc2, Buffer.from("789c0300000000001", "hex"))); // RSV1: compressed.
    const end = await closedBy(socket);
    assert.equal(end.subarray(2, 4).readUInt16BE(), 1002);
  });
});

test("F38 messages over the packet limit, whole or in fragments, are not gathered", async (t) => {
  const broker = await startBroker(t, { limits: { packetSize: "64KiB" } });
  await besideNeighbours(broker, async () => {
    const before = memoryInUse();
    const whole = await webSocket(broker);
    const { closed } = listen(whole);
    whole.send(Buffer.alloc(65 * 1024));
    assert.equal(await closed, 1009);

    const announced = await rawWebSocket(broker);
    announced.socket.write(Buffer.from("82ff00000000ffffffff00000000", "hex")); // 4 GB of it.
    assert.equal((await closedBy(announced.socket)).readUInt16BE(2), 1009);

    const { socket } = await rawWebSocket(broker);
    socket.write(frame(0x02, Buffer.alloc(60_000)));
    socket.write(frame(0x00, Buffer.alloc(60_000)));
    assert.equal((await closedBy(socket)).readUInt16BE(2), 1009);
    assertGrewLess(before, 4 * MIB);
  });
});

test("F38 a flood of fragments, empty or of 1 byte, ends the connection", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    for (const payload of [Buffer.alloc(0), Buffer.alloc(1)]) {
      const { socket } = await rawWebSocket(broker);
      const before = memoryInUse();
      socket.write(frame(0x02, payload));
      const many = Buffer.concat(Array.from({ length: 10_000 }, () => frame(0x00, payload)));
      for (let count = 0; count < 5 && !socket.destroyed; count += 1) socket.write(many);
      assert.ok((await closedBy(socket)).length > 0);
      assertGrewLess(before, 16 * MIB);
    }
  });
});

test("F38 a flood of pings whose pongs nobody reads costs no memory", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    const { socket } = await rawWebSocket(broker);
    socket.pause();
    const before = memoryInUse();
    const pings = Buffer.concat(Array.from({ length: 500 }, () => frame(0x89, Buffer.alloc(125))));
    for (let count = 0; count < 400 && !socket.destroyed; count += 1) {
      if (!socket.write(pings)) {
        await Promise.race([once(socket, "drain"), once(socket, "close")]);
      }
    }
    assertGrewLess(before, 32 * MIB);
    socket.destroy();
  });
});

test("F38 huge headers, other pages' Origin, and a request that trickles in", async (t) => {
  const broker = await startBroker(t, { limits: { connectTimeout: "500ms" } });
  await besideNeighbours(broker, async () => {
    const huge = await rawWebSocket(broker, `X-Huge: ${"x".repeat(20_000)}\r\n`);
    assert.doesNotMatch(huge.head, /101/);
    await closedBy(huge.socket);
    for (const origin of ["https://evil.example", "null", "http://127.0.0.1.evil.example"]) {
      const { socket, head } = await rawWebSocket(broker, `Origin: ${origin}\r\n`);
      assert.match(head, /^HTTP\/1\.1 403/, origin);
      await closedBy(socket);
    }
    const own = await rawWebSocket(broker, "Origin: http://localhost:3000\r\n");
    assert.match(own.head, /^HTTP\/1\.1 101/);
    own.socket.destroy();

    const { port } = new URL(broker.webSocketUrl);
    const slow = connectSocket(Number(port), "127.0.0.1");
    slow.write("GET /mqtt HT");
    await closedBy(slow);
    // A WebSocket on which no CONNECT comes has the same deadline.
    const { socket } = await rawWebSocket(broker);
    await closedBy(socket);
  });
});

test("F26 plain nonsense: TLS, HTTP and noise on the TCP port", async (t) => {
  const broker = await startBroker(t);
  await besideNeighbours(broker, async () => {
    const noises = [
      "16030100d0010000cc0303",
      "GET / HTTP/1.1\r\n\r\n",
      "\r\n\r\n",
      "SSH-2.0-x\r\n",
    ];
    for (const noise of noises) {
      const client = await WireClient.open(broker.port);
      client.send(Buffer.from(noise, noise.startsWith("16") ? "hex" : "latin1"));
      await client.closed();
    }
  });
});
