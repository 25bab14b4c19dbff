import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as v from "valibot";
import { DEFAULT_LIMITS } from "../core/limits.ts";
import { checkConfig } from "./config-check.ts";
import { configFromEnvironment, type Environment } from "./config-environment.ts";
import { ConfigError } from "./config-error.ts";
import { parseConfigFile } from "./config-file.ts";
import { printConfig } from "./config-print.ts";
import { type ServeConfig, ServeSchema } from "./config-schema.ts";
import { type ConfigMap, emptyMap, setText, treeOf } from "./config-tree.ts";
import { text } from "./config-values.ts";
import { type LoadedConfig, loadConfig } from "./load-config.ts";

function check(yaml: string): ServeConfig {
  return checkConfig(ServeSchema, parseConfigFile(yaml, "n.yaml"));
}

function problemsOf(run: () => unknown): readonly string[] {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems;
  }
  return [];
}

const WRONG: ReadonlyArray<{ yaml: string; problems: string[] }> = [
  { yaml: "", problems: ["n.yaml:1:1: the file is empty"] },
  { yaml: "# nothing\n", problems: ["n.yaml:1:1: the file is empty"] },
  { yaml: "- a", problems: ["n.yaml:1:1: expected keys such as listeners: and limits:"] },
  { yaml: "log: {level: info", problems: [/^n\.yaml:1:18: Flow map/.source] },
  {
    yaml: "limits:\n  sessions: 1\n  sessions: 2",
    problems: ["n.yaml:3:3: Map keys must be unique"],
  },
  { yaml: "a: &a\n  b: *a", problems: ["n.yaml:2:6: nested more than 20 deep"] },
  { yaml: "? [a]\n: 1", problems: ["n.yaml:1:3: a key must be a word"] },
  {
    yaml: "limits:\n  paketSize: 1MiB\n  sesions: 5",
    problems: [
      "n.yaml:2:3 limits.paketSize: unknown key; did you mean packetSize?",
      "n.yaml:3:3 limits.sesions: unknown key; did you mean sessions?",
    ],
  },
  { yaml: "limits: {zzzzzz: 1}", problems: ["n.yaml:1:10 limits.zzzzzz: unknown key"] },
  {
    yaml: "zz: 1",
    problems: [
      "n.yaml:1:1 zz: unknown key; there are listeners, allowAnonymous, limits, data, " +
        "durability, sys, " +
        "responseInformation, log",
    ],
  },
  { yaml: "__proto__: {a: 1}", problems: [/^n\.yaml:1:1 __proto__: unknown key/.source] },
  {
    yaml: "listeners:\n  - {}",
    problems: ["n.yaml:2:5 listeners[0].url: expected a mapping with url"],
  },
  { yaml: "listeners: 5", problems: ["n.yaml:1:12 listeners: expected a list of listeners"] },
  {
    yaml: "listeners: {url: tcp://a}",
    problems: ["n.yaml:1:12 listeners: expected a list of listeners"],
  },
  { yaml: "limits: [1]", problems: ["n.yaml:1:9 limits: expected a mapping of limits"] },
  {
    yaml: "listeners:\n  - url: tcp://127.0.0.1:99999",
    problems: [
      "n.yaml:2:10 listeners[0].url: expected a port 0..65535 at the end of the URL, " +
        'got "tcp://127.0.0.1:99999"',
    ],
  },
  {
    yaml: "listeners:\n  - url: mqtts://a:8883",
    problems: [/^n\.yaml:2:10 listeners\[0\]\.url: .*no TLS in this version.*mqtts/.source],
  },
  {
    yaml: "listeners:\n  - url: http://a",
    problems: [/^n\.yaml:2:10 listeners\[0\]\.url: expected a URL such as tcp:/.source],
  },
  {
    yaml: "listeners:\n  - url: tcp://a\n    queueFullPolicy: drop-oldst\n    maximumQos: 3",
    problems: [
      "n.yaml:3:22 listeners[0].queueFullPolicy: expected drop-oldest, drop-newest, reject; " +
        'did you mean drop-oldest, got "drop-oldst"',
      "n.yaml:4:17 listeners[0].maximumQos: expected 0, 1, 2, got 3",
    ],
  },
  {
    yaml: "listeners:\n  - url: ws://a\n    origins: [https://a/b]",
    problems: [
      "n.yaml:3:15 listeners[0].origins[0]: expected https://host[:port] without a path, or *, " +
        'got "https://a/b"',
    ],
  },
  {
    yaml: "limits:\n  connectTimeout: 10",
    problems: [
      'n.yaml:2:19 limits.connectTimeout: expected a duration with its unit such as "10s" ' +
        "(10ms to 1d), got 10",
    ],
  },
  {
    yaml: "limits:\n  connectTimeout: 10 parsecs\n  keepAlive: 2d",
    problems: [
      "n.yaml:2:19 limits.connectTimeout: expected a duration such as 250ms, 30s, 5m, 1h or 7d " +
        '(10ms to 1d), got "10 parsecs"',
      "n.yaml:3:14 limits.keepAlive: expected a duration such as 250ms, 30s, 5m, 1h or 7d " +
        '(1s to 65535s), got "2d"',
    ],
  },
  {
    yaml: "limits:\n  packetSize: 1XB",
    problems: [
      "n.yaml:2:15 limits.packetSize: expected a size such as 64KiB or 1MiB " +
        '(128B to 268435460B), got "1XB"',
    ],
  },
  {
    yaml: "limits:\n  receiveMaximum: 0\n  topicAlias: 1.5\n  sessions:",
    problems: [
      "n.yaml:2:19 limits.receiveMaximum: expected a whole number 1..65535, got 0",
      "n.yaml:3:15 limits.topicAlias: expected a whole number 0..65535, got 1.5",
      "n.yaml:4:12 limits.sessions: expected a whole number from 1, got nothing",
    ],
  },
  {
    yaml: "allowAnonymous: yes",
    problems: ['n.yaml:1:17 allowAnonymous: expected true or false, got "yes"'],
  },
  {
    yaml: "log:\n  level: [info]\nresponseInformation: ''",
    problems: [
      "n.yaml:2:10 log.level: expected error, warn, info, debug, got a list",
      'n.yaml:3:22 responseInformation: expected a text, got ""',
    ],
  },
];

