/** Holds dialogues with a broker, several at a time, and says how they went. */
import type { ProtocolVersion } from "../protocol/packets.ts";
import {
  type Capability,
  type Dialogue,
  hexNumber,
  PROTOCOL_NAMES,
  Talk,
  type Target,
} from "./dialogue.ts";
import { Difference, NotOffered } from "./difference.ts";
import { describePacket, PacketType } from "./packet-view.ts";

export interface Result {
  readonly dialogue: Dialogue;
  readonly outcome: "pass" | "fail" | "skip";
  /** Why it failed or was skipped, in lines. */
  readonly detail: string;
  readonly durationMs: number;
}

export interface RunOptions {
  /** Dialogues at a time; the slow ones, which mostly wait, come on top. */
  readonly concurrency: number;
  /** Called as each dialogue ends. */
  readonly onResult?: (result: Result) => void;
}

/** What a broker told about itself before the dialogues began. */
export interface Offer {
  readonly versions: ReadonlySet<ProtocolVersion>;
  readonly missing: ReadonlySet<Capability>;
  /** What it said to the last CONNECT that it did not take. */
  readonly refusal: string;
}

const MAXIMUM_QOS = 0x24;
/** Properties of CONNACK that say 0 when something is not available. */
const AVAILABLE: ReadonlyArray<readonly [id: number, capability: Capability]> = [
  [0x25, "retain"],
  [0x28, "wildcard"],
  [0x29, "subscriptionIds"],
  [0x2a, "shared"],
];

/**
 * A broker's address as people write it.
 *
 * @throws TypeError when it is no URL of a broker that speaks MQTT over plain TCP.
 */
export function parseTarget(url: string, timeoutMs: number): Target {
  if (!/^(?:mqtt|tcp):\/\//i.test(url)) throw new TypeError(`${url}: not mqtt:// or tcp://`);
  const { hostname, port, username, password } = new URL(url);
  if (hostname === "") throw new TypeError(`${url}: no host`);
  return {
    host: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? 1883 : Number(port),
    userName: username === "" ? undefined : decodeURIComponent(username),
    password: password === "" ? undefined : decodeURIComponent(password),
    timeoutMs,
  };
}

/**
 * Holds `dialogues` with the broker at `target`. Results come back in the order of `dialogues`.
 *
 * @throws NotOffered if the broker lets nobody in; a system error if none is there.
 */
export async function holdDialogues(
  dialogues: readonly Dialogue[],
  target: Target,
  options: RunOptions,
): Promise<Result[]> {
  const offer = await learnOffer(target);
  if (offer.versions.size === 0) throw new NotOffered(offer.refusal);
  const results = new Map<Dialogue, Result>();
  const hold = async (dialogue: Dialogue): Promise<void> => {
    const result = await holdDialogue(dialogue, target, offer);
    results.set(dialogue, result);
    options.onResult?.(result);
  };
  const slow = dialogues.filter((dialogue) => dialogue.slow).map(hold);
  const rest = dialogues.filter((dialogue) => !dialogue.slow).values();
  const worker = async (): Promise<void> => {
    for (const dialogue of rest) await hold(dialogue);
  };
  await Promise.all([...slow, ...Array.from({ length: options.concurrency }, worker)]);
  return dialogues.map((dialogue) => results.get(dialogue) as Result);
}

/** Holds one dialogue and cleans up behind it. */
export async function holdDialogue(
  dialogue: Dialogue,
  target: Target,
  offer: Offer,
): Promise<Result> {
  const startMs = Date.now();
  const result = (outcome: Result["outcome"], detail: string): Result => {
    return { dialogue, outcome, detail, durationMs: Date.now() - startMs };
  };
  const reason = whyNot(dialogue, target, offer);
  if (reason !== undefined) return result("skip", reason);
  const talk = new Talk(target, dialogue, uniquePrefix());
  const failure = await outcomeOf(async () => {
    await dialogue.hold(talk);
    talk.checkUnbroken();
  });
  // A dialogue that broke off may leave anything behind; only its own failure is told then.
  const untidy = await outcomeOf(() => talk.end(dialogue.needs.includes("retain")));
  const error = failure ?? untidy;
  if (error === undefined) return result("pass", "");
  if (error instanceof NotOffered) return result("skip", error.message);
  // Not a Difference: the connection could not be made, or a dialogue is wrong.
  return result("fail", error instanceof Difference ? error.message : (error.stack ?? ""));
}

/** Asks the broker which versions it speaks and what it declines. */
export async function learnOffer(target: Target): Promise<Offer> {
  const versions = new Set<ProtocolVersion>();
  const missing = new Set<Capability>();
  let refusal = "";
  for (const version of [3, 4, 5] as const) {
    const ask: Dialogue = {
      id: "offer",
      version,
      title: "",
      statements: [],
      slow: false,
      needs: [],
      anonymous: false,
      hold: async (talk) => {
        const client = await talk.open("offer");
        client.send(talk.connectPacket("offer"));
        const view = await client.next(() => "CONNACK");
        if (view.type !== PacketType.connack || view.reasonCodes[0] !== 0) {
          throw new Difference(describePacket(view.bytes, version));
        }
        versions.add(version);
        const says = (id: number): number | undefined =>
          view.properties.find((property) => property.id === id)?.number;
        for (const [id, capability] of AVAILABLE) if (says(id) === 0) missing.add(capability);
        const maximumQos = says(MAXIMUM_QOS) ?? 2;
        if (maximumQos < 2) missing.add("qos2");
        if (maximumQos < 1) missing.add("qos1");
      },
    };
    const talk = new Talk(target, ask, uniquePrefix());
    const error = await outcomeOf(() => ask.hold(talk));
    await talk.end(false);
    if (error !== undefined && !(error instanceof Difference)) throw error;
    refusal = error?.message ?? refusal;
  }
  return { versions, missing, refusal };
}

function whyNot(dialogue: Dialogue, target: Target, offer: Offer): string | undefined {
  if (!offer.versions.has(dialogue.version)) {
    const level = `level ${hexNumber(dialogue.version, 1)}`;
    return `the broker refuses "${PROTOCOL_NAMES[dialogue.version]}" ${level}`;
  }
  if (dialogue.anonymous && target.userName !== undefined) {
    return "it connects without a user name, and the URL has one";
  }
  const lacking = dialogue.needs.find((need) => offer.missing.has(need));
  return lacking === undefined ? undefined : `the broker's CONNACK declines ${lacking}`;
}

/** @returns What `work` threw; an Error, since nothing here throws anything else. */
async function outcomeOf(work: () => Promise<void>): Promise<Error | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** Letters and digits only, and short: it begins Client Identifiers as well. */
function uniquePrefix(): string {
  return `nj${Math.random().toString(36).slice(2, 11).padEnd(9, "0")}`;
}
