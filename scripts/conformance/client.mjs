// One connection to the server under test: it sends bytes, and takes what comes line by line. Imported, not run.
import { once } from "node:events"
import { connect } from "node:net"
import { connect as connectTls } from "node:tls"

/** What a check throws when the server does something else than it should. */
export class Failure extends Error {
  constructor(expected, got) {
    super(`expected ${expected}, got ${got}`)
    this.expected = expected
    this.got = got
  }
}

const hidden = /(?! )[\p{C}\p{Z}]/gu

/** Text for the table: quoted, what is not seen as its code point, and cut if it is long. */
export const show = (value) => {
  const plain = value instanceof RegExp ? String(value) : JSON.stringify(value)
  const text = plain.replace(hidden, (character) => `\\u{${character.codePointAt(0).toString(16)}}`)
  return text.length > 300 ? `${text.slice(0, 300)}… (${text.length} characters)` : text
}

/**
 * Resolves to a client once the connection stands. `where` is what `net.connect` takes, and `tls`, if it is there, what
 * `tls.connect` does.
 */
export const open = async ({ tls, ...where }, options) => {
  const raw = connect({ ...where, allowHalfOpen: true, noDelay: true })
  // TLS not before: while it tries one address after the other, Node changes what TLS would build on.
  if (tls !== undefined) await reached(raw, options.patience)
  const client = new Client(raw, tls === undefined ? raw : connectTls({ ...tls, socket: raw }), options)
  await client.connects()
  return client
}

const reached = (raw, patience) =>
  once(raw, "connect", { signal: AbortSignal.timeout(patience) }).catch((error) => {
    raw.destroy()
    throw new Failure("a connection", error.code)
  })

let tokens = 0

export class Client {
  /** What it logged in as. */
  name = ""
  /** Lines that came and were not taken yet, without their LF. */
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
   * @param raw what carries `socket`, or the same
   * @param options `patience` in milliseconds; `inspect` is shown every line with the one before, and returns a fault
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
        this.lines.push(line)
        last = line
      }
      this.#changed()
    })
    socket.on("end", () => {
      socket.end() // as programs do: what the server has ended is ended here, too
      this.#changed((this.ending ??= "end"))
    })
    socket.on("error", (error) => this.#changed((this.ending ??= error.code)))
    socket.on("close", () => this.#changed((this.ending ??= "end")))
  }

  #changed() {
    for (const look of this.#watchers) look()
  }

  /** Throws if any line so far was none of the protocol's. */
  inspect() {
    if (this.#fault !== undefined) throw this.#fault
  }

  /** How many bytes this side's kernel has not taken, since the server does not read. */
  get untaken() {
    return this.#socket.writableLength
  }

  /** Waits until `look` returns something; looks again whenever something happens on this connection. */
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

  /** Lines as UTF-8, each with its LF. */
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

  /** The next lines are these: whole lines, or patterns. Returns the matches. */
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

  /** All lines up to the answer to a `/ping`: the answers to everything that was sent before, and what else came. */
  answers(patience) {
    const token = `barrier ${++tokens}`
    this.send(`/ping ${token}`)
    return this.#upTo(`* pong: ${token}`, patience)
  }

  /** The same where there are no commands: all lines up to a message to oneself. */
  echo(patience) {
    const token = `barrier ${++tokens}`
    this.send(`${this.name}: ${token}`)
    return this.#upTo(`from ${this.name}: ${token}`, patience)
  }

  async #upTo(barrier, patience) {
    for (let seen = 0, at = -1; ; seen = this.lines.length) {
      await this.#more(seen, show(barrier), patience)
      at = this.lines.indexOf(barrier, seen)
      if (at >= 0) return this.lines.splice(0, at + 1).slice(0, -1)
    }
  }

  /** So many lines. */
  async takes(count) {
    while (this.lines.length < count) await this.#more(this.lines.length, `${count} lines`)
    return this.lines.splice(0, count)
  }

  /** Waits until there are more lines than were seen: as long as some come, there is no hurry. */
  #more(seen, expected, patience) {
    return this.until(expected, () => (this.lines.length > seen ? true : this.#atEnd(expected)), patience)
  }

  /** What was sent so far is answered by these lines, and nothing else. */
  async answered(...expected) {
    same(await this.answers(), expected)
  }

  /** Shuts the sending half down, behind the bytes, if there are any. */
  shut(bytes) {
    this.#socket.end(bytes)
  }

  /** The server ends the stream in order, behind these lines. */
  async ends(...expected) {
    await this.until("the end of the stream", () => this.ending)
    if (this.ending !== "end") throw new Failure("an orderly end", this.ending)
    same(this.lines.splice(0), expected)
  }

  /** Reads nothing more, until `resume`. */
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

  /** Ends at once: over TLS without its end. */
  destroy() {
    // Node crashes when a TLS socket is destroyed behind the one that carries it.
    if (!this.#raw.destroyed) this.#socket.destroy()
  }
}

const agrees = (line, one) => (one instanceof RegExp ? one.test(line) : line === one)

/** The lines are these: whole lines, or patterns. */
export const same = (lines, expected) => {
  if (lines.length === expected.length && lines.every((line, index) => agrees(line, expected[index]))) return
  const wanted = expected.map(show).join(", ")
  throw new Failure(expected.length === 0 ? "no line" : `${expected.length} line(s): ${wanted}`, show(lines))
}

/** Both values are the same in their JSON form. */
export const equal = (got, expected) => {
  if (JSON.stringify(got) !== JSON.stringify(expected)) throw new Failure(show(expected), show(got))
}

/** For what the above cannot say. */
export const hold = (isTrue, expected, got) => {
  if (!isTrue) throw new Failure(expected, typeof got === "string" ? got : show(got))
}
