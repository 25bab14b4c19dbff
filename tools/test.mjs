/**
 * Runs the tests: those named on the command line, or all of them.
 *
 *     node tools/test.mjs [--node=/path/to/node] [file.test.ts …]
 *
 * Node 20 knows no globs for --test, so the files are listed here.
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const args = process.argv.slice(2);
const nodeFlag = args.find((arg) => arg.startsWith("--node="));
const named = args.filter((arg) => !arg.startsWith("--"));

const files =
  named.length > 0
    ? named
    : ["src", "test"].flatMap((folder) =>
        readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
          .filter((path) => path.endsWith(".test.ts"))
          .sort()
          .map((path) => join(folder, path)),
      );

const run = spawnSync(
  nodeFlag?.slice("--node=".length) ?? process.execPath,
  ["--import", "tsx", "--test", ...files],
  { cwd: root, stdio: "inherit" },
);
process.exit(run.status ?? 1);
