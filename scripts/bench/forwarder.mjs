// A chat server in plain Node: `node scripts/bench/forwarder.mjs PORT [CERTIFICATE KEY]`, with a certificate over TLS.
// The benchmark compares a-chat with it: it shows the practical limit of Node for the protocol's messages, without
// a-chat's promises. It has no limits, ledger or flow control, validates nothing and sends no replies.
import { readFileSync } from "node:fs"
import { createServer } from "node:net"
import { createServer as createTlsServer } from "node:tls"

const port = Number(process.argv[2])
const [cert, key] = process.argv.slice(3).map((file) => readFileSync(file))
const peers = new Map() // name -> Peer
let generation = 0 // of `peers`: what connections cache is valid for one generation

const isSpace = (code) => code === 32 || (code >= 9 && code <= 13)

const trimmed = (text, from, to) => {
  let [start, end] = [from, to]
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (start < end && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

const recipientsOf = (text, from, to) => {
  const recipients = []
  for (let start = from; start < to;) {
    const comma = text.indexOf(",", start)
    const end = comma < 0 || comma > to ? to : comma
    const peer = peers.get(trimmed(text, start, end))
    if (peer !== undefined) recipients.push(peer)
    start = end + 1
  }
  return recipients
}

/** One write per recipient and turn: all sockets that are readable in a turn are parsed before the first write. */
let waiting = []
const flush = () => {
  const peers = waiting
  waiting = []
  for (const peer of peers) peer.flush()
}

class Peer {
  #socket
  #output = "" // strings of bytes (latin1), which are never decoded or encoded
  #rest = "" // the beginning of an unfinished line
  #name
  #head = ""
  #address = "" // of the last line, with its colon; the next line often has the same
  #recipients = []
  #generation = -1

  constructor(socket) {
    this.#socket = socket
    socket.on("data", (chunk) => this.#read(chunk.latin1Slice()))
    socket.on("close", () => this.#leave())
    socket.on("error", () => {}) // "close" follows
  }

  put(line) {
    if (this.#output === "" && waiting.push(this) === 1) setImmediate(flush)
    this.#output += line
  }

  flush() {
    const output = this.#output
    this.#output = ""
    if (this.#socket.writable) this.#socket.write(output, "latin1")
  }

  #read(chunk) {
    const text = this.#rest === "" ? chunk : this.#rest + chunk
    let start = 0
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      if (this.#name === undefined) this.#join(trimmed(text, start, end))
      else this.#message(text, start, end)
      start = end + 1
    }
    this.#rest = text.slice(start)
  }

  #join(name) {
    this.#name = name
    this.#head = `from ${name}: `
    if (!peers.has(name)) peers.set(name, this)
    generation++
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
      if (colon < 0 || colon > end) return
      this.#address = text.slice(start, colon + 1)
      this.#recipients = recipientsOf(text, start, colon)
      this.#generation = generation
    }
    const line = this.#head + trimmed(text, colon + 1, end) + "\n"
    for (const peer of this.#recipients) peer.put(line)
  }
}

const options = { noDelay: true, cert, key }
const server = (cert === undefined ? createServer : createTlsServer)(options, (socket) => new Peer(socket))
server.listen({ host: "127.0.0.1", port, backlog: 4096 })
process.once("SIGTERM", () => process.exit(0))
