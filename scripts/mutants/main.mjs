// Plants one bug at a time in the server and requires the tests to find it: `npm run mutants`
// (`-- NAME...` for some of them; `-- --seconds N` for how long each may survive the simulation, by default 60;
// `-- --check` only to see whether their texts still occur in the sources, and their tests exist).
//
// The mutants are listed by subject in the files next to this one. Each has
//
//   name      what the bug does
//   file      the source file, below src/
//   search    the text that is replaced; it must occur exactly once in the file
//   replace   the text that replaces it
//   also      optional: a second change (file, search, replace), where one alone would not change the behaviour
//   test      optional: the test file that must fail, such as "test/client/Bot.test.ts"; without it, the simulation
//             must find the bug
//   store     optional: true if the simulation of a server with a store must find the bug, and not that of one without
//   nodes     optional: true if the simulation of the nodes of a cluster must find it
//   send      optional: true if the simulation of `send` must find it
//   terminal  optional: true if the simulation of the client at a terminal must find it
//   real      optional: true if clients on real sockets must find it
//   build     with `test`: true if that test runs the built program
//
// The sources on disk are never changed. Prints how each mutant was found; the exit status is the number of survivors.
import { spawn } from "node:child_process"
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { bundleSimulation } from "../simulate.mjs"
import { mutants as accounts } from "./accounts.mjs"
import { mutants as acknowledgement } from "./acknowledgement.mjs"
import { mutants as blocks } from "./blocks.mjs"
import { mutants as clients } from "./clients.mjs"
import { mutants as commands } from "./commands.mjs"
import { mutants as connections } from "./connections.mjs"
import { mutants as conversations } from "./conversations.mjs"
import { mutants as databases } from "./databases.mjs"
import { mutants as flowControl } from "./flow-control.mjs"
import { mutants as http } from "./http.mjs"
import { mutants as ledger } from "./ledger.mjs"
import { mutants as memory } from "./memory.mjs"
import { mutants as operators } from "./operators.mjs"
import { mutants as outbox } from "./outbox.mjs"
import { mutants as page } from "./page.mjs"
import { mutants as parameters } from "./parameters.mjs"
import { mutants as questions } from "./questions.mjs"
import { mutants as names } from "./names.mjs"
import { mutants as nats } from "./nats.mjs"
import { mutants as nodes } from "./nodes.mjs"
import { mutants as nodesChat } from "./nodes-chat.mjs"
import { mutants as nodesKept } from "./nodes-kept.mjs"
import { mutants as nodesRooms } from "./nodes-rooms.mjs"
import { mutants as rooms } from "./rooms.mjs"
import { mutants as search } from "./search.mjs"
import { mutants as sending } from "./sending.mjs"
import { mutants as sharing } from "./sharing.mjs"
import { mutants as shutdown } from "./shutdown.mjs"
import { mutants as sockets } from "./sockets.mjs"
import { mutants as store } from "./store.mjs"
import { mutants as storeRooms } from "./store-rooms.mjs"
import { mutants as terminal } from "./terminal.mjs"
import { mutants as time } from "./time.mjs"
import { mutants as transport } from "./transport.mjs"
import { mutants as turns } from "./turns.mjs"
import { mutants as typing } from "./typing.mjs"
import { mutants as vanished } from "./vanished.mjs"

const mutants = [
  names,
  connections,
  outbox,
  flowControl,
  questions,
  memory,
  blocks,
  sharing,
  shutdown,
  ledger,
  acknowledgement,
  accounts,
  conversations,
  time,
  turns,
  vanished,
  clients,
  commands,
  terminal,
  typing,
  parameters,
  sending,
  sockets,
  transport,
  operators,
  http,
  store,
  databases,
  storeRooms,
  rooms,
  search,
  page,
  nats,
  nodes,
  nodesChat,
  nodesKept,
  nodesRooms
].flat()

const root = fileURLToPath(new URL("../..", import.meta.url))
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { check: { type: "boolean" }, seconds: { type: "string" } }
})
const seconds = Number(values.seconds ?? 60)

const read = (path) => readFileSync(path, "utf8")
const changesOf = ({ also, ...first }) => (also === undefined ? [first] : [first, also])
const mutate = (text, changes) =>
  changes.reduce((code, { replace, search }) => code.replace(search, () => replace), text)

/**
 * Runs a script of Node, and then kills everything that it has started and left: a bug may keep a worker of the tests
 * busy without end.
 */
const run = (args, { seconds, ...options }) =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, args, { ...options, detached: true, stdio: ["ignore", "pipe", "pipe"] })
    const output = { stdout: "", stderr: "" }
    for (const name of ["stdout", "stderr"])
      child[name].setEncoding("utf8").on("data", (text) => (output[name] += text))
    const killAll = () => {
      try {
        process.kill(-child.pid, "SIGKILL")
      } catch {
        // Nothing is left.
      }
    }
    const interrupted = () => {
      killAll()
      process.exit(130)
    }
    const signals = ["SIGINT", "SIGTERM"]
    for (const signal of signals) process.once(signal, interrupted)
    const timer = setTimeout(killAll, seconds * 1000)
    child.on("exit", killAll)
    child.on("close", (status, signal) => {
      clearTimeout(timer)
      for (const signal of signals) process.off(signal, interrupted)
      resolve({ status, signal, ...output })
    })
  })

