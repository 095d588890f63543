// One connection of the load generator: logs in and checks every byte that arrives. Imported, not run.
// Not built on ../line-client.mjs: it compares bytes in place, since cutting them into strings would limit the load.
import { connect } from "node:net"
import { connect as connectTls } from "node:tls"
import { WebSocketClient } from "./websocket.mjs"
import { nameOf, senderAt } from "./wire.mjs"

// All sockets read into the same memory: bytes are checked before the next read, and not kept. It is not larger,
// because Node reads up to 32 times from one socket before it turns to the next.
const shared = Buffer.allocUnsafe(64 * 1024)

/**
 * A connection that calls `receive` with `shared` and the number of bytes in it.
 *
 * @param place a port, or the path of a Unix socket
 */
export const open = (place, receive, { isTls = false, isWebSocket = false }) => {
  if (isWebSocket) return new WebSocketClient(place, shared, (bytes, length) => receive(bytes, length) !== false)
  const onread = { buffer: shared, callback: (length, bytes) => receive(bytes, length) !== false }
  const where = typeof place === "number" ? { host: "127.0.0.1", port: place } : { path: place }
  const options = { ...where, noDelay: true, onread }
  return isTls ? connectTls({ ...options, rejectUnauthorized: false }) : connect(options)
}

/** Ends in order; over TLS that takes a `close_notify`, and over WebSocket a Close frame. */
export const leave = (socket) => {
  if (socket instanceof WebSocketClient) socket.leave()
  else if (socket.encrypted) socket.end(() => socket.destroy())
  else socket.destroy()
}

/** What a client sends to find out whether it is logged in, and what comes back. */
export const selfMessage = (wire, name) =>
  wire.self?.(name) ?? { sent: wire.send([name], "ready"), received: wire.receive(name, [name], "ready") }

export class Peer {
  /** The number of messages received from each sender. */
  next
  #listening = () => {}
  #expected
  #wire
  #rest = Buffer.alloc(0)
  #receives = () => {}
  #processed = 0
  #acknowledged = 0
  #timer

  constructor(index, wire, fail) {
    this.index = index
    this.name = nameOf(index)
    this.#wire = wire
    this.fail = (what) => fail(`${this.name}: ${what}`)
  }

