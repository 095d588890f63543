import * as Effect from "effect/Effect"
import { TransportError, type Socket } from "../../../src/ports/Transport.js"
import { decode, encode } from "../WireText.js"
import { Bucket } from "../RateModel.js"
import type { SimulatedLoop } from "../SimulatedLoop.js"
import { ClientEnd } from "./ClientEnd.js"
import type { LineAct, ServerAct } from "./ServerActs.js"

/** A labelled line that the server got, and the recipients to whom it has given the line. */
export interface Handled {
  readonly connection: number
  readonly label: string
  readonly text: string
  readonly names: ReadonlyArray<string>
  readonly accepted: ReadonlyArray<string>
  readonly at: number
  /** How much of what the server had sent on this connection the client had read, in bytes. */
  readonly told: number
}

export interface ServerSetting {
  /** Everyone but the client. */
  readonly recipients: ReadonlyArray<string>
  /** Lines per second that the server announces and allows; 0 for no limit. */
  readonly rate: number
  /** The most bytes in one read of either side. */
  readonly cut: number
}

export interface Connection {
  readonly number: number
  readonly end: ClientEnd
  /** When the server said hello; undefined if it has not. */
  helloAt: number | undefined
  /** When the server ended it; undefined if it has not. */
  endedAt: number | undefined
  /** The server neither reads nor writes any more, and the client is not told. */
  isFrozen: boolean
  readonly bucket: Bucket | undefined
  rest: string
  login: string | undefined
  /** It has accepted a line without a reply from which the client learns that. */
  owes: boolean
  isClosing: boolean
  /** Lines after the login that are refused as too fast, as if another client had used the rate of the address. */
  slowLines: number
  readonly slowRetry: number
}

/** A scripted server. It keeps a record of what it did, which is the truth that the client's reports must match. */
export class HostileServer {
  readonly handled: Array<Handled> = []
  readonly connections: Array<Connection> = []
  /** Lines that were faster than the announced rate. */
  tooFast = 0
  /** When something last reached the client. */
  movedAt = 0
  /** Whether anything moved in the last turn. */
  hasMoved = false
  private awayUntil = 0
  /** When absent recipients are back. */
  private readonly absentUntil = new Map<string, number>()

  constructor(
    private readonly loop: SimulatedLoop,
    private readonly setting: ServerSetting,
    private readonly acts: ReadonlyArray<ServerAct>
  ) {
    for (const act of acts) {
      if (act.on === "time") loop.after(act.at, () => this.shutDown(act))
      if (act.on === "absence") loop.after(act.at, () => this.leaves(setting.recipients[act.recipient], act.millis))
      if (act.on === "freeze") loop.after(act.at, () => this.freeze())
    }
  }

  readonly socket: Effect.Effect<Socket, TransportError> = Effect.suspend(() => {
    const number = this.connections.length
    const { cut, rate } = this.setting
    const reply = this.acts
      .flatMap((act) => (act.on === "connection" && act.number === number ? [act.reply] : []))
      .at(0)
    const end = new ClientEnd(this.loop, cut)
    const connection: Connection = {
      number,
      end,
      helloAt: undefined,
      endedAt: undefined,
      isFrozen: false,
      bucket: rate === 0 ? undefined : new Bucket(rate, rate),
      rest: "",
      login: undefined,
      owes: false,
      isClosing: false,
      slowLines: reply?.do === "slow" ? 2 : 0,
      slowRetry: reply?.do === "slow" ? reply.retry : 0
    }
    this.connections.push(connection)
    this.movedAt = this.loop.now
    if (reply?.do === "refuse" || this.loop.now < this.awayUntil) {
      end.destroy()
      return Effect.fail(new TransportError({ during: "Connect", reason: "refused", code: "ECONNREFUSED" }))
    }
    if (reply?.do === "full") end.send(`! full retry=${reply.retry} fatal: later\n`)
    if (reply?.do === "inUse") end.send("! login-in-use alice fatal: taken\n")
    if (reply?.do === "reset") this.finish(connection, "reset")
    if (reply?.do === "full" || reply?.do === "inUse" || reply?.do === "end") this.finish(connection, "end")
    return Effect.succeed(end)
  })

  /** What happened, in readable form. */
  get story(): ReadonlyArray<string> {
    return [
      ...this.handled.map((line) => `${line.at} ms: got ${JSON.stringify(line)}`),
      ...this.connections.map(
        ({ end, endedAt, helloAt, number }) =>
          `connection ${number}, hello at ${helloAt}, ended at ${endedAt}: ${JSON.stringify(end.delivered)}`
      )
    ]
  }

