import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const root = new URL("..", import.meta.url)
const { version } = JSON.parse(readFileSync(new URL("package.json", root), "utf8")) as { version: string }

export default defineConfig({
  define: { ACHAT_VERSION: JSON.stringify(version) }, // as scripts/build.mjs does
  test: {
    root: fileURLToPath(root),
    include: ["test/**/*.test.ts"],
    pool: "forks", // sockets, signals and child processes of one file never meet those of another
    maxWorkers: 2,
    minWorkers: 1,
    testTimeout: 30_000,
    hookTimeout: 30_000
  }
})
