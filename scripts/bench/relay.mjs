// A chat server over WebSocket with the package ws: `node scripts/bench/relay.mjs PORT`. The benchmark compares a-chat
// with it: a relay as one would write it for a page, and as fast as that goes. It checks what a server on the Internet
// has to check: that text is UTF-8 (ws does), the lengths of messages and lines, names, and recipients; and it holds
// back the senders to a recipient that does not read. It has none of a-chat's promises, no ledger, and no limits of
// rates.
import { WebSocketServer } from "ws"

const maxMessageBytes = 4_194_304
const maxLineBytes = 65_536
const maxRecipients = 1000
/** Bytes that wait for a recipient before its senders are held. */
const maxWaitingBytes = 1_048_576
const holdMillis = 5

const name = /^[\w.-]{1,32}$/u
const peers = new Map() // name -> Peer
let generation = 0 // of `peers`: what connections cache is valid for one generation

/** One message per recipient and turn: all sockets that are readable in a turn are parsed before the first write. */
let waiting = []
const flush = () => {
  const peers = waiting
  waiting = []
  for (const peer of peers) peer.flush()
}

class Peer {
  #webSocket
  #output = "" // strings of bytes (latin1), which are never decoded or encoded
  #name
  #head = ""
  #address = "" // of the last line, with its colon; the next line often has the same
  #recipients = []
  #generation = -1
  #isFull = false // whether too much waits for it
  #holds = 0 // recipients that it waits for
  #held = new Set() // senders that wait for this one

  constructor(webSocket) {
    this.#webSocket = webSocket
    webSocket.on("message", (message, isBinary) => {
      if (isBinary) return webSocket.close(1003)
      return this.#read(message.latin1Slice())
    })
    webSocket.on("close", () => this.#leave())
    webSocket.on("error", () => {}) // "close" follows
  }

  put(line) {
    if (this.#output === "" && waiting.push(this) === 1) setImmediate(flush)
    this.#output += line
  }

  flush() {
    const output = Buffer.from(this.#output, "latin1")
    this.#output = ""
    if (this.#webSocket.readyState === 1) this.#webSocket.send(output, { binary: false })
    this.#look()
  }

  #look() {
    this.#isFull = this.#webSocket.readyState === 1 && this.#webSocket.bufferedAmount > maxWaitingBytes
  }

  /** Stops a sender until what waits here is gone. */
  #hold(sender) {
    if (this.#held.has(sender)) return
    if (this.#held.size === 0) this.#awaitDrain()
    this.#held.add(sender)
    sender.#holds += 1
    sender.#webSocket.pause()
  }

  #awaitDrain() {
    setTimeout(() => {
      this.#look()
      if (this.#isFull) return this.#awaitDrain()
      const held = this.#held
      this.#held = new Set()
      for (const sender of held) if (--sender.#holds === 0) sender.#webSocket.resume()
    }, holdMillis)
  }

  #read(text) {
    for (let start = 0; start < text.length;) {
      const found = text.indexOf("\n", start)
      const end = found < 0 ? text.length : found
      if (end - start > maxLineBytes) this.put("! too-long: the line is too long\n")
      else if (this.#name === undefined) this.#join(text.slice(start, end).trim())
      else this.#message(text, start, end)
      start = end + 1
    }
  }

  #join(own) {
    if (!name.test(own)) return this.#refuse("! bad-name fatal: not a name\n")
    if (peers.has(own)) return this.#refuse("! name-taken fatal: the name is taken\n")
    this.#name = own
    this.#head = `from ${own}: `
    peers.set(own, this)
    generation++
  }

  #refuse(line) {
    this.put(line)
    this.flush()
    this.#webSocket.close(1008)
  }

  #leave() {
    if (peers.get(this.#name) !== this) return
    peers.delete(this.#name)
    generation++
  }

  #message(text, start, end) {
    let colon
    if (this.#generation === generation && text.startsWith(this.#address, start)) {
      colon = start + this.#address.length - 1
    } else {
      colon = text.indexOf(":", start)
      if (colon < 0 || colon > end) return this.put("! bad-line: not a message\n")
      this.#address = text.slice(start, colon + 1)
      this.#recipients = this.#lookUp(text.slice(start, colon))
      this.#generation = generation
    }
    const line = `${this.#head}${text.slice(colon + 1, end).trim()}\n`
    for (const peer of this.#recipients) {
      peer.put(line)
      if (peer.#isFull) peer.#hold(this)
    }
  }

  #lookUp(address) {
    const names = address.split(",").map((one) => one.trim())
    if (names.length > maxRecipients) {
      this.put("! too-many-recipients: the line has too many recipients\n")
      return []
    }
    return names.flatMap((one) => {
      const peer = peers.get(one)
      if (peer === undefined) this.put(`! no-recipient: ${one} is not here\n`)
      return peer ?? []
    })
  }
}

const server = new WebSocketServer({
  host: "127.0.0.1",
  port: Number(process.argv[2]),
  backlog: 4096,
  path: "/chat",
  perMessageDeflate: false,
  clientTracking: false,
  maxPayload: maxMessageBytes
})
server.on("connection", (webSocket) => new Peer(webSocket))
server.on("listening", () => console.log("listening"))
process.once("SIGTERM", () => process.exit(0))
