// How long does a bystander wait next to hostile clients? `npm run build && npm run fairness`. Options go after `--`:
// `npm run fairness -- --kinds blank,churn --seconds 5`
//
//   --kinds KIND,KIND  only these kinds of hostile clients (hostile-kinds.mjs lists them)
//   --seconds N        how long each kind is measured, after a second of flood (default 4)
//   --against DIR      the build in another checkout as well
//   --json FILE        write the figures
//
// For each kind: a new server on core 0, one process of hostile clients on core 1, and this process, a client that
// writes to itself. It sends a line every 5 ms whether or not the earlier ones have come back, so that a long pause of
// the server delays many lines, and not just one. Prints the median, the 99th percentile and the maximum of their round
// trips in milliseconds.
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { connect } from "node:net"
import { performance } from "node:perf_hooks"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { kinds } from "./hostile-kinds.mjs"
import { compareWith, isBuilt, serverOf, spawnOn, start } from "./servers.mjs"

const program = fileURLToPath(new URL("hostile.mjs", import.meta.url))
const beatMillis = 5
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))
const give = (message) => {
  console.error(message)
  process.exit(2)
}

const readOptions = () => {
  const text = { type: "string" }
  const { values } = parseArgs({ options: { kinds: text, seconds: text, against: text, json: text } })
  const chosen = values.kinds?.split(",") ?? Object.keys(kinds)
  const unknown = chosen.find((kind) => kinds[kind] === undefined)
  if (unknown !== undefined) give(`unknown kind: ${unknown}; there are ${Object.keys(kinds).join(", ")}`)
  const seconds = Number(values.seconds ?? 4)
  if (!(seconds > 0)) give("--seconds takes a positive number")
  if (!isBuilt) give("there is no dist/main.js: run `npm run build` first")
  if (values.against !== undefined) compareWith(values.against)
  return {
    ...values,
    chosen,
    seconds,
    servers: ["a-chat", ...(values.against === undefined ? [] : ["a-chat-earlier"])]
  }
}

/** A client that writes to itself at a fixed rate, and notes how long each line took. */
const bystander = async (port) => {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true })
  const sent = []
  const trips = []
  let rest = ""
  socket.setEncoding("latin1").on("data", (text) => {
    const now = performance.now()
    const lines = (rest + text).split("\n")
    rest = lines.pop()
    for (const line of lines) {
      if (line !== `from bystander: ${trips.length}`) give(`the bystander expected line ${trips.length}, came ${line}`)
      trips.push(now - sent[trips.length])
    }
  })
  socket.on("close", () => give("the server closed the bystander"))
  const send = () => {
    socket.write(`bystander: ${sent.length}\n`)
    sent.push(performance.now())
  }
  socket.write("bystander\n")
  send()
  while (trips.length === 0) await sleep(1)
  const timer = setInterval(send, beatMillis)
  /** The trips of the lines sent from now on, once `millis` have passed and all of them are back. */
  const measure = async (millis) => {
    const first = sent.length
    await sleep(millis)
    clearInterval(timer)
    const deadline = performance.now() + 30_000
    while (trips.length < sent.length && performance.now() < deadline) await sleep(5)
    const now = performance.now()
    return sent.slice(first).map((at, index) => trips[first + index] ?? now - at)
  }
  const stop = () => socket.removeAllListeners("close").destroy()
  return { measure, stop }
}

const measure = async (server, kind, seconds) => {
  const { place, stop } = await start(server, { kind })
  const client = await bystander(place)
  const args = [program, "--kind", kind, "--port", String(place)]
  const hostile = spawnOn(1, "nice", ["-n", "10", process.execPath, ...args], { stdio: ["pipe", "pipe", "inherit"] })
  const ended = once(hostile, "exit")
  const crashed = () => give(`the hostile clients of ${kind} crashed`)
  hostile.once("exit", crashed)
  await once(hostile.stdout, "data")
  await sleep(500)
  hostile.stdin.write("go\n")
  await sleep(1000)
  const trips = Float64Array.from(await client.measure(seconds * 1000)).toSorted()
  hostile.off("exit", crashed).kill("SIGKILL")
  await ended
  client.stop()
  // A server that is still busy with what the clients have sent ends late, or not at all.
  await stop().catch((error) => console.error(error.message.split("\n")[0]))
  const at = (part) => trips[Math.min(trips.length - 1, Math.floor(trips.length * part))]
  return { p50: at(0.5), p99: at(0.99), max: at(1) }
}

const options = readOptions()
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130)) // kills the server
const figures = []
const show = (number) => number.toFixed(1).padStart(9)
console.log(`${"kind".padEnd(20)}${"server".padEnd(16)}      p50      p99      max  ms`)
for (const kind of options.chosen) {
  for (const name of options.servers) {
    const { p50, p99, max } = await measure(serverOf(name), kind, options.seconds)
    figures.push({ kind, server: name, p50, p99, max })
    console.log(`${kind.padEnd(20)}${name.padEnd(16)}${show(p50)}${show(p99)}${show(max)}  ${kinds[kind].title}`)
  }
}
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(figures, null, 2)}\n`)