  private finish(connection: Connection, how: "reset" | "end") {
    connection.end.finish(how)
    connection.endedAt ??= this.loop.now
  }

  private isSilent({ number }: Connection) {
    return this.acts.some((act) => act.on === "connection" && act.number === number && act.reply.do === "silent")
  }

  /** One turn: reads, and delivers. */
  poll() {
    this.hasMoved = false
    for (const connection of this.connections) {
      const { end } = connection
      if (connection.isFrozen && !end.isOver) continue
      if (connection.isFrozen) connection.endedAt ??= this.loop.now
      const bytes = end.isFinished ? "" : end.take()
      if (bytes !== "") this.read(connection, bytes)
      else if (end.hasEnded && !end.isFinished) this.finish(connection, "end")
      const isTold = end.poll()
      if (isTold) this.movedAt = this.loop.now
      this.hasMoved ||= isTold || bytes !== ""
      this.loop.settle()
    }
  }

  private read(connection: Connection, bytes: string) {
    const lines = (connection.rest + bytes).split("\n")
    connection.rest = lines.pop() ?? ""
    for (const line of lines) if (!connection.end.isFinished && !this.isSilent(connection)) this.line(connection, line)
  }

  private line(connection: Connection, line: string) {
    const { bucket, end } = connection
    const label = /^@(\S+) /.exec(line)?.[1]
    const tag = label === undefined ? "" : ` @${label}`
    const command = /^(?:@\S+ )?(\/\w+)/.exec(line)?.[1]
    const verdict = connection.isClosing ? undefined : bucket?.verdict(this.loop.now)
    if (verdict?.is === "refused") {
      // The greeting may be faster than a very low rate; after it, the client knows the rate.
      if (label !== undefined) this.tooFast += 1
      if (label !== undefined && command === undefined) this.record(connection, label, line, [])
      return end.send(`! slow-down${tag} retry=${verdict.retry ?? 1}: x\n`)
    }
    const { slowLines } = connection
    if (connection.login !== undefined && slowLines > 0) {
      connection.slowLines -= 1
      if (label !== undefined && command === undefined) this.record(connection, label, line, [])
      return end.send(`! slow-down${tag} retry=${connection.slowRetry}: x\n`)
    }
    bucket?.take(true)
    if (command === "/hello") this.hello(connection)
    else if (connection.login === undefined) connection.login = line
    else if (command === "/who") this.who(connection, tag)
    else if (command === "/ping") end.send(`* pong${tag}: x\n`)
    else if (label !== undefined && command === undefined) this.labelled(connection, label, line)
    else if (line.startsWith(`${connection.login}: `)) end.send(`from ${line}\n`)
  }

  private who({ end, login }: Connection, tag: string) {
    const names = [login, ...this.setting.recipients.filter((name) => !this.isAbsent(name))]
    end.send(`* who${tag} ${names.length}: ${encode(names.join(", "))}\n`)
  }

  private isAbsent(name: string): boolean {
    return this.loop.now < (this.absentUntil.get(name) ?? 0)
  }

  private leaves(name: string | undefined, millis: number) {
    if (name === undefined) return
    const wasAbsent = this.isAbsent(name)
    const until = Math.max(this.absentUntil.get(name) ?? 0, this.loop.now + millis)
    this.absentUntil.set(name, until)
    if (!wasAbsent) this.announce(`* left ${encode(name)}: x\n`)
    this.loop.after(until - this.loop.now, () => {
      if (this.absentUntil.get(name) === until) this.announce(`* joined ${encode(name)}: x\n`)
    })
  }

  private announce(notice: string) {
    for (const { end, helloAt } of this.connections) if (helloAt !== undefined) end.send(notice)
  }

  private freeze() {
    for (const connection of this.connections) if (connection.login !== undefined) connection.isFrozen = true
  }

  private hello(connection: Connection) {
    const { end, login } = connection
    const { rate } = this.setting
    connection.helloAt ??= this.loop.now
    const limits = rate === 0 ? "" : ` rate=${rate}`
    const name = login === undefined ? "" : ` name=${login}`
    end.send(`* hello achat=1${name} max-line=100 max-recipients=10 max-name=32${limits}: x\n`)
  }

