// Keeps a server under load with everything that clients do and should not do, and checks what becomes of every
// message: `npm run soak -- --minutes 20` (needs dist/: `npm run build`)
//
//   --minutes N     duration (default 2)
//   --seed N        of the clients' random choices; the order of events still varies (default 1)
//   --program FILE  the server to run, with the flags of `serve` (default dist/main.js)
//   --patience N    seconds after which an unsettled message counts as lost (default 30)
//   --json FILE     write all samples and figures
//   --prometheus    let a real Prometheus (Debian: package prometheus) scrape the server every second
//
// Exits with 1 if a message was lost, doubled, changed, reordered or answered wrongly, if the server's ledger does not
// balance, if memory in the last quarter exceeds the second by more than 10 % (in runs of a minute or more), or if
// descriptors, fibers or timers are left over when all clients have gone; with Prometheus also if a scrape failed, the
// scraped ledger did not balance at any moment, a counter went back, or its counts differ from the clients' and the
// log's.
import { writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { Book } from "./book.mjs"
import { Client } from "./client.mjs"
import { hostility } from "./hostility.mjs"
import { seededRandom } from "../random.mjs"
import { judge, remnants, table } from "./report.mjs"
import { rooms } from "./rooms.mjs"
import { start } from "./server.mjs"
import { freePort } from "../port.mjs"
import * as Prometheus from "./prometheus.mjs"

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** How often to sample the server and look for lost messages, in milliseconds; more often in short runs. */
const longestPeriod = 2_000
const fewestLooks = 8

/** How many faults are shown. */
const shown = 20

const readOptions = () => {
  const text = { type: "string" }
  const { values } = parseArgs({
    options: { minutes: text, seed: text, program: text, patience: text, json: text, prometheus: { type: "boolean" } }
  })
  const [minutes, seed, patience] = [values.minutes ?? 2, values.seed ?? 1, values.patience ?? 30].map(Number)
  if (!(minutes > 0) || !Number.isInteger(seed) || !(patience > 0)) {
    console.error("--minutes and --patience take a number above 0, --seed a whole number")
    process.exit(2)
  }
  return { ...values, minutes, seed, patience: 1000 * patience }
}

const options = readOptions()
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130)) // kills the server

const { minutes, seed } = options
const millis = minutes * 60_000
const faults = []
let faultCount = 0
const fail = (what) => {
  faultCount += 1
  if (faults.length === shown) return
  faults.push(what)
  console.error(`FAULT  ${what}`)
}

/** The flags that a server needs for Prometheus, and a function that starts Prometheus. */
const withPrometheus = async () => {
  const admin = await freePort()
  return { flags: ["--admin", String(admin)], watch: () => Prometheus.start(admin) }
}

/** Runs all crews against the server, and returns samples of the server before, meanwhile and after. */
const soak = async (server) => {
  const book = new Book(fail)
  const world = { book, fail, port: server.port, random: seededRandom(seed), isOver: () => isOver }
  /** Resolves when nothing is under way any more. */
  world.settled = async () => {
    while (book.check(options.patience) > 0) await sleep(50)
  }
  let isOver = false

  // One connection before the first sample, since the first one makes allocations that stay.
  const first = new Client(world, "first")
  await first.login()
  await first.leave()
  await sleep(500)
  const before = await server.sample()

  const startedAt = performance.now()
  const elapsed = () => performance.now() - startedAt
  const running = [...rooms, ...hostility].map(async (crew) => ({ title: crew.title, ...(await crew.run(world)) }))
  const samples = []
  // On a busy machine one sample can take longer than the period; each quarter of the report needs one.
  while (elapsed() < millis || samples.length < 4) {
    await sleep(Math.max(100, Math.min(longestPeriod, millis / fewestLooks, millis - elapsed())))
    book.check(options.patience)
    const sample = { at: elapsed() / 1000, ...(await server.sample()), sent: book.totals.sent }
    samples.push({ ...sample, connections: sample.descriptors && sample.descriptors - before.descriptors })
  }
  isOver = true
  const crews = await Promise.all(running)

  // The server waits up to five seconds for clients that broke off before they had read its last line.
  let after = await server.sample()
  for (let left = 50; left > 0 && remnants(before, after).length > 0; left--) {
    await sleep(200)
    after = await server.sample()
  }
  return { before, after, samples, crews, totals: book.totals }
}

try {
  const watching = options.prometheus ? await withPrometheus() : undefined
  const server = await start(options.program, watching?.flags)
  const prometheus = await watching?.watch()
  const figures = await soak(server)
  const seen = await prometheus?.figures()
  prometheus?.stop()
  const result = judge({ minutes, seed, ...figures, seen, faults, faultCount, server: await server.stop() })
  console.log(table(result))
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`)
  process.exit(result.ok ? 0 : 1)
} catch (error) {
  console.error(`FAILED: ${error.message}`)
  process.exit(1)
}
