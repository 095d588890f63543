import type { Setting } from "./Step.js"
import { builtIn } from "../../src/chat/Commands.js"
import { uncounted } from "../support/Uncounted.js"
import type { History, LogLine, Moment, ReadMoment, Wire } from "./History.js"
import { RateModel, type Verdict } from "./RateModel.js"

/**
 * The meaning of a client's lines according to the protocol, written independently of the server's parser. Names and
 * texts are ordinary strings here.
 */

/** The turns in which the broker may have handled a line: `from` at the earliest, `to` at the latest. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** What a line means, if it is read and the server is not shutting down. */
export type Meaning =
  | { readonly is: "login"; readonly name: string | undefined; readonly isSendOnly: Doubt }
  | { readonly is: "message"; readonly to: ReadonlyArray<string>; readonly text: string }
  /** Answered with one or several lines that begin with these. */
  | { readonly is: "answered"; readonly heads: ReadonlyArray<string> }
  | { readonly is: "who"; readonly head: string }
  | { readonly is: "quit" }
  /** An `/ack` that is valid, unless it is not sure that the client has said `/hello ack`. Valid ones get no answer. */
  | { readonly is: "acknowledged"; readonly isSure: boolean }
  /** A blank line before the login. */
  | { readonly is: "skipped" }
  /** Refused as `slow-down`, with this `retry` if that is known. */
  | { readonly is: "slowed"; readonly retry: number | undefined }

export interface HeardLine {
  readonly span: Span
  readonly heard: Moment
  /** Whether it may also have been refused as `slow-down`. */
  readonly maySlow: boolean
  readonly label: string | undefined
  readonly meaning: Meaning
  /** After a line that ends the input, unless the shutdown refused that line; or maybe after the operator ended it. */
  readonly isDoubtful: boolean
  /** Whether the client said `/hello auto` before this line. */
  readonly isAuto: Doubt
}

