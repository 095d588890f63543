// Faults of a real cluster under load, after `npm run build`:
// `npm run cluster-faults -- [--rounds 20] [--seed N] [--only KIND,...] [--term 6] [--clients 4] [--json FILE]`.
//
// Three nodes and the NATS servers that a kind needs run on this machine; clients at all nodes write numbered lines to each
// other. Each round causes a fault, waits until everything is well again and quiet, and accounts for every line: none lost
// or doubled, none out of order, none both returned and received unless the reason says that it may have arrived; the
// ledgers of all nodes close; and nothing comes to the owner of a name that another client has had since.
//
// Kinds:
//   kill            a node is killed (SIGKILL) and started again
//   pause           a node is stopped for a third of the term
//   long-pause      a node is stopped for five terms
//   cut, cut-out, cut-in
//                   nothing passes between a node and the engine, or in one direction only, for two terms
//   short-cut       the same for a third of the term
//   engine          the only NATS server is killed and started again after a second
//   engine-long     after a term and a half
//   nats-kill       one of three NATS servers is killed and started again after two terms
//   nats-pause      one of three NATS servers is stopped for two terms
//   nats-all        all three are killed and started again without their entries
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { parseArgs } from "node:util"
import { Courtier, Pretender, Talker, account } from "./clients.mjs"
import { metrics, natsServer, natsServers, node } from "./processes.mjs"
import { silentProxy } from "./proxy.mjs"

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "20" },
    seed: { type: "string" },
    only: { type: "string" },
    term: { type: "string", default: "6" },
    clients: { type: "string", default: "4" },
    json: { type: "string" },
    verbose: { type: "boolean", default: false }
  }
})
if (natsServer === undefined) {
  console.error("cluster-faults: nats-server is not installed; in Debian and Ubuntu: apt-get install nats-server")
  process.exit(2)
}
const termMillis = 1000 * Number(values.term)
const seed = Number(values.seed ?? Date.now() % 1_000_000)
let state = seed
/** Deterministic in what is chosen, not in when it happens. */
const random = () => {
  state = (state * 1_103_515_245 + 12_345) % 2 ** 31
  return state / 2 ** 31
}
const pick = (list) => list[Math.floor(random() * list.length)]

/** How many NATS servers a kind needs. */
const kinds = {
  kill: 3,
  pause: 3,
  "long-pause": 3,
  cut: 3,
  "cut-out": 3,
  "cut-in": 3,
  "short-cut": 3,
  engine: 1,
  "engine-long": 1,
  "nats-kill": 3,
  "nats-pause": 3,
  "nats-all": 3
}
const only = values.only?.split(",") ?? Object.keys(kinds)
const unknown = only.find((kind) => !(kind in kinds))
if (unknown !== undefined) {
  console.error(`cluster-faults: no kind ${unknown}; there are ${Object.keys(kinds).join(", ")}`)
  process.exit(2)
}

const folder = mkdtempSync(join(tmpdir(), "achat-faults-"))
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
// Without a handler, no event of the end comes, and the nodes and NATS servers would go on.
for (const [signal, number] of [
  ["SIGHUP", 1],
  ["SIGINT", 2],
  ["SIGTERM", 15]
]) {
  process.on(signal, () => process.exit(128 + number))
}
const clock = () => performance.now()

/** The nodes, each with its own proxies to the NATS servers. */
const makeCluster = async (natsCount) => {
  const place = mkdtempSync(join(folder, "c-"))
  const servers = await natsServers(natsCount, place)
  await Promise.all(servers.map((server) => server.start()))
  const nodes = []
  for (const name of ["a", "b", "c"]) {
    const proxies = await Promise.all(servers.map(({ port }) => silentProxy(port)))
    const urls = proxies.map(({ port }) => `nats://127.0.0.1:${port}`)
    const flags = ["--cluster-term", `${values.term}s`, "--cluster-wait", "2m"]
    const one = await node({ name, folder: place, urls, flags })
    nodes.push(Object.assign(one, { proxies }))
  }
  await Promise.all(nodes.map((one) => one.start()))
  return { nodes, servers }
}

