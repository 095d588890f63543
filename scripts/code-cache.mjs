// Writes program.cache, V8's compiled code of program.cjs, which halves the start-up time:
// `node scripts/code-cache.mjs DIRECTORY/program.cjs`. V8 compiles functions when they first run, so the cache contains
// what it takes to print the help.
import { readFileSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { resolve } from "node:path"
import { Script } from "node:vm"

const program = resolve(process.argv[2] ?? "dist/program.cjs")
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
