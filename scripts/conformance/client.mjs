// One connection to the server under test: sends bytes and receives lines. Imported, not run.
import { once } from "node:events"
import { connect } from "node:net"
import { connect as connectTls } from "node:tls"
import { opened } from "./websocket.mjs"

/** Thrown by a check when the server does not behave as expected. */
export class Failure extends Error {
  constructor(expected, got) {
    super(`expected ${expected}, got ${got}`)
    this.expected = expected
    this.got = got
  }
}

const hidden = /(?! )[\p{C}\p{Z}]/gu

/** Text for the table: quoted, with invisible characters as code points, and cut if it is long. */
export const show = (value) => {
  const plain = value instanceof RegExp ? String(value) : JSON.stringify(value)
  const text = plain.replace(hidden, (character) => `\\u{${character.codePointAt(0).toString(16)}}`)
  return text.length > 300 ? `${text.slice(0, 300)}… (${text.length} characters)` : text
}

/**
 * Resolves to a connected client. `where` are the options of `net.connect`; `tls`, if given, those of `tls.connect`.
 */
export const open = async ({ isBridge, tls, ...where }, options) => {
  const raw = connect({ ...where, allowHalfOpen: true, noDelay: true })
  // TLS starts only after the connection: while Node tries several addresses, it replaces the socket's handle.
  if (tls !== undefined) await reached(raw, options.patience)
  const client = new Client(raw, tls === undefined ? raw : connectTls({ ...tls, socket: raw }), options)
  await client.connects()
  const refusal = isBridge ? await opened(raw.localPort) : undefined
  if (refusal !== undefined) throw new Failure("a connection", refusal)
  return client
}

const reached = (raw, patience) =>
  once(raw, "connect", { signal: AbortSignal.timeout(patience) }).catch((error) => {
    raw.destroy()
    throw new Failure("a connection", error.code)
  })

/** One line for each line that a refusal with `count=N` answers: a server may answer several lines together. */
const each = (line) => {
  const [, head, count, rest] = /^(! (?!undelivered )[^:]*?) count=(\d+)(:.*)$/su.exec(line) ?? []
  return head === undefined ? [line] : Array(Number(count)).fill(head + rest)
}

let tokens = 0

export class Client {
  /** The login name. */
  name = ""
  /** Lines that arrived and were not taken yet, without their LF. */
  lines = []
  /** How the server's stream ended: "end", or the error that broke it. */
  ending = undefined
  #isConnected = false
  #raw
  #socket
  #options
  #partial = Buffer.alloc(0)
  #watchers = new Set()
  #fault

