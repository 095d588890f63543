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

const cachedCode = () => {
  try {
    return readFileSync(beside("program.cache"))
  } catch {
    return undefined
  }
}

const program = beside("program.cjs")
const script = new Script(readFileSync(program, "utf8"), { filename: program, cachedData: cachedCode() })
const run = script.runInThisContext() as (require: NodeJS.Require) => void
run(createRequire(program))
