/** Dialogues and how they went, as text for people and as JSON. */
import type { ProtocolVersion } from "../protocol/packets.ts";
import type { Dialogue } from "./dialogue.ts";
import type { Result } from "./runner.ts";

export const VERSION_NAMES: Readonly<Record<ProtocolVersion, string>> = {
  3: "3.1",
  4: "3.1.1",
  5: "5.0",
};

/** `3.3-07 5.0`: what names a dialogue. */
export function dialogueKey({ id, version }: Dialogue): string {
  return `${id} ${VERSION_NAMES[version]}`;
}

/** One line: id, version, title, statements. */
export function describeDialogue(dialogue: Dialogue): string {
  const { id, version, title, statements } = dialogue;
  const proves = statements.length > 0 ? `  [${statements.join(", ")}]` : "";
  return `${id.padEnd(7)} ${VERSION_NAMES[version].padEnd(5)}  ${title}${proves}`;
}

/** A line for each result; where it did not pass, the reason below. */
export function describeResult({ dialogue, outcome, detail }: Result): string {
  const line = `${outcome}  ${describeDialogue(dialogue)}`;
  return detail === "" ? line : `${line}\n${indented(detail)}`;
}

export function describeTotals(results: readonly Result[], durationMs: number): string {
  const count = (outcome: Result["outcome"]): number =>
    results.filter((result) => result.outcome === outcome).length;
  return (
    `${results.length} dialogue${results.length === 1 ? "" : "s"}: ${count("pass")} passed, ` +
    `${count("fail")} failed, ${count("skip")} skipped, in ${(durationMs / 1000).toFixed(1)} s`
  );
}

export interface ResultJson {
  readonly id: string;
  readonly version: string;
  readonly title: string;
  readonly statements: readonly string[];
  readonly outcome: Result["outcome"];
  readonly detail: string;
  readonly durationMs: number;
}

export function resultJson({ dialogue, outcome, detail, durationMs }: Result): ResultJson {
  const { id, version, title, statements } = dialogue;
  return { id, version: VERSION_NAMES[version], title, statements, outcome, detail, durationMs };
}

/**
 * The dialogues that one of `wanted` names: a chapter ("3", "3.3" or "3-03"), a dialogue
 * ("3.3-07"), or a statement ("MQTT-3.3.1-5", "3.1.1 MQTT-3.3.1-5").
 */
export function selectDialogues(
  dialogues: readonly Dialogue[],
  wanted: readonly string[],
): Dialogue[] {
  const names = wanted.map((text) => text.replace(/^(\d+)-0?(\d+)$/, "$1.$2"));
  return dialogues.filter(({ id, statements }) =>
    names.some(
      (name) =>
        id === name ||
        id.startsWith(`${name}-`) ||
        id.startsWith(`${name}.`) ||
        statements.includes(name),
    ),
  );
}

function indented(text: string): string {
  return text
    .split("\n")
    .map((line) => `        ${line}`)
    .join("\n");
}
