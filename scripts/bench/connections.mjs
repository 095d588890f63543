// The loads that measure connections. Imported by generator.mjs, not run.
import { performance } from "node:perf_hooks"
import { leave, open, Peer, selfMessage } from "./peer.mjs"
import { cpuOf, descriptors, residentOf } from "./resources.mjs"
import { nameOf } from "./wire.mjs"

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** One connection: connects, logs in, writes to itself, and leaves when the message has arrived. */
const visit = (serial, wire, place, fail) =>
  new Promise((resolve) => {
    const name = nameOf(serial)
    const self = selfMessage(wire, name)
    let heard = ""
    const receive = (bytes, length) => {
      heard += bytes.latin1Slice(0, length)
      if (!heard.endsWith(self.received)) return
      if (wire.question === undefined && heard !== self.received) fail(`${name}: came ${JSON.stringify(heard)}`)
      leave(socket)
      resolve()
      return false
    }
    const socket = open(place, receive, wire)
    socket.on("error", (error) => fail(`${name}: ${error.message}`))
    socket.on("close", () => {
      if (!heard.endsWith(self.received)) fail(`${name}: the server closed the connection, ${JSON.stringify(heard)}`)
    })
    socket.write(wire.login(name, false) + self.sent, "latin1")
  })

export const churn = async (load, wire, place, pid, fail) => {
  const total = load.warm + load.total
  let [begun, ended, from] = [0, 0, undefined]
  const now = () => ({ at: performance.now(), server: cpuOf(pid), generator: process.cpuUsage() })
  const keepVisiting = async () => {
    while (begun < total) {
      await visit(begun++, wire, place, fail)
      if (++ended === load.warm) from = now()
    }
  }
  const deadline = setTimeout(() => fail(`only ${ended} of ${total} connections were served`), 60_000)
  await Promise.all(Array.from({ length: load.atOnce }, keepVisiting))
  const to = now()
  clearTimeout(deadline)
  const seconds = (to.at - from.at) / 1000
  const generator = to.generator.user + to.generator.system - from.generator.user - from.generator.system
  return {
    rate: load.total / seconds,
    checked: total,
    seconds,
    generatorBusy: generator / 1e6 / seconds,
    serverBusy: (to.server - from.server) / seconds,
    serverMicroseconds: ((to.server - from.server) * 1e6) / load.total
  }
}

/** Logs in as many clients as descriptors allow on both sides, and measures the server while they are idle. */
export const idle = async (load, wire, place, pid, fail) => {
  const connections = Math.min(load.connections, Math.floor(descriptors() * 0.9) - 200)
  const peers = Array.from({ length: connections }, (_, index) => new Peer(index, wire, fail))
  const queue = peers.toReversed()
  const before = residentOf(pid)
  const logIn = async () => {
    for (let peer = queue.pop(); peer !== undefined; peer = queue.pop()) await peer.login(place, false)
  }
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: 64 }, logIn))
  const seconds = (performance.now() - startedAt) / 1000
  await sleep(1000)
  const [connected, cpu, at] = [residentOf(pid), cpuOf(pid), performance.now()]
  await sleep(load.hold)
  const idleCpu = ((cpuOf(pid) - cpu) * 1e5) / (performance.now() - at)
  const after = residentOf(pid)
  for (const peer of peers) peer.leave()
  return {
    kilobytes: (connected - before) / connections,
    kilobytesAfterwards: (after - before) / connections,
    idleCpu,
    connections,
    checked: connections,
    seconds
  }
}
