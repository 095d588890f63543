// Prints what the built program prints for several command lines: `node texts.mjs PROGRAM COMMANDS`, the path of
// dist/main.js and an array of arrays of arguments in JSON; the result is an array of texts in JSON. Started by
// tree.mjs and man.mjs. All commands run in this one process, which takes half of the CPU time of a process for each.
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { pathToFileURL } from "node:url"
import { Script } from "node:vm"

const [main, json] = process.argv.slice(2)
const require = createRequire(main)
const filename = require.resolve("./program.cjs")
const program = new Script(readFileSync(filename, "latin1"), { filename }).runInThisContext()
const { exit } = process
const write = process.stdout.write.bind(process.stdout)

/** Runs the program, and returns its standard output. */
const output = async (args) => {
  let text = ""
  process.argv = [process.execPath, main, ...args]
  process.stdout.write = (some, ...rest) => {
    text += some
    rest.findLast((last) => typeof last === "function")?.()
    return true
  }
  const status = await new Promise((ended) => {
    process.exit = (code) => ended(code ?? 0)
    program(require, pathToFileURL(main).href)
  })
  if (status !== 0) throw new Error(`a-chat ${args.join(" ")} ended with ${status}`)
  return text
}

const texts = []
for (const args of JSON.parse(json)) texts.push(await output(args))
write(JSON.stringify(texts), () => exit(0))
