// The clients of a cluster whose nodes and engine fail, and the account of their lines. Imported, not run.
import { createConnection } from "node:net"
import { LineClient } from "../line-client.mjs"

const now = () => performance.timeOrigin + performance.now()

class Connection extends LineClient {
  constructor({ host, port }, take, ended) {
    super(createConnection({ port, host, noDelay: true }))
    Object.assign(this, { take, ended })
  }

  received(line) {
    this.take(line)
  }

  changed() {
    if (this.ending === undefined || this.isOver) return
    this.isOver = true
    this.socket.destroy()
    this.ended()
  }
}

/** A client that comes again whenever its connection ends, to its own node or to another one. */
export class Client {
  isHere = false
  isGone = false
  /** Whether it goes on to the next node after each connection, and not to its own one first. */
  wanders = false
  words = "ack"
  /** Of this connection: messages that came, and how many of these were acknowledged. */
  messages = 0
  acknowledged = 0

  /** @param nodes each a `host` and a `port` */
  constructor(name, nodes) {
    Object.assign(this, { name, nodes, attempts: 0, login: name })
  }

  come() {
    if (this.isGone) return
    const node = this.nodes[this.attempts++ % this.nodes.length]
    let isOver = false
    const connection = new Connection(
      node,
      (line) => {
        if (isOver) return
        if (line === "* pong: in") {
          this.isHere = true
          if (!this.wanders) this.attempts = 0
          this.came()
          this.#acknowledge()
        } else this.received(line)
      },
      () => {
        isOver = true
        if (this.connection !== connection) return
        this.isHere = false
        this.left()
        this.timer = setTimeout(() => this.come(), 100 + 300 * Math.random())
      }
    )
    this.connection = connection
    // Not once it is here: messages may come before the reply to its ping, and count.
    this.messages = this.acknowledged = 0
    connection.socket.write(`/hello ${this.words}\n${this.login}\n/ping in\n`)
  }

  say(text) {
    this.connection.socket.write(text)
  }

  go() {
    this.isGone = true
    clearTimeout(this.timer)
    this.connection?.socket.destroy()
  }

  /** A message of this connection is processed. */
  acknowledgeSoon() {
    this.messages += 1
    this.ackTimer ??= setTimeout(() => {
      this.ackTimer = undefined
      this.#acknowledge()
    }, 20)
  }

  #acknowledge() {
    if (!this.isHere || this.messages === this.acknowledged) return
    this.acknowledged = this.messages
    this.say(`/ack ${this.messages}\n`)
  }

  came() {}
  left() {}
}

/** Writes numbered lines to the others, and notes what it receives and what becomes of its own. */
export class Talker extends Client {
  /** By number: to whom, and what became of it. */
  sent = new Map()
  /** Numbers without an outcome on this connection. */
  open = new Set()
  /** By sender: numbers in the order in which they came. */
  got = new Map()
  faults = []
  number = 0
  isResting = true

  constructor(name, nodes, others) {
    super(name, nodes)
    this.others = others
  }

  left() {
    for (const number of this.open) this.sent.get(number).outcome = "unknown"
    this.open.clear()
  }

  received(line) {
    const message = /^from (\S+): (\d+)$/.exec(line)
    if (message !== null) {
      const [, from, number] = message
      const numbers = this.got.get(from) ?? []
      this.got.set(from, numbers)
      numbers.push(Number(number))
      this.acknowledgeSoon()
      return
    }
    const outcome = /^[*!] (\S+) @(\d+)(?: (\S+?):?(?: reason=(\S+?):?)?)?(?: .*)?$/.exec(line)
    if (outcome === null) return
    const [, what, number, , reason] = outcome
    const line_ = this.sent.get(Number(number))
    if (!this.open.delete(Number(number))) return void this.faults.push(`${this.name}: a second outcome: ${line}`)
    line_.outcome = what === "undelivered" ? reason : what
  }

  /** Sends some lines, while few of those before have no outcome. */
  talk(lines) {
    if (!this.isHere || this.isResting || this.open.size > 50) return
    let text = ""
    for (let i = 0; i < lines; i++) {
      const to = this.others[Math.floor(Math.random() * this.others.length)]
      this.number += 1
      this.sent.set(this.number, { to, outcome: undefined })
      this.open.add(this.number)
      text += `@${this.number} ${to}: ${this.number}\n`
    }
    this.say(text)
  }
}

const place = ({ nodes: [{ name }] }, at) => `node ${name} at ${at}`

/**
 * One of several clients that all want the same name, each at its own node. What is checked: nobody is given a message
 * that was sent after another one had the name.
 */
export class Pretender extends Client {
  constructor(name, node, reign) {
    super(name, [node])
    this.reign = reign
  }

  came() {
    this.since = now()
    this.reign.push({ who: this, at: this.since })
  }

  received(line) {
    const message = /^from \S+: at (\S+)$/.exec(line)
    if (message === null) return
    const sentAt = Number(message[1])
    this.acknowledgeSoon()
    this.reign.given += 1
    // Only a later owner counts: this one may have been buried since, and then nothing sent later may come to it.
    const later = this.reign.find(({ at, who }) => who !== this && at > this.since && at < sentAt)
    if (later === undefined) return
    this.reign.faults.push(
      `${line} came to the owner before: ${place(this, this.since)}, now ${now()}, and then ` +
        `${place(later.who, later.at)}`
    )
  }
}

/** Writes to the contested name all the time. */
export class Courtier extends Client {
  received() {}

  talk(to) {
    if (this.isHere) this.say(`${to}: at ${now()}\n`)
  }
}

/** Outcomes after which the recipient cannot have the line. */
const never = new Set(["offline", "busy", "unavailable", "slow-down", "closing", "full"])

/** Compares what was sent with what came. Returns counts, and the faults. */
export const account = (talkers) => {
  const faults = talkers.flatMap((talker) => talker.faults)
  const byName = new Map(talkers.map((talker) => [talker.name, talker]))
  const counts = { sent: 0, received: 0, missing: 0 }
  const reasons = {}
  for (const talker of talkers) {
    for (const [from, numbers] of talker.got) {
      let last = 0
      for (const number of numbers) {
        if (number === last) faults.push(`${from} ${number} came twice to ${talker.name}`)
        else if (number < last) faults.push(`${from} ${number} came after ${last} to ${talker.name}`)
        last = Math.max(last, number)
        if (byName.get(from)?.sent.get(number)?.to !== talker.name) faults.push(`${talker.name} got ${from} ${number}`)
      }
    }
    for (const [number, { outcome, to }] of talker.sent) {
      counts.sent += 1
      reasons[outcome ?? "none"] = (reasons[outcome ?? "none"] ?? 0) + 1
      const has = byName.get(to).got.get(talker.name)
      talker.index ??= new Map()
      const set = talker.index.get(to) ?? new Set(has)
      talker.index.set(to, set)
      if (set.has(number)) counts.received += 1
      if (outcome === undefined) faults.push(`${talker.name} ${number} to ${to} has no outcome`)
      if (outcome === "received" && !set.has(number)) faults.push(`${talker.name} ${number} to ${to} is lost`)
      if (never.has(outcome) && set.has(number)) faults.push(`${talker.name} ${number}: ${outcome}, and it came`)
    }
    talker.index = undefined
  }
  return { counts, faults, reasons }
}
