// A disk that can lose power, fail, or be slow, for programs on Linux: see test/support/disk.c. Imported, not run.
import { spawnSync } from "node:child_process"
import { copyFileSync, existsSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const source = fileURLToPath(new URL("../../test/support/disk.c", import.meta.url))

/** Compiles the library for LD_PRELOAD into a folder, and returns its path. Throws if there is no C compiler. */
export const compile = (folder) => {
  const file = join(folder, "disk.so")
  const { error, status, stderr } = spawnSync("cc", ["-shared", "-fPIC", "-o", file, source, "-ldl"])
  if (status !== 0) throw new Error(`the simulated disk cannot be compiled: ${error?.message ?? String(stderr)}`)
  return file
}

/** Leaves in the folder only what was flushed. */
export const cutPower = (folder, shadow) => {
  for (const name of readdirSync(folder)) rmSync(join(folder, name))
  for (const entry of readdirSync(shadow)) {
    if (!entry.startsWith("@")) continue
    const name = entry.slice(1)
    const content = join(shadow, `=${name}`)
    if (existsSync(content)) copyFileSync(content, join(folder, name))
    else writeFileSync(join(folder, name), "")
  }
}

/** Everything in the folder counts as flushed. */
export const keep = (folder, shadow) => {
  for (const entry of readdirSync(shadow)) rmSync(join(shadow, entry))
  for (const name of readdirSync(folder)) {
    copyFileSync(join(folder, name), join(shadow, `=${name}`))
    writeFileSync(join(shadow, `@${name}`), "")
  }
}
