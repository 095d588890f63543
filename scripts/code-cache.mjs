// Writes dist/program.cache, V8's compiled code of dist/program.cjs, which halves the start-up time:
// `node scripts/code-cache.mjs`, after the build. V8 compiles functions when they first run, so the cache contains what
// it takes to print the help.
import { readFileSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"
import { Script } from "node:vm"

const program = fileURLToPath(new URL("../dist/program.cjs", import.meta.url))
const source = readFileSync(program, "utf8")
const script = new Script(source, { filename: "program.cjs" })
process.argv = [process.execPath, program, "--help"]
process.stdout.write = (_text, ...rest) => {
  rest.findLast((last) => typeof last === "function")?.()
  return true
}
process.on("exit", () => {
  const digest = Buffer.from(source.slice(-64)) // of the program, so that no other program runs with this code
  writeFileSync(program.replace(/cjs$/, "cache"), Buffer.concat([script.createCachedData(), digest]))
})
script.runInThisContext()(createRequire(program))
