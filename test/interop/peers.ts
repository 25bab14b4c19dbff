/** Which foreign programs are here, and what becomes of a suite whose program is missing. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";

export const PYTHON = "/usr/bin/python3"; // Debian's own, for which python3-paho-mqtt is made.

/** @returns why the peer cannot be had, or undefined when it can. */
export type Missing = string | undefined;

export function missingMosquittoClients(): Missing {
  const tools = ["mosquitto_pub", "mosquitto_sub", "mosquitto_rr"];
  const here = tools.every((tool) => spawnSync(tool, ["--help"]).error === undefined);
  return here ? undefined : needs("mosquitto-clients");
}

export function missingPahoPython(): Missing {
  const here = succeeds(PYTHON, ["-c", "import paho.mqtt.client"]);
  return here ? undefined : needs("python3-paho-mqtt");
}

export function missingPahoC(): Missing {
  if (!succeeds("cc", ["--version"])) return needs("gcc");
  const here = succeeds("cc", ["-E", "-"], "#include <MQTTClient.h>\n");
  return here ? undefined : needs("libpaho-mqtt-dev");
}

/** Tests share nothing but the broker, and mostly wait for programs to start. */
export const CONCURRENCY = 8;

/** Like `describe`; a missing peer is skipped here and fails in CI, so that CI stays complete. */
export function describePeer(name: string, missing: Missing, suite: () => void): void {
  if (missing === undefined) describe(name, { concurrency: CONCURRENCY }, suite);
  else if (process.env["CI"] === "true") test(name, () => assert.fail(missing));
  else test(name, { skip: missing }, () => {});
}

function needs(debianPackage: string): string {
  return `not installed here: Debian package ${debianPackage}`;
}

function succeeds(program: string, args: string[], input = ""): boolean {
  return spawnSync(program, args, { input }).status === 0;
}
