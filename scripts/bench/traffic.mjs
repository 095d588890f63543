// The loads that exchange messages. Imported by generator.mjs, not run.
import { once } from "node:events"
import { performance } from "node:perf_hooks"
import { Worker } from "node:worker_threads"
import { crowd } from "./connections.mjs"
import { Peer } from "./peer.mjs"
import { cpuOf, residentOf } from "./resources.mjs"
import { framesOf } from "./websocket.mjs"
import { nameOf, ringOf, textOf } from "./wire.mjs"

const batchBytes = 64 * 1024 // the most that one peer writes in one turn
const patience = 20_000 // milliseconds without a message after which the rest counts as lost
const range = (from, to) => Array.from({ length: to - from }, (_, i) => from + i)

/** The recipients of each sender, and whether a line goes to all of them or to a random one. */
const shapes = {
  pairs: (count) => range(0, count).map((i) => ({ to: [count + i] })),
  fanin: (count) => range(0, count).map(() => ({ to: [count] })),
  fanout: (count) => [{ to: range(1, count + 1) }],
  mesh: (count) => range(0, count).map((i) => ({ to: range(0, count).filter((j) => j !== i), isRandom: true }))
}

/**
 * Where a client logs in: of several nodes, senders of pairs at the first one and recipients at the last, others
 * anywhere.
 */
const placeOf = (place, load, index) => {
  if (!Array.isArray(place)) return place
  if (load.shape === "pairs") return place.at(index < load.peers ? 0 : -1)
  return place[Math.floor(Math.random() * place.length)]
}

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))
const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]

class Sender {
  sent = 0
  delivered = 0 // to all recipients together
  isDirty = false
  sentAt = 0 // of the last message, if it is timed: then there is only one at a time

  constructor(index, { to, isRandom = false }, load, wire) {
    this.index = index
    this.window = load.windows?.[index] ?? load.window ?? Infinity
    this.quota = 0
    this.copies = isRandom ? 1 : to.length
    const names = to.map(nameOf)
    const text = (sequence) => textOf(index, sequence, load)
    // Sequence numbers repeat after at least four windows and 4096 lines, which is more than any chunk contains.
    const count = Number.isFinite(this.window) ? 2 ** Math.ceil(Math.log2(this.window * 4 + 16)) : 4096
    const ring = (lineOf) => ringOf(count, Math.min(count, this.window), lineOf)
    this.isPlain = !(isRandom && wire.namesReceiver)
    this.expected = ring((sequence) => {
      const line = wire.receive(nameOf(index), names, text(sequence))
      return this.isPlain ? line : line.slice(line.indexOf(text(sequence)))
    })
    if (isRandom) {
      this.to = to
      this.sentTo = new Float64Array(to.at(-1) + 2)
      this.heads = names.map((name) => wire.send([name], text(0)).split(text(0))[0])
      this.tails = range(0, count).map((sequence) => wire.send([names[0]], text(sequence)).slice(this.heads[0].length))
    } else {
      this.ring = ring((sequence) => wire.send(names, text(sequence)))
      if (wire.isWebSocket) this.frames = framesOf(this.ring, wire.hasFramePerLine === true)
    }
  }

  /** Sends as much as the window allows, in one write. Returns whether more can be sent in the next turn. */
  send(socket) {
    if (socket.writableNeedDrain) return false
    const room = Math.min(this.window - (this.sent - this.delivered / this.copies), this.quota - this.sent)
    if (room < 1) return false
    return this.ring === undefined ? this.#scatter(socket, Math.floor(room)) : this.#run(socket, Math.floor(room))
  }

  #run(socket, room) {
    const { bytes, count, length } = this.ring
    const most = Math.min(Math.max(1, Math.floor(batchBytes / length)), bytes.length / length - count)
    const lines = Math.min(room, most)
    const first = this.sent % count
    if (this.frames === undefined) socket.write(bytes.subarray(first * length, (first + lines) * length))
    else socket.writeFrames(this.frames(first, lines))
    this.sent += lines
    return lines < room
  }

  #scatter(socket, room) {
    let output = ""
    for (let i = 0; i < room; i++) {
      const chosen = Math.floor(Math.random() * this.to.length)
      output += this.heads[chosen] + this.tails[this.sentTo[this.to[chosen]]++ % this.tails.length]
    }
    socket.write(output, "latin1")
    this.sent += room
    return false
  }
}

/**
 * Each sender sends one message and pauses, as all senders do sooner or later. Linux then acknowledges the message by
 * its timer (40 ms), which ends the interactive ("ping-pong") mode of the connection: from then on, the kernel
 * acknowledges every read that empties the socket and not every second one, which costs an eighth of the rate (50 to
 * 1). Without the pause, the mode depends on whether a new server, of which V8 has compiled little, is late by 40 ms at
 * some moment.
 */
