// Writes the table of a server's settings into OPERATING.md: `npm run settings`. Run it after a change of a setting.
import { build } from "esbuild"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"
import { replace } from "./documents.mjs"

/** A module of src/ and what it imports, as one CommonJS script that is never written to a file. */
const load = async (path) => {
  const { outputFiles } = await build({
    absWorkingDir: fileURLToPath(new URL("..", import.meta.url)),
    entryPoints: [path],
    bundle: true,
    write: false,
    platform: "node",
    format: "cjs",
    packages: "external",
    logOverride: { "empty-import-meta": "silent" }
  })
  const module = { exports: {} }
  const run = new Function("module", "exports", "require", outputFiles[0].text)
  run(module, module.exports, createRequire(import.meta.url))
  return module.exports
}

const { markdown } = await load("src/cli/serve/SettingsTable.ts")
replace("settings", markdown())
