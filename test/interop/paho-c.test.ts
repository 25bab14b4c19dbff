/** Paho MQTT for C (Debian: libpaho-mqtt-dev) against the broker. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { startBroker } from "./broker.ts";
import { deliverySuite, qosSuite } from "./delivery.suite.ts";
import { lineDriver } from "./line-client.ts";
import { mqttJsDriver } from "./mqttjs-client.ts";
import { describePeer, missingPahoC } from "./peers.ts";
import { propertiesSuite } from "./properties.suite.ts";

const missing = missingPahoC();
const folder = mkdtempSync(join(tmpdir(), "nightjar-paho-"));
const program = join(folder, "paho_client");
if (missing === undefined) {
  const source = fileURLToPath(new URL("paho_client.c", import.meta.url));
  execFileSync("cc", ["-Wall", "-Wextra", "-O1", "-o", program, source, "-lpaho-mqtt3c"]);
}
const broker = await startBroker();
after(async () => {
  await broker.close();
  rmSync(folder, { recursive: true });
});

const other = mqttJsDriver(5, () => broker.tcp, "TCP");

for (const version of [3, 4, 5] as const) {
  const driver = lineDriver("Paho C", [program], version, () => broker.tcp, "TCP");
  describePeer(driver.name, missing, () => {
    deliverySuite(driver, other);
    if (version === 5) propertiesSuite(driver, other);
  });
}

// Over WebSocket, Paho C 1.3.12 leaves the second MQTT packet of a data frame lying until more
// bytes come, against [MQTT-6.0.0-2]. A broker that joins packets in one frame stalls it.
const overWebSocket = lineDriver("Paho C", [program], 5, () => broker.ws, "WebSocket");
describePeer(overWebSocket.name, missing, () => qosSuite(overWebSocket, other));
