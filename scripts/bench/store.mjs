// Measures the store in SQLite: `node scripts/bench/store.mjs [--seconds N] [--folder DIRECTORY]`.
//
//   commits    lines of a guest to accounts, in transactions of 1, 10, 100 and 1000 lines, next to appending the same
//              bytes in the same batches to a file and flushing it (`ratio`). The goes alternate, because disks vary.
//   thread     50,000 lines a second through the store's thread: how busy the event loop is and how late, and how long
//              a line waits until it is stored
//   catch-up   10,000 waiting lines, read page by page
//   history    the last 50 lines of a conversation among 1,000,000 lines in 1000 conversations; with --million
import { closeSync, fdatasyncSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { monitorEventLoopDelay, performance } from "node:perf_hooks"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { bundle, load } from "../bundle.mjs"

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "1" },
    folder: { type: "string", default: tmpdir() },
    million: { type: "boolean", default: false }
  }
})

const millis = Number(values.seconds) * 1000
const folder = mkdtempSync(join(values.folder, "achat-store-"))
const cache = fileURLToPath(new URL("../../node_modules/.achat-bench/", import.meta.url))
const thread = join(cache, "store-thread.cjs")

const conversations = 100
const limits = { keepMillis: 1e12, keepBytes: 1e12, keepLines: 1e9, unreadLines: 1e9, unreadBytes: 1e12 }
const moment = () => ({ wall: Date.now(), now: performance.now() })

/** Texts of 64 to 1000 bytes. */
const texts = Array.from({ length: 4096 }, (_, index) =>
  `${index} `.padEnd(64 + ((index * 7919) % 937), "lorem ipsum ")
)
const bodies = texts.map((text) => Buffer.from(text))

let made = 0
const next = () => {
  made += 1
  return made & 4095
}

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN

/** Calls `append` with batches of this size for a time. Returns lines a second and the times of the calls. */
const measure = (append, size, milliseconds) => {
  const times = []
  let lines = 0
  let busy = 0
  const end = performance.now() + milliseconds
  while (performance.now() < end) {
    const batch = Array.from({ length: size }, next)
    const start = performance.now()
    append(batch)
    const time = performance.now() - start
    times.push(time)
    busy += time
    lines += size
  }
  return { perSecond: (lines / busy) * 1000, times }
}

const median = (numbers) => numbers.toSorted((one, other) => one - other)[numbers.length >> 1]

const newEngine = async (name) => {
  const { SqliteEngine } = await load("src/store/SqliteEngine.ts")
  const engine = new SqliteEngine({ path: join(folder, name), base: thread, limits, reserveBytes: 4096 })
  for (let account = 1; account <= conversations; account++) {
    engine.call("create", moment(), [{ name: `a${account}`, likeness: `A${account}`, credential: "" }])
  }
  return engine
}

const commits = async () => {
  const engine = await newEngine("commits.db")
  const file = openSync(join(folder, "raw"), "a")
  const raw = (batch) => {
    writeSync(file, batch.map((index) => `${index % conversations} ${index} ${texts[index]}\n`).join(""))
    fdatasyncSync(file)
  }
  const stored = (batch) => {
    const lines = batch.map((index) => ({
      conversation: { kind: "guest", account: 1 + (index % conversations), likeness: "GUEST" },
      account: undefined,
      author: "guest",
      body: bodies[index],
      isAuto: false,
      to: "",
      isLive: false
    }))
    engine.call("append", moment(), [lines, []])
  }
  for (const size of [1, 10, 100, 1000]) {
    const ratios = []
    const goes = []
    measure(stored, size, millis / 10)
    for (let go = 0; go < 5; go++) {
      const one = measure(raw, size, millis / 2)
      const other = measure(stored, size, millis / 2)
      ratios.push(other.perSecond / one.perSecond)
      goes.push({ raw: one.perSecond, stored: other.perSecond, times: other.times })
    }
    const times = goes.flatMap(({ times }) => times).toSorted((one, other) => one - other)
    console.log(
      `commits of ${size}`.padEnd(18),
      `ratio ${median(ratios).toFixed(2)}`,
      `(${ratios.map((ratio) => ratio.toFixed(2)).join(" ")})`,
      `${Math.round(median(goes.map(({ stored }) => stored)))} lines/s, raw ` +
        `${Math.round(median(goes.map(({ raw }) => raw)))};`,
      `p50 ${quantile(times, 0.5).toFixed(2)} ms, p99 ${quantile(times, 0.99).toFixed(2)} ms`
    )
  }
  closeSync(file)
  engine.close()
}

/** Runs a program with a store in its thread. */
const withStore = async (name, use) => {
  const { make } = await load("src/store/Sqlite.ts")
  const Effect = await import("effect/Effect")
  const options = { keep: "30 days", keepBytes: 1e12, keepLines: 1e9, unreadLines: 1e9, unreadBytes: 1e12 }
  const opened = make({ path: join(folder, name), limits: options, thread, reserveBytes: 4096 })
  const program = Effect.flatMap(opened, (store) => Effect.promise(() => use(store, Effect.runPromise)))
  await Effect.runPromise(Effect.scoped(program))
}

