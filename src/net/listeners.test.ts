import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { get } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { buffer } from "node:stream/consumers";
import { after, test } from "node:test";
import { WebSocket } from "ws";
import { DEFAULT_LIMITS, type Limits } from "../core/limits.ts";
import { Doorkeeper } from "./doorkeeper.ts";
import { type ListenerTarget, parseListenerUrl } from "./listener-url.ts";
import { ListenError, type Listener, type ListenerWiring, openListener } from "./listeners.ts";
import type { OriginRule } from "./origin.ts";

const listeners: Listener[] = [];
const streams: Duplex[] = [];
after(() => {
  for (const listener of listeners) listener.stop();
  for (const stream of streams) stream.destroy();
});

interface Setup {
  limits?: Partial<Limits>;
  origin?: OriginRule;
  accept?: (stream: Duplex, remoteAddress: string) => void;
}

/** A listener that echoes, and what it refused. */
async function open(url: string, setup: Setup = {}) {
  const refused: string[] = [];
  const limits = () => ({ ...DEFAULT_LIMITS, ...setup.limits });
  const doorkeeper = new Doorkeeper(limits);
  const wiring: ListenerWiring = {
    doorkeeper,
    limits,
    originRule: () => setup.origin ?? { origins: undefined, anonymous: true },
    accept(stream, remoteAddress) {
      streams.push(stream);
      stream.on("error", () => {});
      if (setup.accept === undefined) stream.pipe(stream);
      else setup.accept(stream, remoteAddress);
    },
    refused: (_remoteAddress, why) => refused.push(why),
  };
  const listener = await openListener(parseListenerUrl(url) as ListenerTarget, wiring);
  listeners.push(listener);
  return { listener, address: listener.address, refused, doorkeeper };
}

