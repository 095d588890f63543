// What a cluster keeps while it fails: accounts with two devices each, a room, and guests in it; and the account of
// their lines. Imported, not run.
import { setTimeout } from "node:timers/promises"
import { Client } from "./clients.mjs"

const password = "correct horse battery"

/**
 * How long a device waits for a line before it goes to another node, and how often it asks for one, in milliseconds.
 */
const patience = { longest: 6_000, ping: 2_000 }

/** Why a line to an account or a room may return although nobody did anything wrong: its sender sends it again. */
const transient = new Set(["unavailable", "full", "slow-down", "closing", "node-lost", "busy"])

/** Kept conversations: the text of each number, as anybody has seen it. */
class Logs {
  faults = []
  #texts = new Map()
  #places = new Map()

  saw(log, seq, text, who) {
    const texts = this.#texts.get(log) ?? new Map()
    this.#texts.set(log, texts)
    const known = texts.get(seq)
    if (known !== undefined && known !== text) this.faults.push(`${log} ${seq} is "${text}" for ${who}, and "${known}"`)
    texts.set(seq, text)
    const place = `${log} ${seq}`
    const other = this.#places.get(text)
    if (other !== undefined && other !== place) this.faults.push(`"${text}" was stored twice: ${other}, ${place}`)
    this.#places.set(text, place)
  }

  lastOf(log) {
    return Math.max(0, ...(this.#texts.get(log)?.keys() ?? []))
  }

  get count() {
    return this.#places.size
  }
}

/** The name of a conversation. */
const logOf = (one, other) => (other.startsWith("#") ? other : [one, other].toSorted().join("+"))

/** A client that writes lines which are kept, and is given others. */
class Keeper extends Client {
  /** By label. */
  sent = new Map()
  /** Labels without an outcome on this connection. */
  open = new Set()
  isResting = true
  #labels = 0
  /** By recipient: what was first sent on this connection, in order. */
  #order = new Map()
  #orders = []

  constructor(name, nodes, logs, recipients) {
    super(name, nodes)
    Object.assign(this, { logs, recipients, id: name })
  }

  fault(text) {
    this.logs.faults.push(`${this.id}: ${text}`)
  }

  left() {
    for (const label of this.open) this.lost(this.sent.get(label))
    this.open.clear()
    this.#order = new Map()
  }

  write(line) {
    line.isReturned = false
    this.open.add(line.label)
    this.say(`@${line.label} ${line.to}: ${line.text}\n`)
  }

  talk(lines) {
    if (!this.isHere || this.isResting || this.open.size > 20) return
    for (let i = 0; i < lines; i++) {
      const to = this.recipients[Math.floor(Math.random() * this.recipients.length)]
      const label = `k${++this.#labels}`
      const line = { label, to, text: `${this.id} ${label}`, log: logOf(this.name, to) }
      this.sent.set(label, line)
      let order = this.#order.get(to)
      if (order === undefined) {
        order = []
        this.#order.set(to, order)
        this.#orders.push(order)
      }
      order.push(line)
      this.write(line)
    }
  }

  received(text) {
    const kept = /^from (\S+)(?: (#\S+))?(?: guest=yes)? seq=(\d+) at=\d+: (.*)$/u.exec(text)
    const copy = /^\* sent (\S+) seq=(\d+) at=\d+: (.*)$/u.exec(text)
    if (kept !== null) this.take(logOf(this.name, kept[2] ?? kept[1]), Number(kept[3]), kept[4])
    else if (copy !== null) this.take(logOf(this.name, copy[1]), Number(copy[2]), copy[3])
    else this.#reply(text)
  }

  #reply(text) {
    const [, mark, code, label, params] = /^([*!]) (\S+) @(\S+)( [^:]*)?:/u.exec(text) ?? []
    const line = this.sent.get(label)
    if (line === undefined) {
      if (text.startsWith("! gap ")) this.fault(text)
      return
    }
    if (!this.open.delete(label)) return this.fault(`a second outcome: ${text}`)
    const seq = / seq=(\d+)/u.exec(params ?? "")?.[1]
    if (mark === "*" && code === "stored" && seq !== undefined) {
      line.seq = Number(seq)
      line.wasAgain = line.isRepeated === true
      this.logs.saw(line.log, line.seq, line.text, `${this.id}, its sender`)
      return
    }
    const reason = / reason=(\S+)/u.exec(params ?? "")?.[1] ?? code
    if (transient.has(reason)) this.returned(line, Number(/ retry=(\d+)/u.exec(params ?? "")?.[1] ?? 500))
    else this.fault(`a line returned: ${text}`)
  }

  /** Lines of one connection to one recipient are stored in the order in which they were sent. */
  disorder() {
    return this.#orders.flatMap((lines) => {
      const first = lines.filter(({ isRepeated, seq }) => seq !== undefined && isRepeated !== true)
      const at = first.findIndex(({ seq }, index) => index > 0 && seq < first[index - 1].seq)
      return at < 0 ? [] : [`${this.id}: "${first[at].text}" was stored before the line that was sent before it`]
    })
  }
}

/** A device of an account. It sends a line with its label until it is stored, and never goes where it was. */
class Device extends Keeper {
  wanders = true
  again = 0
  /** By conversation: numbers that it was given. */
  got = new Map()
  #latest = new Map()
  #heardAt = 0
  #pingedAt = 0

