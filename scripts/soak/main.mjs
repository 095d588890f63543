// Keeps a server busy for as long as one likes, with everything that clients do and should not do, and checks what
// becomes of every message: `npm run soak -- --minutes 20` (needs dist/: `npm run build`)
//
//   --minutes N     how long (default 2)
//   --seed N        the choices of all clients; times and sizes follow from it, not the order of events (default 1)
//   --program FILE  another server to run than dist/main.js: it gets the flags of `serve`
//   --patience N    after how many seconds what nothing has come of is lost (default 30)
//   --json FILE     writes all samples and figures
//   --prometheus    has a real Prometheus (Debian: package prometheus) scrape the server every second
//
// Ends with 1 if a message was lost, doubled, changed, out of order or answered wrongly, if the server's account is not
// even, if the memory of the last quarter is over that of the second by more than 10 % (in a minute or more), or if
// descriptors, fibers or timers are left when everybody has gone; with Prometheus also if a scrape failed, if what it saw
// was not even at any moment, if a counter went back, or if it counted something else than the clients and the log.
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

/** How often it looks at the server, and for what is lost, in milliseconds; more often where there is little time. */
const longestPeriod = 2_000
const fewestLooks = 8

/** How many faults are worth showing. */
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
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130)) // takes the server along

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

/** @returns what lets Prometheus watch a server with these flags */
const withPrometheus = async () => {
  const admin = await freePort()
  return { flags: ["--admin", String(admin)], watch: () => Prometheus.start(admin) }
}

/** Lets all crews loose on the server, and answers what it looked like in the meantime, when they have gone. */
const soak = async (server) => {
  const book = new Book(fail)
  const world = { book, fail, port: server.port, random: seededRandom(seed), isOver: () => isOver }
  /** Resolves when nothing is under way any more. */
  world.settled = async () => {
    while (book.check(options.patience) > 0) await sleep(50)
  }
  let isOver = false

  // One visit before the first look, since a first time costs what stays.
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

  // The server waits up to five seconds for those who broke off in the middle of its last words.
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
