import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { type TestContext, test } from "node:test";
import { readShared } from "./shared-read.ts";

/** A server's side and a client's side of one connection over loopback. */
async function pair(t: TestContext): Promise<{ accepted: Socket; client: Socket }> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const connection = once(server, "connection");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [accepted] = (await connection) as [Socket];
  t.after(() => {
    client.destroy();
    accepted.destroy();
    server.close();
  });
  return { accepted, client };
}

/** Collects what is received until there are `size` bytes of it. */
function collector(size: number): {
  receive: (chunk: Buffer) => void;
  chunks: Buffer[];
  whole: Promise<Buffer>;
} {
  const chunks: Buffer[] = [];
  let resolve: (bytes: Buffer) => void;
  const whole = new Promise<Buffer>((done) => {
    resolve = done;
  });
  const receive = (chunk: Buffer): void => {
    chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    if (bytes.length >= size) resolve(bytes);
  };
  return { receive, chunks, whole };
}

test("this Node has the insides that the shared buffer needs", async (t) => {
  const { accepted } = await pair(t);
  assert.equal(
    readShared(accepted, () => {}),
    true,
    `Node ${process.version} does not: sockets are read by "data" events, which is slower`,
  );
});

test("chunks stay as they were received, however many follow", async (t) => {
  const { accepted, client } = await pair(t);
  const sent = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) & 0xff));
  const { receive, whole } = collector(sent.length);
  readShared(accepted, receive);
  for (let at = 0; at < 2_000; at += 20) client.write(sent.subarray(at, at + 20));
  client.write(sent.subarray(2_000));
  assert.ok((await whole).equals(sent), "bytes differ");
});

test("a paused socket receives nothing until it is resumed", async (t) => {
  const { accepted, client } = await pair(t);
  const { receive, chunks, whole } = collector(10);
  readShared(accepted, receive);
  accepted.pause();
  // The answer comes after the bytes were there to be read.
  client.write("0123456789");
  accepted.write("?");
  await once(client, "data");
  assert.equal(chunks.length, 0);
  accepted.resume();
  assert.equal((await whole).toString(), "0123456789");
});

test("the end of the stream closes the socket", async (t) => {
  const { accepted, client } = await pair(t);
  const { receive, whole } = collector(3);
  readShared(accepted, receive);
  const closed = once(accepted, "close");
  client.end("bye");
  assert.equal((await whole).toString(), "bye");
  await closed;
});

test("a reset closes the socket", async (t) => {
  const { accepted, client } = await pair(t);
  readShared(accepted, () => {});
  accepted.on("error", () => {}); // ECONNRESET; `once` would reject with it.
  const closed = new Promise((resolve) => accepted.on("close", resolve));
  client.resetAndDestroy();
  await closed;
});

test("anything but a plain TCP socket is left alone", () => {
  const stream = new Duplex({ read() {}, write() {} });
  assert.equal(
    readShared(stream, () => {}),
    false,
  );
});