for (const { yaml, problems } of WRONG) {
  test(`refused: ${JSON.stringify(yaml)}`, () => {
    const found = problemsOf(() => check(yaml));
    assert.equal(found.length, problems.length, found.join("\n"));
    for (const [index, problem] of problems.entries()) {
      if (problem.startsWith("^")) assert.match(found[index] ?? "", new RegExp(problem));
      else assert.equal(found[index], problem);
    }
  });
}

test("what is not said has the defaults of the core", () => {
  const config = check("limits:\nsys:\nlog:");
  assert.deepEqual(config.limits, DEFAULT_LIMITS);
  assert.equal(config.sysIntervalMs, 10_000);
  assert.equal(config.listeners, undefined);
  assert.deepEqual(config.log, { level: "info", format: "text" });
});

test("units: durations, sizes, and the seconds of MQTT", () => {
  const { limits, sysIntervalMs } = check(`
limits:
  packetSize: 2MB
  connectPacketSize: 4096
  connectTimeout: 1.5s
  keepAlive: 5m
  sessionExpiry: 2w
  queueBytes: 1GiB
sys: { interval: 0 }
`);
  assert.equal(limits.packetSizeMax, 2_000_000);
  assert.equal(limits.connectPacketSizeMax, 4_096);
  assert.equal(limits.connectTimeoutMs, 1_500);
  assert.equal(limits.keepAliveMaxSec, 300);
  assert.equal(limits.sessionExpiryMaxSec, 14 * 86_400);
  assert.equal(limits.queueBytesMax, 1_024 ** 3);
  assert.equal(sysIntervalMs, 0);
});

test("a CONNECT may never be larger than a packet", () => {
  assert.equal(check("limits: {packetSize: 1KiB}").limits.connectPacketSizeMax, 1_024);
});

