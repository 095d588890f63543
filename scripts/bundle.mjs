// How TypeScript becomes a file that Node runs: esbuild, with what all bundles of this project share. Imported, not run.
import { build } from "esbuild"
import { readFileSync } from "node:fs"
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
    define: { ACHAT_VERSION: JSON.stringify(version), ...define },
    external: optional,
    ...options
  })
