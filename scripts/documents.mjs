// Writes the figures of a measurement into a document, with the machine and the commit. Imported, not run.
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

/** The commit that is measured. Call it before the measurement: sources that change meanwhile are not measured. */
export const commit = () =>
  `${git("rev-parse", "--short", "HEAD") ?? "unknown"}${git("status", "--porcelain", "src") ? ", changed" : ""}`

/** The generated parts of documents: the file, the name in its markers, and the command that writes the part. */
export const parts = {
  figures: { file: "BENCHMARKS.md", command: "npm run bench -- --update-docs" },
  aged: { file: "BENCHMARKS.md", command: "npm run bench -- --aged --update-docs" },
  growth: { file: "BENCHMARKS.md", command: "npm run bench -- --growth --update-docs" },
  clients: { file: "BENCHMARKS.md", command: "npm run bench -- --clients --update-docs" },
  costs: { file: "BENCHMARKS.md", command: "npm run bench -- --costs --update-docs" },
  web: { file: "BENCHMARKS.md", command: "npm run bench -- --web --update-docs" },
  store: { file: "BENCHMARKS.md", command: "npm run bench -- --store --update-docs" },
  cluster: { file: "BENCHMARKS.md", command: "npm run bench -- --cluster --update-docs" },
  kills: { file: "OPERATING.md", command: "npm run kills -- --update-docs FILE" },
  rolling: { file: "OPERATING.md", command: "npm run cluster-restart -- --update-docs" },
  faults: { file: "OPERATING.md", command: "npm run cluster-faults -- --update-docs FILE" },
  restart: { file: "OPERATING.md", command: "npm run restart -- --update-docs" },
  settings: { file: "OPERATING.md", command: "npm run settings" }
}

/** The two comments around a generated part. */
export const markers = (name) => [`<!-- ${name}: ${parts[name].command} -->`, `<!-- end of ${name} -->`]

/** Replaces the text between a part's markers. */
export const replace = (name, text) => {
  const { file } = parts[name]
  const [begin, end] = markers(name)
  const path = `${root}/${file}`
  const [before, rest] = readFileSync(path, "utf8").split(begin)
  const after = rest?.split(end)[1]
  if (after === undefined) throw new Error(`${file} lacks ${begin} … ${end}`)
  writeFileSync(path, `${before}${begin}\n\n${text}\n\n${end}${after}`)
}
