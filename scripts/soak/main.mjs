// Keeps a server busy for as long as one likes, with everything that clients do and should not do, and checks what
// becomes of every message: `npm run soak -- --minutes 20` (needs dist/: `npm run build`)
//
//   --minutes N     how long (default 2)
//   --seed N        the choices of all clients; times and sizes follow from it, not the order of events (default 1)
//   --program FILE  another server to run than dist/main.js: it gets the flags of `serve`
//   --json FILE     writes all samples and figures
//
// Ends with 1 if a message was lost, doubled, changed, out of order or answered wrongly, if the server's account is not
// even, if the memory of the last quarter is over that of the second by more than 10 %, or if descriptors, fibers or
// timers are left when everybody has gone.
import { writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { Book } from "./book.mjs"
import { Client } from "./client.mjs"
import { hostility } from "./hostility.mjs"
import { random } from "./random.mjs"
import { judge, remnants, table } from "./report.mjs"
import { rooms } from "./rooms.mjs"
import { start } from "./server.mjs"

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** How often it looks at the server, and for what is lost, in milliseconds. */
const period = 2_000

/** What nothing has come of for so long is lost. */
const patience = 30_000

/** How many faults are worth showing. */
const shown = 20

const readOptions = () => {
  const text = { type: "string" }
  const { values } = parseArgs({ options: { minutes: text, seed: text, program: text, json: text } })
  const [minutes, seed] = [Number(values.minutes ?? 2), Number(values.seed ?? 1)]
  if (!(minutes > 0) || !Number.isInteger(seed)) {
    console.error("--minutes takes a number above 0, --seed a whole number")
    process.exit(2)
  }
  return { ...values, minutes, seed }
}

const options = readOptions()
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130)) // takes the server along

const faults = []
let faultCount = 0
const fail = (what) => {
  faultCount += 1
  if (faults.length === shown) return
  faults.push(what)
  console.error(`FAULT  ${what}`)
}

let isOver = false
const server = await start(options.program)
const book = new Book(fail)
const world = { book, fail, port: server.port, chance: random(options.seed), isOver: () => isOver }
/** Resolves when nothing is under way any more. */
world.settled = async () => {
  while (book.check(patience) > 0) await sleep(50)
}

// One visit before the first look, since a first time costs what stays.
const first = new Client(world, "first")
await first.login()
await first.leave()
await sleep(500)
const before = await server.sample()

const startedAt = performance.now()
const seconds = () => (performance.now() - startedAt) / 1000
const crews = [...rooms, ...hostility]
const running = crews.map(async (crew) => ({ title: crew.title, ...(await crew.run(world)) }))

const samples = []
while (seconds() < options.minutes * 60 && !server.hasEnded()) {
  await sleep(Math.min(period, Math.max(0, options.minutes * 60_000 - seconds() * 1000)))
  book.check(patience)
  const sample = { at: seconds(), ...(await server.sample()), sent: book.totals.sent }
  samples.push({ ...sample, connections: sample.descriptors && sample.descriptors - before.descriptors })
}
isOver = true
const figures = await Promise.all(running)

// The server waits up to five seconds for those who broke off in the middle of its last words.
let after = await server.sample()
for (let left = 50; left > 0 && remnants(before, after).length > 0; left--) {
  await sleep(200)
  after = await server.sample()
}
const { minutes, seed } = options
const run = { minutes, seed, before, after, samples, crews: figures, totals: book.totals, faults, faultCount }
const result = judge({ ...run, server: await server.stop() })
console.log(table(result))
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`)
process.exit(result.ok ? 0 : 1)
