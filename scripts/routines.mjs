// Compiles src/protocol/BlockRoutines.wat: `npm run routines`, and every build, writes the code into
// BlockRoutines.wasm.ts beside it; `npm run routines -- --check` compares instead, and ends with 1 if that file is not
// up to date.
//
// The compiled code is checked in as a string because everything can import that: the tests, which run src/ as it is,
// the bundles of the program, the library and the simulation, and tsc. A test makes sure that it is up to date.
import { readFile, writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import wabt from "wabt"

const path = (name) => fileURLToPath(new URL(`../src/protocol/BlockRoutines.${name}`, import.meta.url))

const { parseWat } = await wabt()
const module = parseWat("BlockRoutines.wat", await readFile(path("wat")), { simd: true })
module.validate()
const code = Buffer.from(module.toBinary({}).buffer).toString("base64")
const text = `/** BlockRoutines.wat, compiled by \`npm run routines\`; not to be edited. */
export const base64 =
  "${code}"
`

if ((await readFile(path("wasm.ts"), "utf8")) !== text) {
  if (process.argv.includes("--check")) {
    console.error("BlockRoutines.wasm.ts is not what BlockRoutines.wat compiles to: npm run routines")
    process.exitCode = 1
  } else await writeFile(path("wasm.ts"), text)
}
