import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

const FOLDER = new URL("../../", import.meta.url);
const SOURCES = readdirSync(new URL("src", FOLDER)).map((name) => name.replace(/\.ts$/, ""));

test("the package has what was compiled of each source, and nothing else", () => {
  const packed = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: FOLDER, encoding: "utf8" });
  const files: string[] = JSON.parse(packed)[0].files.map((file: { path: string }) => file.path);
  const compiled = SOURCES.flatMap((name) => [`dist/${name}.d.ts`, `dist/${name}.js`]);
  assert.deepEqual(files.sort(), ["README.md", ...compiled, "package.json"].sort());
});

test("all of its code, entry points for older clients included, is at most 6 kB compressed", () => {
  const code = SOURCES.map((name) => readFileSync(new URL(`dist/${name}.js`, FOLDER), "utf8")).join("");
  const bytes = gzipSync(code, { level: 9 }).length;
  console.log(`${bytes} bytes compressed`);
  assert.ok(bytes <= 6_000, `${bytes} bytes`);
});

test("it has no dependencies at run time, and its lock file names no registry", () => {
  const { dependencies, peerDependencies } = JSON.parse(readFileSync(new URL("package.json", FOLDER), "utf8"));
  assert.deepEqual([dependencies, peerDependencies], [undefined, undefined]);
  assert.doesNotMatch(readFileSync(new URL("package-lock.json", FOLDER), "utf8"), /"resolved"/);
});