  /**
   * @param raw the TCP or Unix socket below `socket`; without TLS the same
   * @param options `patience` in milliseconds; `inspect(line, before)` returns a fault or undefined; `settled()`, for
   *   several nodes, waits until what was sent at any of them is where it goes
   */
  constructor(raw, socket, options) {
    this.#raw = raw
    this.#socket = socket
    this.#options = options
    let last
    socket.on(raw === socket ? "connect" : "secureConnect", () => this.#changed((this.#isConnected = true)))
    socket.on("data", (bytes) => {
      const all = this.#partial.length === 0 ? bytes : Buffer.concat([this.#partial, bytes])
      const end = all.lastIndexOf(0x0a) + 1
      this.#partial = all.subarray(end)
      if (end === 0) return
      for (const line of all.toString("utf8", 0, end - 1).split("\n")) {
        const fault = options.inspect?.(line, last)
        if (fault !== undefined) this.#fault ??= new Failure(fault, show(line))
        this.lines.push(...each(line))
        last = line
      }
      this.#changed()
    })
    socket.on("end", () => {
      socket.end() // as programs do when the server has ended its side
      this.#changed((this.ending ??= "end"))
    })
    socket.on("error", (error) => this.#changed((this.ending ??= error.code)))
    socket.on("close", () => this.#changed((this.ending ??= "end")))
  }

  #changed() {
    for (const look of this.#watchers) look()
  }

  /** Throws if any line so far violated the grammar. */
  inspect() {
    if (this.#fault !== undefined) throw this.#fault
  }

  /** Bytes that this side's kernel has not taken because the server does not read. */
  get untaken() {
    return this.#socket.writableLength
  }

  /** Waits until `look` returns a value; calls it again after every event of this connection. */
  until(expected, look, patience = this.#options.patience) {
    return new Promise((resolve, reject) => {
      const settle = (act, value) => {
        clearTimeout(timer)
        this.#watchers.delete(again)
        act(value)
      }
      const again = () => {
        const found = this.#fault === undefined ? look() : undefined
        if (this.#fault !== undefined) settle(reject, this.#fault)
        else if (found !== undefined) settle(resolve, found)
      }
      const timer = setTimeout(() => settle(reject, new Failure(expected, this.#state(patience))), patience)
      this.#watchers.add(again)
      again()
    })
  }

  #state(patience) {
    const came = this.lines.length > 0 ? show(this.lines.slice(0, 5)) : "nothing"
    const partial = this.#partial.length > 0 ? ` and, without its LF, ${show(this.#partial.toString("utf8"))}` : ""
    return `${came}${partial}${this.ending === undefined ? ` within ${patience} ms` : `, then ${this.ending}`}`
  }

  connects() {
    return this.until("a connection", () => this.#isConnected || this.#atEnd("a connection"))
  }

  /** Sends lines as UTF-8, each with an LF. */
  send(...lines) {
    this.write(lines.map((line) => `${line}\n`).join(""))
  }

  write(bytes) {
    this.#socket.write(bytes)
  }

  /** The next line. */
  async line(expected = "a line", patience = undefined) {
    await this.#more(0, expected, patience)
    return this.lines.shift()
  }

  #atEnd(expected) {
    if (this.ending !== undefined) this.#fault ??= new Failure(expected, `the end of the stream (${this.ending})`)
    return undefined
  }

  /** Requires the next lines to match: whole lines, or patterns. Returns the matches. */
  async gets(...expected) {
    const found = []
    for (const one of expected) {
      const line = await this.line(show(one))
      const match = one instanceof RegExp ? one.exec(line) : line === one ? [line] : null
      if (match === null) throw new Failure(show(one), show(line))
      found.push(match)
    }
    return found
  }

  /** Sends a `/ping` and returns all lines before its answer, which include every answer to what was sent before. */
  answers(patience) {
    return this.#throughNodes(() => {
      const token = `barrier ${++tokens}`
      this.send(`/ping ${token}`)
      return this.#upTo(`* pong: ${token}`, patience)
    })
  }

  /**
   * First what was sent is read by this client's node, then it travels, and then what came of it is behind the barrier.
   */
  async #throughNodes(barrier) {
    const before = await barrier()
    const { settled } = this.#options
    if (settled === undefined) return before
    await settled()
    return [...before, ...(await barrier())]
  }

  /** The same without commands: returns all lines before a message to itself. */
  echo(patience) {
    return this.#throughNodes(() => {
      const token = `barrier ${++tokens}`
      this.send(`${this.name}: ${token}`)
      return this.#upTo(`from ${this.name}: ${token}`, patience)
    })
  }

  async #upTo(barrier, patience) {
    for (let seen = 0, at = -1; ; seen = this.lines.length) {
      await this.#more(seen, show(barrier), patience)
      at = this.lines.indexOf(barrier, seen)
      if (at >= 0) return this.lines.splice(0, at + 1).slice(0, -1)
    }
  }

  /** The next `count` lines. */
  async takes(count) {
    while (this.lines.length < count) await this.#more(this.lines.length, `${count} lines`)
    return this.lines.splice(0, count)
  }

  /** Waits until there are more than `seen` lines. The time starts anew with each line. */
  #more(seen, expected, patience) {
    return this.until(expected, () => (this.lines.length > seen ? true : this.#atEnd(expected)), patience)
  }

  /** Requires exactly these lines as the answers to everything sent so far. */
  async answered(...expected) {
    same(await this.answers(), expected)
  }

  /** Shuts down the sending side, after `bytes`, if given. */
  shut(bytes) {
    this.#socket.end(bytes)
  }

  /** Requires the server to end the stream in order, after exactly these lines. */
  async ends(...expected) {
    await this.until("the end of the stream", () => this.ending)
    if (this.ending !== "end") throw new Failure("an orderly end", this.ending)
    same(this.lines.splice(0), expected)
  }

  /** Stops reading until `resume`. */
  pause() {
    this.#socket.pause()
  }

  resume() {
    this.#socket.resume()
  }

  /** Breaks the connection. */
  reset() {
    this.#raw.resetAndDestroy()
  }

  /** Closes at once; over TLS without `close_notify`. */
  destroy() {
    // Node crashes when a TLS socket is destroyed after the socket below it.
    if (!this.#raw.destroyed) this.#socket.destroy()
  }
}

const agrees = (line, one) => (one instanceof RegExp ? one.test(line) : line === one)

/** Requires exactly these lines: whole lines, or patterns. */
export const same = (lines, expected) => {
  if (lines.length === expected.length && lines.every((line, index) => agrees(line, expected[index]))) return
  const wanted = expected.map(show).join(", ")
  throw new Failure(expected.length === 0 ? "no line" : `${expected.length} line(s): ${wanted}`, show(lines))
}

/** Requires both values to be equal as JSON. */
export const equal = (got, expected) => {
  if (JSON.stringify(got) !== JSON.stringify(expected)) throw new Failure(show(expected), show(got))
}

/** Requires a condition that the functions above cannot express. */
export const hold = (isTrue, expected, got) => {
  if (!isTrue) throw new Failure(expected, typeof got === "string" ? got : show(got))
}
