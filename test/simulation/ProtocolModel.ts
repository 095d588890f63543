import { uncounted } from "../support/Uncounted.js"
import type { History, LogLine, Moment, ReadMoment, Wire } from "./History.js"
import {
  type Doubt,
  type LabelledMeaning,
  type LineState,
  type Meaning,
  meaningOf,
  type RawLine
} from "./LineMeaning.js"
import { RateModel } from "./RateModel.js"
import type { Setting } from "./Step.js"
import { decode, encode, trim } from "./WireText.js"

/** When the server may have handled a line of a client, and what became of its input. */

/** The turns in which the broker may have handled a line: `from` at the earliest, `to` at the latest. */
export interface Span {
  readonly from: number
  readonly to: number
}

export interface HeardLine extends LabelledMeaning {
  readonly span: Span
  readonly heard: Moment
  /** Whether it may also have been refused as `slow-down`. */
  readonly maySlow: boolean
  /** After a line that ends the input, unless the shutdown refused that line; or maybe after the operator ended it. */
  readonly isDoubtful: boolean
  /** Whether the client said `/hello auto` before this line. */
  readonly isAuto: Doubt
}

export const never: Span = { from: Infinity, to: -Infinity }

/** After everything. */
const eventually: Span = { from: Infinity, to: Infinity }

/** Turns from a cause to its last effect in a broker that is not busy, unless something is held. */
const slack = 4

/** The first turn from this one on after which the broker had nothing left to do. */
export const idleFrom = ({ busyTurns, clocks }: History, turn: number): number => {
  let idle = turn
  while (busyTurns.has(idle)) idle += 1
  return idle < clocks.length ? idle : Infinity
}

/** The turn in which the last effect of a cause has been handled, unless something is held. */
export const settledBy = (history: History, turn: number): number => idleFrom(history, turn) + slack

/** When the broker may have handled an event of a moment. */
export const spanOf = (history: History, wire: Wire, { turn }: Moment): Span => {
  let to = idleFrom(history, turn) + 2
  for (const { from, to: until } of wire.pauses) {
    if (from.turn > to) break
    if (until === undefined) return { from: turn, to: Infinity }
    // It was held, and continued when the server read from it again.
    to = Math.max(to, idleFrom(history, until.turn) + 2)
  }
  return { from: turn, to }
}

/** Whether a line arrived after the drain began. */
export const closing = (history: History, { heard }: { readonly heard: Moment }): Doubt => {
  const asked = history.drainAsked
  if (asked === undefined || heard.turn <= asked.turn) return "no"
  return heard.turn <= idleFrom(history, asked.turn) + 3 ? "maybe" : "yes"
}

export const overlap = (one: Span, other: Span): boolean => one.from <= other.to && other.from <= one.to

export const covers = (whole: Span, part: Span): boolean => whole.from <= part.from && part.to <= whole.to

/**
 * The lines of each connection that the server read, up to the one that ends the input.
 *
 * @param expulsions when the operator ended the input of connections
 */
export const lines = (
  history: History,
  expulsions: ReadonlyMap<Wire, Span>
): ReadonlyMap<Wire, ReadonlyArray<HeardLine>> => {
  const ends = new Map(history.logs.flatMap(endOf))
  const readers = history.wires.map(
    (wire) => new Reader(wire, history, ends.get(wire.remote), expulsions.get(wire) ?? eventually)
  )
  // Clients of one address share an allowance, so the order of all lines matters.
  const raws = readers.flatMap((reader) => reader.raws.map((raw) => ({ reader, raw })))
  const rates = new RateModel(
    history,
    raws.map(({ raw, reader }) => ({ wire: reader.wire, heard: raw.heard, until: idleFrom(history, raw.heard.turn) }))
  )
  for (const { raw, reader } of raws.toSorted((one, other) => one.raw.heard.order - other.raw.heard.order)) {
    reader.read(raw, rates)
  }
  return new Map(readers.map(({ found, wire }) => [wire, found]))
}

/**
 * How a connection ended according to the log, and its login. Without a reason, it had not ended when the process did.
 */
interface Ending {
  readonly reason: unknown
  readonly name: unknown
}

