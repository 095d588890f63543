// Faults of a real cluster under load, after `npm run build`: `npm run cluster-faults`
//
//   --each 20            rounds of every kind; without it, `--rounds` of them in turn (default 20)
//   --only KIND,...      only these kinds
//   --jobs 1             how many clusters at once: they mostly wait
//   --term 6             the term, in seconds
//   --clients 4          clients at each node
//   --pause 20           between the lines that a client writes, in milliseconds
//   --seed N             repeats what is chosen at random, not when it happens
//   --store              the nodes share a database, and keep lines in it: accounts with two devices each, and a room
//   --json FILE          keeps the results
//   --update-docs FILE,...  runs nothing, and writes the results in these files into the table of OPERATING.md
//   --verbose            shows what the nodes log
//
// Three nodes and the NATS servers that a kind needs run on this machine, with the first `nats-server` in PATH; clients
// at all nodes write numbered lines to each other. Each round causes a fault, waits until everything is well again and
// quiet, and accounts for every line: none lost or doubled, none out of order, none both returned and received unless
// the reason says that it may have arrived; the ledgers of all nodes close; and nothing comes to the owner of a name
// that another client has had since.
//
// The kinds are in fault-kinds.mjs. Those of machines need network namespaces, and those of clocks need libfaketime.
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { commit, machine, replace } from "../documents.mjs"
import { cluster, libfaketime } from "./fault-clusters.mjs"
import { kinds } from "./fault-kinds.mjs"
import { merge, table } from "./fault-report.mjs"
import { round } from "./fault-round.mjs"
import { enter, noMachines } from "./machines.mjs"
import { postgresPrograms } from "./postgres.mjs"
import { natsServer, natsVersion } from "./processes.mjs"

const text = { type: "string" }
const { values } = parseArgs({
  options: {
    each: text,
    rounds: { ...text, default: "20" },
    jobs: { ...text, default: "1" },
    seed: text,
    only: text,
    term: { ...text, default: "6" },
    clients: { ...text, default: "4" },
    pause: { ...text, default: "20" },
    store: { type: "boolean", default: false },
    json: text,
    "update-docs": text,
    verbose: { type: "boolean", default: false }
  }
})
if (values["update-docs"] !== undefined) {
  const runs = values["update-docs"].split(",").map((file) => JSON.parse(readFileSync(file, "utf8")))
  replace("faults", table(merge(runs)))
  process.exit(0)
}
const refuse = (message) => {
  console.error(`cluster-faults: ${message}`)
  process.exit(2)
}
if (natsServer === undefined) {
  refuse("nats-server is not installed; in Debian and Ubuntu: apt-get install nats-server")
}
if (values.store && postgresPrograms === undefined) {
  refuse("Postgres is not installed; in Debian and Ubuntu: apt-get install postgresql")
}
const only = values.only?.split(",") ?? Object.keys(kinds).filter((kind) => values.store || !kinds[kind].keeps)
const unknown = only.find((kind) => !(kind in kinds))
if (unknown !== undefined) refuse(`no kind ${unknown}; there are ${Object.keys(kinds).join(", ")}`)

const needy = only.find((kind) => kinds[kind].keeps)
if (needy !== undefined && !values.store) refuse(`${needy} needs --store`)

const obstacles = {
  machines: noMachines(),
  clocks:
    libfaketime === undefined
      ? "libfaketime is not installed; in Debian and Ubuntu: apt-get install faketime"
      : undefined
}
const isPossible = (kind) => obstacles[kinds[kind].shape] === undefined
const possible = only.filter(isPossible)
for (const shape of Object.keys(obstacles)) {
  const left = only.filter((kind) => kinds[kind].shape === shape && !isPossible(kind))
  if (left.length > 0) console.error(`cluster-faults: without ${left.join(", ")}: ${obstacles[shape]}`)
}
if (possible.some((kind) => kinds[kind].shape === "machines")) await enter()

const folder = mkdtempSync(join(tmpdir(), "achat-faults-"))
chmodSync(folder, 0o711) // for the user of Postgres
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
process.setMaxListeners(0) // every cluster ends its processes at the exit
// Without a handler, no event of the end comes, and the nodes and NATS servers would go on.
for (const [signal, number] of [
  ["SIGHUP", 1],
  ["SIGINT", 2],
  ["SIGTERM", 15]
]) {
  process.on(signal, () => process.exit(128 + number))
}

/** The kinds of all rounds. With `--each`, those of one shape follow each other: a cluster takes seconds to start. */
const order =
  values.each === undefined
    ? Array.from({ length: Number(values.rounds) }, (_, i) => possible[i % possible.length])
    : possible
        .toSorted((one, other) => kinds[one].shape.localeCompare(kinds[other].shape))
        .flatMap((kind) => Array(Number(values.each)).fill(kind))

const seed = Number(values.seed ?? Date.now() % 1_000_000)
const randomFrom = (start) => {
  let state = start
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
}

const term = Number(values.term)
console.log(`seed ${seed}, term ${term} s`)
const measured = { commit: commit(), machine: machine(), nats: natsVersion() }
const results = []
const keep = () => {
  if (values.json === undefined) return
  writeFileSync(values.json, JSON.stringify({ ...measured, seed, term, results }, undefined, 2))
}

/** Runs the rounds of a part of the list, one after another. */
const work = async (numbers, random) => {
  let current
  try {
    for (const number of numbers) {
      const kind = order[number]
      const { shape } = kinds[kind]
      if (current?.shape !== shape) {
        await end(current)
        current = undefined
        current = await cluster(shape, { folder, keeps: values.store, term })
      }
      const load = { clients: Number(values.clients), pause: Number(values.pause) }
      results.push(await round(kind, current, { number: number + 1, random, term, load, verbose: values.verbose }))
      keep()
    }
  } finally {
    await end(current)
  }
}

/** Ends a cluster. What is wrong with its store at the end counts as a fault of the last round. */
const end = async (cluster) => {
  const found = (await cluster?.end()) ?? []
  for (const problem of found) console.log(`FAILED ${problem}`)
  results.at(-1)?.problems.push(...found)
  if (found.length > 0) keep()
}

const jobs = Math.min(Number(values.jobs), order.length)
const share = Math.ceil(order.length / jobs)
const numbers = [...order.keys()]
await Promise.all(
  Array.from({ length: jobs }, (_, job) => work(numbers.slice(job * share, (job + 1) * share), randomFrom(seed + job)))
)
const sum = (of) => results.reduce((total, result) => total + of(result), 0)
const failed = results.filter(({ problems }) => problems.length > 0).length
console.log(
  `${results.length} rounds, ${failed} failed: ${sum(({ counts }) => counts.sent)} lines sent, ` +
    `${sum(({ counts }) => counts.received)} received, ${sum(({ reasons }) => reasons["node-lost"] ?? 0)} returned ` +
    `as node-lost`
)
process.exitCode = failed === 0 ? 0 : 1
