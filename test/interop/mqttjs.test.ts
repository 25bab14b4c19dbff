/** MQTT.js against the broker, in every protocol version it has, over TCP and WebSocket. */
import { after, describe } from "node:test";
import { startBroker } from "./broker.ts";
import { deliverySuite } from "./delivery.suite.ts";
import { mqttJsDriver } from "./mqttjs-client.ts";
import { CONCURRENCY } from "./peers.ts";
import { propertiesSuite } from "./properties.suite.ts";

const broker = await startBroker();
after(() => broker.close());
const other = mqttJsDriver(5, () => broker.tcp, "TCP");

for (const transport of ["TCP", "WebSocket"] as const) {
  for (const version of [3, 4, 5] as const) {
    const url = transport === "TCP" ? broker.tcp : broker.ws;
    const driver = mqttJsDriver(version, () => url, transport);
    describe(driver.name, { concurrency: CONCURRENCY }, () => {
      deliverySuite(driver, other);
      if (version === 5) propertiesSuite(driver, other);
    });
  }
}