const endOf = ({ fields, message }: LogLine): ReadonlyArray<readonly [unknown, Ending]> =>
  message === "logged in" || message === "connection closed"
    ? [[fields["remote"], { reason: fields["reason"], name: fields["name"] }]]
    : []

/** Reads the lines of one connection in order. */
class Reader {
  readonly found: Array<HeardLine> = []
  readonly raws: ReadonlyArray<RawLine>
  private readonly state: LineState = {
    isGreeted: false,
    saysAuto: false,
    acknowledges: "no",
    sendsOnly: "no",
    name: undefined,
    isOver: false
  }
  private isDoubtful = false
  private isAuto: Doubt = "no"
  private isAtEnd = false
  private hellos = 0
  /** The number of answers before the login: each line until then has a known number of them. */
  private answers = 0
  private readonly reason: unknown
  /** Its login was accepted, or refused for another reason than a rate. */
  private readonly hasLoggedIn: boolean

  constructor(
    readonly wire: Wire,
    private readonly history: History,
    private readonly end: Ending | undefined,
    private readonly expulsion: Span
  ) {
    this.raws = cut(wire, history.setting.maxLineBytes)
    this.reason = end?.reason
    this.hasLoggedIn = end?.name !== undefined || loginRefusals.includes(this.reason)
  }

  read(raw: RawLine, rates: RateModel) {
    const { expulsion, history, state, wire } = this
    if (this.isAtEnd || raw.heard.turn > expulsion.to) return
    const span = spanOf(history, wire, raw.heard)
    if (span.to >= expulsion.from) this.isDoubtful = true
    const when = closing(history, raw)
    const verdict = when === "yes" ? ({ is: "passes" } as const) : rates.next(raw.heard, this.isUncertain(raw))
    const before = { ...state }
    let line = meaningOf(raw, verdict, state, history.setting)
    if (verdict.is === "unknown" && line.meaning.is === "login" && this.isSlowedLogin(line.meaning.name)) {
      Object.assign(state, before)
      line = { ...line, meaning: { is: "slowed", retry: undefined } }
    }
    const { isAuto, isDoubtful } = this
    const maySlow = verdict.is === "unknown" && when !== "yes"
    this.found.push({ span, heard: raw.heard, isDoubtful, isAuto, maySlow, ...line })
    // The server may have refused the `/hello`.
    const isSure = !maySlow && !isDoubtful && when === "no"
    if (state.saysAuto && isAuto !== "yes") this.isAuto = isSure ? "yes" : "maybe"
    state.saysAuto = false
    if (state.acknowledges === "maybe" && before.acknowledges === "no" && isSure) state.acknowledges = "yes"
    if (state.sendsOnly === "maybe" && before.sendsOnly === "no" && isSure) state.sendsOnly = "yes"
    // The client's observation decides what the model cannot.
    if (maySlow && isHello(line.meaning)) {
      state.isGreeted =
        before.isGreeted || this.hellosBy(settledBy(history, span.to)) > this.hellos || this.hasLabelledAfter(raw)
    }
    if (maySlow && line.meaning.is === "quit") state.isOver = this.reason === "quit"
    if (isHello(line.meaning) && state.isGreeted) this.hellos += 1
    this.answers += maySlow && line.meaning.is !== "login" && this.isNextSlowed === true ? 1 : answersTo(line.meaning)
    const isRefused =
      line.meaning.is === "login" && (this.reason === "login-in-use" || (this.isBanned && when === "no"))
    if (!state.isOver && !isRefused) return
    if (when === "no" || isRefused) this.isAtEnd = true
    state.isOver = false
    this.isDoubtful = true
  }

  /**
   * The number of `* hello` that it had received by a turn: a later one replies to a later line. All, if it was ever
   * slow.
   */
  private hellosBy(turn: number): number {
    const { isSlow, taken, takes } = this.wire
    const end = isSlow ? Infinity : (takes.findLast((take) => take.turn <= turn)?.end ?? 0)
    return taken.slice(0, end).split("* hello ").length - 1
  }

