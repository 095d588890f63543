import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs"
import { basename } from "node:path"
import { fileURLToPath } from "node:url"
import { bundle } from "../../scripts/bundle.mjs"

/** Below node_modules, because these programs require a package from there. */
const folder = fileURLToPath(new URL("../../node_modules/.cache/achat-test/", import.meta.url))

const built = new Map<string, Promise<string>>()

/** The name tells what is in the file, so that nothing is built over a program that another process runs. */
const build = async (source: string) => {
  const { outputFiles } = await bundle({ entryPoints: [source], format: "cjs", write: false })
  const text = outputFiles?.[0]?.text ?? ""
  const file = `${folder}${basename(source, ".ts")}-${createHash("sha256").update(text).digest("hex").slice(0, 16)}.cjs`
  if (existsSync(file)) return file
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${file}.${process.pid}`, text)
  renameSync(`${file}.${process.pid}`, file)
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