test("anchors and aliases share a policy", () => {
  const { listeners } = check(`
listeners:
  - &public { url: "tcp://127.0.0.1:1", maximumQos: 1, origins: &all ["*"] }
  - { url: "ws://127.0.0.1:2/x", origins: *all }
`);
  assert.deepEqual(listeners?.[1]?.origins, ["*"]);
  assert.deepEqual(listeners?.[1]?.target, {
    kind: "ws",
    host: "127.0.0.1",
    port: 2,
    path: "/x",
  });
  assert.equal(listeners?.[0]?.maximumQos, 1);
});

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "nightjar-config-"));
});
after(() => rm(folder, { recursive: true }));

async function load(yaml: string, environment: Environment, flags?: ConfigMap) {
  const file = join(folder, "n.yaml");
  if (yaml !== "") await writeFile(file, yaml);
  const sources = { file: yaml === "" ? undefined : file, environment };
  return loadConfig({ ...sources, flags: flags ?? emptyMap("flags") });
}

async function problemsOfLoad(loading: Promise<LoadedConfig>): Promise<readonly string[]> {
  const error = await loading.then(
    () => assert.fail("loaded"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ConfigError, String(error));
  return error.problems.map((problem) => problem.replaceAll(`${folder}/`, ""));
}

function flagsOf(path: string[], value: string): ConfigMap {
  const flags = emptyMap("flags");
  setText(flags, path, value, `--${path.at(-1)}`);
  return flags;
}

test("precedence: defaults < file < environment < flags", async () => {
  const yaml = "limits: {sessions: 1, routes: 1, inflight: 1}";
  const environment = { NIGHTJAR_LIMITS__ROUTES: "2", NIGHTJAR_LIMITS__INFLIGHT: "2", HOME: "/" };
  const { config } = await load(yaml, environment, flagsOf(["limits", "inflight"], "3"));
  const { sessionsMax, routesMax, inflightMax, topicAliasMax } = config.limits;
  assert.deepEqual([sessionsMax, routesMax, inflightMax], [1, 2, 3]);
  assert.equal(topicAliasMax, DEFAULT_LIMITS.topicAliasMax);
});

test("nothing said: this machine only, TCP and WebSocket", async () => {
  const { config } = await load("", {});
  assert.deepEqual(
    config.listeners?.map(({ url }) => url),
    ["tcp://127.0.0.1:1883", "ws://127.0.0.1:8083/mqtt"],
  );
});

test("the environment changes and extends a list by index", async () => {
  const { config } = await load("listeners: [{url: tcp://127.0.0.1:1, maximumQos: 1}]", {
    NIGHTJAR_LISTENERS__0__URL: "tcp://127.0.0.1:2",
    NIGHTJAR_LISTENERS__1__URL: "ws://127.0.0.1:3",
    NIGHTJAR_LISTENERS__1__MAXIMUM_QOS: "0",
    NIGHTJAR_LISTENERS__1__RETAIN_AVAILABLE: "false",
    NIGHTJAR_LISTENERS__1__ORIGINS__0: "*",
  });
  const [first, second] = config.listeners ?? [];
  assert.deepEqual([first?.url, first?.maximumQos], ["tcp://127.0.0.1:2", 1]);
  assert.deepEqual([second?.maximumQos, second?.retainAvailable], [0, false]);
  assert.deepEqual(second?.origins, ["*"]);
});

test("each value of the environment is refused under the variable's name", async () => {
  const environment = {
    NIGHTJAR_LIMITS__PACKET_SIZES: "1",
    NIGHTJAR_LOG__LEVEL: "loud",
    NIGHTJAR_LISTENERS__7__URL: "tcp://127.0.0.1",
    NIGHTJAR_LIMITS__QOS0_MESSAGES: "-1",
    NIGHTJAR_LOGS: "1",
  };
  assert.deepEqual(await problemsOfLoad(load("", environment)), [
    "NIGHTJAR_LIMITS__PACKET_SIZES limits.packetSizes: unknown key; did you mean packetSize?",
    "NIGHTJAR_LIMITS__QOS0_MESSAGES limits.qos0Messages: expected a whole number from 1, got -1",
    "NIGHTJAR_LISTENERS__7__URL listeners[7]: the next one in this list is listeners[2]",
    'NIGHTJAR_LOG__LEVEL log.level: expected error, warn, info, debug, got "loud"',
    "NIGHTJAR_LOGS logs: unknown key; did you mean log?",
  ]);
});

test("what Kubernetes sets beside a service named nightjar is not configuration", () => {
  const environment = {
    NIGHTJAR_SERVICE_HOST: "10.0.0.1",
    NIGHTJAR_SERVICE_PORT_MQTT: "1883",
    NIGHTJAR_PORT: "tcp://10.0.0.1:1883",
    NIGHTJAR_PORT_1883_TCP_ADDR: "10.0.0.1",
  };
  assert.equal(configFromEnvironment(environment).entries.size, 0);
});

const UNSAFE: ReadonlyArray<{ yaml: string; problem: RegExp | undefined }> = [
  { yaml: "listeners: [{url: tcp://0.0.0.0:1883}]", problem: /^n\.yaml:1:19 .*--allow-anonymous/ },
  { yaml: "listeners: [{url: 'tcp://[::]:1883'}]", problem: /anyone who reaches tcp:\/\/\[::\]/ },
  { yaml: "listeners: [{url: tcp://example.org}]", problem: /anyone who reaches/ },
  { yaml: "listeners: [{url: ws://192.168.1.5:80}]", problem: /anyone who reaches/ },
  { yaml: "allowAnonymous: false", problem: /^default listeners\[0\].*nobody could connect/ },
  {
    yaml: "{allowAnonymous: true, listeners: [{url: tcp://0.0.0.0, allowAnonymous: false}]}",
    problem: /nobody could connect/,
  },
  {
    yaml: "listeners: [{url: tcp://localhost:1}, {url: tcp://localhost:1}]",
    problem: /^n\.yaml:1:45 listeners\[1\]\.url: tcp:\/\/localhost:1 is listeners\[0\] already/,
  },
  { yaml: "{allowAnonymous: true, listeners: [{url: tcp://0.0.0.0}]}", problem: undefined },
  { yaml: "listeners: [{url: tcp://0.0.0.0, allowAnonymous: true}]", problem: undefined },
  { yaml: "listeners: [{url: 'tcp://[::1]:1'}, {url: tcp://127.9.9.9:1}]", problem: undefined },
  { yaml: "listeners: [{url: unix:///tmp/x}, {url: tcp://localhost:0}]", problem: undefined },
];

for (const { yaml, problem } of UNSAFE) {
  test(`${problem ? "unsafe" : "safe"}: ${yaml}`, async () => {
    if (problem === undefined) return void (await load(yaml, {}));
    const [found = ""] = await problemsOfLoad(load(yaml, {}));
    assert.match(found, problem);
  });
}

test("a file that is not there", async () => {
  const loading = loadConfig({ file: "/no/such.yaml", environment: {}, flags: emptyMap("flags") });
  assert.deepEqual(await problemsOfLoad(loading), ["/no/such.yaml: there is no such file"]);
});

test("the effective configuration says where its values came from, and reads back", async () => {
  const environment = { NIGHTJAR_LIMITS__PACKET_SIZE: "2MiB" };
  const { config, tree } = await load("log:\n  level: warn\n", environment);
  const yaml = printConfig(ServeSchema, tree).replaceAll(`${folder}/`, "");
  assert.match(yaml, /^ {2}packetSize: 2MiB # NIGHTJAR_LIMITS__PACKET_SIZE$/m);
  assert.match(yaml, /^ {2}level: warn # n\.yaml:2:10$/m);
  assert.match(yaml, /^ {2}- url: tcp:\/\/127\.0\.0\.1:1883$/m);
  assert.match(yaml, /^ {2}sessionExpiry: 7d$/m);
  assert.deepEqual(check(yaml), config);
});

test("secrets are not printed, nor said in errors", () => {
  const secret = v.pipe(text(), v.metadata({ secret: true }));
  const schema = v.strictObject({ password: secret });
  const printed = printConfig(schema, treeOf({ password: "hunter2" }, "n.yaml:1:1"));
  assert.equal(printed, 'password: "***" # n.yaml:1:1\n');
});
