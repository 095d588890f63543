// Lines from one process to another over NATS and nothing else, as nodes exchange them:
// `node scripts/bench/nats-pair.mjs URL DRIVER BATCH WINDOW MILLISECONDS`. Each message has BATCH lines of 64 bytes,
// and each is answered; at most WINDOW messages are on their way. Prints one line of JSON: lines a second, CPU of each
// line in both processes, and the time until the answer.
import { fork } from "node:child_process"
import { once } from "node:events"
import { createRequire } from "node:module"
import { performance } from "node:perf_hooks"
import { fileURLToPath } from "node:url"

const [url, driver, batch, window, milliseconds, role = "a"] = process.argv.slice(2)
const { connect } = createRequire(import.meta.url)(driver)
const connection = await connect({ servers: [url], noEcho: true })
const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis))

/** Answers every message, those of a turn together. */
const answer = () => {
  let taken = 0
  let isDue = false
  const report = () => {
    isDue = false
    connection.publish("bench.a", Buffer.from(String(taken)))
  }
  connection.subscribe("bench.b", {
    callback: () => {
      taken += 1
      if (!isDue) setImmediate(report)
      isDue = true
    }
  })
  process.on("message", () => process.send(process.cpuUsage()))
  process.send("ready")
}

const measure = async () => {
  const other = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2, 7), "b"])
  await once(other, "message")
  await sleep(200)
  const text = Buffer.from(`${"x".repeat(63)}\n`.repeat(Number(batch)))
  const [times, delays] = [[], []]
  let [sent, answered, isDue, isSending] = [0, 0, false, true]
  // One message a turn: what a node sends at the end of each.
  const turn = () => {
    isDue = false
    if (!isSending || sent - answered >= Number(window)) return
    times.push(performance.now())
    sent += 1
    connection.publish("bench.b", text)
    go()
  }
  const go = () => {
    if (!isDue) setImmediate(turn)
    isDue = true
  }
  connection.subscribe("bench.a", {
    callback: (_, message) => {
      const now = performance.now()
      for (const until = Number(message.string()); answered < until; answered += 1) delays.push(now - times.shift())
      go()
    }
  })
  const cpu = async () => {
    other.send("cpu")
    const [{ system, user }] = await once(other, "message")
    const own = process.cpuUsage()
    return own.user + own.system + user + system
  }
  go()
  await sleep(2_000)
  const from = { at: performance.now(), answered, cpu: await cpu() }
  delays.length = 0
  await sleep(Number(milliseconds))
  const to = { at: performance.now(), answered, cpu: await cpu() }
  isSending = false
  const lines = (to.answered - from.answered) * Number(batch)
  const sorted = delays.toSorted((one, other) => one - other)
  const rate = (lines * 1000) / (to.at - from.at)
  const figures = { ok: true, rate, microseconds: (to.cpu - from.cpu) / lines, p50: sorted[sorted.length >> 1] * 1000 }
  console.log(JSON.stringify(figures))
  other.kill()
  process.exit(0)
}

if (role === "b") answer()
else await measure()
