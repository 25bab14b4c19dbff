/**
 * A broker for the tests of programs that use MQTT: in memory, on a clock of your own, with faults
 * on demand.
 *
 * @example
 * import { createTestBroker } from "nightjar-mqtt/testing";
 *
 * const testBroker = createTestBroker();
 * const client = new mqtt.MqttClient(() => testBroker.connect(), { clientId: "pump" });
 * testBroker.faults.dropAck(1); // Its first PUBACK is lost: does the program send again?
 * await testBroker.advance(60_000); // A minute passes at once.
 * await testBroker.close();
 */
import { TestBroker, type TestBrokerOptions } from "./test-broker.ts";

export type { Passing, Side } from "./faulty-link.ts";
export type { Faults, TestBrokerOptions } from "./test-broker.ts";
export { TestBroker } from "./test-broker.ts";

/** Ready at once: nothing is opened until `connect` or `listen`. */
export function createTestBroker(options: TestBrokerOptions = {}): TestBroker {
  return new TestBroker(options);
}
