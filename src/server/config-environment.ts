/** Variables such as `NIGHTJAR_LIMITS__PACKET_SIZE=2MiB` and `NIGHTJAR_LISTENERS__0__URL=…`. */
import { type ConfigMap, emptyMap, setText } from "./config-tree.ts";

const PREFIX = "NIGHTJAR_";

/** What Kubernetes and Docker set in every container beside a service named `nightjar`. */
const NOT_OURS = /^NIGHTJAR_(SERVICE_HOST|SERVICE_PORT|PORT)(_|$)/;

export type Environment = Readonly<Record<string, string | undefined>>;

/** A variable that stands for no key is left to the check, which knows the keys. */
export function configFromEnvironment(environment: Environment): ConfigMap {
  const map = emptyMap("environment");
  for (const name of Object.keys(environment).sort()) {
    const text = environment[name];
    if (text === undefined || !name.startsWith(PREFIX) || NOT_OURS.test(name)) continue;
    const path = name.slice(PREFIX.length).split("__").map(camelCase);
    setText(map, path, text, name);
  }
  return map;
}

/** `PACKET_SIZE` to `packetSize`. */
function camelCase(name: string): string {
  return name.toLowerCase().replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
