// One round: a fault under load, and the account of every line. Imported, not run.
import { writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { Courtier, Pretender, Talker, account } from "./clients.mjs"
import { kinds } from "./fault-kinds.mjs"
import { describeStates, statesOf } from "./fault-states.mjs"
import { keeping } from "./kept.mjs"
import { metrics, readiness } from "./processes.mjs"

const until = async (holds, millis, what) => {
  const end = performance.now() + millis
  while (!(await holds())) {
    if (performance.now() > end) return what
    await setTimeout(100)
  }
  return undefined
}

const isReady = async (node) => (await readiness(node)) === 200

const inFlight = async (node) => {
  const now = await metrics(node)
  return now && now("achat_pairs_in_flight") + now("achat_cluster_foreign_lines")
}

/**
 * @param options the `load`: `clients` at each node and the `pause` between what each writes, in milliseconds; the
 * `term` in seconds; `random` as Math.random; the `number` of the round, for the names of files; and whether to be
 * `verbose`
 */
export const round = async (kind, { database, nodes, servers }, options) => {
  const { load, number, random } = options
  const pick = (list) => list[Math.floor(random() * list.length)]
  const names = nodes.flatMap(({ name }) => Array.from({ length: load.clients }, (_, i) => `${name}${i}`))
  // Each client has its own node, and tries the next one when it does not answer.
  const talkers = names.map((name) => {
    const home = nodes.findIndex((node) => node.name === name[0])
    return new Talker(name, [...nodes.slice(home), ...nodes.slice(0, home)], names)
  })
  const reign = Object.assign([], { faults: [], given: 0 })
  const pretenders = nodes.map((node) => new Pretender("king", node, reign))
  const courtiers = nodes.map((node) => new Courtier(`page-${node.name}`, [node]))
  const kept = database === undefined ? undefined : await keeping(nodes, String(number))
  const clients = [...talkers, ...pretenders, ...courtiers, ...(kept?.clients ?? [])]
  for (const client of clients) client.come()
  const problems = []
  const wait = async (holds, millis, what) => problems.push(...[await until(holds, millis, what)].filter(Boolean))
  const regulars = [...talkers, ...(kept?.clients ?? [])]
  const areAllHere = () => regulars.every(({ isHere }) => isHere)
  await wait(areAllHere, 30_000, "not all clients could log in before the fault")
  for (const talker of talkers) talker.isResting = false
  kept?.rest(false)
  const talking = setInterval(() => {
    for (const talker of talkers) talker.talk(1 + Math.floor(Math.random() * 5))
    for (const courtier of courtiers) courtier.talk("king")
  }, load.pause)
  const keepingOn = setInterval(() => kept?.talk(), load.pause)
  await setTimeout(1000)
  const node = pick(nodes)
  const others = nodes.filter((one) => one !== node)
  const server = pick(servers)
  const began = performance.now()
  await kinds[kind].act({ database, node, others, server, servers, term: 1000 * options.term, random })
  await setTimeout(2000)
  await wait(
    async () => (await Promise.all(nodes.map(isReady))).every(Boolean),
    90_000,
    "not all nodes are ready again"
  )
  await wait(areAllHere, 60_000, "not all clients are back")
  await setTimeout(2000)
  const took = (performance.now() - began) / 1000
  clearInterval(talking)
  for (const talker of talkers) talker.isResting = true
  kept?.rest(true)
  await wait(() => talkers.every(({ open }) => open.size === 0), 30_000, "lines without an outcome")
  // Before anything else changes it.
  const states = problems.length > 0 || options.verbose ? await statesOf(nodes, servers) : undefined
  // First, since accounts send again what returned, which is in flight meanwhile.
  if (kept !== undefined) {
    await wait(kept.isComplete, 60_000, "kept lines that not everybody was given")
    await wait(async () => (await waiting(others[0])) === 0, 20_000, "lines that wait in the store")
    problems.push(...(await faultsOfStore(others[0])))
  }
  await wait(
    async () => (await Promise.all(nodes.map(inFlight))).every((count) => count === 0),
    10_000,
    "pairs in flight"
  )
  clearInterval(keepingOn)
  const store = kept?.account()
  const { counts, faults: found, reasons } = account(talkers)
  problems.push(...found, ...reign.faults, ...(store?.faults ?? []))
  for (const one of nodes) problems.push(...(await faultsOfLedger(one)))
  for (const client of clients) client.go()
  await setTimeout(300)
  const line = Object.entries(reasons).map(([reason, count]) => `${reason} ${count}`)
  console.log(
    `${problems.length === 0 ? "ok    " : "FAILED"} ${number} ${kind} of ` +
      `${/^(?:nats|engine)/u.test(kind) ? server.name : node.name}: ` +
      `${took.toFixed(1)} s; ${counts.sent} sent, ${counts.received} came; ${line.join(", ")}; the king got ` +
      `${reign.given}` +
      (store === undefined
        ? ""
        : `; ${store.counts.stored} kept, given ${store.counts.given} times, and ${store.counts.again} again`)
  )
  for (const problem of problems.slice(0, 10)) console.log(`         ${problem}`)
  if (problems.length > 10) console.log(`         and ${problems.length - 10} more`)
  if (states !== undefined) {
    writeFileSync(join(tmpdir(), `achat-faults-${number}-states.json`), JSON.stringify(states, undefined, 2))
    for (const line of describeStates(states)) console.log(`         ${line}`)
  }
  if (problems.length > 0 || options.verbose) showLogs(nodes, servers, number)
  return { kind, took, counts, reasons, given: reign.given, kept: store?.counts, problems }
}

/** Direct lines that no device of their recipient was given; undefined if the node does not say. */
const waiting = async (node) => (await metrics(node))?.("achat_store_waiting_lines")

/** The ledger of the store, which is the same at all nodes. */
const faultsOfStore = async (node) => {
  const now = await patientMetrics(node)
  if (now === undefined) return [`${node.name} shows no metrics`]
  const [stored, given, expired] = ["stored", "given", "expired"].map((fate) => now(`achat_store_${fate}_total`))
  const left = now("achat_store_waiting_lines")
  if (stored === given + left + expired && expired === 0) return []
  return [`the store's ledger does not close: ${stored} stored, ${given} given, ${left} wait, ${expired} expired`]
}

/** The metrics of a node that may be busy. */
const patientMetrics = async (node) => {
  let now
  await until(async () => (now = await metrics(node)) !== undefined, 20_000)
  return now
}

const faultsOfLedger = async (node) => {
  const now = await patientMetrics(node)
  if (now === undefined) return [`${node.name} shows no metrics`]
  const faults = []
  const pairs = (fate) => now(`achat_pairs_${fate}_total`)
  const settled = ["written", "received", "stored", "returned", "dead"].reduce((sum, fate) => sum + pairs(fate), 0)
  const foreign = (fate) => now(`achat_cluster_foreign_${fate}_total`)
  const open = pairs("accepted") - settled
  if (open !== now("achat_pairs_in_flight")) faults.push(`the ledger of ${node.name} does not close: ${open}`)
  if (now("achat_pairs_unaccounted") !== 0) faults.push(`${node.name} has unaccounted pairs`)
  if (open !== 0) faults.push(`${node.name} has ${open} pairs in flight`)
  const queued = foreign("received") - foreign("delivered") - foreign("returned")
  if (queued !== 0) faults.push(`${node.name} has ${queued} lines of other nodes without a fate`)
  return faults
}

/** Shows what the nodes say about the cluster, and keeps all logs. */
const showLogs = (nodes, servers, number) => {
  for (const { log, name } of [...nodes, ...servers]) {
    writeFileSync(join(tmpdir(), `achat-faults-${number}-${name}.log`), log)
  }
  for (const { log, name } of nodes) {
    const lines = log.split("\n").filter((line) => !/message=(?:left|joined|closed|"connection|connected)/.test(line))
    for (const line of lines.filter((line) => /node|suspend|resum|lost|cluster|rror/.test(line)).slice(-15)) {
      console.log(`         ${name}  ${line.slice(0, 180)}`)
    }
  }
}
