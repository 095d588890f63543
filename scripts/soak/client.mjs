// One client of the soak test: records what it receives and reports everything it does not expect. Imported, not run.
import { connect } from "node:net"
import { LineClient } from "../line-client.mjs"

/** How long an answer may take on a busy machine, in milliseconds. */
const patience = 30_000

export class Client extends LineClient {
  /** Resolves when the connection has ended; true if the server ended it in order. */
  closed
  /** Called with lines that are not messages, outcomes or notices. Unless a test sets it, such a line is a fault. */
  others
  #pongs = new Map()
  #pings = 0
  #hello = () => {}
  #isOver = false

  constructor({ book, fail, port }, name, { others } = {}) {
    super(connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true }))
    this.name = name
    this.book = book
    this.fail = (what) => fail(`${name}: ${what}`)
    this.others = others ?? ((line) => this.fail(`came ${JSON.stringify(line.slice(0, 200))}`))
    this.closed = new Promise((resolve) => {
      this.socket.on("close", () => {
        this.#isOver = true
        for (const answer of this.#pongs.values()) answer()
        resolve(this.ending === "end")
      })
    })
  }

  /** Whether there is room to send more: the kernel takes what is sent. */
  get isFree() {
    return this.socket.writableLength < 65_536
  }

  send(bytes) {
    this.socket.write(bytes)
  }

  login() {
    this.send(`${this.name}\n`)
    return this.ping()
  }

  /** Asks for outcomes of labelled lines; resolves when the server has agreed. */
  greet() {
    this.send("/hello\n")
    return this.#within("the answer to /hello", (resolve) => (this.#hello = resolve))
  }

  /** Resolves when the server has handled everything sent before, or the connection has ended. */
  ping() {
    const text = String(this.#pings++)
    this.send(`/ping ${text}\n`)
    return this.#within("the answer to /ping", (resolve) => this.#pongs.set(text, resolve))
  }

  message(to, options) {
    this.send(this.book.line(this.name, to, options))
  }

  /** Ends its side, and resolves when the server has ended the other. */
  async leave() {
    this.socket.end()
    if (!(await this.closed)) this.fail("it left in order, but the server broke the connection")
  }

  reset() {
    this.socket.resetAndDestroy()
    return this.closed
  }

  #within(what, executor) {
    if (this.#isOver) return Promise.resolve()
    let timer
    return new Promise((resolve) => {
      timer = setTimeout(() => {
        this.fail(`${what} did not come within ${patience} ms`)
        resolve()
      }, patience)
      executor(resolve)
    }).finally(() => clearTimeout(timer))
  }

  received(line) {
    if (line.startsWith("from ")) {
      const colon = line.indexOf(":")
      return this.book.received(this.name, line.slice(5, colon).split(" ", 1)[0], line.slice(colon + 2))
    }
    const [head] = line.split(": ", 1)
    const [mark, code, label, ...names] = head.split(" ")
    if (mark === "*" && code === "written") return this.book.written(this.name, label.slice(1), listed(names))
    if (mark === "*" && (code === "joined" || code === "left")) return
    if (mark === "*" && code === "hello") return this.#hello()
    if (mark === "*" && code === "pong") return this.#pong(line.slice("* pong: ".length))
    if (mark === "!" && code === "undelivered" && label.startsWith("@")) {
      const reason = names.find((word) => word.startsWith("reason="))
      return this.book.returned(this.name, label.slice(1), listed(names), reason.slice("reason=".length))
    }
    this.others(line)
  }

  #pong(text) {
    const answer = this.#pongs.get(text)
    if (answer === undefined) return this.fail(`a pong without a ping: ${text}`)
    this.#pongs.delete(text)
    answer()
  }
}

const listed = (words) => words.filter((word) => !word.includes("=")).map((word) => word.replace(",", ""))
