import * as Effect from "effect/Effect"
import { mkdirSync, rmSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { bundle } from "../../scripts/bundle.mjs"

/** Where the thread of a store is built for tests: below node_modules, because it requires a package from there. */
const folder = fileURLToPath(new URL("../../node_modules/.achat-test/", import.meta.url))

const file = `${folder}store-thread-${process.pid}.cjs`

let built: Promise<unknown> | undefined

/** The file of the thread, built from the sources once in a process. */
export const storeThread: Effect.Effect<string> = Effect.promise(async () => {
  built ??= (async () => {
    mkdirSync(folder, { recursive: true })
    process.once("exit", () => rmSync(file, { force: true }))
    await bundle({
      entryPoints: ["src/store/SqliteThread.ts"],
      outfile: file,
      format: "cjs"
    })
  })()
  await built
  return file
})
