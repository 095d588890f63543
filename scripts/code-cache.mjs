// Keeps the machine code of the program, so that it starts in half the time: `node scripts/code-cache.mjs`, after the
// build of dist/program.cjs. It is what V8 has compiled when the help has been printed.
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
  const digest = Buffer.from(source.slice(-64)) // of the program, so that the one is never run with the other's code
  writeFileSync(program.replace(/cjs$/, "cache"), Buffer.concat([script.createCachedData(), digest]))
})
script.runInThisContext()(createRequire(program))
