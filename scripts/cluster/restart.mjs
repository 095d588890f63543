// Restarts every node of a cluster under load, one after the other, and reports what its clients notice:
// `npm run cluster-restart` (needs dist/: `npm run build`)
//
//   --clients N     clients, in pairs of a sender and a recipient (default 120)
//   --rounds N      how often to restart each node (default 2)
//   --seconds N     between two restarts (default 12: a client that was connected for 10 s does not wait longer
//                   and longer)
//   --json FILE     write all figures
//   --update-docs   write the figures into OPERATING.md
//
// The clients are those of the library, each with the addresses of all nodes. A sender sends its next line once it has
// the outcome of the last. Exits with 1 if a line was lost, came twice or out of order, has no outcome, or a ledger
// does not balance.
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { parseArgs } from "node:util"
import { ReconnectingClient, Tcp } from "../../dist/library/index.js"
import { commit, machine, replace } from "../documents.mjs"
import { natsServer, natsServers, node } from "./processes.mjs"

const text = { type: "string" }
const { values } = parseArgs({
  options: {
    clients: { ...text, default: "120" },
    rounds: { ...text, default: "2" },
    seconds: { ...text, default: "12" },
    json: text,
    "update-docs": { type: "boolean", default: false }
  }
})
if (natsServer === undefined) {
  console.error("cluster-restart: nats-server is not installed; in Debian and Ubuntu: apt-get install nats-server")
  process.exit(2)
}
const [clients, rounds, seconds] = [values.clients, values.rounds, values.seconds].map(Number)

const folder = mkdtempSync(join(tmpdir(), "achat-restart-"))
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
for (const [signal, number] of [
  ["SIGINT", 2],
  ["SIGTERM", 15]
]) {
  process.on(signal, () => process.exit(128 + number))
}

const measured = { commit: commit(), machine: machine() }
const servers = await natsServers(3, folder)
await Promise.all(servers.map((server) => server.start()))
const urls = servers.map(({ url }) => url)
const nodes = await Promise.all(["a", "b", "c"].map((name) => node({ name, folder, urls, flags: ["--grace", "10s"] })))
await Promise.all(nodes.map((one) => one.start()))

/** A client whose nodes begin with its own, and how long it was without a server each time. */
const client = (login, home, offline) =>
  Effect.gen(function* () {
    const [socket, ...others] = nodes.map((_, i) => {
      const { host, port } = nodes[(home + i) % nodes.length]
      return Tcp.connect(Tcp.address(host, port), Duration.seconds(3))
    })
    const made = yield* ReconnectingClient.connect({ socket, others, login, ack: true })
    let since
    yield* Effect.forkScoped(
      Stream.runForEach(made.state.changes, ({ _tag }) =>
        Effect.sync(() => {
          if (_tag === "Waiting") since ??= performance.now()
          if (_tag !== "Connected" || since === undefined) return
          offline.push(performance.now() - since)
          since = undefined
        })
      )
    )
    return made
  })

const book = { sent: 0, got: 0, lost: 0, twice: 0, late: 0, outcomes: {}, offline: [], gaps: [], isOver: false }

/** A sender and a recipient, at different nodes at first. */
const pair = (number) =>
  Effect.gen(function* () {
    const to = `to-${number}`
    const recipient = yield* client(to, (number + 1) % nodes.length, book.offline)
    const got = new Set()
    let highest = 0
    let last
    yield* Effect.forkScoped(
      Stream.runForEach(recipient.received, (received) =>
        Effect.sync(() => {
          if (received._tag !== "Message") return
          const line = Number(received.text)
          if (got.has(line)) book.twice += 1
          else if (line < highest) book.late += 1
          got.add(line)
          highest = Math.max(highest, line)
          const now = performance.now()
          if (last !== undefined) book.gaps.push(now - last)
          last = now
        })
      )
    )
    const sender = yield* client(`from-${number}`, number % nodes.length, book.offline)
    // what is not read is not acknowledged, and holds a drain
    yield* Effect.forkScoped(Stream.runDrain(sender.received))
    const taken = []
    for (let line = 1; !book.isOver; line++) {
      const [fate] = yield* sender.deliver([to], String(line))
      book.sent += 1
      const outcome = fate._tag === "Returned" || fate._tag === "Refused" ? fate.reason : fate._tag
      book.outcomes[outcome] = (book.outcomes[outcome] ?? 0) + 1
      if (outcome === "Written" || outcome === "Received") taken.push(line)
      yield* Effect.sleep("20 millis")
    }
    yield* Effect.sleep("1 second")
    book.got += got.size
    book.lost += taken.filter((line) => !got.has(line)).length
  })