  /** Resolves when a message to itself has arrived, so the server has accepted the login. */
  login(place, isFan) {
    const self = selfMessage(this.#wire, this.name)
    return new Promise((resolve) => {
      let greeting = ""
      const greet = (bytes, length) => {
        greeting += bytes.latin1Slice(0, length)
        const at = greeting.indexOf(self.received)
        if (at < 0) return /^[!-]/m.test(greeting) ? this.fail(`the login was answered ${greeting}`) : undefined
        this.#receives = (bytes, length) => this.#receive(bytes, length)
        const behind = Buffer.from(greeting.slice(at + self.received.length), "latin1")
        if (behind.length > 0) this.#receive(behind, behind.length)
        resolve()
      }
      this.#receives = greet
      this.socket = open(place, (bytes, length) => this.#receives(bytes, length), this.#wire)
      this.socket.on("error", (error) => this.fail(error.message))
      this.socket.on("close", () => this.fail("the server closed the connection"))
      this.socket.write(this.#wire.login(this.name, isFan) + self.sent, "latin1")
    })
  }

  /** Says that it acknowledges, if the protocol has that. After the login of all peers, since it also gets notices. */
  greet() {
    const { hello } = this.#wire
    if (hello === undefined) return
    this.socket.write(hello)
    return new Promise((resolve) => {
      let reply = ""
      this.#receives = (bytes, length) => {
        reply += bytes.latin1Slice(0, length)
        if (!reply.endsWith("\n")) return
        if (!/^\* hello [^:]* on=ack(?: [^:]*)?: [^\n]*\n$/u.test(reply))
          return this.fail(`the greeting was answered ${reply}`)
        this.#receives = (bytes, length) => this.#receive(bytes, length)
        resolve()
      }
    })
  }

  /** Acknowledges as the protocol recommends: after 1,000 messages, 256 KiB, or 50 ms. */
  #process(messages) {
    if (this.#wire.acknowledge === undefined) return
    this.#processed += messages
    const waiting = this.#processed - this.#acknowledged
    if (waiting >= 1_000 || waiting * this.#expected.length >= 262_144) return this.#acknowledge()
    this.#timer ??= setTimeout(() => this.#acknowledge(), 50)
  }

  #acknowledge() {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#acknowledged = this.#processed
    this.socket.write(this.#wire.acknowledge(this.#processed))
  }

  /** From now on it ignores what arrives: the notices of leaving peers. */
  ignore() {
    clearTimeout(this.#timer)
    this.hear(() => {})
  }

  /** From now on this function gets what arrives. */
  hear(receive) {
    this.#receives = receive
  }

  leave() {
    this.socket.removeAllListeners("close")
    leave(this.socket)
  }

  /**
   * From now on every byte must belong to the next message of its sender.
   *
   * @param expected `rings` of whole lines by sender, `textAt` where a line's text begins, and `head`, if lines differ
   * by recipient, the part before the text, which the rings then lack
   * @param listening called with the sender and the number of messages
   */
  expect(expected, listening) {
    this.next = new Float64Array(expected.rings.length)
    this.#expected = { ...expected, length: expected.rings.find(Boolean).length + expected.head.length }
    this.#listening = listening
  }

  #receive(bytes, length) {
    let at = this.#rest.length === 0 ? 0 : this.#finish(bytes, length)
    while (at < length) {
      const end = at + this.#lengthOf(bytes[at])
      if (end > length) break
      at += this.#check(bytes, at, length)
    }
    if (at < length) this.#rest = Buffer.from(bytes.subarray(at, length))
  }

  /** Completes the line that the last chunk began, and returns where the next one begins. */
  #finish(bytes, length) {
    const rest = this.#rest
    const missing = this.#lengthOf(rest[0]) - rest.length
    const line = Buffer.concat([rest, bytes.subarray(0, Math.min(missing, length))])
    this.#rest = missing > length ? line : Buffer.alloc(0)
    if (missing <= length) this.#check(line, 0, line.length)
    return Math.min(missing, length)
  }

  #lengthOf(firstByte) {
    const { question } = this.#wire
    if (question !== undefined && firstByte === question.charCodeAt(0)) return question.length
    return this.#expected?.length ?? 1
  }

  /** Checks one line, or all consecutive lines of one sender, and returns the number of bytes checked. */
  #check(bytes, at, length) {
    const expected = this.#expected
    if (expected === undefined || bytes[at] !== expected.firstByte) return this.#odd(bytes, at, length)
    const { textAt, head, rings } = expected
    const sender = senderAt(bytes, at + textAt)
    const ring = rings[sender]
    if (ring === undefined) return this.#odd(bytes, at, length)
    const sequence = this.next[sender] % ring.count
    let run = 1
    if (head.length === 0) {
      const most = Math.min(Math.floor((length - at) / ring.length), ring.bytes.length / ring.length - sequence)
      let text = at + textAt + ring.length
      while (run < most && senderAt(bytes, text) === sender) {
        run++
        text += ring.length
      }
    }
    for (let i = 0; i < head.length; i++) if (bytes[at + i] !== head[i]) return this.#odd(bytes, at, length)
    const end = at + head.length + run * ring.length
    const start = sequence * ring.length
    if (bytes.compare(ring.bytes, start, start + run * ring.length, at + head.length, end) !== 0) {
      // The first lines may be correct: something between lines can look like a line of the same sender.
      return run === 1 ? this.#odd(bytes, at, length) : this.#check(bytes, at, at + expected.length)
    }
    this.next[sender] += run
    this.#process(run)
    this.#listening(sender, run)
    return end - at
  }

  /** Handles anything but the next message: the server's question, or a fault. */
  #odd(bytes, at, length) {
    const { question, answer } = this.#wire
    if (question !== undefined && bytes.latin1Slice(at, at + question.length) === question) {
      this.socket.write(answer)
      return question.length
    }
    const lines = bytes.latin1Slice(at, Math.min(length, at + 300))
    const expected = this.#expected
    if (expected === undefined) return this.fail(`no peer writes to it, but it received ${JSON.stringify(lines)}`)
    const sender = senderAt(bytes, at + expected.textAt)
    const ring = expected.rings[sender]
    if (ring === undefined) return this.fail(`not a message: ${JSON.stringify(lines)}`)
    const due = this.next[sender] % ring.count
    const line = lines.slice(expected.head.length, expected.length)
    const came = ring.lines.indexOf(line)
    const from = `${nameOf(sender)}'s message ${this.next[sender]}`
    if (came < 0) return this.fail(`${from} arrived as ${JSON.stringify(line)}, not ${JSON.stringify(ring.lines[due])}`)
    const distance = (came - due + ring.count) % ring.count
    if (distance < ring.count / 2) return this.fail(`${distance} messages are lost or late before ${from}`)
    return this.fail(`message ${this.next[sender] + distance - ring.count} arrived again instead of ${from}`)
  }
}
