import type { LineSocketEvents, TextMemory, OpenLineSocket, Timers } from "../../src/web/model/Ports.js"

/** A clock that a test moves, and timers that run when it does. */
export class PlayedTimers implements Timers {
  private readonly due: Array<{ readonly at: number; readonly run: () => void }> = []
  private elapsed = 0

  /** @param start the time of the clock at first */
  constructor(private readonly start = 1_764_000_000_000) {}

  now = (): number => this.start + this.elapsed

  random = (): number => 0.5

  after = (millis: number, run: () => void): (() => void) => {
    const timer = { at: this.elapsed + millis, run }
    this.due.push(timer)
    return () => void (this.due.includes(timer) && this.due.splice(this.due.indexOf(timer), 1))
  }

  /** Moves the clock, and runs what is due meanwhile, in order. */
  pass(millis: number): void {
    const end = this.elapsed + millis
    for (;;) {
      const next = this.due.filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0]
      if (next === undefined) break
      this.due.splice(this.due.indexOf(next), 1)
      this.elapsed = Math.max(this.elapsed, next.at)
      next.run()
    }
    this.elapsed = end
  }
}

export const memory = (texts = new Map<string, string>()): TextMemory => ({
  read: (key) => texts.get(key),
  write: (key, text) => void (text === undefined ? texts.delete(key) : texts.set(key, text))
})

export interface PlayedLine {
  readonly from: string
  readonly text: string
  readonly seq: number
  readonly at: number
}

/** One conversation of the played server: a log, and how far the page's device was given it. */
interface PlayedLog {
  readonly lines: Array<PlayedLine>
  /** The last line that the device has acknowledged, and the last one that it was given on this connection. */
  place: number
  given: number
}

/**
 * A server that a test plays: it keeps lines for the account `alice` as PROTOCOL.md says, with `ack`, `seq` and `once`.
 * What it and the page send is on the way until the test lets it arrive, and is lost when the test cuts the connection.
 */
export class PlayedServer {
  readonly logs = new Map<string, PlayedLog>()
  /** Everything that has arrived from the page. */
  readonly heard: Array<string> = []
  /** What the server refuses next, by the text of the line: the rest of the refusal, after its label. */
  readonly refusals = new Map<string, string>()
  private readonly labels = new Map<string, PlayedLine & { readonly to: string }>()
  private events: LineSocketEvents | undefined = undefined
  private toServer: Array<string> = []
  private toPage: Array<string> = []
  /** The messages written on this connection, in order, to be acknowledged. */
  private written: Array<{ readonly log: PlayedLog; readonly seq: number }> = []
  private isLoggedIn = false
  /** Outcomes come when the server likes. */
  private outcomes: Array<string> = []
  /** Whether outcomes wait until the test lets them come. */
  holdsOutcomes = false
  /** The messages that have arrived at the page on this connection. */
  private shown = 0
  /** What the page has done that no page may do. */
  readonly mistakes: Array<string> = []
  /** What the server answers to a login, if it does not accept it. */
  login: string | undefined = undefined
  /** Whether a connection cannot be made. */
  isDown = false
  /** Whether the server cannot read a line any more. */
  isDamaged = (_line: PlayedLine): boolean => false
  /** Whether the server cannot search all lines. */
  isSearchDamaged = false
  /** The number of requests for a page that it refuses next because they come too fast. */
  slowDowns = 0
  /** Parameters of `* hello` besides the usual ones. */
  facts = "accounts=open rooms=open log=one max-history=100"
  private at = 1_764_000_000_000

  constructor(readonly name = "alice") {}

  readonly open: OpenLineSocket = (events) => {
    let isOpen = true
    this.toServer = []
    this.toPage = []
    this.written = []
    this.outcomes = []
    this.shown = 0
    this.isLoggedIn = false
    if (this.isDown) queueMicrotask(() => isOpen && events.closed())
    else {
      this.events = events
      queueMicrotask(() => isOpen && events.opened())
    }
    return {
      send: (lines) => {
        if (this.events === events) this.toServer.push(...lines.split("\n").slice(0, -1))
      },
      close: () => {
        isOpen = false
        if (this.events === events) this.events = undefined
      }
    }
  }

  log(name: string): PlayedLog {
    const found = this.logs.get(name)
    if (found !== undefined) return found
    const made = { lines: [], place: 0, given: 0 }
    this.logs.set(name, made)
    return made
  }

  /** Somebody else writes. */
  write(conversation: string, from: string, text: string): void {
    this.store(conversation, from, text)
    this.give()
  }

  /** Sends lines to the page. */
  say(...lines: ReadonlyArray<string>): void {
    this.toPage.push(...lines)
  }

  get isConnected(): boolean {
    return this.events !== undefined
  }

  /** The number of lines on the way. */
  get onTheWay(): number {
    return this.toServer.length + this.toPage.length
  }

  /** Lets one line arrive at the server; returns whether there was one. */
  hearOne(): boolean {
    const line = this.toServer.shift()
    if (line === undefined) return false
    this.heard.push(line)
    this.take(line)
    return true
  }

  /** Lets one line arrive at the page; returns whether there was one. */
  showOne(): boolean {
    const line = this.toPage.shift()
    if (line === undefined) return false
    if (line.startsWith("from ")) this.shown += 1
    this.events?.lines([line])
    return true
  }

  /** Lets the outcomes come that were held. */
  release(): void {
    this.say(...this.outcomes.splice(0))
  }

  /** Everything arrives, and what follows from it. */
  async settle(): Promise<void> {
    for (let rounds = 0; rounds < 200; rounds++) {
      await new Promise((resolve) => setImmediate(resolve))
      if (this.onTheWay === 0) return
      while (this.hearOne() || this.showOne()) {
        // Until nothing is on the way.
      }
    }
    throw new Error("the page and the server never come to rest")
  }

