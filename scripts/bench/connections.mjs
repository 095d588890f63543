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
    const socket = open(Array.isArray(place) ? place[serial % place.length] : place, receive, wire)
    socket.on("error", (error) => fail(`${name}: ${error.message}`))
    socket.on("close", () => {
      if (!heard.endsWith(self.received)) fail(`${name}: the server closed the connection, ${JSON.stringify(heard)}`)
    })
    socket.write(wire.login(name, false) + self.sent, "latin1")
  })

/** Names from here on belong to clients that are only present. */
const firstOther = 50_000

/** Logs in a number of clients, this many at a time. */
const logInAll = async (peers, place, atOnce = 64) => {
  const queue = peers.toReversed()
  const logIn = async () => {
    for (let peer = queue.pop(); peer !== undefined; peer = queue.pop()) await peer.login(place, false)
  }
  await Promise.all(Array.from({ length: atOnce }, logIn))
}

/** Logs in clients that are only present, and of which the first ones want notices of the others (`/hello`). */
export const crowd = async ({ others = 0, greeted = 0 }, wire, place, fail) => {
  const peers = Array.from({ length: others }, (_, index) => new Peer(firstOther + index, wire, fail))
  await logInAll(peers, place)
  for (const peer of peers.slice(0, greeted)) {
    peer.ignore()
    peer.socket.write("/hello\n")
  }
  return peers
}

export const churn = async (load, wire, place, pid, fail) => {
  await crowd(load, wire, place, fail)
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

/** The clients of a load, or as many as descriptors allow on both sides. */
const clientsOf = (load, wire, fail) => {
  const connections = Math.min(load.connections, Math.floor(descriptors() * 0.9) - 200)
  return Array.from({ length: connections }, (_, index) => new Peer(index, wire, fail))
}

/**
 * Logs in many clients, and measures the server while they are idle, or while each writes to itself every second.
 *
 * The memory is that of each client after the first thousand. With those, a server takes what it takes once: V8 fills
 * its young generation and compiles what a login needs. Otherwise, a server that starts with less memory would be
 * reported as one whose connections take more.
 */
export const idle = async (load, wire, place, pid, fail) => {
  const peers = clientsOf(load, wire, fail)
  const first = Math.min(1000, peers.length >> 1)
  const connections = peers.length - first
  await logInAll(peers.slice(0, first), place)
  await sleep(1000)
  const before = residentOf(pid)
  const startedAt = performance.now()
  await logInAll(peers.slice(first), place)
  const seconds = (performance.now() - startedAt) / 1000
  await sleep(1000)
  const [connected, cpu, at] = [residentOf(pid), cpuOf(pid), performance.now()]
  let peak = connected
  for (let round = 0; round < (load.rounds ?? 0); round++) {
    for (const [index, peer] of peers.entries()) {
      peer.ignore()
      peer.socket.write(selfMessage(wire, peer.name).sent, "latin1")
      if (index % 100 !== 0) continue
      await sleep(1000 / (peers.length / 100))
      peak = Math.max(peak, residentOf(pid))
    }
  }
  await sleep(load.hold)
  const idleCpu = ((cpuOf(pid) - cpu) * 1e5) / (performance.now() - at)
  const after = residentOf(pid)
  for (const peer of peers) peer.leave()
  return {
    kilobytes: (connected - before) / connections,
    kilobytesAfterwards: (after - before) / connections,
    activeKilobytes: (peak - before) / connections,
    idleCpu,
    connections: peers.length,
    checked: peers.length,
    seconds
  }
}

/** All clients connect at the same time, as after an interruption of the network. */
export const rush = async (load, wire, place, pid, fail) => {
  const peers = clientsOf(load, wire, fail)
  const [startedAt, cpu] = [performance.now(), cpuOf(pid)]
  await logInAll(peers, place, peers.length)
  const milliseconds = performance.now() - startedAt
  const serverMicroseconds = ((cpuOf(pid) - cpu) * 1e6) / peers.length
  for (const peer of peers) peer.leave()
  return { milliseconds, serverMicroseconds, checked: peers.length }
}

/** Asks for the list of names again and again, each time after a client has come and gone, which changes the list. */
export const who = async (load, wire, place, pid, fail) => {
  const others = await crowd(load, wire, place, fail)
  const [asker] = others
  let [answer, answered] = ["", () => {}]
  asker.hear((bytes, length) => {
    answer += bytes.latin1Slice(0, length)
    const lines = answer.split("\n").slice(0, -1)
    if (lines.reduce((sum, line) => sum + line.split(",").length, 0) >= others.length) answered()
  })
  const times = []
  for (let ask = 0; ask < load.asks; ask++) {
    await visit(ask, wire, place, fail)
    await sleep(10)
    answer = ""
    const at = performance.now()
    const complete = new Promise((resolve) => (answered = resolve))
    asker.socket.write("/who\n")
    await complete
    times.push(performance.now() - at)
    if (!/^\* who \d+: /.test(answer)) fail(`/who was answered ${answer.slice(0, 100)}`)
  }
  return { milliseconds: times.toSorted((one, other) => one - other)[times.length >> 1], checked: load.asks }
}
