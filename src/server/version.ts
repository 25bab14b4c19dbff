import { readFileSync } from "node:fs";

/** Of the package; src/server and dist/server lie equally deep in it. */
export function packageVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
