/**
 * Passes connections on to a broker that is not killed: `node relay.mjs PORT BROKER_PORT`.
 *
 * Killing this process cuts all connections and loses nothing else, so that whatever is counted
 * then is either the broker's fault while it runs or a mistake of the harness.
 */
import { connect, createServer } from "node:net";

const [port, brokerPort] = process.argv.slice(2).map(Number);

createServer((client) => {
  const broker = connect(brokerPort, "127.0.0.1");
  for (const [from, to] of [
    [client, broker],
    [broker, client],
  ]) {
    from.setNoDelay(true).pipe(to);
    from.on("error", () => {}).on("close", () => to.destroy());
  }
}).listen(port, "127.0.0.1", () => console.log("relay listens on", port));
