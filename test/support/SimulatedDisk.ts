import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { copyFileSync, existsSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { temporaryFolder } from "./TemporaryFolder.js"

/** Why there is no simulated disk here; undefined if there is. */
export const missing =
  process.platform !== "linux"
    ? "LD_PRELOAD is Linux's"
    : spawnSync("cc", ["--version"]).status === 0
      ? undefined
      : "there is no C compiler"

const source = fileURLToPath(new URL("disk.c", import.meta.url))

/** The library that simulates a disk: see `disk.c`. Valid until the scope closes. */
export const library = Effect.map(temporaryFolder, (folder) => {
  const file = join(folder, "disk.so")
  const { error, status, stderr } = spawnSync("cc", ["-shared", "-fPIC", "-o", file, source, "-ldl"])
  assert.strictEqual(status, 0, error?.message ?? String(stderr))
  return file
})

/** Leaves in the folder only what was flushed. */
export const cutPower = (folder: string, shadow: string) => {
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
export const keep = (folder: string, shadow: string) => {
  for (const entry of readdirSync(shadow)) rmSync(join(shadow, entry))
  for (const name of readdirSync(folder)) {
    copyFileSync(join(folder, name), join(shadow, `=${name}`))
    writeFileSync(join(shadow, `@${name}`), "")
  }
}
