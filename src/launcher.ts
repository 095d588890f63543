import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"
import { Script } from "node:vm"

/**
 * The program as it is started, `dist/main.js`: runs `program.cjs` beside it with the machine code that the build has
 * kept of it. Where that is missing or from another version of Node, V8 compiles the program again, which takes half of
 * the start-up.
 */
const beside = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** The code of this very program: both end in the same digest. V8 itself would compare lengths only. */
const cachedCode = (source: string) => {
  try {
    const cache = readFileSync(beside("program.cache"))
    return cache.toString("latin1", cache.length - digestBytes) === source.slice(-digestBytes)
      ? cache.subarray(0, -digestBytes)
      : undefined
  } catch {
    return undefined
  }
}

const digestBytes = 64

const source = readFileSync(beside("program.cjs"), "utf8")
const script = new Script(source, { filename: "program.cjs", cachedData: cachedCode(source) })
const run = script.runInThisContext() as (require: NodeJS.Require, base: string) => void
run(createRequire(import.meta.url), import.meta.url)