const faults = {
  kill: async ({ node }) => {
    await node.end("SIGKILL")
    await setTimeout(500 + random() * 2 * termMillis)
    await node.start()
  },
  pause: ({ node }) => paused(node, termMillis / 3),
  "long-pause": ({ node }) => paused(node, 5 * termMillis),
  cut: ({ node }) => cut(node, "both", 2 * termMillis),
  "cut-out": ({ node }) => cut(node, "out", 2 * termMillis),
  "cut-in": ({ node }) => cut(node, "in", 2 * termMillis),
  "short-cut": ({ node }) => cut(node, "both", termMillis / 3),
  engine: ({ server }) => restarted([server], 1000),
  "engine-long": ({ server }) => restarted([server], 1.5 * termMillis),
  "nats-kill": ({ server }) => restarted([server], 2 * termMillis),
  "nats-pause": ({ server }) => paused(server, 2 * termMillis),
  "nats-all": ({ servers }) => restarted(servers, 500)
}

const paused = async (process, millis) => {
  process.signal("SIGSTOP")
  await setTimeout(millis)
  process.signal("SIGCONT")
}

const cut = async ({ proxies }, direction, millis) => {
  for (const proxy of proxies) proxy.cut(direction)
  await setTimeout(millis)
  for (const proxy of proxies) proxy.mend()
}

const restarted = async (servers, millis) => {
  await Promise.all(servers.map((server) => server.end("SIGKILL")))
  await setTimeout(millis)
  await Promise.all(servers.map((server) => server.start()))
}

const until = async (holds, millis, what) => {
  const end = clock() + millis
  while (!(await holds())) {
    if (clock() > end) return what
    await setTimeout(100)
  }
  return undefined
}

const isReady = async ({ admin }) =>
  (await fetch(`http://127.0.0.1:${admin}/readyz`, { signal: AbortSignal.timeout(1000) }).catch(() => undefined))
    ?.status === 200

const inFlight = async (node) => {
  const now = await metrics(node)
  return now && now("achat_pairs_in_flight") + now("achat_cluster_foreign_lines")
}

