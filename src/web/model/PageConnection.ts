import type { ConnectionEnd } from "../../client/ConnectionEnd.js"
import { Acknowledgement, isMessage, turnsOn } from "../../client/Acknowledgement.js"
import { GreetingPause, slowDownMillis } from "../../client/GreetingPause.js"
import * as PastReports from "../../client/PastReports.js"
import * as Received from "../../client/Received.js"
import type { LineSocket, OpenLineSocket, Timers } from "./Ports.js"

/** What the page says of itself after `/hello`: those that a server does not know have no effect. */
const words = "ack copies once receipts seq to"

/**
 * After this time without a line the page asks whether the server is there, and closes the connection after the same
 * again.
 */
const silentMillis = 30_000

/**
 * The same when it matters: when the page comes back to the front, when the network does, and when a line that the page
 * has sent has no outcome.
 */
const wakeMillis = 5_000

/** Lines may take longer over a network that is slower than this, in bytes a millisecond. */
const slowBytes = 2

/** How long a connection may take to be made and to log in. */
const loginMillis = 20_000

/** What `* hello` says of the server and of this client. */
export interface ServerFacts {
  readonly name: string
  /** Who can have an account; undefined if the server has none. */
  readonly accounts: string | undefined
  /** Who creates rooms; undefined if the server has none. */
  readonly rooms: string | undefined
  /** Changes when the server has begun from nothing. */
  readonly log: string
  /** The device of an account; undefined for a guest. */
  readonly device: string | undefined
  readonly words: ReadonlySet<string>
  readonly maxLineBytes: number
  /** The greatest number of lines in a page of past lines. */
  readonly maxHistory: number
  /** Whether the server limits how fast lines may come. */
  readonly isPaced: boolean
}

export type Refused = Extract<Received.Received, { readonly _tag: "Refused" }>

/** The server did not do what a command asked for, or the connection ended before it answered. */
export class RequestFailed extends Error {
  constructor(
    /** The word of `! refused`, the code of another refusal, or `cut-off`. */
    readonly reason: string,
    text: string
  ) {
    super(text)
    this.name = "RequestFailed"
  }
}

export interface End extends ConnectionEnd {
  /** The last refusal, after which the server closed; undefined if the connection broke. */
  readonly refused: Refused | undefined
}

export interface ConnectionEvents {
  /** The server has said who can log in, before the login. */
  readonly greeted: (facts: ServerFacts) => void
  /** The login was accepted. */
  readonly up: (facts: ServerFacts) => void
  /** A line that answers no request. */
  readonly line: (received: Received.Received) => void
  readonly ended: (end: End) => void
}

/**
 * How the reply to a command ends: with its first line, with `* end`, or once as many names are listed as it has said.
 */
export type ReplyEnd = "line" | "end" | "names"

interface PendingRequest {
  readonly replyEnd: ReplyEnd
  /** Whether the server may need more than seconds for it, and takes no other line of this client meanwhile. */
  readonly isLong: boolean
  readonly lines: Array<Received.Received>
  readonly settle: (lines: ReadonlyArray<Received.Received>) => void
  readonly fail: (failed: RequestFailed) => void
}

/** How the page logs in: as a guest, or with the secret of an account. Undefined if it only asks who can. */
export interface Login {
  readonly name: string
  readonly device?: string | undefined
  readonly secret?: string | undefined
}

const cutOff = () => new RequestFailed("cut-off", "the connection to the server was lost")

/** One connection, from its first line to its last: login, requests and their replies, acknowledgements, silence. */
export class PageConnection {
  private readonly link: LineSocket
  private readonly acknowledgement = new Acknowledgement((line) => this.link.send(line))
  private readonly pending = new Map<string, PendingRequest>()
  private stage: "opening" | "greeting" | "login" | "up" | "ended" = "opening"
  /** Whether the login is still to be sent, or was not accepted because it came too fast. */
  private mayLogIn = true
  private requests = 0
  /** Called once no request waits for its reply. */
  private onIdle: (() => void) | undefined = undefined
  /** Counts the lines that have come. */
  private heard = 0
  /** When the last one came, by the browser's clock. */
  private heardAt = 0
  /** The lengths of the lines that have no outcome yet, by their labels. */
  private readonly owed = new Map<string, number>()
  /** Whether the server has answered the last `/ping`. */
  private isAnswered = true
  /** Whether that answer has to come soon. */
  private isHurried = false
  private upAt: number | undefined = undefined
  private returnMillis: number | undefined = undefined
  private refused: Refused | undefined = undefined
  private cancelTimer: () => void
  private readonly pause = new GreetingPause()
  private cancelGreeting: () => void = () => {}