  private labelled(connection: Connection, label: string, line: string) {
    const number = this.handled.length
    const acts = this.acts.flatMap((act) => (act.on === "line" && isFor(act, number) ? [act.reply] : []))
    const all = namesOf(line)
    if (connection.isClosing) {
      this.record(connection, label, line, [])
      return connection.end.send(`! closing @${label}: x\n`)
    }
    const refusal = acts.find((act) => act.do === "refuse")
    const returned = acts.find((act) => act.do === "return")
    const returnedTo = returned?.do !== "return" ? [] : returned.first ? all.slice(0, 1) : all
    const rest = refusal === undefined ? all.filter((name) => !returnedTo.includes(name)) : []
    const absent = rest.filter((name) => this.isAbsent(name))
    const accepted = rest.filter((name) => !absent.includes(name))
    this.record(connection, label, line, accepted)
    let reply = ""
    if (refusal?.do === "refuse") reply = `! ${refusal.code} @${label}${retryOf(refusal.retry)}: x\n`
    else {
      if (returned?.do === "return") {
        reply += `! undelivered @${label} ${wire(returnedTo)} reason=${returned.reason}${retryOf(returned.retry)}: x\n`
      }
      if (absent.length > 0) reply += `! undelivered @${label} ${wire(absent)} reason=offline: x\n`
      if (accepted.length > 0) reply += writtenTo(label, accepted, acts)
    }
    if (acts.some((act) => act.do === "mislabel")) reply = reply.replaceAll(`@${label}`, "@999999")
    if (acts.some((act) => act.do === "garble")) reply = reply.replaceAll(":", "")
    if (acts.some((act) => act.do === "silent")) reply = ""
    const isLie = acts.some(({ do: what }) => ["silent", "misname", "mislabel", "garble"].includes(what))
    if (isLie) connection.owes = true
    this.answer(connection, reply, acts)
  }

  private answer(connection: Connection, reply: string, acts: ReadonlyArray<LineAct>) {
    const { end } = connection
    const delay = acts.find((act) => act.do === "delay")
    const cut = acts.find((act) => act.do === "cut")
    if (cut?.do === "cut") {
      end.send(reply.slice(0, cut.bytes))
      return this.finish(connection, cut.how)
    }
    if (delay?.do !== "delay") return end.send(reply)
    connection.owes = true
    this.loop.after(delay.millis, () => end.send(reply))
  }

  private record({ end, number }: Connection, label: string, line: string, accepted: ReadonlyArray<string>) {
    const text = decode(line.slice(line.indexOf(":") + 1).trim())
    this.handled.push({
      connection: number,
      label,
      text,
      names: namesOf(line),
      accepted,
      at: this.loop.now,
      told: end.delivered.length
    })
  }

  /** Refuses lines, then ends the connections; in order only if every accepted line has its outcome. */
  private shutDown({ away, grace, isOrderly, late }: Extract<ServerAct, { readonly on: "time" }>) {
    const open = this.connections.filter(({ end, isFrozen }) => !end.isFinished && !isFrozen)
    for (const connection of open) {
      if (connection.login === undefined || !isOrderly) continue
      connection.isClosing = true
      connection.end.send(`* closing grace=${grace} return=${away}: x\n`)
    }
    this.loop.after(grace, () => {
      this.awayUntil = this.loop.now + away
      for (const [at, name] of this.setting.recipients.entries())
        if (late > 0) this.leaves(name, away + late * (at + 1))
      for (const connection of open) {
        const { end, isFrozen, owes } = connection
        // The client does not notice the end of a frozen connection, which looks alive.
        if (end.isFinished || isFrozen) continue
        if (isOrderly && !owes) end.send("* bye reason=shutdown: x\n")
        this.finish(connection, isOrderly && !owes ? "end" : "reset")
      }
    })
  }
}

const isFor = ({ number, times }: { readonly number: number; readonly times: number }, line: number) =>
  line >= number && line < number + times

const namesOf = (line: string): ReadonlyArray<string> =>
  decode(line.slice(line.indexOf(" ") + 1, line.indexOf(":"))).split(", ")

const wire = (names: ReadonlyArray<string>) => encode(names.join(", "))

const retryOf = (retry: number | undefined) => (retry === undefined ? "" : ` retry=${retry}`)

const writtenTo = (label: string, names: ReadonlyArray<string>, acts: ReadonlyArray<LineAct>): string => {
  const has = (what: LineAct["do"]) => acts.some((act) => act.do === what)
  const code = has("code") ? "stored" : "written"
  const shown = has("misname") ? ["mallory"] : names
  const lines = has("split") ? shown.map((name) => [name]) : [shown]
  const reply = lines.map((some) => `* ${code} @${label} ${wire(some)}: x\n`).join("")
  return has("twice") ? reply + reply : reply
}
