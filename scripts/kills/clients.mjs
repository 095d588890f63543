// The clients of a server that is killed again and again. Imported by main.mjs.
import { createConnection } from "node:net"
import { LineClient } from "../line-client.mjs"

/** Registered once; after that, each device logs in with its token. */
const password = "correct horse battery"

class Connection extends LineClient {
  constructor(port, take) {
    super(createConnection({ port, host: "127.0.0.1", allowHalfOpen: true }))
    this.take = take
    this.ended = new Promise((resolve) => (this.hasEnded = resolve))
  }

  received(line) {
    this.take(line)
  }

  changed() {
    if (this.ending !== undefined) this.hasEnded()
  }

  say(text) {
    this.socket.write(text)
  }
}

/** A client that reconnects after each kill. */
export class Client {
  token = undefined
  connection = undefined

  constructor(port, name, device, words) {
    this.port = port
    this.name = name
    this.device = device
    this.words = words
  }

  /** Makes the account, if there is none yet, and a token for this device. */
  async register() {
    const who = `${this.name}: ${password}`
    const lines = [`/hello`, ...(this.device === "main" ? [this.name, `/register ${password}`] : [who])]
    this.token = await new Promise((resolve, reject) => {
      const connection = new Connection(this.port, (line) => {
        const found = /^\* token \S+ (\S+): /.exec(line)
        if (found !== null) {
          resolve(found[1])
          connection.socket.destroy()
        } else if (line.startsWith("! ")) reject(new Error(line))
      })
      connection.say(`${[...lines, `/token ${this.device}`].join("\n")}\n`)
    })
  }

  get login() {
    return this.token === undefined ? this.name : `${this.name}/${this.device}: ${this.token}`
  }

  /** Connects, and logs in. */
  come() {
    return new Promise((resolve, reject) => {
      const connection = new Connection(this.port, (line) => {
        if (line.startsWith("* pong: in")) {
          resolve()
          this.came()
        } else if (/^! .* fatal: /.test(line)) reject(new Error(`${this.name}: ${line}`))
        else this.received(line)
      })
      this.connection = connection
      void connection.ended.then(() => reject(new Error(`${this.name}: the connection has ended`)))
      connection.say(`/hello ${this.words}\n${this.login}\n/ping in\n`)
    })
  }

  /** Waits until the connection has ended. */
  gone() {
    return this.connection.ended
  }

  came() {}
}

/**
 * Sends labelled lines to bob, with a few unanswered at a time. With `once` it sends those again that were unanswered.
 */
export class Writer extends Client {
  /** The texts of the lines that were reported as stored. */
  stored = new Set()
  sentAgain = 0
  isResting = false
  unanswered = new Map()
  count = 0
  /** With `seq` and `receipts`, on this connection: the last line that is stored, and the last that bob was given. */
  storedUpTo = 0
  givenUpTo = 0

  constructor(port, name, words = "") {
    super(port, name, "main", words)
  }

  came() {
    this.storedUpTo = 0
    this.givenUpTo = 0
    if (this.words.includes("once")) {
      for (const [label, text] of this.unanswered) {
        this.sentAgain += 1
        this.connection.say(`@${label} bob: ${text}\n`)
      }
    } else this.unanswered.clear()
    this.fill()
  }

  received(line) {
    const receipt = /^\* delivered bob seq=(\d+): /.exec(line)
    if (receipt !== null) this.givenUpTo = Math.max(this.givenUpTo, Number(receipt[1]))
    const found = /^[*!] ([a-z-]+) @(\S+) \S+?(?: seq=(\d+))?[ :]/.exec(line)
    if (found === null) return
    const [, outcome, label, seq = "0"] = found
    if (outcome === "stored") this.storedUpTo = Math.max(this.storedUpTo, Number(seq))
    const text = this.unanswered.get(label)
    if (text === undefined) return
    this.unanswered.delete(label)
    if (outcome === "stored") this.stored.add(text)
    this.fill()
  }

  fill() {
    let lines = ""
    while (!this.isResting && this.unanswered.size < 20) {
      const label = `k${++this.count}`
      const text = `${this.name} ${this.count}`
      this.unanswered.set(label, text)
      lines += `@${label} bob: ${text}\n`
    }
    if (lines !== "") this.connection.say(lines)
  }

  /** Sends no new lines. */
  rest() {
    this.isResting = true
  }

  get isAtRest() {
    return this.unanswered.size === 0
  }
}

/** A device of bob; with `copies`, one of an account that writes to bob. */
export class Reader extends Client {
  /** How many numbers each text has. */
  texts = new Map()
  faults = []
  again = 0
  numbers = new Map()
  messages = 0

  came() {
    this.last = new Map()
  }

  async come() {
    this.messages = 0
    this.last = new Map()
    await super.come()
  }

  received(line) {
    const found = /^(?:from|\* sent) (\S+)(?: guest=yes)? seq=(\d+) at=\d+: (.*)$/.exec(line)
    if (found === null) {
      if (line.startsWith("! gap")) this.faults.push(line)
      return
    }
    const [, from, digits, text] = found
    const seq = Number(digits)
    this.messages += 1
    if (this.words.includes("ack") && this.messages % 7 === 0) this.connection.say(`/ack ${this.messages}\n`)
    const before = this.last.get(from)
    if (before !== undefined && seq !== before + 1) this.faults.push(`${from} ${seq} follows ${before}`)
    this.last.set(from, seq)
    const known = this.numbers.get(from) ?? new Map()
    this.numbers.set(from, known)
    if (known.has(seq)) {
      this.again += 1
      if (known.get(seq) !== text) this.faults.push(`${from} ${seq} is "${known.get(seq)}" and "${text}"`)
      return
    }
    known.set(seq, text)
    this.texts.set(text, (this.texts.get(text) ?? 0) + 1)
  }

  /** Numbers that never came. */
  holes() {
    return [...this.numbers].flatMap(([from, known]) =>
      Array.from({ length: Math.max(...known.keys()) }, (_, index) => index + 1).flatMap((seq) =>
        known.has(seq) ? [] : [`${from} ${seq} never came`]
      )
    )
  }
}
