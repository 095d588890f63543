// What README.md says of a measurement: where it was taken, of what, and the place for it. Imported, not run.
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { cpus, release, totalmem, type } from "node:os"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))

export const machine = () => ({
  date: new Date().toISOString().slice(0, 10),
  cpu: cpus()[0].model.trim(),
  cores: cpus().length,
  memory: `${Math.round(totalmem() / 2 ** 30)} GB`,
  kernel: `${type()} ${release()}`,
  node: process.version
})

const git = (...args) => spawnSync("git", args, { cwd: root, encoding: "utf8" }).stdout?.trim()

/** To be asked before it is measured: what is changed in the meantime is not. */
export const commit = () =>
  `${git("rev-parse", "--short", "HEAD") ?? "unknown"}${git("status", "--porcelain", "src") ? ", changed" : ""}`

/** Replaces what stands between two comments: `<!-- NAME: HOW -->` and `<!-- end of NAME -->`. */
export const replace = (name, how, text) => {
  const file = `${root}/README.md`
  const [begin, end] = [`<!-- ${name}: ${how} -->`, `<!-- end of ${name} -->`]
  const [before, rest] = readFileSync(file, "utf8").split(begin)
  const after = rest?.split(end)[1]
  if (after === undefined) throw new Error(`README.md lacks ${begin} … ${end}`)
  writeFileSync(file, `${before}${begin}\n\n${text}\n\n${end}${after}`)
}
