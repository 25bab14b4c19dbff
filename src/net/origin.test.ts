import assert from "node:assert/strict";
import { test } from "node:test";
import { addressKey } from "./doorkeeper.ts";
import { isLoopback, parseListenerUrl } from "./listener-url.ts";
import { originAllowed } from "./origin.ts";

const ANONYMOUS = { origins: undefined, anonymous: true };
const USERS = { origins: undefined, anonymous: false };
const LISTED = { origins: ["https://a.example"], anonymous: true };
const ALL = { origins: ["*"], anonymous: true };

const ORIGINS = [
  { origin: undefined, host: "b:1", rule: ANONYMOUS, allowed: true },
  { origin: "http://localhost:3000", host: "127.0.0.1:8083", rule: ANONYMOUS, allowed: true },
  { origin: "http://127.0.0.1", host: "127.0.0.1:8083", rule: ANONYMOUS, allowed: true },
  { origin: "http://[::1]:3000", host: "[::1]:8083", rule: ANONYMOUS, allowed: true },
  { origin: "http://192.168.1.5:3000", host: "192.168.1.5:8083", rule: ANONYMOUS, allowed: true },
  { origin: "http://192.168.1.6:3000", host: "192.168.1.5:8083", rule: ANONYMOUS, allowed: false },
  { origin: "https://evil.example", host: "127.0.0.1:8083", rule: ANONYMOUS, allowed: false },
  // DNS rebinding: the page's own name now leads here.
  {
    origin: "http://evil.example:8083",
    host: "evil.example:8083",
    rule: ANONYMOUS,
    allowed: false,
  },
  { origin: "http://localhost.evil.example", host: "127.0.0.1", rule: ANONYMOUS, allowed: false },
  { origin: "null", host: "127.0.0.1:8083", rule: ANONYMOUS, allowed: false },
  { origin: "https://any.example", host: "127.0.0.1:8083", rule: USERS, allowed: true },
  { origin: "https://a.example", host: "127.0.0.1:8083", rule: LISTED, allowed: true },
  { origin: "https://a.example:444", host: "127.0.0.1:8083", rule: LISTED, allowed: false },
  { origin: "http://localhost", host: "127.0.0.1:8083", rule: LISTED, allowed: false },
  { origin: "null", host: "127.0.0.1:8083", rule: ALL, allowed: true },
] as const;

for (const { origin, host, rule, allowed } of ORIGINS) {
  test(`origin ${origin} at ${host}: ${allowed ? "allowed" : "refused"}`, () => {
    assert.equal(originAllowed(origin, host, rule), allowed);
  });
}

test("addresses: IPv4 each, IPv6 by its first 64 bits", () => {
  assert.equal(addressKey("10.0.0.1"), "10.0.0.1");
  assert.equal(addressKey("::ffff:10.0.0.1"), "10.0.0.1");
  assert.equal(addressKey("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2");
  assert.equal(addressKey("2001:db8::6"), "2001:db8:0:0");
  assert.equal(addressKey("2001:db8:1:2::"), "2001:db8:1:2");
  assert.equal(addressKey("fe80::1%eth0"), "fe80:0:0:0");
  assert.equal(addressKey("::1"), "0:0:0:0");
});

test("listener URLs", () => {
  const tcp = { kind: "tcp", host: "127.0.0.1", port: 1883 };
  assert.deepEqual(parseListenerUrl("tcp://127.0.0.1"), tcp);
  assert.deepEqual(parseListenerUrl("mqtt://127.0.0.1:1883"), tcp);
  assert.deepEqual(parseListenerUrl("tcp://[::1]:80"), { kind: "tcp", host: "::1", port: 80 });
  const ws = { kind: "ws", host: "a", port: 8083, path: "/mqtt" };
  assert.deepEqual(parseListenerUrl("ws://a"), ws);
  assert.deepEqual(parseListenerUrl("ws://a:80/x/y"), { ...ws, port: 80, path: "/x/y" });
  assert.deepEqual(parseListenerUrl("unix:///run/n.sock"), { kind: "unix", path: "/run/n.sock" });
  for (const url of [
    "",
    "tcp:",
    "tcp://",
    "tcp://a/b",
    "tcp://a:b",
    "tcp://u@a",
    "ws://a?b",
    "unix:",
  ]) {
    assert.equal(parseListenerUrl(url), undefined, url);
  }
});

test("loopback is this machine and nothing that only looks like it", () => {
  for (const host of ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "::ffff:127.0.0.1"]) {
    assert.ok(isLoopback(host), host);
  }
  for (const host of ["0.0.0.0", "::", "127.0.0.1.evil.example", "10.0.0.1", "localhost.a", ""]) {
    assert.ok(!isLoopback(host), host);
  }
});
