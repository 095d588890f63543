// How TypeScript becomes a file that Node runs: esbuild, with what all bundles of this project share. Imported, not
// run.
import { build } from "esbuild"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"))

/** Native helpers that `ws`, a part of @effect/platform-node's HTTP server, uses only if they are installed. */
export const optional = ["bufferutil", "utf-8-validate"]

/** Paths are relative to the project. `define` is added to what every bundle defines. */
export const bundle = ({ define, ...options }) =>
  build({
    absWorkingDir: root,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    logLevel: "warning",
    define: { ACHAT_VERSION: JSON.stringify(version), ACHAT_STORE_THREAD: "undefined", ...define },
    external: optional,
    ...options
  })

/** Imports a module of src/, which Node cannot do itself. Its dependencies come from node_modules. */
export const load = async (path) => {
  const { outputFiles } = await bundle({
    entryPoints: [path],
    format: "cjs",
    packages: "external",
    write: false,
    logOverride: { "empty-import-meta": "silent" }
  })
  const module = { exports: {} }
  const run = new Function("module", "exports", "require", outputFiles[0].text)
  run(module, module.exports, createRequire(import.meta.url))
  return module.exports
}