  /** Cuts the connection: what is on the way is lost. */
  cut(): void {
    const { events } = this
    this.events = undefined
    this.toServer = []
    this.toPage = []
    events?.closed()
  }

  private store(conversation: string, from: string, text: string): PlayedLine {
    const { lines } = this.log(conversation)
    this.at += 1_000
    const line = { from, text, seq: lines.length + 1, at: this.at }
    lines.push(line)
    return line
  }

  /** Gives the device what it was not given on this connection. */
  private give() {
    if (!this.isLoggedIn) return
    for (const [name, log] of this.logs) {
      for (const line of log.lines.slice(log.given)) {
        log.given = line.seq
        // A device is not given what it has sent itself.
        if (line.from === this.name) continue
        const room = name.startsWith("#") ? ` ${name}` : ""
        this.say(`from ${line.from}${room} seq=${line.seq} at=${line.at}: ${line.text}`)
        this.written.push({ log, seq: line.seq })
      }
    }
  }

  private take(line: string) {
    const [, label, rest = line] = /^@(\S+) (.*)$/su.exec(line) ?? []
    if (rest.startsWith("/")) this.command(label === undefined ? "" : ` @${label}`, rest.slice(1).split(" "))
    else if (this.isLoggedIn) this.message(label ?? "", rest)
    else if (this.login !== undefined) {
      this.say(this.login)
      // The server ignores everything that follows.
      this.toServer = []
    } else {
      this.isLoggedIn = true
      for (const log of this.logs.values()) log.given = log.place
    }
  }

  private message(label: string, rest: string) {
    const [, to = "", text = ""] = /^([^:]*): (.*)$/su.exec(rest) ?? []
    const refusal = this.refusals.get(text)
    if (refusal !== undefined) {
      this.refusals.delete(text)
      return this.say(refusal.replace("@", `@${label}`))
    }
    const before = this.labels.get(label)
    const line = before ?? { ...this.store(to, this.name, text), to }
    this.labels.set(label, line)
    const again = before === undefined ? "" : " again=yes"
    this.outcomes.push(`* stored @${label} ${to}${again} seq=${line.seq} at=${line.at}: stored`)
    if (!this.holdsOutcomes) this.release()
    this.give()
  }

  private command(label: string, [name, ...words]: ReadonlyArray<string>) {
    switch (name) {
      case "hello": {
        const who = this.isLoggedIn ? `name=${this.name} device=web ` : ""
        this.say(`* hello achat=1 ${who}max-line=65536 on=ack+copies+once+receipts+seq+to ${this.facts}: hello`)
        return this.isLoggedIn ? this.give() : undefined
      }
      case "ack": {
        if (Number(words[0]) > this.shown) this.mistakes.push(`/ack ${words[0]} after ${this.shown} messages`)
        for (const { log, seq } of this.written.slice(0, Number(words[0]))) log.place = Math.max(log.place, seq)
        return undefined
      }
      case "who":
        return this.say(`* who${label} 2: ${this.name}, bob`)
      case "rooms": {
        const rooms = [...this.logs].filter(([one]) => one.startsWith("#"))
        for (const [one, { lines }] of rooms)
          this.say(`* room${label} ${one} members=2 last=${lines.length} in=yes: a topic`)
        return this.say(`* end${label} rooms count=${rooms.length}: all`)
      }
      case "conversations":
        for (const [one, { lines }] of this.logs) {
          this.say(`* conversation${label} ${one} last=${lines.length} read=0 at=${lines.at(-1)?.at ?? 0}: …`)
        }
        return this.say(`* end${label} conversations count=${this.logs.size}: all`)
      case "members":
        this.say(`* members${label} ${words[0]} 2 here=2: ${this.name}, bob`)
        return this.say(`* end${label} members ${words[0]}: all`)
      case "accounts":
        return this.say(`* accounts${label} 1: bob`)
      case "read":
        return this.say(`* read${label} ${words[0]} seq=${words[1]}: read`)
      case "search":
        return this.say(`* end${label} search count=0${this.isSearchDamaged ? " damaged=yes" : ""}: found`)
      case "history":
        if (this.slowDowns === 0) return this.history(label, words)
        this.slowDowns -= 1
        return this.say(`! slow-down${label} retry=1000: wait`)
      case "token":
        return this.say(`* token${label} ${words[0]} achat_token: shown only once`)
      case "password":
        return this.say(`* password-changed${label} tokens=1: changed`)
      case "ping":
        return this.say(`* pong${label}: `)
      default:
        return undefined
    }
  }

  private history(label: string, [name = "", ...params]: ReadonlyArray<string>) {
    const value = (key: string) => Number(params.find((one) => one.startsWith(`${key}=`))?.split("=")[1] ?? NaN)
    const [after, before, limit] = [value("after"), value("before"), value("limit")]
    const { lines } = this.log(name)
    const isForward = !Number.isNaN(after)
    const all = lines.filter(({ seq }) => !(seq <= after) && !(seq >= before))
    const page = isForward ? all.slice(0, limit) : all.slice(-limit)
    const damaged = page.filter((line) => this.isDamaged(line)).map(({ seq }) => seq)
    const readable = page.filter((line) => !this.isDamaged(line))
    for (const { at, from, seq, text } of readable)
      this.say(`* past${label} ${name} ${from} seq=${seq} at=${at}: ${text}`)
    const range = page.length === 0 ? "" : ` first=${page[0]?.seq} last=${page.at(-1)?.seq}`
    const without = damaged.length === 0 ? "" : ` damaged=${damaged.join("+")}`
    this.say(`* end${label} history ${name}${range}${without}${page.length < all.length ? " more=yes" : ""}: a page`)
  }
}
