/** Paho MQTT for Python (Debian: python3-paho-mqtt) against the broker. */
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { startBroker } from "./broker.ts";
import { deliverySuite } from "./delivery.suite.ts";
import { lineDriver } from "./line-client.ts";
import { mqttJsDriver } from "./mqttjs-client.ts";
import { describePeer, missingPahoPython, PYTHON } from "./peers.ts";
import { propertiesSuite } from "./properties.suite.ts";

const missing = missingPahoPython();
const broker = await startBroker();
after(() => broker.close());

const command = [PYTHON, fileURLToPath(new URL("paho_client.py", import.meta.url))];
const other = mqttJsDriver(5, () => broker.tcp, "TCP");

for (const [version, transport] of [
  [3, "TCP"],
  [4, "TCP"],
  [5, "TCP"],
  [5, "WebSocket"],
] as const) {
  const url = transport === "TCP" ? broker.tcp : broker.ws;
  const driver = lineDriver("Paho Python", command, version, () => url, transport);
  describePeer(driver.name, missing, () => {
    deliverySuite(driver, other);
    if (version === 5) propertiesSuite(driver, other);
  });
}
