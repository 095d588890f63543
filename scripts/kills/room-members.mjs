// Accounts and guests that are in rooms of a server that is killed again and again. Imported by rooms.mjs.
import { Client } from "./clients.mjs"
import { Membership } from "./room-log.mjs"

/** The room that a reply is about. */
export const nameIn = (params) => params.split(" ", 1)[0]

/** An account with its devices, or a guest. */
export class Member {
  devices = []
  #memberships = new Map()

  constructor(name, isGuest) {
    this.name = name
    this.isGuest = isGuest
  }

  get main() {
    return this.devices[0]
  }

  in(log) {
    const known = this.#memberships.get(log) ?? new Membership()
    this.#memberships.set(log, known)
    return known
  }

  /** Rooms that it was in, or may be. */
  get rooms() {
    return [...this.#memberships.keys()]
  }

  roomsIn(...states) {
    return this.rooms.filter((log) => states.includes(this.in(log).state))
  }

  /** The server was killed: what was not answered may have happened. */
  lost() {
    for (const membership of this.#memberships.values()) {
      if (membership.state === "joining" || membership.state === "leaving") membership.state = "unknown"
    }
  }

  /** A guest is in its rooms while it is connected. */
  guestLeft() {
    for (const membership of this.#memberships.values()) if (membership.state !== "out") membership.left()
  }

  /** Whether no line of an earlier time in the room can come any more. */
  hasNothingOnTheWay(log) {
    const { outSince } = this.in(log)
    return this.devices.every(({ here }) => here === undefined || here.left.has(log) || here.since > outSince)
  }
}

/** How long after its acknowledgement a line must not be delivered again, in milliseconds. */
export const longAgo = 10_000

/** One device of an account, or the only one of a guest, over all of its connections. */
export class Device extends Client {
  /**
   * Of this connection: since when, by room the last number that came and that was taken (with `ack`, acknowledged),
   * and the rooms that it has left. Undefined without one.
   */
  here = undefined
  /** Texts of direct lines that came. */
  direct = new Set()
  /** What the server reported as stored for accounts. */
  storedDirect = []
  /** Lines of rooms that came, and how many of them had come before. */
  given = 0
  again = 0
  /** The longest time until a command was answered, and until a line had its outcome, in milliseconds. */
  slowest = { command: 0, outcome: 0 }
  stored = 0
  returned = 0
  sentAgain = 0
  #unanswered = new Map()
  #asked = new Map()
  #count = 0
  #messages = 0
  #acknowledged = 0
  /** What is not acknowledged: the functions that record it. */
  #open = []
  /** By room: numbers that were acknowledged lately, some time ago, and long ago. */
  #acks = [new Map(), new Map(), new Map()]
  /** By room: what it had taken when it left in order, in this life of the server. */
  #settled = { life: -1, upTo: new Map() }

  constructor(world, member, device, words) {
    super(world.port, member.name, device, words)
    this.world = world
    this.member = member
    this.hasAck = words.includes("ack")
    this.hasCopies = words.includes("copies")
    this.fail = (what) => world.fail(`${member.name}/${device}: ${what}`)
  }

  /** Connected, logged in, and what was not answered before is sent again. */
  get isHere() {
    return this.here?.isReady === true
  }

  /** Nothing that it has asked is unanswered. */
  get isIdle() {
    return this.isHere && this.#asked.size === 0 && this.#unanswered.size === 0
  }

  get isAtRest() {
    return this.#unanswered.size === 0
  }

  get login() {
    return this.member.isGuest ? this.name : super.login
  }

  async come() {
    this.#messages = 0
    this.#acknowledged = 0
    this.#open = []
    this.here = { since: performance.now(), last: new Map(), taken: new Map(), left: new Set(), isReady: false }
    const coming = super.come()
    const { connection } = this
    void connection.ended.then(() => this.#hasEnded(connection))
    await coming
    if (this.here === undefined) return
    const open = [...this.#unanswered]
    this.here.isReady = true
    if (this !== this.member.main) return
    if (this.member.roomsIn("unknown").length > 0) await this.#look()
    for (const [label, line] of open) this.#send(label, line)
  }

  #hasEnded(connection) {
    if (connection !== this.connection || this.here === undefined) return
    this.here = undefined
    for (const { answer } of this.#asked.values()) answer(undefined)
    this.#asked.clear()
    if (!this.member.isGuest) return
    this.#unanswered.clear()
    this.member.guestLeft()
  }

  /** Leaves: in order if everything is acknowledged, or with a reset. */
  async goAway(isOrderly) {
    const { connection } = this
    const { life } = this.world
    if (isOrderly) {
      this.acknowledge()
      connection.say("/quit\n")
    } else connection.socket.resetAndDestroy()
    const { taken } = this.here
    await this.gone()
    if (!isOrderly || connection.ending !== "end" || life !== this.world.life) return
    if (this.#settled.life !== life) this.#settled = { life, upTo: new Map() }
    for (const [log, seq] of taken) this.#settled.upTo.set(log, seq)
  }

  /** Sends a command with a label; resolves with the lines of the reply, or undefined if the connection ends before. */
  ask(command) {
    const label = `c${++this.#count}`
    const lines = []
    const since = performance.now()
    return new Promise((resolve) => {
      if (!this.isHere) return resolve(undefined)
      const isList = /^\/(?:rooms|members|history|search|conversations)\b/.test(command)
      const take = (line) => {
        lines.push(line)
        if (isList && line.mark === "*" && line.code !== "end") return
        this.#asked.delete(label)
        this.slowest.command = Math.max(this.slowest.command, performance.now() - since)
        resolve(lines)
      }
      this.#asked.set(label, { command, since, take, answer: resolve })
      this.connection.say(`@${label} ${command}\n`)
    })
  }

  /** Reports commands that are not answered. */
  checkAnswers(patience) {
    for (const { command, since } of this.#asked.values()) {
      if (performance.now() > since + patience) this.fail(`${command} is not answered after ${patience / 1000} s`)
    }
  }

  /** Sends a line to rooms, and to an account. */
  write(logs, account) {
    const label = `k${++this.#count}`
    const line = { text: `${this.name} ${this.#count}`, logs, account, open: undefined }
    this.#unanswered.set(label, line)
    this.#send(label, line)
  }

  #send(label, line) {
    if (!this.isHere) return
    const { account, logs, text } = line
    if (line.open !== undefined) this.sentAgain += 1
    line.sentAt = performance.now()
    // Whether it has to be stored: the sender was in the room all the time.
    line.open = new Map(logs.map((log) => [log.name, this.#spanIn(log)]))
    if (account !== undefined) line.open.set(account.name, undefined)
    this.connection.say(`@${label} ${[...line.open.keys()].join(", ")}: ${text}\n`)
  }

  #spanIn(log) {
    const membership = this.member.in(log)
    return membership.state === "in" ? membership.span : undefined
  }

  acknowledge() {
    if (!this.hasAck || !this.isHere || this.#messages === this.#acknowledged) return
    this.#acknowledged = this.#messages
    this.connection.say(`/ack ${this.#messages}\n`)
    for (const record of this.#open.splice(0)) record()
  }

  /** Called every `longAgo` milliseconds. */
  rollAcknowledged() {
    const [lately, before, longBefore] = this.#acks
    for (const [log, seq] of before) longBefore.set(log, seq)
    this.#acks = [new Map(), lately, longBefore]
  }

  /** The server was killed, and may not have saved what was acknowledged lately. */
  lost() {
    this.#acks = [new Map(), new Map(), this.#acks[2]]
  }

  received(line) {
    const message = /^from (\S+) (#\S+)(?: guest=yes)? seq=(\d+) at=\d+: (.*)$/.exec(line)
    if (message !== null) return this.#roomLine(message[1], message[2], Number(message[3]), message[4], false)
    const copy = /^\* sent (#\S+) seq=(\d+) at=\d+: (.*)$/.exec(line)
    if (copy !== null) return this.#roomLine(this.name, copy[1], Number(copy[2]), copy[3], true)
    const direct = /^(?:from|\* sent) \S+(?: guest=yes)? seq=\d+ at=\d+: (.*)$/.exec(line)
    if (direct !== null) return this.#message(() => this.direct.add(direct[1]))
    const reply = /^([*!]) (\S+) @(\S+) ?([^:]*): (.*)$/.exec(line)
    if (reply !== null) return this.#reply(...reply.slice(1), line)
    const left = /^\* left (#\S+) (\S+?)(?: by=\S+)?: /.exec(line)
    if (left !== null && left[2] === this.name) return this.#hasLeft(left[1])
    if (
      !/^\* (?:closing|hello|joined|left|topic|owner|locked|unlocked|silenced|unsilenced|slow|invited|bye) /.test(line)
    )
      this.fail(`came ${JSON.stringify(line)}`)
  }

  #roomLine(author, name, seq, text, isCopy) {
    const { fail, here, member } = this
    const log = this.world.logs.get(name)
    log.saw(seq, author, text, this.name)
    const what = `got ${seq} "${text}" of ${name}`
    const membership = member.in(log)
    if (here.left.has(log)) fail(`${what} after it had left`)
    if (membership.span === undefined) return fail(`${what}, where it never was`)
    if (membership.isOut && here.since > membership.outSince) fail(`${what}, where it is no longer`)
    if (!isCopy && author === this.name) fail(`${what}, which it had sent`)
    const before = here.last.get(log) ?? 0
    if (seq <= before) fail(`${what} after ${before}`)
    here.last.set(log, seq)
    this.given += 1
    const { span } = membership
    if (seq <= (span.from ?? span.floor)) fail(`${what}, which is older than its join`)
    const received = span.of(this)
    if (received.has(seq)) this.#isAgain(log, seq, what)
    this.#message(() => {
      received.add(seq)
      here.taken.set(log, seq)
      if (this.hasAck) this.#acks[0].set(log, seq)
    })
  }

  #isAgain(log, seq, what) {
    const { fail } = this
    const { life, upTo } = this.#settled
    this.again += 1
    if (life === this.world.life && seq <= (upTo.get(log) ?? 0)) fail(`${what} again, although it had left in order`)
    if (this.hasAck && seq <= (this.#acks[2].get(log) ?? 0))
      fail(`${what} again, although it had acknowledged that more than ${longAgo / 1000} s before`)
  }

  /** What is not acknowledged when the connection ends is as if it had never come. */
  #message(record) {
    this.#messages += 1
    if (this.hasAck) this.#open.push(record)
    else record()
  }

  #hasLeft(name) {
    const log = this.world.logs.get(name)
    this.here.left.add(log)
    const membership = this.member.in(log)
    if (membership.state === "leaving" || membership.state === "in") membership.left()
  }

  #reply(mark, code, label, params, text, line) {
    const asked = this.#asked.get(label)
    if (asked !== undefined) return asked.take({ mark, code, params, text })
    const sent = this.#unanswered.get(label)
    if (sent === undefined) return // of a line that has its outcome already
    const [, names = "", rest = ""] = /^(\S+(?:, \S+)*)(?: (.*))?$/.exec(params) ?? []
    if (code !== "stored" && code !== "undelivered") this.fail(`came ${line}`)
    for (const name of names.split(", ")) this.#outcome(sent, code, name, rest, line)
    if (sent.open.size === 0) this.#unanswered.delete(label)
  }

  #outcome(sent, code, name, params, line) {
    const span = sent.open.get(name)
    if (!sent.open.delete(name)) return this.fail(`came ${line} for a line with this outcome`)
    const log = this.world.logs.get(name)
    this.slowest.outcome = Math.max(this.slowest.outcome, performance.now() - sent.sentAt)
    if (code === "stored") {
      this.stored += 1
      if (log === undefined) this.storedDirect.push({ account: sent.account, text: sent.text })
      else log.saw(Number(/seq=(\d+)/.exec(params)[1]), this.name, sent.text, this.name)
      return
    }
    this.returned += 1
    const reason = /reason=(\S+)/.exec(params)?.[1]
    const mayBe =
      (reason === "silenced" && log?.silenced.has(this.name)) ||
      ((reason === "not-member" || reason === "no-room") && (span === undefined || span !== this.#spanIn(log)))
    if (!mayBe) this.fail(`came ${line} for a line of a member`)
  }

  /** After a kill: which of the changes have happened that were not answered. */
  async #look() {
    const lines = await this.ask("/rooms")
    if (lines === undefined) return
    const inside = new Set(lines.filter(({ params }) => params.includes(" in=yes")).map(({ params }) => nameIn(params)))
    for (const log of this.member.roomsIn("unknown")) {
      const membership = this.member.in(log)
      if (inside.has(log.name)) membership.entered(undefined)
      else membership.left()
    }
  }
}
