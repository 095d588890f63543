// Checks that no line of the sources has more than 120 columns: `node scripts/check-lines.mjs`. The formatter breaks
// code, but neither text nor comments. Prints every violation and exits with 1, or prints nothing.
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const maxColumns = 120

/** A regular expression cannot be broken. */
const pattern = /^\s*\/.+\/[a-z]*,?$/u

const root = fileURLToPath(new URL("..", import.meta.url))
for (const folder of ["src", "test", "scripts"]) {
  for (const entry of readdirSync(join(root, folder), { recursive: true })) {
    if (!/\.(tsx?|m[jt]s|css)$/.test(entry) || entry.endsWith(".wasm.ts")) continue
    const lines = readFileSync(join(root, folder, entry), "utf8").split("\n")
    for (const [index, line] of lines.entries()) {
      const columns = [...line].length
      if (columns <= maxColumns || pattern.test(line)) continue
      console.error(`${folder}/${entry}:${index + 1} has ${columns} columns`)
      process.exitCode = 1
    }
  }
}
