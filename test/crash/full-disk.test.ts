/** A disk that is full for real: what is acknowledged is kept, and fetching it makes room. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as after } from "node:timers/promises";
import { ReasonCode } from "../../src/protocol/reason-code.ts";
import { PacketClient } from "../packet-client.ts";
import { BrokerProcess } from "./broker-process.ts";
import { NIGHTJAR } from "./brokers.ts";

/** Five segments, and a little. */
const DISK_SIZE = 82 * 1024 * 1024;
const PAYLOAD_SIZE = 200_000;
/** An answer that has not come by then waits for the disk. */
const PATIENCE_MS = 2_000;
const FULL = ReasonCode.quotaExceeded;

/** A disk in memory. @returns Its folder, or why there is none. */
function mounted(t: TestContext): string | { readonly why: string } {
  const folder = mkdtempSync(join(tmpdir(), "nightjar-full-"));
  t.after(() => {
    spawnSync("umount", ["--lazy", folder]);
    rmSync(folder, { recursive: true, force: true });
  });
  if (process.getuid?.() !== 0) return { why: "not root: no disk in memory can be mounted" };
  const options = ["-t", "tmpfs", "-o", `size=${DISK_SIZE}`, "nightjar-full", folder];
  const { status, stderr, error } = spawnSync("mount", options, { encoding: "utf8" });
  if (status !== 0) return { why: `mount: ${error?.message ?? stderr.trim()}` };
  return folder;
}

async function started(t: TestContext, folder: string): Promise<BrokerProcess> {
  const broker = await BrokerProcess.spawn(NIGHTJAR, join(folder, "data"));
  t.after(() => broker.kill());
  assert.ok(await broker.listens(NIGHTJAR.readyLine), broker.output);
  return broker;
}

class Client {
  readonly #client: PacketClient;
  #packetId = 0;

  private constructor(client: PacketClient) {
    this.#client = client;
  }

  /** @returns It, and the Reason Code of its CONNACK. */
  static async come(
    { port }: BrokerProcess,
    clientId: string,
    isLasting: boolean,
  ): Promise<{ client: Client; code: number }> {
    const packets = await PacketClient.dial(`mqtt://127.0.0.1:${port}`);
    const sessionExpiryIntervalSec = isLasting ? 3_600 : 0;
    const fields = { clientId, cleanStart: !isLasting, sessionExpiryIntervalSec };
    const connack = await packets.connect({ ...fields, receiveMaximum: 10 });
    assert.equal(connack?.type, "connack");
    return { client: new Client(packets), code: connack?.reasonCode ?? -1 };
  }

  async subscribe(topicFilter: string, qos: 0 | 1): Promise<void> {
    assert.equal((await this.#client.subscribe(topicFilter, qos))?.type, "suback");
  }

  /** @returns The Reason Code of the PUBACK; undefined: none has come yet. */
  async publish(number: number): Promise<number | undefined> {
    this.#packetId += 1;
    const payload = String(number).padEnd(PAYLOAD_SIZE, ".");
    this.#client.publish("kept", payload, 1, this.#packetId);
    const packet = await Promise.race([this.#client.next(), after(PATIENCE_MS)]);
    if (packet === undefined) return undefined;
    assert.equal(packet.type, "puback");
    return packet.type === "puback" ? packet.reasonCode : -1;
  }

  async hasQos0(): Promise<boolean> {
    await this.subscribe("live", 0);
    this.#client.publish("live", "now");
    return (await this.#client.next())?.type === "publish";
  }

  /** Acknowledges all that comes, until nothing has for a while. */
  async fetch(): Promise<Set<number>> {
    const got = new Set<number>();
    for (;;) {
      const packet = await Promise.race([this.#client.next(), after(PATIENCE_MS)]);
      if (packet?.type !== "publish") return got;
      got.add(Number.parseInt(Buffer.from(packet.message.payload).toString("latin1"), 10));
      const { packetId } = packet;
      this.#client.send({ type: "puback", packetId, reasonCode: 0, properties: undefined });
    }
  }

  leave(): void {
    this.#client.stream.destroy();
  }
}

/** Publishes until it is refused, or no answer comes. @returns What was acknowledged. */
async function fill(broker: BrokerProcess): Promise<number[]> {
  const { client } = await Client.come(broker, "publisher", false);
  const told: number[] = [];
  for (let number = 1; number * PAYLOAD_SIZE < 2 * DISK_SIZE; number += 1) {
    const code = await client.publish(number);
    if (code === ReasonCode.success) told.push(number);
    else {
      assert.ok(code === undefined || code === FULL, `${code}`);
      client.leave();
      return told;
    }
  }
  return assert.fail("it never gets full");
}

/** Takes the last byte that is free. */
function fillRest(folder: string): void {
  for (const size of [1_048_576, 4_096]) {
    assert.throws(() => {
      for (;;) writeFileSync(join(folder, "filler"), Buffer.alloc(size), { flag: "a" });
    }, /ENOSPC/);
  }
}

test("a full disk: refused, fetched, and gone on with; nothing acknowledged is lost", async (t) => {
  const folder = mounted(t);
  if (typeof folder !== "string") {
    if (process.env["CI"] === "true" && process.getuid?.() === 0) assert.fail(folder.why);
    return t.skip(folder.why);
  }
  let broker = await started(t, folder);
  const keeper = await Client.come(broker, "keeper", true);
  await keeper.client.subscribe("kept", 1);
  keeper.client.leave();

  const told = await fill(broker);
  assert.ok(told.length > 100, `${told.length} were acknowledged`);
  fillRest(folder);
  const other = await Client.come(broker, "other", false);
  assert.equal(await other.client.publish(0), FULL);
  assert.equal(await other.client.hasQos0(), true);
  assert.equal((await Client.come(broker, "new", true)).code, FULL);

  await broker.kill();
  broker = await started(t, folder);
  const again = await Client.come(broker, "keeper", true);
  assert.equal(again.code, 0);
  const got = await again.client.fetch();
  assert.deepEqual(
    told.filter((number) => !got.has(number)),
    [],
  );

  const { client } = await Client.come(broker, "publisher", false);
  let code = await client.publish(1_000_000);
  for (let tries = 0; code === FULL && tries < 100; tries += 1) {
    await after(50);
    code = await client.publish(1_000_000);
  }
  assert.equal(code, ReasonCode.success, "it takes messages again by itself");
  await again.client.fetch();

  again.client.leave();
  assert.equal(await client.publish(2_000_000), ReasonCode.success);
  await broker.kill();
  broker = await started(t, folder);
  const last = await Client.come(broker, "keeper", true);
  assert.ok((await last.client.fetch()).has(2_000_000));
});
