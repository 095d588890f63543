// Measures the CPU time of a message in the server, and its parts: `npm run build && npm run profile` (four minutes).
// Options go after `--`: `npm run profile -- --only ping-pong,churn`
//
//   --only ROW,ROW  some of the rows in loads.mjs that send messages
//
// Prints a table in Markdown. V8's sampling profiler slows the server down, so it only determines the share of each
// part; the time itself comes from runs without the profiler. The table also has the time of the plain forwarder.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { bundle } from "../bundle.mjs"
import { rowOf, tables } from "./loads.mjs"
import { measure } from "./measure.mjs"
import { median } from "./report.mjs"
import { isBuilt, serverOf } from "./servers.mjs"

const folder = mkdtempSync(join(tmpdir(), "a-chat-profile-"))
process.once("exit", () => rmSync(folder, { recursive: true, force: true }))
const program = join(folder, "main.mjs")

/** The result is the median of this number of runs. */
const runs = 3

/** The parts of a sample's time, by the function that runs; the first match counts. */
const parts = {
  write: ({ functionName }) => /^(?:write(?:Latin1String|Buffer|v)|shutdown)$/.test(functionName),
  garbage: ({ functionName }) => functionName === "(garbage collector)",
  // Everything outside JavaScript that no function calls: libuv, its reads, and the kernel's part in them.
  "read, libuv": ({ functionName }) => functionName === "(program)",
  "Node's JavaScript": ({ url }) => url === "" || url.startsWith("node:"),
  Effect: ({ source }) => source?.includes("node_modules/") ?? false,
  ours: () => true
}

/** Bundles the program with the names of its modules as comments. Returns the module of each line of the bundle. */
const bundled = async () => {
  await bundle({
    entryPoints: ["src/main.ts"],
    outfile: program,
    banner: { js: 'import { createRequire as from } from "node:module"; const require = from(import.meta.url);' }
  })
  let source = undefined
  return readFileSync(program, "utf8")
    .split("\n")
    .map((line) => (source = /^\s*\/\/ (\S+\.[jt]s)$/.exec(line)?.[1] ?? source))
}

/** Samples of the first half second belong to the start of the program. */
const startMicroseconds = 500_000

/** The share of each part in the time that is not idle. */
const sharesOf = ({ nodes, samples, timeDeltas }, sources) => {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const sums = Object.fromEntries(Object.keys(parts).map((name) => [name, 0]))
  let elapsed = 0
  samples.forEach((id, index) => {
    elapsed += timeDeltas[index]
    const frame = frames.get(id)
    if (elapsed < startMicroseconds || frame.functionName === "(idle)") return
    const source = frame.url.endsWith("main.mjs") ? sources[frame.lineNumber] : undefined
    sums[Object.keys(parts).find((name) => parts[name]({ ...frame, source }))] += timeDeltas[index]
  })
  const all = Object.values(sums).reduce((sum, value) => sum + value, 0)
  return Object.entries(sums).map(([name, value]) => [name, value / all])
}

/** The server under the profiler, which writes its profile when the server stops. */
const profiled = (profiles) => ({
  ...serverOf("a-chat"),
  command: (port) => {
    const flags = ["--cpu-prof", `--cpu-prof-dir=${profiles}`, "--cpu-prof-interval=200"]
    return [process.execPath, [...flags, program, "serve", "--port", String(port)]]
  }
})

const costOf = async (server, row) => {
  const results = []
  for (let i = 0; i < runs; i++) results.push(await measure(server, row, false))
  return median(results.map(({ serverMicroseconds }) => serverMicroseconds))
}

const measured = async (row, sources) => {
  const profiles = join(folder, row.id)
  await measure(profiled(profiles), row, false)
  const [file] = readdirSync(profiles)
  const shares = sharesOf(JSON.parse(readFileSync(join(profiles, file), "utf8")), sources)
  const own = await costOf(serverOf("a-chat"), row)
  const plain = await costOf(serverOf("plain-node"), row)
  return { title: row.title, plain, own, parts: shares.map(([name, share]) => [name, share * own]) }
}

const digits = (microseconds) => microseconds.toFixed(microseconds < 10 ? 2 : microseconds < 100 ? 1 : 0)

const tableOf = (results) => {
  const head = ["µs of CPU for a message", "plain Node", "a-chat", ...Object.keys(parts)]
  const rows = results.map(({ title, plain, own, parts }) => [
    title,
    ...[plain, own, ...parts.map(([, value]) => value)].map(digits)
  ])
  const rule = head.map((_, column) => (column === 0 ? "---" : "---:"))
  return [head, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")
}

const { values } = parseArgs({ options: { only: { type: "string" } } })
const flowing = tables.figures.filter((id) => ["traffic", "churn"].includes(rowOf(id, false).kind))
const chosen = values.only?.split(",") ?? flowing
const unknown = chosen.find((id) => !flowing.includes(id))
if (unknown !== undefined || !isBuilt) {
  console.error(isBuilt ? `unknown row: ${unknown}; there are ${flowing.join(", ")}` : "run `npm run build` first")
  process.exit(2)
}
const sources = await bundled()
const results = []
for (const id of chosen) results.push(await measured(rowOf(id, false), sources))
console.log(tableOf(results))
