import * as Effect from "effect/Effect"
import { mkdirSync, rmSync } from "node:fs"
import { basename } from "node:path"
import { fileURLToPath } from "node:url"
import { bundle } from "../../scripts/bundle.mjs"

/** Below node_modules, because these programs require a package from there. */
const folder = fileURLToPath(new URL("../../node_modules/.achat-test/", import.meta.url))

const built = new Map<string, Promise<string>>()

const build = async (source: string) => {
  const file = `${folder}${basename(source, ".ts")}-${process.pid}.cjs`
  mkdirSync(folder, { recursive: true })
  process.once("exit", () => rmSync(file, { force: true }))
  await bundle({ entryPoints: [source], outfile: file, format: "cjs" })
  return file
}

/** Builds a program for another process or thread, once, and returns its path. The source is below the project. */
export const bundled = (source: string): Effect.Effect<string> =>
  Effect.promise(() => {
    const known = built.get(source) ?? build(source)
    built.set(source, known)
    return known
  })

/** The file of the thread of a store. */
export const storeThread = bundled("src/store/SqliteThread.ts")