/** Runs the simulation against a bundle with the bug in it. Returns how the bug was found; undefined if it was not. */
const simulate = async (mutant, directory) => {
  const outfile = join(directory, "simulation.mjs")
  const plugin = {
    name: "mutant",
    setup: ({ onLoad }) =>
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const changes = changesOf(mutant).filter(({ file }) => path === join(root, "src", file))
        return changes.length === 0 ? undefined : { contents: mutate(read(path), changes), loader: "ts" }
      })
  }
  await bundleSimulation(outfile, [plugin])
  const flags = ["store", "nodes", "send", "terminal", "real"].flatMap((client) =>
    mutant[client] === true ? [`--${client}`] : []
  )
  const options = ["--seconds", String(seconds), "--seed", "1", ...flags]
  const { signal, status, stdout } = await run([outfile, ...options], { seconds: seconds + 60 })
  if (signal === null && status === 0) return undefined
  const [, schedules, lived, rule] = /found after (\d+) schedules and ([\d.]+) s: (.*)/.exec(stdout) ?? []
  return rule === undefined ? "hung or died" : `${schedules.padStart(6)} schedules ${lived.padStart(5)} s  ${rule}`
}

/** Runs a test file in a copy of the project with the bug in it. Returns as above. */
const test = async (mutant, directory) => {
  const copy = join(directory, "project")
  for (const part of ["src", "test", "scripts", "package.json", "tsconfig.json"]) {
    cpSync(join(root, part), join(copy, part), { recursive: true })
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"))
  for (const change of changesOf(mutant)) {
    const path = join(copy, "src", change.file)
    writeFileSync(path, mutate(read(path), [change]))
  }
  const options = { cwd: copy, env: { ...process.env, NO_COLOR: "1" }, seconds: 300 }
  if (mutant.build === true && (await run(["scripts/build.mjs"], options)).status !== 0)
    throw new Error(`${mutant.name}: it does not build`)
  const vitest = join("node_modules", "vitest", "vitest.mjs")
  const args = [
    vitest,
    "run",
    "--config",
    "test/vitest.config.ts",
    "--bail",
    "1",
    "--minWorkers",
    "1",
    "--maxWorkers",
    "1",
    mutant.test
  ]
  const { signal, status, stderr } = await run(args, options)
  rmSync(copy, { recursive: true })
  if (signal === null && status === 0) return undefined
  const [, failed] = / FAIL +(.*)/.exec(stderr) ?? []
  return failed ?? "hung or died"
}

const unknown = positionals.filter((name) => !mutants.some((mutant) => mutant.name === name))
for (const name of unknown) console.error(`${name}: no mutant has this name`)
const chosen = positionals.length === 0 ? mutants : mutants.filter(({ name }) => positionals.includes(name))
const stale = chosen.filter((mutant) =>
  changesOf(mutant).some(({ file, search }) => read(join(root, "src", file)).split(search).length !== 2)
)
for (const { name } of stale) console.error(`${name}: its text does not occur exactly once`)
// vitest also fails if it finds no test, and the mutant would count as found.
const untested = chosen.filter(({ test }) => test !== undefined && !existsSync(join(root, test)))
for (const { name, test } of untested) console.error(`${name}: there is no ${test}`)
/**
 * Whether a test, or what it imports of the tests, names the built program. Without a build such a test fails anyway,
 * and the mutant would count as found.
 */
const runsProgram = (path, seen = new Set()) => {
  if (seen.has(path) || !existsSync(path)) return false
  seen.add(path)
  const text = read(path)
  if (/["'`/]dist\//u.test(text)) return true
  return [...text.matchAll(/ from "(\.[^"]*)\.js"/gu)].some(([, from]) => {
    const imported = join(dirname(path), `${from}.ts`)
    return imported.startsWith(join(root, "test/")) && runsProgram(imported, seen)
  })
}
const unbuilt = chosen.filter(
  ({ build, test }) => test !== undefined && build !== true && runsProgram(join(root, test))
)
for (const { name, test } of unbuilt) console.error(`${name}: ${test} runs the built program, so it needs \`build\``)
const mistakes = unknown.length + stale.length + untested.length + unbuilt.length
if (mistakes > 0) process.exit(mistakes)
if (values.check === true) process.exit()

const directory = mkdtempSync(join(tmpdir(), "a-chat-mutants-"))
let survivors = 0
try {
  for (const mutant of chosen) {
    const found = mutant.test === undefined ? await simulate(mutant, directory) : await test(mutant, directory)
    if (found === undefined) survivors += 1
    console.log(`${mutant.name.padEnd(72)} ${found ?? "SURVIVED"}`)
  }
} finally {
  rmSync(directory, { recursive: true })
}
console.log(`${chosen.length} mutants, ${survivors} survived`)
process.exitCode = survivors