  /**
   * Whether a labelled line between this `/hello` and the next was delivered: it was not refused then, although its
   * client took no reply. Texts are unique.
   */
  private hasLabelledAfter(hello: RawLine): boolean {
    for (const { bytes } of this.raws.slice(this.raws.indexOf(hello) + 1)) {
      if (bytes.startsWith("/hello")) return false
      const text = /^@[^ ]+ [^:]*:(.*)/su.exec(bytes)?.[1]
      const delivered = text === undefined ? undefined : `: ${encode(trim(decode(text)))}\n`
      if (delivered !== undefined && this.history.wires.some(({ taken }) => taken.includes(delivered))) return true
    }
    return false
  }

  /** Whether it never logged in because of a ban: of the name, or of its address when it was connected. */
  private get isBanned(): boolean {
    return this.reason === "banned" && this.end?.name === undefined
  }

  /** Whether a login with this name was too fast. */
  private isSlowedLogin(name: string | undefined): boolean {
    return (name === undefined || name !== this.end?.name) && (this.isNextSlowed ?? !this.hasLoggedIn)
  }

  /** Whether the next answer is `slow-down`; undefined if the client received none. Known before the login only. */
  private get isNextSlowed(): boolean | undefined {
    const lines = this.wire.taken.split("\n").flatMap(uncounted)
    const answers = lines.filter((line) => !/^(?:$|from |\* (?:joined|left|closing) )/u.test(line))
    return answers[this.answers]?.startsWith("! slow-down ")
  }

  /** Whether the line may not have been read, or may have been refused for another reason before it counted. */
  private isUncertain({ heard }: RawLine): boolean {
    const { history, reason, wire } = this
    const deadline = history.setting.loginTimeout - earliness(history)
    const isOverdue = reason === "login-timeout" && heard.at - wire.accepted.at >= deadline
    return isOverdue || this.isDoubtful || closing(history, { heard }) !== "no"
  }
}

/** The reasons of ends that refuse a login. */
const loginRefusals: ReadonlyArray<unknown> = ["bad-login", "login-in-use", "banned"]

const answersTo = (meaning: Meaning) => {
  if (meaning.is === "answered") return meaning.heads.length
  return meaning.is === "who" || meaning.is === "slowed" ? 1 : 0
}

const isHello = (meaning: Meaning) => meaning.is === "answered" && meaning.heads[0]?.startsWith("* hello") === true

/** Cuts the server's reads at their LFs. */
export const cut = (wire: Wire, maxLineBytes: number): ReadonlyArray<RawLine> => {
  const found: Array<RawLine> = []
  let rest = ""
  let isReported = false
  const add = (bytes: string, heard: ReadMoment) => {
    const isTooLong = bytes.replace(/\r$/, "").length > maxLineBytes
    if (!isReported) found.push({ heard, bytes, isTooLong })
    isReported = false
  }
  for (const heard of wire.heard) {
    const { bytes } = heard
    const parts = (rest + bytes).split("\n")
    rest = parts.pop() ?? ""
    for (const part of parts) add(part, heard)
    // A line that is too long is answered at once, not at its end. One more CR may belong to a CRLF.
    const isLonger = rest.length > maxLineBytes && !(rest.length === maxLineBytes + 1 && rest.endsWith("\r"))
    if (isLonger && !isReported) {
      add(rest, heard)
      isReported = true
    }
  }
  if (wire.ended !== undefined && rest !== "" && !isReported) add(rest, wire.ended)
  return found
}

/** The memory budget is so small that it may run out. */
export const hasLittleMemory = (setting: Setting) => setting.maxMemory < 1e6

/** How long a full queue holds its senders at least; not at all once the memory has run out. */
export const shortestHold = (history: History) =>
  hasLittleMemory(history.setting) ? 0 : history.setting.holdTimeout - earliness(history)

/**
 * By how much deadlines may pass early, in milliseconds: where one tick after another is late, the server takes itself
 * for slow, and counts all but the first as if they were in time. Each time that the process is stopped makes one tick
 * late.
 */
export const earliness = ({ setting, steps }: History) => {
  const tick = Math.min(setting.loginTimeout, setting.holdTimeout, setting.stallTimeout) / 8
  return tick * steps.filter(([, step]) => step.do === "stop").length
}
