/** `nightjar store salvage`: writes what is left of a damaged log anew. */
import { StoreError } from "../server/index.ts";
import {
  describeDamage,
  describeMissing,
  type Inspection,
  inspectStore,
  isDamaged,
  salvageStore,
} from "../server/store-inspection.ts";
import { ExitCode } from "./exit-code.ts";
import { escapeControls } from "./log.ts";
import { contentOf, sayIfLive, wholeLine } from "./store-check.ts";
import { figuresOf } from "./store-figures.ts";

/** @throws StoreError if the directory is in use, or the result is not whole. */
export async function salvageDirectory(directory: string, isDryRun: boolean): Promise<number> {
  if (isDryRun) return list(directory);
  const salvaged = await salvageStore(directory, ({ damages, missing }) => {
    sayLosses(directory, damages, missing);
  });
  if (salvaged === undefined) return nothingToDo(directory);
  const { keptIn, after } = salvaged;
  if (isDamaged(after)) {
    throw new StoreError([
      `${directory} is still damaged: nightjar store check ${directory} says what; ` +
        `the files as they were are in ${directory}/${keptIn}`,
    ]);
  }
  say(wholeLine(directory, figuresOf(after)));
  say(
    `the files as they were are in ${directory}/${keptIn}: ` +
      "look into them with nightjar store dump, and delete them when you need them no more",
  );
  return ExitCode.ok;
}

async function list(directory: string): Promise<number> {
  const inspection = await inspectStore(directory);
  sayIfLive(directory, inspection);
  if (!isDamaged(inspection)) return nothingToDo(directory);
  const { recovered, missing } = inspection;
  sayLosses(directory, recovered.damages, missing);
  say(`what is left: ${contentOf(figuresOf(inspection))}; nothing was changed (--dry-run)`);
  return ExitCode.ok;
}

function nothingToDo(directory: string): number {
  say(`${directory} is whole: there is nothing to salvage`);
  return ExitCode.ok;
}

function sayLosses(
  directory: string,
  damages: Inspection["recovered"]["damages"],
  missing: Inspection["missing"],
): void {
  for (const damage of damages) say(`${directory}/${describeDamage(damage)}`);
  for (const lost of missing) say(`${directory}: ${describeMissing(lost)}`);
}

function say(line: string): void {
  process.stdout.write(`${escapeControls(line)}\n`);
}
