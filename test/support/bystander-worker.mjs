// A worker: a client that writes to itself every few milliseconds, and reports the round trips, in milliseconds, when
// asked. It has its own event loop, so that the load of the test itself does not distort them. The time that the server
// or this thread is ready to run, while the kernel lets other programs run, does not count.
import { existsSync, readFileSync } from "node:fs"
import { connect } from "node:net"
import { connect as connectTls } from "node:tls"
import { parentPort, workerData } from "node:worker_threads"

const name = "bystander"
const rest = 2
const trips = []
let sentAt = 0
let readyBefore = 0
let timer
let isStopping = false

const { isEncrypted, pid, ...where } = workerData
const socket = isEncrypted
  ? connectTls({ ...where, noDelay: true, rejectUnauthorized: false })
  : connect({ ...where, noDelay: true })

// The second number is the time, in nanoseconds, that the main thread of a process, or a thread, was ready to run.
const schedulers = [`/proc/${pid}/schedstat`, "/proc/thread-self/schedstat"].filter((file) => existsSync(file))
const readyMillis = () =>
  schedulers.reduce((sum, file) => sum + Number(readFileSync(file, "latin1").split(" ")[1]) / 1e6, 0)

const expected = () => `from ${name}: ${trips.length}\n`
const send = () => {
  timer = undefined
  readyBefore = readyMillis()
  sentAt = performance.now()
  socket.write(`${name}: ${trips.length}\n`)
}
const fail = (what) => {
  throw new Error(`the bystander: ${what}`)
}
const stop = () => {
  socket.removeAllListeners("close").destroy()
  parentPort.postMessage(trips)
}

let heard = ""
socket.setEncoding("utf8").on("data", (text) => {
  heard += text
  if (!expected().startsWith(heard)) fail(`expected ${JSON.stringify(expected())}, came ${JSON.stringify(heard)}`)
  if (heard !== expected()) return
  heard = ""
  trips.push(Math.max(0, performance.now() - sentAt - (readyMillis() - readyBefore)))
  if (trips.length === 1) parentPort.postMessage("ready")
  if (isStopping) stop()
  else timer = setTimeout(send, rest)
})
socket.on("close", () => fail("the server closed the connection"))
socket.write(`${name}\n`)
send()

// After its last round trip, so that none of its lines are in flight.
parentPort.once("message", () => {
  isStopping = true
  if (timer === undefined) return
  clearTimeout(timer)
  stop()
})
