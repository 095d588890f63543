// One connection of the soak: it books what comes, and complains of everything that it does not expect. Imported, not
// run.
import { connect } from "node:net"

/** How long an answer may take on a machine at work. */
const patience = 30_000

export class Client {
  /** Resolves at the end of the connection, however it comes; true if it was in order. */
  closed
  /** Lines that are nobody's messages, outcomes or notices; without somebody who expects them they are a fault. */
  others
  #pongs = new Map()
  #pings = 0
  #hello = () => {}
  #isOver = false

  constructor({ book, fail, port }, name, { others } = {}) {
    this.name = name
    this.book = book
    this.fail = (what) => fail(`${name}: ${what}`)
    this.others = others ?? ((line) => this.fail(`came ${JSON.stringify(line.slice(0, 200))}`))
    this.socket = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true })
    let rest = ""
    let isInOrder = false
    this.socket.on("data", (bytes) => {
      const lines = (rest + bytes.latin1Slice()).split("\n")
      rest = lines.pop()
      for (const line of lines) this.#line(/[\x80-\xff]/.test(line) ? Buffer.from(line, "latin1").toString() : line)
    })
    this.socket.on("end", () => {
      isInOrder = true
      this.socket.end()
    })
    this.socket.on("error", () => {}) // 'close' follows
    this.closed = new Promise((resolve) => {
      this.socket.on("close", () => {
        this.#isOver = true
        for (const answer of this.#pongs.values()) answer()
        resolve(isInOrder)
      })
    })
  }

  /** Whether the kernel takes what is sent; if not, it is better to wait. */
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

  /** Asks for outcomes; resolves when it has them. */
  greet() {
    this.send("/hello\n")
    return this.#within("the answer to /hello", (resolve) => (this.#hello = resolve))
  }

  /** Resolves when the server has dealt with everything before, or the connection has ended. */
  ping() {
    const text = String(this.#pings++)
    this.send(`/ping ${text}\n`)
    return this.#within("the answer to /ping", (resolve) => this.#pongs.set(text, resolve))
  }

  message(to, options) {
    this.send(this.book.line(this.name, to, options))
  }

  /** Ends its half, and resolves when the server has ended the other. */
  async leave() {
    this.socket.end()
    if (!(await this.closed)) this.fail("it left in order, and the server broke the connection")
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

  #line(line) {
    if (line.startsWith("from ")) {
      const colon = line.indexOf(":")
      return this.book.received(this.name, line.slice(5, colon), line.slice(colon + 2))
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
    if (answer === undefined) return this.fail(`an answer to a /ping that it did not send: ${text}`)
    this.#pongs.delete(text)
    answer()
  }
}

const listed = (words) => words.filter((word) => !word.includes("=")).map((word) => word.replace(",", ""))
