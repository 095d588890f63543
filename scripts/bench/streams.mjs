// The load of `GET /listen`: many streams of server-sent events. Imported by generator.mjs, not run.
import { once } from "node:events"
import { connect } from "node:net"
import { performance } from "node:perf_hooks"
import { Worker } from "node:worker_threads"
import { Peer } from "./peer.mjs"
import { cpuOf, residentOf } from "./resources.mjs"
import { textOf } from "./wire.mjs"

const room = "#bench"
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0)

/** A client such as EventSource: whenever a response ends, it comes back with the id of the last event. */
class EventStream {
  /** The number of lines that it was given. */
  lines = 0
  #came
  #fail
  #name
  #socket
  #opened
  #rest = "" // of the response, undecoded
  #isInBody = false
  #events = ""
  #lastId
  #retry = 0

  constructor(place, name, came, fail) {
    this.#name = name
    this.#came = came
    this.#fail = (what) => fail(`the stream of ${name}: ${what}`)
    this.#socket = connect({ port: place, host: "127.0.0.1", noDelay: true })
    this.#socket.setEncoding("latin1").on("data", (text) => this.#read(text))
    this.#socket.on("close", () => this.#fail("the server closed the connection"))
    this.opened = new Promise((resolve) => (this.#opened = resolve))
    this.#request()
  }

  leave() {
    this.#socket.removeAllListeners("close").destroy()
  }

  #request() {
    const shown = this.#lastId === undefined ? "" : `last-event-id: ${this.#lastId}\r\n`
    const target = `/listen?from=${this.#name}&room=${encodeURIComponent(room)}`
    this.#socket.write(`GET ${target} HTTP/1.1\r\nhost: 127.0.0.1\r\n${shown}\r\n`)
  }

  #read(text) {
    this.#rest += text
    if (!this.#isInBody && !this.#begin()) return
    for (;;) {
      const start = this.#rest.indexOf("\r\n") + 2
      if (start < 2) return
      const end = start + Number.parseInt(this.#rest, 16)
      if (this.#rest.length < end + 2) return
      this.#events += this.#rest.slice(start, end)
      this.#rest = this.#rest.slice(end + 2)
      if (start === end) {
        this.#isInBody = false
        setTimeout(() => this.#request(), this.#retry)
        return
      }
      this.#take()
    }
  }

  #begin() {
    const end = this.#rest.indexOf("\r\n\r\n") + 4
    if (end < 4) return false
    if (!/^HTTP\/1\.1 200 [^]*\r\ntransfer-encoding: chunked\r\n/iu.test(this.#rest.slice(0, end))) {
      this.#fail(`came ${this.#rest}`)
    }
    this.#rest = this.#rest.slice(end)
    this.#isInBody = true
    this.#opened()
    return true
  }

  /** Takes the whole events. */
  #take() {
    const events = this.#events.split("\n\n")
    this.#events = events.pop()
    let lines = 0
    for (const event of events) {
      if (event === ":") continue
      if (event.startsWith("retry: ")) {
        this.#retry = Number(event.slice(7))
        continue
      }
      const text = event.indexOf('"text":"')
      if (text < 0 || !event.startsWith("id: ")) return this.#fail(`came ${event}`)
      const line = Number(event.slice(text + 12, text + 16)) // the number in the text: see textOf
      if (line !== this.lines % 10_000) return this.#fail(`line ${this.lines} arrived as ${event}`)
      this.lines += 1
      lines += 1
      this.#lastId = event.slice(4, event.indexOf("\n"))
    }
    if (lines > 0) this.#came(lines)
  }
}

/**
 * Opens streams that are all in a room, and writes to it: first with a window, for the rate; then a few lines a second,
 * next to a client that writes to itself every millisecond. All lines must arrive in each stream, once and in order.
 */
export const streams = async (load, wire, place, pid, fail) => {
  const writer = new Peer(0, wire, fail)
  await writer.login(place, false)
  writer.ignore()
  writer.socket.write(`/join ${room}\n`)
  const state = { given: 0, sent: 0, isSending: false }
  const came = (lines) => {
    state.given += lines
    if (state.isSending) send()
  }
  const write = (lines) => {
    let text = ""
    for (let line = 0; line < lines; line++) text += `${room}: ${textOf(0, state.sent++ % 10_000, load)}\n`
    if (lines > 0) writer.socket.write(text)
  }
  /** Sends as many lines as the window allows, of which all streams together are the reader. */
  const send = () => write(Math.floor(load.window - (state.sent - state.given / load.streams)))
  const arrived = async () => {
    for (const from = performance.now(); state.given < state.sent * load.streams;) {
      if (performance.now() - from > 30_000) fail(`${state.sent * load.streams - state.given} lines are lost`)
      await sleep(5)
    }
  }

  const before = residentOf(pid)
  const all = []
  // A few at a time: each that enters the room is a notice to all others, and the memory of these is not that of a
  // stream.
  while (all.length < load.streams) {
    const next = Array.from({ length: 10 }, (_, index) => new EventStream(place, `s${all.length + index}`, came, fail))
    await Promise.all(next.map(({ opened }) => opened))
    all.push(...next)
  }
  await sleep(1000)
  const kilobytes = (residentOf(pid) - before) / load.streams

  const now = () => ({
    at: performance.now(),
    given: state.given,
    cpu: cpuOf(pid),
    own: sum(Object.values(process.cpuUsage()))
  })
  state.isSending = true
  send()
  await sleep(load.warm)
  const from = now()
  await sleep(load.measure)
  const to = now()
  state.isSending = false
  await arrived()
  const [seconds, given] = [(to.at - from.at) / 1000, to.given - from.given]

  const workerData = { protocol: load.protocol, place }
  const bystander = new Worker(new URL("bystander.mjs", import.meta.url), { workerData })
  bystander.once("error", (error) => fail(`the bystander: ${error.message}`))
  await once(bystander, "message")
  const beat = setInterval(() => write(load.perSecond / 100), 10)
  await sleep(load.warm)
  bystander.postMessage("begin")
  await sleep(load.measure)
  bystander.postMessage("end")
  const delays = (await once(bystander, "message"))[0].toSorted()
  clearInterval(beat)
  await arrived()
  for (const stream of all) stream.leave()
  writer.leave()
  return {
    kilobytes,
    rate: given / seconds,
    serverMicroseconds: ((to.cpu - from.cpu) * 1e6) / given,
    generatorBusy: (to.own - from.own) / 1e6 / seconds,
    serverBusy: (to.cpu - from.cpu) / seconds,
    delay: delays[Math.floor(delays.length * 0.99)],
    checked: state.given
  }
}
