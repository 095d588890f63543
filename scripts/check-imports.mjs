// Checks the imports of src/: `node scripts/check-imports.mjs [root]` (root: the folder that contains src/, by default
// the project). Prints every violation and exits with 1, or prints nothing.
//
// 1. Every folder is in the table below, and imports only itself and what its line lists.
// 2. In `chat/` a module imports only modules that come before it in the order below.
// 3. No cycles among imports that exist at run time.
// 4. `effect/Effect`, not `effect`: a barrel loads the whole package and slows the start.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"

/**
 * What each folder of src/ may import besides itself; `*` is everything but the entry points. Subfolders have lines of
 * their own, and so do files with other rules than their folder. A new folder is a new line here.
 */
const allowed = {
  concurrency: "",
  protocol: "",
  telemetry: "",
  process: "",
  ports: "protocol telemetry",
  store: "ports protocol telemetry",
  transport: "concurrency ports process protocol telemetry",
  chat: "concurrency ports protocol telemetry",
  cluster: "chat ports protocol telemetry transport",
  accounts: "chat concurrency ports protocol telemetry",
  conversations: "accounts chat concurrency ports protocol telemetry",
  rooms: "accounts chat concurrency conversations ports protocol telemetry",
  client: "ports protocol telemetry",
  http: "client ports process protocol telemetry transport",
  admin: "chat http transport ports protocol telemetry",
  terminal: "client ports process protocol",
  web: "web/browser web/model web/views",
  "web/browser": "web/model",
  "web/model": "client protocol",
  "web/views": "web/browser web/model client protocol",
  cli: "ports",
  "cli/commands":
    "cli cli/help cli/log cli/serve cli/settings chat client http ports process protocol terminal transport",
  "cli/help": "cli cli/settings protocol",
  "cli/log": "chat client telemetry",
  "cli/serve":
    "cli cli/log cli/settings accounts admin chat client cluster conversations http ports protocol rooms store " +
    "telemetry transport",
  "cli/settings": "cli process protocol transport",
  index: "chat client transport ports protocol telemetry",
  launcher: "",
  main: "*"
}

/** Nothing imports these. */
const entryPoints = ["index", "launcher", "main"]

/** The modules of `chat/`. Each may import those before it; a new module is a new line here. */
const chat = [
  "Scheduler",
  "Fibers",
  "Turnover",
  "Live",
  "Budget",
  "Ledger",
  "Limits",
  "Options",
  "TokenBucket",
  "HostLimits",
  "Phase",
  "Question",
  "Source",
  "SharedText",
  "Runs",
  "Batch",
  "LineForm",
  "Unacknowledged",
  "OutboxLoad",
  "OutboxBatches",
  "Outbox",
  "Turn",
  "Device",
  "Inbox",
  "Route",
  "Peer",
  "Predecessors",
  "RouteParts",
  "Directory",
  "Unresponsive",
  "Vanished",
  "Watch",
  "Names",
  "AddressRange",
  "BanSubject",
  "Bans",
  "Replies",
  "Notices",
  "Commands",
  "LineOutcome",
  "Feature",
  "Admission",
  "Routing",
  "Events",
  "Backlog",
  "Settlement",
  "Lifecycle",
  "LineSettlement",
  "LinesElsewhere",
  "PeerInput",
  "Moderation",
  "Drain",
  "Arrivals",
  "Inspection",
  "BrokerState",
  "Broker",
  "Connection",
  "RefusalLog",
  "Shortage",
  "AcceptLoop",
  "Server"
].map((module) => `chat/${module}`)

const barrels = /^(effect|@effect\/[^/]+)$/

const root = resolve(process.argv[2] ?? fileURLToPath(new URL("..", import.meta.url)), "src")
/** The path below src/, without its extension. */
const pathOf = (file) =>
  relative(root, file)
    .replaceAll("\\", "/")
    .replace(/\.tsx?$/, "")
/** The line of `allowed` that holds for a file. */
const lineOf = (path) => [path, dirname(path)].find((line) => line in allowed)

/** Every `from "…"`, `import "…"` and `import("…")` outside comments; `value` is false for `import type`. */
const importsOf = (file) => {
  const code = readFileSync(file, "utf8").replace(/^\s*\/\*[^]*?\*\/|^\s*\/\/.*$/gm, "")
  const statements = code.matchAll(/^(?:import|export)\s+(type\s)?(?:[^"'`;()=]*?\sfrom\s*)?["']([^"']+)["']/gm)
  const calls = code.matchAll(/\bimport\(()\s*["']([^"']+)["']\s*\)/g)
  return [...statements, ...calls].map(([, type, specifier]) => ({ specifier, value: !type }))
}

const faults = []
const graph = new Map() // path -> the paths that it imports at run time

const checkDirection = (from, to) => {
  const [importing, imported] = [lineOf(from), lineOf(to)]
  if (importing === undefined || imported === undefined) return // reported once per file, below
  const mayImport =
    importing === imported ||
    (allowed[importing] === "*" ? !entryPoints.includes(imported) : allowed[importing].split(" ").includes(imported))
  if (!mayImport) return faults.push(`${from}.ts imports ${to}.ts, and ${importing} may not import ${imported}`)
  if (importing !== "chat" || imported !== "chat") return
  if (chat.indexOf(to) > chat.indexOf(from)) faults.push(`${from}.ts imports ${to}.ts, which comes after it in chat/`)
}

for (const entry of readdirSync(root, { recursive: true }).filter((name) => /\.tsx?$/.test(name))) {
  const file = join(root, entry)
  const from = pathOf(file)
  graph.set(from, new Set())
  if (lineOf(from) === undefined) faults.push(`${from}.ts is in a folder that scripts/check-imports.mjs does not list`)
  if (lineOf(from) === "chat" && !chat.includes(from))
    faults.push(`${from}.ts is a module that the order of chat/ in scripts/check-imports.mjs does not list`)
  for (const { specifier, value } of importsOf(file)) {
    if (barrels.test(specifier))
      faults.push(`${from}.ts imports the barrel "${specifier}": import "${specifier}/Module"`)
    if (!specifier.startsWith(".")) continue
    const targets = [".ts", ".tsx"].map((extension) => resolve(dirname(file), specifier.replace(/\.js$/, extension)))
    const target = targets.find((path) => existsSync(path)) ?? targets[0]
    const to = pathOf(target)
    if (!existsSync(target) || to.startsWith("..")) {
      faults.push(`${from}.ts imports "${specifier}", which is not a file of src/`)
      continue
    }
    checkDirection(from, to)
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