const line = (index, account = 1 + (index % conversations)) => ({
  conversation: { kind: "guest", account, likeness: "GUEST" },
  account: undefined,
  author: "guest",
  text: texts[index],
  isAuto: false,
  to: "",
  isLive: false
})

const inThread = (perSecond) =>
  withStore("thread.db", async (store, run) => {
    for (let account = 1; account <= conversations; account++) {
      await run(store.accounts.create({ name: `a${account}`, likeness: `A${account}`, credential: "" }))
    }
    const waits = []
    const waiting = []
    let flushing
    const flush = async () => {
      while (waiting.length > 0) {
        const batch = waiting.splice(0, 1000)
        await run(store.append(batch.map(({ line }) => line)))
        const now = performance.now()
        for (const { since } of batch) waits.push(now - since)
      }
      flushing = undefined
    }
    const delay = monitorEventLoopDelay({ resolution: 1 })
    const start = performance.now()
    let count = 0
    delay.enable()
    const before = performance.eventLoopUtilization()
    await new Promise((resolve) => {
      const timer = setInterval(() => {
        const now = performance.now()
        if (now - start > 3 * millis) {
          clearInterval(timer)
          return resolve()
        }
        for (; count < ((now - start) / 1000) * perSecond; count++) waiting.push({ since: now, line: line(next()) })
        flushing ??= flush()
      }, 1)
    })
    const { utilization } = performance.eventLoopUtilization(before)
    delay.disable()
    waits.sort((one, other) => one - other)
    console.log(
      `thread at ${perSecond}/s`.padEnd(18),
      `stored ${Math.round((waits.length / (performance.now() - start)) * 1000)}/s;`,
      `event loop ${(utilization * 100).toFixed(0)} % busy, late p99 ${(delay.percentile(99) / 1e6 - 1).toFixed(1)} ` +
        `ms;`,
      `stored after p50 ${quantile(waits, 0.5).toFixed(1)} ms, p99 ${quantile(waits, 0.99).toFixed(1)} ms`
    )
    await flushing
  })

const catchUp = () =>
  withStore("catch-up.db", async (store, run) => {
    await run(store.accounts.create({ name: "a", likeness: "A", credential: "" }))
    for (let batch = 0; batch < 10; batch++)
      await run(store.append(Array.from({ length: 1000 }, () => line(next(), 1))))
    const conversation = await run(store.find({ kind: "guest", account: 1, likeness: "GUEST" }))
    for (const limit of [100, 500]) {
      const start = performance.now()
      let after = 0
      for (let page; page?.hasMore !== false; after = page.lines.at(-1)?.seq ?? after) {
        page = await run(store.page({ conversation, reader: 1, after, limit }))
      }
      const seconds = (performance.now() - start) / 1000
      console.log(`catch-up by ${limit}`.padEnd(18), `${Math.round(after / seconds)} lines/s`)
    }
  })

const history = async () => {
  const engine = await newEngine("history.db")
  const total = 1_000_000
  const accounts = 1000
  for (let account = conversations + 1; account <= accounts; account++) {
    engine.call("create", moment(), [{ name: `a${account}`, likeness: `A${account}`, credential: "" }])
  }
  const start = performance.now()
  for (let count = 0; count < total; count += 1000) {
    const lines = Array.from({ length: 1000 }, (_, index) => ({
      ...line(next()),
      conversation: { kind: "guest", account: 1 + ((index * 7) % accounts), likeness: "GUEST" },
      body: bodies[index & 4095]
    }))
    engine.call("append", moment(), [lines, []])
  }
  console.log("1,000,000 lines".padEnd(18), `${Math.round((total / (performance.now() - start)) * 1000)} lines/s`)
  const read = () => {
    const account = 1 + Math.floor(Math.random() * accounts)
    const conversation = engine.call("find", moment(), [{ kind: "guest", account, likeness: "GUEST" }])
    const start = performance.now()
    engine.call("page", moment(), [{ conversation, reader: account, limit: 50 }])
    return performance.now() - start
  }
  const times = Array.from({ length: 2000 }, read).toSorted((one, other) => one - other)
  console.log(
    "last 50 lines".padEnd(18),
    `p50 ${quantile(times, 0.5).toFixed(2)} ms, p99 ${quantile(times, 0.99).toFixed(2)} ms`
  )
  engine.close()
}

try {
  mkdirSync(cache, { recursive: true })
  await bundle({ entryPoints: ["src/store/SqliteThread.ts"], outfile: thread, format: "cjs" })
  await commits()
  await inThread(10_000)
  await inThread(50_000)
  await catchUp()
  if (values.million) await history()
} finally {
  rmSync(folder, { recursive: true, force: true })
  rmSync(cache, { recursive: true, force: true })
}
