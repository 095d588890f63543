// A client that writes to itself every millisecond. A worker thread of generator.mjs. It posts a message when it has
// logged in; between "begin" and "end" it notes the delays, which it then posts.
import { readlinkSync } from "node:fs"
import { setPriority } from "node:os"
import { performance } from "node:perf_hooks"
import { parentPort, workerData } from "node:worker_threads"
import { Peer, selfMessage } from "./peer.mjs"
import { wires } from "./wire.mjs"

/** The other clients are on the same core: without this, the delays would be those of their own thread as well. */
const goFirst = () => {
  try {
    setPriority(Number(/\d+$/u.exec(readlinkSync("/proc/thread-self"))[0]), -20)
  } catch {
    // Only root may do that, on Linux.
  }
}

goFirst()
const { place, protocol } = workerData
const wire = wires[protocol]
const fail = (failure) => {
  throw new Error(failure)
}

const peer = new Peer(90_000, wire, fail)
await peer.login(place, false)
const { received, sent } = selfMessage(wire, peer.name)
const { question, answer } = wire

const times = [] // of the messages that are under way
let delays = []
let isTiming = false
let rest = ""

/** Takes the next line, or the server's question, off what has arrived; false if neither is complete. */
const take = () => {
  if (rest.startsWith(received)) {
    const delay = performance.now() - times.shift()
    if (isTiming) delays.push(delay)
    rest = rest.slice(received.length)
    return true
  }
  if (question === undefined || !rest.startsWith(question)) return false
  peer.socket.write(answer)
  rest = rest.slice(question.length)
  return true
}

peer.hear((bytes, length) => {
  rest += bytes.latin1Slice(0, length)
  while (take());
  if (rest.length > received.length) fail(`came ${JSON.stringify(rest.slice(0, 100))}`)
})

setInterval(() => {
  times.push(performance.now())
  peer.socket.write(sent, "latin1")
}, 1)

parentPort.on("message", (message) => {
  isTiming = message === "begin"
  if (!isTiming) parentPort.postMessage(Float64Array.from(delays))
  delays = []
})
parentPort.postMessage("ready")
