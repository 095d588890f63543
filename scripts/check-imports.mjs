// Checks the imports of src/: `node scripts/check-imports.mjs [root]` (root: where src/ lies, by default the project).
// Prints every violation and exits 1, or prints nothing.
//
// 1. The layers below: a file imports its own layer and the layers it names, and inside `chat/` only earlier files.
// 2. No cycles among imports that exist at run time.
// 3. `effect/Effect`, not `effect`: a barrel loads the whole package, which start-up pays for.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"

const ports = ["transport/Transport"]
/** Of `chat/`, in order. A file that is not named here may import any other, as long as there is no cycle. */
const order =
  "Scheduler Fibers Live Ledger Options TokenBucket Addresses Inlet Outbox Peer Inspection Deadlines Roster Routing Sessions Broker Connection"
const chat = [...order.split(" "), "AcceptLoop", "Server"]

/** First match wins. A path is relative to src/, without its extension. */
const layers = [
  { name: "protocol", has: (path) => path.startsWith("protocol/"), imports: [] },
  { name: "telemetry", has: (path) => path.startsWith("telemetry/"), imports: [] },
  { name: "port", has: (path) => ports.includes(path), imports: ["protocol", "telemetry"] },
  { name: "chat", has: (path) => path.startsWith("chat/"), imports: ["protocol", "telemetry", "port"] },
  { name: "client", has: (path) => path.startsWith("client/"), imports: ["protocol", "telemetry", "port"] },
  {
    name: "admin",
    has: (path) => path.startsWith("admin/"),
    imports: ["protocol", "telemetry", "port", "chat", "adapter"]
  },
  {
    name: "terminal",
    has: (path) => path.startsWith("terminal/"),
    imports: ["protocol", "port", "client"]
  },
  { name: "cli", has: (path) => path.startsWith("cli/"), imports: "any" },
  { name: "main", has: (path) => path === "main", imports: "any" },
  { name: "launcher", has: (path) => path === "launcher", imports: [] },
  {
    name: "index",
    has: (path) => path === "index",
    imports: ["protocol", "telemetry", "port", "chat", "client", "adapter"]
  },
  { name: "adapter", has: (path) => path.includes("/"), imports: ["protocol", "telemetry", "port"] }
]
const closed = ["main", "launcher", "index"] // nothing imports these; `cli` is imported by `main` alone
const barrels = /^(effect|@effect\/[^/]+)$/

const root = resolve(process.argv[2] ?? fileURLToPath(new URL("..", import.meta.url)), "src")
const bare = (file) => relative(root, file).replaceAll("\\", "/").replace(/\.ts$/, "")
const layerOf = (path) => layers.find((layer) => layer.has(path))

/** Every `from "…"`, `import "…"` and `import("…")` outside comments; `value` is false for `import type`. */
const importsOf = (file) => {
  const code = readFileSync(file, "utf8").replace(/^\s*\/\*[^]*?\*\/|^\s*\/\/.*$/gm, "")
  const statements = code.matchAll(/^(?:import|export)\s+(type\s)?(?:[^"'`;()=]*?\sfrom\s*)?["']([^"']+)["']/gm)
  const calls = code.matchAll(/\bimport\(()\s*["']([^"']+)["']\s*\)/g)
  return [...statements, ...calls].map(([, type, specifier]) => ({ specifier, value: !type }))
}

const faults = []
const graph = new Map() // path -> the paths that it imports at run time

const checkLayers = (from, to) => {
  const [source, target] = [layerOf(from), layerOf(to)]
  if (source === undefined || target === undefined) return // said once per file, below
  const allowed =
    source === target ||
    (source.imports === "any" ? !closed.includes(target.name) : source.imports.includes(target.name))
  if (!allowed)
    return faults.push(`${from}.ts (${source.name}) imports ${to}.ts (${target.name}): against the direction`)
  const [later, earlier] = [from, to].map((path) => chat.indexOf(path.replace(/^chat\//, "")))
  if (source.name === "chat" && target.name === "chat" && later >= 0 && earlier > later) {
    faults.push(`${from}.ts imports ${to}.ts: chat/ goes ${chat.join(" < ")}`)
  }
}

for (const entry of readdirSync(root, { recursive: true }).filter((name) => name.endsWith(".ts"))) {
  const file = join(root, entry)
  const from = bare(file)
  graph.set(from, new Set())
  if (layerOf(from) === undefined) faults.push(`${from}.ts belongs to no layer: name it in scripts/check-imports.mjs`)
  for (const { specifier, value } of importsOf(file)) {
    if (barrels.test(specifier))
      faults.push(`${from}.ts imports the barrel "${specifier}": import "${specifier}/Module"`)
    if (!specifier.startsWith(".")) continue
    const target = resolve(dirname(file), specifier.replace(/\.js$/, ".ts"))
    const to = bare(target)
    if (!existsSync(target) || to.startsWith("..")) {
      faults.push(`${from}.ts imports "${specifier}", which is no file of src/`)
      continue
    }
    checkLayers(from, to)
    if (value) graph.get(from).add(to)
  }
}

const done = new Set()
const visit = (path, trail) => {
  const at = trail.indexOf(path)
  if (at >= 0) return faults.push(`cycle: ${[...trail.slice(at), path].join(" -> ")}`)
  if (done.has(path)) return
  for (const next of graph.get(path) ?? []) visit(next, [...trail, path])
  done.add(path)
}
for (const path of graph.keys()) visit(path, [])

for (const fault of faults) console.error(fault)
process.exitCode = faults.length > 0 ? 1 : 0
