import type { Setting } from "./Step.js"
import { builtIn } from "../../src/chat/Commands.js"
import type { History, Moment, Wire } from "./History.js"
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
  | { readonly is: "login"; readonly name: string | undefined }
  | { readonly is: "message"; readonly to: ReadonlyArray<string>; readonly text: string }
  /** Answered with one or several lines that begin with these. */
  | { readonly is: "answered"; readonly heads: ReadonlyArray<string> }
  | { readonly is: "who"; readonly head: string }
  | { readonly is: "quit" }

export interface HeardLine {
  readonly span: Span
  readonly heard: Moment
  readonly label: string | undefined
  readonly meaning: Meaning
  /** After a line that ends the input, unless the shutdown refused that line. */
  readonly isDoubtful: boolean
  /** Whether the client said `/hello auto` before this line. */
  readonly isAuto: Doubt
}

export type Doubt = "yes" | "maybe" | "no"

export const never: Span = { from: Infinity, to: -Infinity }

/** Turns from a cause to its last effect in the broker, unless something is held. */
export const slack = 4

/** When the broker may have handled an event of a moment. */
export const spanOf = (wire: Wire, { turn }: Moment): Span => {
  let to = turn + 2
  for (const { from, to: until } of wire.pauses) {
    if (from.turn > to) break
    if (until === undefined) return { from: turn, to: Infinity }
    // It was held, and continued when the server read from it again.
    to = Math.max(to, until.turn + 2)
  }
  return { from: turn, to }
}

/** Whether a line arrived after the drain began. */
export const closing = (history: History, { heard }: { readonly heard: Moment }): Doubt => {
  const asked = history.drainAsked
  if (asked === undefined || heard.turn <= asked.turn) return "no"
  return heard.turn <= asked.turn + 3 ? "maybe" : "yes"
}

export const overlap = (one: Span, other: Span): boolean => one.from <= other.to && other.from <= one.to

export const covers = (whole: Span, part: Span): boolean => whole.from <= part.from && part.to <= whole.to

/** The lines that the server read, up to the one that ends the input. */
export const lines = (wire: Wire, history: History): ReadonlyArray<HeardLine> => {
  const { setting } = history
  const found: Array<HeardLine> = []
  const state: State = { isGreeted: false, saysAuto: false, name: undefined, isOver: false }
  let isDoubtful = false
  let isAuto: Doubt = "no"
  for (const raw of cut(wire, setting.maxLineBytes)) {
    const line = meaningOf(raw, state, setting)
    found.push({ span: spanOf(wire, raw.heard), heard: raw.heard, isDoubtful, isAuto, ...line })
    if (state.saysAuto) {
      state.saysAuto = false
      // The server may have refused the `/hello`.
      const isSure = setting.rate === 0 && !isDoubtful && closing(history, raw) === "no"
      if (isAuto !== "yes") isAuto = isSure ? "yes" : "maybe"
    }
    if (!state.isOver) continue
    if (closing(history, raw) === "no") break
    state.isOver = false
    isDoubtful = true
  }
  return found
}

interface RawLine {
  readonly heard: Moment
  readonly bytes: string
  readonly isTooLong: boolean
}

/** Cuts the server's reads at their LFs. */
const cut = (wire: Wire, maxLineBytes: number): ReadonlyArray<RawLine> => {
  const found: Array<RawLine> = []
  let rest = ""
  let isReported = false
  const add = (bytes: string, heard: Moment) => {
    const isTooLong = bytes.replace(/\r$/, "").length > maxLineBytes
    if (!isReported) found.push({ heard, bytes, isTooLong })
    isReported = false
  }
  for (const { at, bytes, turn } of wire.heard) {
    const parts = (rest + bytes).split("\n")
    rest = parts.pop() ?? ""
    for (const part of parts) add(part, { at, turn })
    // A line that is too long is answered at once, not at its end. One more CR may belong to a CRLF.
    const isLonger = rest.length > maxLineBytes && !(rest.length === maxLineBytes + 1 && rest.endsWith("\r"))
    if (isLonger && !isReported) {
      add(rest, { at, turn })
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

/** The form in which two names must differ: enough of the protocol's rule for the names in schedules. */
export const likeness = (name: string): string => name.normalize("NFKC").toLowerCase()

interface State {
  isGreeted: boolean
  /** The last line was `/hello auto`. */
  saysAuto: boolean
  name: string | undefined
  isOver: boolean
}

const meaningOf = (raw: RawLine, state: State, setting: Setting): Pick<HeardLine, "label" | "meaning"> => {
  const found = /^@([A-Za-z0-9_.-]{1,32}) /.exec(raw.bytes)
  const label = state.isGreeted ? found?.[1] : undefined
  const tag = label === undefined ? "" : ` @${label}`
  const answered = (...heads: ReadonlyArray<string>) => ({ label, meaning: { is: "answered", heads } as const })
  const badLine = answered(`! bad-line${tag}:`)

  if (raw.isTooLong && state.name === undefined) {
    state.isOver = true
    return { label, meaning: { is: "login", name: undefined } }
  }
  if (raw.isTooLong) return answered(`! too-long${tag} max=${setting.maxLineBytes}:`)
  if (raw.bytes.startsWith("@") && label === undefined && state.name !== undefined) return badLine
  const bytes = label === undefined ? raw.bytes : raw.bytes.slice(label.length + 2)

  if (bytes.startsWith("/")) {
    const command = isUtf8(bytes) ? trim(decode(bytes).slice(1)) : "\0"
    return control.test(command.replaceAll("\t", "")) ? badLine : commanded(command, label, state, setting)
  }
  if (state.name === undefined) {
    const name = isUtf8(bytes) ? trim(decode(bytes)).normalize("NFC") : ""
    state.name = allowed.test(name) && [...name].length <= 32 ? name : undefined
    state.isOver = state.name === undefined
    return { label, meaning: { is: "login", name: state.name } }
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
const helpLines = builtIn.reduce((lines, { forms = [] }) => lines + 1 + forms.length, 1)

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
      state.saysAuto = argument.split(/[ \t]+/u).includes("auto")
      const present = state.name === undefined ? "" : ` name=${encode(state.name)}`
      return answered(`* hello${tag} achat=1${present} max-line=${setting.maxLineBytes} `)
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
 * By how much deadlines may pass early, in milliseconds: where one tick after another is late, the server takes itself for
 * slow, and counts all but the first as if they were in time. Each time that the process is stopped makes one tick late.
 */
export const earliness = ({ setting, steps }: History) => {
  const tick = Math.min(setting.loginTimeout, setting.holdTimeout, setting.stallTimeout) / 8
  return tick * steps.filter(([, step]) => step.do === "stop").length
}