const round = async (kind, { nodes, servers }, number) => {
  const ports = nodes.map(({ port }) => port)
  const names = ports.flatMap((_, at) => Array.from({ length: Number(values.clients) }, (_, i) => `${"abc"[at]}${i}`))
  // Each client has its own node, and tries the next one when it does not answer.
  const talkers = names.map((name) => {
    const home = "abc".indexOf(name[0])
    return new Talker(name, [...ports.slice(home), ...ports.slice(0, home)], names)
  })
  const reign = Object.assign([], { faults: [], given: 0 })
  const pretenders = ports.map((port) => new Pretender("king", port, reign))
  const courtiers = ports.map((port, at) => new Courtier(`page-${"abc"[at]}`, [port]))
  const clients = [...talkers, ...pretenders, ...courtiers]
  for (const client of clients) client.come()
  const problems = []
  const wait = async (holds, millis, what) => problems.push(...[await until(holds, millis, what)].filter(Boolean))
  await wait(() => talkers.every(({ isHere }) => isHere), 30_000, "not all clients could log in before the fault")
  for (const talker of talkers) talker.isResting = false
  const talking = setInterval(() => {
    for (const talker of talkers) talker.talk(1 + Math.floor(Math.random() * 5))
    for (const courtier of courtiers) courtier.talk("king")
  }, 20)
  await setTimeout(1000)
  const target = { node: pick(nodes), server: pick(servers), servers }
  const began = clock()
  await faults[kind](target)
  await setTimeout(2000)
  await wait(
    async () => (await Promise.all(nodes.map(isReady))).every(Boolean),
    90_000,
    "not all nodes are ready again"
  )
  await wait(() => talkers.every(({ isHere }) => isHere), 60_000, "not all clients are back")
  await setTimeout(2000)
  const took = (clock() - began) / 1000
  clearInterval(talking)
  for (const talker of talkers) talker.isResting = true
  await wait(() => talkers.every(({ open }) => open.size === 0), 30_000, "lines without an outcome")
  await wait(
    async () => (await Promise.all(nodes.map(inFlight))).every((count) => count === 0),
    10_000,
    "pairs in flight"
  )
  const { counts, faults: found, reasons } = account(talkers)
  problems.push(...found, ...reign.faults)
  for (const one of nodes) {
    const now = await metrics(one)
    if (now === undefined) {
      problems.push(`${one.name} shows no metrics`)
      continue
    }
    const pairs = (fate) => now(`achat_pairs_${fate}_total`)
    const settled = ["written", "received", "stored", "returned", "dead"].reduce((sum, fate) => sum + pairs(fate), 0)
    const foreign = (fate) => now(`achat_cluster_foreign_${fate}_total`)
    const open = pairs("accepted") - settled
    if (open !== now("achat_pairs_in_flight")) problems.push(`the ledger of ${one.name} does not close: ${open}`)
    if (now("achat_pairs_unaccounted") !== 0) problems.push(`${one.name} has unaccounted pairs`)
    if (open !== 0) problems.push(`${one.name} has ${open} pairs in flight`)
    const queued = foreign("received") - foreign("delivered") - foreign("returned")
    if (queued !== 0) problems.push(`${one.name} has ${queued} lines of other nodes without a fate`)
  }
  for (const client of clients) client.go()
  await setTimeout(300)
  const line = Object.entries(reasons).map(([reason, count]) => `${reason} ${count}`)
  console.log(
    `${problems.length === 0 ? "ok    " : "FAILED"} ${number} ${kind} of ${kind.startsWith("nats") || kind.startsWith("engine") ? target.server.name : target.node.name}: ` +
      `${took.toFixed(1)} s; ${counts.sent} sent, ${counts.received} came; ${line.join(", ")}; the king got ${reign.given}`
  )
  for (const problem of problems.slice(0, 10)) console.log(`         ${problem}`)
  if (problems.length > 10) console.log(`         and ${problems.length - 10} more`)
  if (problems.length > 0 || values.verbose) {
    for (const one of nodes) {
      const lines = one.log
        .split("\n")
        .filter((line) => !/message=(?:left|joined|closed|"connection|connected)/.test(line))
      writeFileSync(join(tmpdir(), `achat-faults-${number}-${one.name}.log`), one.log)
      for (const line of lines.filter((line) => /node|suspend|resum|lost|cluster|rror/.test(line)).slice(-15)) {
        console.log(`         ${one.name}  ${line.slice(0, 180)}`)
      }
    }
  }
  return { kind, took, counts, reasons, problems }
}

console.log(`seed ${seed}, term ${values.term} s`)
const results = []
let cluster
let failed = 0
try {
  for (let i = 0; i < Number(values.rounds); i++) {
    const kind = only[i % only.length]
    const [count] = [kinds[kind]]
    if (cluster?.servers.length !== count) {
      if (cluster !== undefined) await ended(cluster)
      cluster = await makeCluster(count)
    }
    const result = await round(kind, cluster, i + 1)
    results.push(result)
    if (result.problems.length > 0) failed += 1
  }
} finally {
  if (cluster !== undefined) await ended(cluster)
}
async function ended({ nodes, servers }) {
  await Promise.all(nodes.map((one) => one.end()))
  await Promise.all(servers.map((server) => server.end("SIGKILL")))
  for (const { proxies } of nodes) for (const proxy of proxies) proxy.close()
}
const sum = (of) => results.reduce((total, result) => total + of(result), 0)
console.log(
  `${results.length} rounds, ${failed} failed: ${sum(({ counts }) => counts.sent)} lines sent, ` +
    `${sum(({ counts }) => counts.received)} received, ${sum(({ reasons }) => reasons["node-lost"] ?? 0)} returned as node-lost`
)
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify({ seed, results }, undefined, 2))
process.exitCode = failed === 0 ? 0 : 1
