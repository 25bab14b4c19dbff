/**
 * Runs the tests: those named on the command line, or all of them.
 *
 *     node tools/test.mjs [--node=/path/to/node] [--reporter=dot] [--without=folder,…] [file.test.ts …]
 *
 * `--without=test/sim,test/store` leaves out what lies in these folders. Node 20 knows no globs for
 * --test, so the files are listed here.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const args = process.argv.slice(2);
const flagValue = (flag) =>
  args.find((arg) => arg.startsWith(`--${flag}=`))?.slice(`--${flag}=`.length);
const named = args.filter((arg) => !arg.startsWith("--"));

const without = (flagValue("without") ?? "").split(",").filter((folder) => folder !== "");
for (const folder of without) {
  if (!existsSync(join(root, folder))) throw new Error(`--without: there is no folder ${folder}`);
}

const files =
  named.length > 0
    ? named
    : ["src", "test"].flatMap((folder) =>
        readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
          .filter((path) => path.endsWith(".test.ts"))
          .sort()
          .map((path) => join(folder, path))
          .filter((path) => !without.some((left) => path.startsWith(`${left}/`))),
      );

const node = flagValue("node") ?? process.execPath;
const reporter = flagValue("reporter");
const run = spawnSync(
  node,
  [
    "--import",
    "tsx",
    "--test",
    "--test-timeout=120000",
    ...(reporter === undefined ? [] : [`--test-reporter=${reporter}`]),
    ...files,
  ],
  {
    cwd: root,
    stdio: "inherit",
    // Tests that start `node` start this one.
    env: { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` },
  },
);
process.exit(run.status ?? 1);