  constructor(
    open: OpenLineSocket,
    private readonly login: Login | undefined,
    private readonly timers: Timers,
    private readonly events: ConnectionEvents
  ) {
    this.cancelTimer = timers.after(loginMillis, () => this.drop())
    this.link = open({
      opened: () => {
        this.stage = "greeting"
        this.link.send(`/hello ${words}\n`)
      },
      lines: (lines) => {
        for (const line of lines) this.take(line)
      },
      closed: () => this.end()
    })
  }

  /** Sends a message. Its outcomes have the label, and are lines like others. */
  message(label: string, to: string, text: string): void {
    this.link.send(`@${label} ${to}: ${text}\n`)
    this.expect(label, text)
  }

  /** Sends a command, without its `/`. */
  ask(command: string, replyEnd: ReplyEnd): Promise<ReadonlyArray<Received.Received>> {
    return new Promise((settle, fail) => {
      if (this.stage !== "up") return fail(cutOff())
      this.requests += 1
      const label = `page.${this.requests}`
      const isLong = command.startsWith("search ")
      this.pending.set(label, { replyEnd, isLong, lines: [], settle, fail })
      this.link.send(`@${label} /${command}\n`)
      if (!isLong) this.expect(label, command)
    })
  }

  /** Calls `run` once no request waits for its reply: at once, or within a few seconds. */
  whenIdle(run: () => void): void {
    if (this.pending.size === 0) return run()
    this.onIdle = run
    this.timers.after(wakeMillis, () => this.becameIdle())
  }

  private becameIdle() {
    const { onIdle } = this
    this.onIdle = undefined
    onIdle?.()
  }

  /** The page has come to the front, or the network is back: finds out soon whether the connection still lives. */
  wake(): void {
    if (this.stage !== "up") return
    this.cancelTimer()
    this.ping(wakeMillis)
  }

  /** The user has come back to the window: the same if nothing has come for a while. */
  look(): void {
    if (!this.isHurried && this.timers.now() - this.heardAt >= wakeMillis) this.wake()
  }

  /** A line was sent. A connection that a network has dropped without a word shows by its missing outcome. */
  private expect(label: string, text: string) {
    this.owed.set(label, text.length)
    this.timers.after(this.patience(), () => {
      if (this.owed.has(label) && !this.isHurried && !this.isBusy()) this.wake()
    })
  }

  /** The time for an outcome, or for the answer to a ping that is sent after these lines. */
  private patience() {
    let bytes = 0
    for (const length of this.owed.values()) bytes += length
    return wakeMillis + Math.floor(bytes / slowBytes)
  }

  private isBusy() {
    return [...this.pending.values()].some(({ isLong }) => isLong)
  }

  /** Leaves in order: what was sent before is still handled. */
  quit(): void {
    if (this.stage === "opening" || this.stage === "ended") return this.drop()
    this.acknowledgement.flush()
    this.link.send("/quit\n")
    this.drop()
  }

  /** Leaves once the server has forgotten this device. Fails if it does not say so. */
  async forgetDevice(device: string): Promise<void> {
    this.giveUpRequests()
    this.acknowledgement.flush()
    const cancel = this.timers.after(wakeMillis, () => this.drop())
    try {
      await this.ask(`forget ${device}`, "line")
    } finally {
      cancel()
      this.quit()
    }
  }

  /** Ends the connection as if it were lost. */
  drop(): void {
    this.link.close()
    this.end()
  }

  private end() {
    if (this.stage === "ended") return
    this.stage = "ended"
    this.cancelTimer()
    this.cancelGreeting()
    this.acknowledgement.stop()
    const upMillis = this.upAt === undefined ? 0 : this.timers.now() - this.upAt
    this.giveUpRequests()
    const { refused, returnMillis } = this
    this.events.ended({ upMillis, returnMillis, retryMillis: refused?.retryMillis, refused })
  }

  private giveUpRequests() {
    for (const { fail } of this.pending.values()) fail(cutOff())
    this.pending.clear()
    this.owed.clear()
  }

  private listen() {
    const { heard } = this
    this.cancelTimer = this.timers.after(silentMillis, () =>
      this.heard === heard ? this.ping(silentMillis) : this.listen()
    )
  }

  /** Asks for a sign of life, and closes the connection if nothing comes within this time. */
  private ping(millis: number) {
    this.isAnswered = false
    this.isHurried = millis === wakeMillis
    this.link.send("@page.alive /ping\n")
    this.awaitAnswer(Math.max(millis, this.patience()))
  }