const pauseOnce = async (state) => {
  for (const sender of state.senders) {
    sender.quota += 1
    sender.send(state.peers[sender.index].socket)
  }
  while (state.delivered < state.due()) await sleep(5)
  await sleep(100)
}

/** All peers of a load, logged in, and the state of their messages in flight: each sender has sent one. */
const stage = async (load, wire, place, fail) => {
  const shape = shapes[load.shape](load.peers)
  const senders = shape.map((plan, index) => new Sender(index, plan, load, wire))
  const count = 1 + Math.max(senders.length - 1, ...shape.flatMap(({ to }) => to))
  const peers = range(0, count).map((index) => new Peer(index, wire, fail))
  const listeners = new Set(shape.flatMap(({ to }) => to))
  await crowd(load, wire, place, fail)
  const queue = [...peers]
  const logIn = async () => {
    for (let peer = queue.shift(); peer !== undefined; peer = queue.shift()) {
      await peer.login(placeOf(place, load, peer.index), load.shape === "fanout" && listeners.has(peer.index))
    }
  }
  await Promise.all(range(0, 64).map(logIn))
  await Promise.all(peers.map((peer) => peer.greet()))

  const state = { peers, senders, delivered: 0, isSending: true, isPaced: true, samples: [], isTiming: false }
  state.due = () => senders.reduce((sum, sender) => sum + sender.sent * sender.copies, 0)

  let dirty = []
  let isScheduled = false
  // After all reads of a turn, so that each sender writes once for everything that was delivered in it.
  const turn = () => {
    isScheduled = false
    const now = dirty
    dirty = []
    for (const sender of now) sender.isDirty = false
    if (!state.isSending) return
    for (const sender of now) {
      if (sender.index === load.timed) sender.sentAt = performance.now()
      if (sender.send(peers[sender.index].socket)) mark(sender)
    }
  }
  const mark = (sender) => {
    if (state.isPaced) return
    if (!sender.isDirty) {
      sender.isDirty = true
      dirty.push(sender)
    }
    if (!isScheduled) {
      isScheduled = true
      setImmediate(turn)
    }
  }
  const heard = (index, messages) => {
    const sender = senders[index]
    sender.delivered += messages
    state.delivered += messages
    if (index === load.timed && state.isTiming) state.samples.push(performance.now() - sender.sentAt)
    if (sender.delivered > sender.sent * sender.copies) fail(`${nameOf(index)}: more messages arrived than were sent`)
    mark(sender)
  }
  const sources = new Map([...listeners].map((index) => [index, []]))
  shape.forEach(({ to }, sender) => to.forEach((index) => sources.get(index).push(sender)))
  for (const [index, from] of sources) {
    const peer = peers[index]
    const text = textOf(from[0], 0, load)
    const names = load.shape === "fanout" ? shape[0].to.map(nameOf) : [peer.name]
    const sample = wire.receive(nameOf(from[0]), names, text)
    const textAt = sample.indexOf(text)
    const rings = [] // with gaps: of thousands of pairs, each recipient has one sender
    for (const sender of from) rings[sender] = senders[sender].expected
    const head = Buffer.from(senders[from[0]].isPlain ? "" : sample.slice(0, textAt), "latin1")
    peer.expect({ rings, textAt, head, firstByte: sample.charCodeAt(0) }, heard)
  }
  state.start = () => {
    state.isPaced = false
    for (const sender of senders) {
      sender.quota = load.quota ?? Infinity
      peers[sender.index].socket.on("drain", () => mark(sender))
      mark(sender)
    }
  }
  await pauseOnce(state)
  return state
}

/** Waits until every sent message has arrived, and a moment longer for messages that must not arrive. */
const settle = async (state, fail) => {
  let [before, since] = [state.delivered, performance.now()]
  while (state.delivered < state.due()) {
    await sleep(5)
    if (state.delivered > before) [before, since] = [state.delivered, performance.now()]
    else if (performance.now() - since > patience) fail(`${state.due() - state.delivered} messages lost`)
  }
  const allAt = performance.now()
  await sleep(100)
  for (const peer of state.peers) peer.ignore()
  for (const peer of state.peers) peer.leave()
  return allAt
}

/** The rate of a load at full windows. */
const fullRate = async (state, milliseconds) => {
  const [before, from] = [state.delivered, performance.now()]
  await sleep(milliseconds)
  return (state.delivered - before) / (performance.now() - from)
}