export type Doubt = "yes" | "maybe" | "no"

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
  private readonly state: State = {
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

interface RawLine {
  readonly heard: ReadMoment
  readonly bytes: string
  readonly isTooLong: boolean
}

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

const space = /^\p{White_Space}+|\p{White_Space}+$/gu
const trim = (text: string) => text.replace(space, "")
// oxlint-disable-next-line no-control-regex
const control = /[\0-\x08\x0a-\x1f\x7f-\x9f]/
const allowed = /^[\p{L}\p{Nd}_][\p{L}\p{M}\p{Nd}_.-]*$/u

export const decode = (bytes: string): string => Buffer.from(bytes, "latin1").toString("utf8")
export const encode = (text: string): string => Buffer.from(text, "utf8").toString("latin1")

const isUtf8 = (bytes: string) => encode(decode(bytes)) === bytes

/** Invisible letters and marks; other invisible characters cannot occur in a name. */
const invisible = /[\u{e0100}-\u{e01ef}]|[\ufe00-\ufe0f]|[\u034f\u17b4\u17b5\u180b-\u180f]|[\u115f\u1160\u3164\uffa0]/gu

/** The visible compatibility form, with the only letter in schedules that case folding makes longer. */
const bare = (name: string) => name.normalize("NFKC").replace(invisible, "").replace(/[ßẞ]/gu, "ss")

/** Whether two names look the same, with the case folding of regular expressions, which the server does not use. */
export const looksLike = (one: string, other: string): boolean =>
  new RegExp(`^${bare(one).replaceAll(".", "\\.")}$`, "iu").test(bare(other))

/** Whole commands of telnet at the start of a line. */
const telnet = /^(?:\xff(?:[\xf1-\xf9]|[\xfb-\xfe][^]|\xfa(?:[^\xff]|\xff\xff)*\xff\xf0))+/

interface State {
  isGreeted: boolean
  /** The last line was `/hello auto`. */
  saysAuto: boolean
  /** It said `/hello ack`; "maybe" while it is not known whether that was refused. */
  acknowledges: Doubt
  /** The same for `/hello send-only` before the login. */
  sendsOnly: Doubt
  name: string | undefined
  isOver: boolean
}

const meaningOf = (
  raw: RawLine,
  verdict: Verdict,
  state: State,
  setting: Setting
): Pick<HeardLine, "label" | "meaning"> => {
  const found = /^@([A-Za-z0-9_.-]{1,32}) /.exec(raw.bytes)
  const label = state.isGreeted ? found?.[1] : undefined
  const tag = label === undefined ? "" : ` @${label}`
  const answered = (...heads: ReadonlyArray<string>) => ({ label, meaning: { is: "answered", heads } as const })
  const badLine = answered(`! bad-line${tag}:`)

  if (verdict.is === "refused") return { label, meaning: { is: "slowed", retry: verdict.retry } }
  if (raw.isTooLong && state.name === undefined) {
    state.isOver = true
    return { label, meaning: { is: "login", name: undefined, isSendOnly: "no" } }
  }
  if (raw.isTooLong) return answered(`! too-long${tag} max=${setting.maxLineBytes}:`)
  if (raw.bytes.startsWith("@") && label === undefined && state.name !== undefined) return badLine
  const unlabelled = label === undefined ? raw.bytes : raw.bytes.slice(label.length + 2)
  const bytes = state.name === undefined ? unlabelled.replace(telnet, "") : unlabelled

  if (bytes.startsWith("/")) {
    const command = isUtf8(bytes) ? trim(decode(bytes).slice(1)) : "\0"
    return control.test(command.replaceAll("\t", "")) ? badLine : commanded(command, label, state, setting)
  }
  if (state.name === undefined) {
    if (label === undefined && isUtf8(bytes) && trim(decode(bytes)) === "") return { label, meaning: { is: "skipped" } }
    const name = isUtf8(bytes) ? trim(decode(bytes)).normalize("NFC") : ""
    state.name = allowed.test(name) && [...name].length <= 32 && bare(name) !== "" ? name : undefined
    state.isOver = state.name === undefined
    return { label, meaning: { is: "login", name: state.name, isSendOnly: state.sendsOnly } }
  }
  const line = decode(bytes)
  const colon = line.indexOf(":")
  if (!isUtf8(bytes) || colon < 0) return badLine
  const to = [...new Set(line.slice(0, colon).split(",").map(trim))].filter((name) => name !== "")
  const text = trim(line.slice(colon + 1))
  const names = [...new Set(to.map((name) => name.normalize("NFC")))]
  if (names.length > setting.maxRecipients) return answered(`! too-many-recipients${tag} max=${setting.maxRecipients}:`)
  if ([text, ...to].some((part) => control.test(part))) return badLine
  if (to.length === 0) return badLine
  return { label, meaning: { is: "message", to: names, text } }
}

/** A line for messages, and one for each command and each of its forms. */
const helpLines = builtIn().reduce((lines, { forms = [] }) => lines + 1 + forms.length, 1)

const commanded = (command: string, label: string | undefined, state: State, setting: Setting) => {
  const tag = label === undefined ? "" : ` @${label}`
  const answered = (...heads: ReadonlyArray<string>) => ({ label, meaning: { is: "answered", heads } as const })
  const [name = "", argument = ""] = /^([^ \t:]*)(?:[ \t:](.*))?$/su.exec(command)?.slice(1) ?? []
  switch (name) {
    case "ping":
      return answered(`* pong${tag}: ${encode(trim(argument))}\n`)
    case "help":
      return answered(...Array.from({ length: helpLines }, () => `* help${tag}: `))
    case "hello": {
      state.isGreeted = true
      const words = argument.split(/[ \t]+/u)
      state.saysAuto = words.includes("auto")
      if (state.acknowledges === "no" && words.includes("ack")) state.acknowledges = "maybe"
      if (state.name === undefined && state.sendsOnly === "no" && words.includes("send-only")) state.sendsOnly = "maybe"
      const present = state.name === undefined ? "" : ` name=${encode(state.name)}`
      return answered(`* hello${tag} achat=1${present} max-line=${setting.maxLineBytes} `)
    }
    case "ack": {
      const isValid = state.acknowledges !== "no" && /^\d{1,6}$/u.test(trim(argument))
      if (!isValid) return answered(`! bad-line${tag}:`)
      return { label, meaning: { is: "acknowledged", isSure: state.acknowledges === "yes" } as const }
    }
    case "who":
      return { label, meaning: { is: "who", head: `* who${tag} ` } as const }
    case "quit":
      state.isOver = true
      return { label, meaning: { is: "quit" } as const }
    default:
      return answered(`! unknown-command${tag} ${name === "fatal" ? "%66atal" : encode(shown(name))}:`)
  }
}

/** A name as the server shows it in answers. */
export const shown = (name: string): string => {
  const points = [...name]
  const some = points.slice(0, 32).map((point) => (/[\p{L}\p{M}\p{Nd}_.-]/u.test(point) ? point : escaped(point)))
  return some.join("") + (points.length > 32 ? "…" : "")
}

const escaped = (point: string) =>
  [...Buffer.from(point)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("")

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