  /** Lines from before the silence may still come: only the answer ends the wait, and only silence the connection. */
  private awaitAnswer(millis: number) {
    const { heard } = this
    this.cancelTimer = this.timers.after(millis, () => {
      if (this.isAnswered) this.listen()
      else if (this.heard === heard) this.drop()
      else this.awaitAnswer(millis)
    })
  }

  private take(line: string) {
    if (this.stage === "ended") return
    this.heard += 1
    this.heardAt = this.timers.now()
    const received = Received.parse(line)
    if ("label" in received && received.label !== undefined) this.owed.delete(received.label)
    if (turnsOn(received)) this.acknowledgement.isOn = true
    if (received._tag === "Refused" && received.fatal) this.refused = received
    if (received._tag === "Notice" && received.code === "closing") this.returnMillis = Received.returnMillis(received)
    if (this.stage !== "up") this.greet(received)
    else if (!this.answers(received)) this.events.line(received)
    if (isMessage(line)) this.acknowledgement.add(1)
  }

  private greet(received: Received.Received) {
    if (received._tag === "Refused" && received.code === "slow-down" && !received.fatal) {
      this.mayLogIn = true
      this.pause.refused(received.retryMillis ?? slowDownMillis)
      return this.greetLater("/hello\n")
    }
    if (received._tag !== "Notice" || received.code !== "hello") {
      // What comes with the login, before its confirmation, such as a kept line.
      if (this.stage === "login") this.events.line(received)
      return
    }
    const facts = factsIn(received)
    if (facts.name !== "") return this.confirmed(facts)
    if (!this.mayLogIn) return
    this.mayLogIn = false
    this.events.greeted(facts)
    if (this.login === undefined) return this.quit()
    this.stage = "login"
    const { device, name, secret } = this.login
    const who = device === undefined ? name : `${name}/${device}`
    const line = `${secret === undefined ? who : `${who}: ${secret}`}\n`
    if (this.pause.millis === 0) return this.link.send(`${line}/hello\n`)
    // The server takes one line at a time.
    this.greetLater(line, () => this.greetLater("/hello\n"))
  }

  /** Sends a line of the greeting after the pause that the server has asked for. */
  private greetLater(line: string, then?: () => void) {
    this.cancelGreeting()
    this.cancelGreeting = this.timers.after(this.pause.millis, () => {
      this.link.send(line)
      then?.()
    })
  }

  private confirmed(facts: ServerFacts) {
    this.stage = "up"
    this.upAt = this.timers.now()
    this.cancelTimer()
    this.listen()
    this.events.up(facts)
  }

  /** Takes a line that answers a request; returns whether it does. */
  private answers(received: Received.Received): boolean {
    if (received._tag !== "Notice" && received._tag !== "Refused") return false
    const { label } = received
    if (label === "page.alive") {
      this.isAnswered = true
      this.isHurried = false
      return true
    }
    const request = label === undefined ? undefined : this.pending.get(label)
    if (request === undefined || label === undefined) return false
    if (received._tag === "Refused") {
      this.pending.delete(label)
      const { code, text, values } = received
      request.fail(new RequestFailed(code === "refused" ? (values.get("reason") ?? code) : code, text))
    } else {
      request.lines.push(received)
      if (!isComplete(request)) return true
      this.pending.delete(label)
      request.settle(request.lines)
    }
    if (this.pending.size === 0) this.becameIdle()
    return true
  }
}

const isComplete = ({ lines, replyEnd }: PendingRequest): boolean => {
  const last = lines.at(-1)
  if (replyEnd === "line" || last?._tag !== "Notice") return true
  return replyEnd === "end"
    ? PastReports.endIn(last) !== undefined
    : namesIn(lines).length >= Number(last.words.find((word) => /^\d+$/u.test(word)) ?? 0)
}

/** The names that the lines of a reply list in their texts. */
export const namesIn = (lines: ReadonlyArray<Received.Received>): ReadonlyArray<string> =>
  lines.flatMap((line) => (line._tag === "Notice" ? line.text.split(", ").filter((name) => name !== "") : []))

/** Used if the server does not say how long a line may be. */
const leastLineBytes = 1_024

const factsIn = ({ values }: Received.Report): ServerFacts => {
  const accounts = values.get("accounts")
  return {
    name: values.get("name") ?? "",
    accounts: accounts === "off" ? undefined : accounts,
    rooms: values.get("rooms"),
    log: values.get("log") ?? "",
    device: values.get("device"),
    words: new Set(values.get("on")?.split("+")),
    maxLineBytes: Received.numberIn(values.get("max-line")) ?? leastLineBytes,
    maxHistory: Received.numberIn(values.get("max-history")) ?? 0,
    isPaced: values.has("rate") || values.has("address-rate")
  }
}
