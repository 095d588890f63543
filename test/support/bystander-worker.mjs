// A worker: a client that writes to itself every few milliseconds, and reports the round trips, in milliseconds, when
// asked. It has its own event loop, so that the load of the test itself does not distort them.
import { connect } from "node:net"
import { connect as connectTls } from "node:tls"
import { parentPort, workerData } from "node:worker_threads"

const name = "bystander"
const rest = 2
const trips = []
let sentAt = 0
let timer
let isStopping = false

const { isEncrypted, ...where } = workerData
const socket = isEncrypted
  ? connectTls({ ...where, noDelay: true, rejectUnauthorized: false })
  : connect({ ...where, noDelay: true })
const expected = () => `from ${name}: ${trips.length}\n`
const send = () => {
  timer = undefined
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
  trips.push(performance.now() - sentAt)
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