/** Lets the senders take turns at a number of messages per millisecond. Returns what stops it. */
const pace = ({ peers, senders }, perMillisecond) => {
  const from = performance.now()
  let sent = 0
  const beat = () => {
    const due = Math.floor((performance.now() - from) * perMillisecond)
    const chosen = new Set()
    for (; sent < due; sent++) {
      const sender = senders[sent % senders.length]
      sender.quota += 1
      chosen.add(sender)
    }
    for (const sender of chosen) sender.send(peers[sender.index].socket)
  }
  const timer = setInterval(beat, 1)
  return () => clearInterval(timer)
}

/**
 * Measures the delays of a client that writes to itself every millisecond, while the others send at parts of the rate
 * that they reach with full windows. It is a thread of its own: its delays are those of the server and not of the
 * generator.
 */
export const paced = async (load, wire, place, _pid, fail) => {
  const state = await stage(load, wire, place, fail)
  const workerData = { protocol: load.protocol, place }
  const bystander = new Worker(new URL("bystander.mjs", import.meta.url), { workerData })
  bystander.once("error", (error) => fail(`the bystander: ${error.message}`))
  await once(bystander, "message")
  state.start()
  await sleep(load.warm)
  const full = await fullRate(state, load.full)
  const figures = {}
  for (const share of load.shares) {
    state.isPaced = true
    for (const sender of state.senders) sender.quota = sender.sent
    while (state.delivered < state.due()) await sleep(5)
    const stop = pace(state, full * share)
    await sleep(load.warm)
    bystander.postMessage("begin")
    const before = state.delivered
    await sleep(load.measure)
    bystander.postMessage("end")
    const [delays] = await once(bystander, "message")
    stop()
    const sorted = delays.toSorted()
    for (const part of [50, 99, 99.9]) {
      figures[`p${part} at ${share * 100} %`] = quantile(sorted, part / 100) * 1000
    }
    figures[`reached at ${share * 100} %`] = (state.delivered - before) / load.measure / full
  }
  state.isSending = false
  await settle(state, fail)
  return { ...figures, full: full * 1000, checked: state.delivered }
}

/** Sends for a while and counts the arriving messages; then stops, and waits for the rest. */
export const traffic = async (load, wire, place, pid, fail) => {
  const state = await stage(load, wire, place, fail)
  const now = () => ({
    at: performance.now(),
    delivered: state.delivered,
    server: cpuOf(pid),
    generator: process.cpuUsage()
  })
  state.start()
  await sleep(load.warm)
  const from = now()
  state.isTiming = true
  await sleep(load.measure)
  state.isTiming = false
  const to = now()
  state.isSending = false
  await settle(state, fail)
  const seconds = (to.at - from.at) / 1000
  const delivered = to.delivered - from.delivered
  if (delivered === 0) fail("no message arrived during the measurement")
  const sorted = state.samples.toSorted((a, b) => a - b)
  const generator = to.generator.user + to.generator.system - from.generator.user - from.generator.system
  return {
    rate: delivered / seconds,
    delivered,
    checked: state.delivered,
    seconds,
    ...(load.timed === undefined ? {} : { p50: quantile(sorted, 0.5) * 1000, p99: quantile(sorted, 0.99) * 1000 }),
    generatorBusy: generator / 1e6 / seconds,
    serverBusy: (to.server - from.server) / seconds,
    serverMicroseconds: ((to.server - from.server) * 1e6) / delivered
  }
}

/**
 * All peers write to one that pauses reading: measures the growth of the server's memory, and requires every message.
 */
export const slow = async (load, wire, place, pid, fail) => {
  const state = await stage(load, wire, place, fail)
  const receiver = state.peers[load.peers].socket
  const first = state.delivered
  const before = residentOf(pid)
  let peak = before
  const timer = setInterval(() => (peak = Math.max(peak, residentOf(pid))), 50)
  receiver.pause()
  const startedAt = performance.now()
  state.start()
  await sleep(load.stall)
  const taken = state.due() - state.senders.reduce((sum, { index }) => sum + queued(state, index), 0)
  const stalled = state.delivered - first
  receiver.resume()
  while (state.due() < load.quota * load.peers) await sleep(5)
  const allAt = await settle(state, fail)
  clearInterval(timer)
  if (stalled > 0) fail(`${stalled} messages arrived although the recipient did not read`)
  return {
    growth: (peak - before) / 1024,
    delivered: state.delivered,
    checked: state.delivered,
    taken: Math.floor(taken),
    before: before / 1024,
    peak: peak / 1024,
    seconds: (allAt - startedAt) / 1000
  }
}

/** The number of a sender's messages that have not left this process. */
const queued = ({ peers, senders }, index) => peers[index].socket.writableLength / senders[index].ring.length
