// Tracks every (line, recipient) pair from sending until it is settled. Imported, not run.

const received = 1
const written = 2
const returned = 4

/** How many settled pairs of a sender are remembered because they may still arrive. */
const memory = 2_000

/** Has no surrogate pairs, so that it can be cut anywhere. */
const filler = "the quick brown fox jumps over the lazy dog äöü ß 語 0123456789 ".repeat(20)

const hash = (name) => [...name].reduce((sum, character) => (sum * 31 + character.codePointAt(0)) >>> 0, 7)

/** The text of a message is a function of its sender, number and size, so that its recipient can verify it. */
const textOf = (sender, sequence, size) => {
  const start = (sender.hash + sequence * 13) % 64
  return `${sequence} ${size} ${filler.slice(start, start + (size % 1_000))}${"x".repeat(size - (size % 1_000))}`.trim()
}

/** One sending connection, with a name that is never used again. */
class Sender {
  next = 0
  /** By number: the time of sending, and the state of each recipient. */
  open = new Map()
  /** The same for settled messages, kept for recipients whose connections break. */
  done = new Map()
  hasLeft = false

  constructor(name) {
    this.name = name
    this.hash = hash(name)
  }
}

export class Book {
  totals = { sent: 0, received: 0, written: 0, returned: 0, toNobody: 0 }
  #senders = new Map()
  #recipients = new Map()

  constructor(fail) {
    this.fail = fail
  }

  /**
   * Adds a recipient. `breaks`: its connections break, so written messages need not arrive. `returns`: the reasons for
   * which messages to it may be returned.
   */
  recipient(name, { breaks = false, returns = [] } = {}) {
    this.#recipients.set(name, { breaks, returns, last: new Map() })
  }

  sender(name) {
    this.#senders.set(name, new Sender(name))
  }

  /** How many messages of this sender are not settled. */
  underWay(name) {
    return this.#senders.get(name).open.size
  }

  /** Records the next message of a sender, and returns its line. */
  line(name, to, { isLabelled = false, size = 40 } = {}) {
    const sender = this.#senders.get(name)
    const sequence = sender.next++
    sender.open.set(sequence, { isLabelled, since: Date.now(), states: new Map(to.map((one) => [one, 0])) })
    this.totals.sent += to.length
    return `${isLabelled ? `@${sequence} ` : ""}${to.join(", ")}: ${textOf(sender, sequence, size)}\n`
  }

  received(recipient, from, text) {
    const [sequence, size] = text.split(" ", 2).map(Number)
    const sender = this.#senders.get(from)
    const what = `${recipient} got ${JSON.stringify(text.slice(0, 60))} from ${from}`
    if (sender === undefined) return this.fail(`${what}, who never sent it`)
    if (text !== textOf(sender, sequence, size)) return this.fail(`${what}, which is changed`)
    const { breaks, last } = this.#recipients.get(recipient)
    const before = last.get(from) ?? -1
    if (sequence <= before) return this.fail(`${what}, ${sequence === before ? "twice" : `after ${before}`}`)
    last.set(from, sequence)
    this.totals.received += 1
    if (sender.open.get(sequence)?.states.has(recipient)) return this.#add(sender, sequence, recipient, received)
    const state = sender.done.get(sequence)?.get(recipient)
    if (!breaks || state === undefined) return this.fail(`${what}, which was settled`)
    if (state & returned) this.fail(`${what}, which was returned`)
  }

  /** The server has reported: the kernel took the line for these recipients. */
  written(name, label, recipients) {
    for (const recipient of recipients) this.#outcome(name, Number(label), recipient, written)
    this.totals.written += recipients.length
  }

  /** The server has reported that these recipients did not get the line. */
  returned(name, label, recipients, reason) {
    for (const recipient of recipients) {
      const { returns = ["offline"] } = this.#recipients.get(recipient) ?? {}
      if (!returns.includes(reason)) this.fail(`${name}'s message ${label} for ${recipient} was returned: ${reason}`)
      this.#outcome(name, Number(label), recipient, returned)
    }
    this.totals.returned += recipients.length
  }

  /** The sender sends nothing more; its unsettled messages are still awaited. */
  leave(name) {
    const sender = this.#senders.get(name)
    sender.hasLeft = true
    this.#forgetIfSettled(sender)
  }

  /** Reports messages that are unsettled for too long, and returns how many are unsettled. */
  check(patience) {
    const now = Date.now()
    let count = 0
    for (const { name, open } of this.#senders.values()) {
      count += open.size
      for (const [sequence, { since, states }] of open) {
        if (now - since < patience) break
        open.delete(sequence)
        for (const [to, state] of states) {
          this.fail(`${name}'s message ${sequence} for ${to} is lost: ${lack(state)} for ${patience} ms`)
        }
      }
    }
    return count
  }

  #outcome(name, sequence, recipient, what) {
    const sender = this.#senders.get(name)
    if (sender?.open.get(sequence)?.states.has(recipient)) return this.#add(sender, sequence, recipient, what)
    this.fail(`${name} got an outcome for its message ${sequence} for ${recipient}, which was settled`)
  }

  #add(sender, sequence, recipient, what) {
    const entry = sender.open.get(sequence)
    const state = entry.states.get(recipient) | what
    const about = `${sender.name}'s message ${sequence} for ${recipient}`
    if (entry.states.get(recipient) & what) this.fail(`${about} has the same outcome twice`)
    if (state & returned && state !== returned)
      this.fail(`${about} was returned, and ${state & received ? "received" : "written"}`)
    entry.states.set(recipient, state)
    if (!this.#isSettled(entry, recipient, state)) return
    if (this.#recipients.get(recipient)?.breaks) this.#remember(sender, sequence, recipient, state)
    entry.states.delete(recipient)
    if (entry.states.size > 0) return
    sender.open.delete(sequence)
    this.#forgetIfSettled(sender)
  }

  #isSettled({ isLabelled }, recipient, state) {
    if (state & returned) return true
    if (!isLabelled) return state === received
    return this.#recipients.get(recipient)?.breaks ? (state & written) > 0 : state === (received | written)
  }

  #remember({ done }, sequence, recipient, state) {
    if (!done.has(sequence)) done.set(sequence, new Map())
    done.get(sequence).set(recipient, state)
    if (done.size > memory) done.delete(done.keys().next().value)
  }

  #forgetIfSettled({ hasLeft, name, open }) {
    if (!hasLeft || open.size > 0) return
    this.#senders.delete(name)
    for (const { last } of this.#recipients.values()) last.delete(name)
  }
}

const lack = (state) =>
  ["it has no outcome", "it was received without an outcome", "it was written but not received"][state]