function deferred<Value>() {
  let resolve: (value: Value) => void = () => {};
  const promise = new Promise<Value>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

function dial(address: string): Socket {
  const { hostname, port } = new URL(address);
  const socket = connect(Number(port), hostname.replace(/[[\]]/g, ""));
  socket.on("error", () => {});
  streams.push(socket);
  return socket;
}

async function webSocket(address: string, protocols = ["mqtt"], headers = {}): Promise<WebSocket> {
  const client = new WebSocket(address, protocols, { headers });
  await once(client, "open");
  return client;
}

async function received(client: WebSocket, size: number): Promise<Buffer> {
  const { promise, resolve } = deferred<Buffer>();
  let bytes = Buffer.alloc(0);
  client.on("message", (data: Buffer) => {
    bytes = Buffer.concat([bytes, data]);
    if (bytes.length >= size) resolve(bytes);
  });
  return promise;
}

/** Status of the answer to a WebSocket request that is refused. */
async function refusal(address: string, protocols: string[], headers = {}): Promise<number> {
  const client = new WebSocket(address, protocols, { headers });
  client.on("error", () => {});
  const [, response] = await once(client, "unexpected-response");
  response.resume();
  return response.statusCode;
}

test("tcp: the address has the real port, bytes go both ways", async () => {
  for (const host of ["127.0.0.1", "[::1]"]) {
    const { address } = await open(`tcp://${host}:0`);
    assert.match(address, /^mqtt:\/\/.*:[1-9]\d*$/);
    const socket = dial(address);
    socket.end("hello");
    assert.equal((await buffer(socket)).toString(), "hello");
  }
});

test("tcp: who connects is told by address and port", async () => {
  const accepted = deferred<string>();
  const { address } = await open("tcp://127.0.0.1:0", {
    accept: (_, from) => accepted.resolve(from),
  });
  const socket = dial(address);
  await once(socket, "connect");
  assert.equal(await accepted.promise, `127.0.0.1:${socket.localPort}`);
});

test("one connection too many is closed before a byte is read", async () => {
  for (const limits of [{ connectionsMax: 1 }, { connectionsPerAddressMax: 1 }]) {
    for (const url of ["tcp://127.0.0.1:0", "ws://127.0.0.1:0"]) {
      const { address, refused, doorkeeper } = await open(url, { limits });
      const first = dial(address);
      while (doorkeeper.size === 0) await new Promise((resolve) => setImmediate(resolve));
      const second = dial(address);
      await once(second, "close");
      assert.match(refused.join(), /there are 1 connections .*\[limits\.connections/);
      first.destroy();
      await doorkeeper.empty();
      const third = dial(address);
      await once(third, "connect");
    }
  }
});

test("a port that is taken is said in one line", async () => {
  const { address } = await open("tcp://127.0.0.1:0");
  const port = new URL(address).port;
  await assert.rejects(open(`tcp://127.0.0.1:${port}`), (error: ListenError) => {
    assert.equal(error.message, `port ${port} on 127.0.0.1 is taken by another process`);
    return error.code === "EADDRINUSE";
  });
  await assert.rejects(open("tcp://192.0.2.1:0"), /this machine has no such address/);
});

test("unix: a file that a crash left behind is replaced, a live one is not", async () => {
  const folder = await mkdtemp(join(tmpdir(), "nightjar-"));
  const path = join(folder, "n.sock");
  // Node removes the file when it closes a server; a crash does not.
  const crashed = createServer().listen(`${path}.old`);
  await once(crashed, "listening");
  const { rename } = await import("node:fs/promises");
  await rename(`${path}.old`, path);
  crashed.close();
  assert.ok(existsSync(path));

  const { listener, address } = await open(`unix://${path}`);
  assert.equal(address, `unix://${path}`);
  const socket = connect(path);
  socket.end("hello");
  assert.equal((await buffer(socket)).toString(), "hello");
  await assert.rejects(open(`unix://${path}`), ListenError);
  listener.stop();
  assert.ok(!existsSync(path));
  await rm(folder, { recursive: true });
});

test("websocket: mqtt is selected, whatever else is offered [MQTT-6.0.0-4]", async () => {
  const { address } = await open("ws://127.0.0.1:0/mqtt");
  for (const [offered, selected] of [
    [["mqtt"], "mqtt"],
    [["chat", "mqttv3.1", "mqtt"], "mqtt"],
    [["mqttv3.1"], "mqttv3.1"],
  ] as const) {
    const client = await webSocket(address, [...offered]);
    assert.equal(client.protocol, selected);
    assert.equal(client.extensions, ""); // No permessage-deflate, though the client offers it.
    client.terminate();
  }
});

test("websocket: without the sub-protocol the upgrade is refused [MQTT-6.0.0-3]", async () => {
  const { address, refused } = await open("ws://127.0.0.1:0/mqtt");
  assert.equal(await refusal(address, []), 400);
  assert.equal(await refusal(address, ["chat"]), 400);
  assert.match(refused[0] ?? "", /"mqtt" is missing \[MQTT-6\.0\.0-3\]/);
  assert.equal(await refusal(address.replace("/mqtt", "/other"), ["mqtt"]), 404);
});

test("websocket: a page of somebody else may not connect", async () => {
  const origin = { origins: ["https://good.example"], anonymous: true };
  const { address } = await open("ws://127.0.0.1:0/mqtt", { origin });
  assert.equal(await refusal(address, ["mqtt"], { Origin: "https://evil.example" }), 403);
  const client = await webSocket(address, ["mqtt"], { Origin: "https://good.example" });
  client.terminate();
});

test("websocket: a text frame ends the connection [MQTT-6.0.0-1]", async () => {
  const { address, refused } = await open("ws://127.0.0.1:0");
  const client = await webSocket(address);
  client.send("text");
  const [code] = await once(client, "close");
  assert.equal(code, 1003);
  assert.deepEqual(refused, ["a WebSocket text frame [MQTT-6.0.0-1]"]);
});

test("websocket: frames of one byte are a stream of bytes [MQTT-6.0.0-2]", async () => {
  const { address } = await open("ws://127.0.0.1:0");
  const client = await webSocket(address);
  const bytes = Buffer.from("a packet may be cut anywhere");
  for (const byte of bytes) client.send(Buffer.of(byte));
  assert.deepEqual(await received(client, bytes.length), bytes);
  client.terminate();
});

test("websocket: a write is one binary frame", async () => {
  const accepted = deferred<Duplex>();
  const { address } = await open("ws://127.0.0.1:0", { accept: (one) => accepted.resolve(one) });
  const client = await webSocket(address);
  const stream = await accepted.promise;
  const sizes: number[] = [];
  client.on("message", (data: Buffer, isBinary) => {
    assert.ok(isBinary);
    sizes.push(data.length);
  });
  stream.write(Buffer.alloc(10));
  await once(client, "message");
  stream.cork();
  stream.write(Buffer.alloc(20));
  stream.write(Buffer.alloc(30));
  stream.uncork();
  await once(client, "message");
  stream.write(Buffer.alloc(100_000));
  await once(client, "message");
  assert.deepEqual(sizes, [10, 50, 100_000]);
  client.terminate();
});

test("websocket: who does not read pauses the sender", async () => {
  const accepted = deferred<Duplex>();
  const { address } = await open("ws://127.0.0.1:0", { accept: (one) => accepted.resolve(one) });
  const client = await webSocket(address);
  const stream = await accepted.promise;
  const size = 64 * 1024;
  const count = 512; // 32 MiB: more than all buffers of the system on the way.
  for (let sent = 0; sent < count; sent += 1) client.send(Buffer.alloc(size));
  await once(stream, "readable");
  while (!(stream.readableLength >= size)) await once(stream, "readable");
  // What is held here is bounded; the rest waits at the client.
  assert.ok(stream.readableLength <= 4 * size, `${stream.readableLength} bytes held`);
  let read = 0;
  for await (const chunk of stream) {
    read += (chunk as Buffer).length;
    if (read === size * count) client.close();
  }
  assert.equal(read, size * count);
});

test("websocket: who is not read from makes writes wait", async () => {
  const accepted = deferred<Duplex>();
  const { address } = await open("ws://127.0.0.1:0", { accept: (one) => accepted.resolve(one) });
  const client = await webSocket(address);
  const stream = await accepted.promise;
  client.pause();
  const chunk = Buffer.alloc(64 * 1024);
  let written = 0;
  for (let isOpen = true; isOpen && written < 1_000; written += 1) {
    isOpen = stream.write(chunk);
    if (!isOpen) isOpen = await drained(stream);
  }
  assert.ok(written < 1_000, "64 MiB were taken though nobody reads");
  client.resume();
  if (stream.writableNeedDrain) await once(stream, "drain");
  client.terminate();
});

/** Whether the stream takes more once the loop has gone round a few times. */
async function drained(stream: Duplex): Promise<boolean> {
  for (let turn = 0; turn < 20 && stream.writableNeedDrain; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  return !stream.writableNeedDrain;
}

test("websocket: a message above the packet limit closes with 1009", async () => {
  const { address } = await open("ws://127.0.0.1:0", { limits: { packetSizeMax: 100 } });
  const client = await webSocket(address);
  client.send(Buffer.alloc(101));
  const [code] = await once(client, "close");
  assert.equal(code, 1009);
});

test("websocket: the end of either side ends the other", async () => {
  const accepted: Duplex[] = [];
  const { address } = await open("ws://127.0.0.1:0", { accept: (one) => accepted.push(one) });
  const leaving = await webSocket(address);
  leaving.send("last words".repeat(10), { binary: true });
  leaving.close();
  const [stream] = accepted;
  assert.equal((await buffer(stream as Duplex)).length, 100);

  const left = await webSocket(address);
  accepted[1]?.end("bye");
  const closed = once(left, "close");
  assert.equal((await received(left, 3)).toString(), "bye");
  assert.equal((await closed)[0], 1000);
});

test("http without an upgrade is told what is served", async () => {
  const { address } = await open("ws://127.0.0.1:0");
  const [response] = await once(get(address.replace("ws:", "http:")), "response");
  assert.equal(response.statusCode, 426);
  assert.match((await buffer(response)).toString(), /MQTT/);
  const huge = get(address.replace("ws:", "http:"), { headers: { cookie: "a".repeat(10_000) } });
  const [refused] = await once(huge, "response");
  assert.equal(refused.statusCode, 431);
  refused.resume();
});

test("http: who says nothing is cut off after connectTimeout", async () => {
  const { address } = await open("ws://127.0.0.1:0", { limits: { connectTimeoutMs: 20 } });
  const silent = dial(address);
  const slow = dial(address);
  slow.write("GET / HTTP/1.1\r\n");
  silent.resume();
  slow.resume();
  await Promise.all([once(silent, "close"), once(slow, "close")]);
});

test("stop: the port is free, WebSockets stay, idle HTTP goes", async () => {
  const { listener, address } = await open("ws://127.0.0.1:0");
  const client = await webSocket(address);
  const idle = dial(address);
  await once(idle, "connect");
  const refused = get(address.replace("ws:", "http:"));
  await once(refused, "response"); // The idle one was accepted before.
  const closed = once(idle, "close");
  listener.stop();
  await closed;
  client.send(Buffer.from("still here"));
  assert.equal((await received(client, 10)).toString(), "still here");
  client.terminate();
  const { port } = new URL(address);
  await open(`tcp://127.0.0.1:${port}`);
});