  constructor(name, device, token, ...others) {
    super(name, ...others)
    this.id = `${name}/${device}`
    this.login = `${this.id}: ${token}`
    this.words = "ack seq copies once"
  }

  came() {
    this.#heardAt = this.#pingedAt = performance.now()
    for (const line of this.sent.values()) if (line.seq === undefined) this.returned(line, 0)
  }

  left() {
    super.left()
    this.#latest.clear()
  }

  /** It is sent again on the next connection. */
  lost() {}

  returned(line, millis) {
    Object.assign(line, { isReturned: true, notBefore: performance.now() + Math.min(millis, 1_000) })
  }

  received(text) {
    this.#heardAt = performance.now()
    super.received(text)
  }

  tick() {
    if (!this.isHere) return
    const now = performance.now()
    for (const line of this.sent.values()) {
      if (!line.isReturned || line.notBefore > now || this.open.size > 50) continue
      line.isRepeated = true
      this.write(line)
    }
    if (now - this.#pingedAt > patience.ping) {
      this.#pingedAt = now
      this.say("/ping here\n")
    }
    if (now - this.#heardAt > patience.longest) this.connection.socket.destroy()
  }

  take(log, seq, text) {
    this.logs.saw(log, seq, text, this.id)
    const latest = this.#latest.get(log)
    if (latest !== undefined && seq <= latest) this.fault(`${log} ${seq} came after ${latest} on one connection`)
    const got = this.got.get(log) ?? new Set()
    this.got.set(log, got)
    // Without holes, but for what it wrote itself: what was skipped must have come on a connection before.
    for (let skipped = (latest ?? seq) + 1; skipped < seq; skipped++) {
      if (!got.has(skipped)) this.skipped.push({ log, seq: skipped })
    }
    this.#latest.set(log, seq)
    if (got.has(seq)) this.again += 1
    got.add(seq)
    this.acknowledgeSoon()
  }

  /** What it must have been given already when it was given a later line, or wrote itself. */
  skipped = []

  /** Lines that it should have by now. */
  lacks(logs) {
    const own = new Set([...this.sent.values()].map(({ log, seq }) => `${log} ${seq}`))
    const lacks = []
    for (const log of logs) {
      const got = this.got.get(log) ?? new Set()
      for (let seq = this.logs.lastOf(log); seq > 0; seq--) {
        if (!got.has(seq) && !own.has(`${log} ${seq}`)) lacks.push(`${log} ${seq}`)
      }
    }
    const holes = this.skipped.filter(({ log, seq }) => !own.has(`${log} ${seq}`))
    return { lacks, holes, unsent: [...this.sent.values()].filter(({ seq }) => seq === undefined) }
  }
}

/** A guest who is in the room, and writes to accounts. */
class Guest extends Keeper {
  words = "ack seq"

  constructor(name, nodes, logs, accounts, room) {
    super(name, nodes, logs, accounts)
    this.room = room
  }

  came() {
    this.latest = undefined
    this.say(`/join ${this.room}\n`)
  }

  /** A guest cannot send a line again without the risk that it comes twice. */
  lost() {}
  returned() {}

  received(text) {
    const last = new RegExp(`^\\* room ${this.room} .*\\blast=(\\d+)`, "u").exec(text)?.[1]
    if (last !== undefined) this.latest ??= Number(last)
    else if (/^! refused (?:@\S+ )?join /u.test(text)) void setTimeout(500).then(() => this.isHere && this.rejoin())
    else super.received(text)
  }