const restarts = []
const ledgers = []
const ledgerOf = ({ log }) => /message=stopped.*/u.exec(log)?.[0] ?? ""
const roll = Effect.promise(async () => {
  await setTimeout(1000 * seconds)
  for (let i = 0; i < rounds * nodes.length; i++) {
    const one = nodes[i % nodes.length]
    const began = performance.now()
    const status = await one.end("SIGTERM", 30_000)
    const drained = performance.now()
    ledgers.push({ status, line: ledgerOf(one) })
    one.log = ""
    await one.start()
    restarts.push({ drain: drained - began, start: performance.now() - drained })
    await setTimeout(1000 * seconds)
  }
  book.isOver = true
})

await Effect.runPromise(
  Effect.scoped(
    Effect.all([roll, ...Array.from({ length: clients / 2 }, (_, i) => Effect.scoped(pair(i)))], {
      concurrency: "unbounded",
      discard: true
    })
  )
)
for (const one of nodes) ledgers.push({ status: await one.end("SIGTERM", 30_000), line: ledgerOf(one) })
await Promise.all(servers.map((server) => server.end("SIGKILL")))

const value = (line, name) => Number(new RegExp(`\\b${name}=(\\d+)`, "u").exec(line)?.[1] ?? NaN)
const open = ({ line }) =>
  value(line, "accepted") -
  ["written", "received", "stored", "returned", "dead"].reduce((sum, fate) => sum + value(line, fate), 0)
const faults = [
  ...["lost", "twice", "late"].filter((what) => book[what] > 0).map((what) => `${book[what]} lines: ${what}`),
  ...(book.outcomes.Unknown === undefined ? [] : [`${book.outcomes.Unknown} lines have no outcome`]),
  ...ledgers.filter(({ status }) => status !== 0).map(({ status }) => `a node ended with ${status}`),
  ...ledgers.filter((one) => open(one) !== 0).map(({ line }) => `a ledger does not balance: ${line}`)
]

const quantile = (list, q) => list.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(q * list.length) - 1)] ?? NaN
const millis = (number) => `${Math.round(number)} ms`
const spread = (list) => [0.5, 0.99, 1].map((q) => millis(quantile(list, q))).join(", ")
const grouped = (number) => number.toLocaleString("en-US")
const outcomes = Object.entries(book.outcomes).filter(([outcome]) => outcome !== "Written" && outcome !== "Received")
const rows = [
  ["restarts", grouped(restarts.length)],
  ["lines sent", grouped(book.sent)],
  ["received", grouped(book.got)],
  [
    "returned",
    outcomes.length === 0 ? "0" : outcomes.map(([reason, count]) => `${grouped(count)} ${reason}`).join(", ")
  ],
  ["lost, doubled, out of order", [book.lost, book.twice, book.late].join(", ")],
  [
    "drain: median, longest",
    `${millis(
      quantile(
        restarts.map(({ drain }) => drain),
        0.5
      )
    )}, ${millis(
      quantile(
        restarts.map(({ drain }) => drain),
        1
      )
    )}`
  ],
  [
    "start until it is ready: median, longest",
    `${millis(
      quantile(
        restarts.map(({ start }) => start),
        0.5
      )
    )}, ${millis(
      quantile(
        restarts.map(({ start }) => start),
        1
      )
    )}`
  ],
  ["a client without a server: p50, p99, max", spread(book.offline)],
  ["longest gap between two lines of a pair", millis(Math.max(...book.gaps))]
]
for (const [title, figure] of rows) console.log(title.padEnd(44) + figure)
for (const fault of faults) console.log(`FAULT  ${fault}`)
console.log(`${faults.length === 0 ? "ok" : "FAILED"}: ${clients} clients, ${restarts.length} restarts`)
if (values.json !== undefined)
  writeFileSync(values.json, JSON.stringify({ ...measured, clients, rounds, book, restarts, faults }))
if (values["update-docs"]) {
  const { cores, cpu, date, kernel, memory, node: version } = measured.machine
  const table = ["| | |", "| --- | ---: |", ...rows.map(([title, figure]) => `| ${title} | ${figure} |`)].join("\n")
  const about =
    `${clients} clients of the library in pairs, three nodes, each restarted ${rounds} times; ${date}, commit ` +
    `${measured.commit}: ` +
    `${cpu}, ${cores} cores, ${memory}, ${kernel}, Node ${version}.`
  replace("rolling", `${table}\n\n${about}`)
}
process.exit(faults.length === 0 ? 0 : 1)