  rejoin() {
    if (this.latest === undefined) this.say(`/join ${this.room}\n`)
  }

  take(log, seq, text) {
    this.logs.saw(log, seq, text, this.id)
    if (seq !== this.latest + 1) this.fault(`${log} ${seq} came after ${this.latest}`)
    this.latest = seq
    this.acknowledgeSoon()
  }

  tick() {}

  get isComplete() {
    return this.isHere && this.latest === this.logs.lastOf(this.room)
  }
}

/** Makes an account at a node, in the room, with tokens for its devices. */
class Registration extends Client {
  words = ""
  tokens = new Map()

  constructor(name, nodes, devices, room) {
    super(name, nodes)
    Object.assign(this, { devices, room })
    this.done = new Promise((resolve) => (this.resolve = resolve))
  }

  came() {
    const tokens = this.devices.map((device) => `/token ${device}\n`).join("")
    // Once it has the account, only with the password, which the account's devices need not know.
    this.say(`${this.isRegistered ? "" : `/register ${password}\n`}/join ${this.room}\n${tokens}`)
  }

  received(text) {
    const [, device, token] = /^\* token (\S+) (\S+):/u.exec(text) ?? []
    if (text.startsWith("* registered ")) {
      this.isRegistered = true
      this.login = `${this.name}: ${password}`
    } else if (token !== undefined) this.tokens.set(device, token)
    if (this.tokens.size < this.devices.length) return
    this.go()
    this.resolve(this.tokens)
  }
}

/**
 * Accounts, each with a device at its node and one at the next, which are in a new room with a guest of each node.
 * `round` is in all names.
 */
export const keeping = async (nodes, round) => {
  const logs = new Logs()
  const room = `#room-${round}`
  const names = nodes.map(({ name }) => `keeper-${round}-${name}`)
  const from = (at) => nodes.map((_, index) => nodes[(at + index) % nodes.length])
  const devices = []
  for (const [at, name] of names.entries()) {
    const registration = new Registration(name, from(at), ["main", "phone"], room)
    registration.come()
    const tokens = await registration.done
    const recipients = [room, ...names.filter((other) => other !== name)]
    for (const [index, [device, token]] of [...tokens].entries()) {
      devices.push(new Device(name, device, token, from(at + index), logs, recipients))
    }
  }
  // Other nodes know of an account after a moment. Until then, lines to it return: nobody has that name.
  await setTimeout(3_000)
  const guests = nodes.map(({ name }, at) => new Guest(`visitor-${round}-${name}`, from(at), logs, names, room))
  const clients = [...devices, ...guests]
  const logsOf = (name) => [
    room,
    ...names.filter((other) => other !== name).map((other) => logOf(name, other)),
    ...guests.map((guest) => logOf(name, guest.name))
  ]
  const isSettled = (device) => {
    const { lacks, unsent } = device.lacks(logsOf(device.name))
    return lacks.length === 0 && unsent.length === 0
  }
  return {
    clients,
    rest: (isResting) => clients.forEach((client) => (client.isResting = isResting)),
    talk: () => {
      for (const client of clients) {
        client.tick()
        if (Math.random() < 0.3) client.talk(1 + Math.floor(Math.random() * 3))
      }
    },
    isComplete: () =>
      clients.every(({ isHere, open }) => isHere && open.size === 0) &&
      devices.every(isSettled) &&
      guests.every(({ isComplete }) => isComplete),
    /** Counts, and the faults. */
    account: () => {
      const faults = [...logs.faults, ...clients.flatMap((client) => client.disorder())]
      for (const device of devices) {
        const { holes, lacks, unsent } = device.lacks(logsOf(device.name))
        for (const line of lacks) faults.push(`${device.id} was not given ${line}`)
        for (const { log, seq } of holes) faults.push(`${device.id} was given a later line before ${log} ${seq}`)
        for (const { text } of unsent) faults.push(`"${text}" is not stored`)
      }
      for (const guest of guests) {
        if (!guest.isComplete) faults.push(`${guest.id} is at ${guest.latest} of ${logs.lastOf(room)} in ${room}`)
      }
      const given = devices.flatMap(({ got }) => [...got.values()]).reduce((total, { size }) => total + size, 0)
      const again = devices.reduce((total, device) => total + device.again, 0)
      return { faults, counts: { stored: logs.count, given, again } }
    }
  }
}
