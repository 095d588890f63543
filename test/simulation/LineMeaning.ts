import { builtIn } from "../../src/chat/Commands.js"
import type { ReadMoment } from "./History.js"
import type { Verdict } from "./RateModel.js"
import type { Setting } from "./Step.js"
import { allowed, bare, control, decode, encode, isUtf8, shown, trim } from "./WireText.js"

/**
 * The meaning of a client's lines according to the protocol, written independently of the server's parser. Names and
 * texts are ordinary strings here.
 */

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

export interface LabelledMeaning {
  readonly label: string | undefined
  readonly meaning: Meaning
}

export type Doubt = "yes" | "maybe" | "no"

/** A line as it was read. */
export interface RawLine {
  readonly heard: ReadMoment
  readonly bytes: string
  readonly isTooLong: boolean
}

/** Whole commands of telnet at the start of a line. */
const telnet = /^(?:\xff(?:[\xf1-\xf9]|[\xfb-\xfe][^]|\xfa(?:[^\xff]|\xff\xff)*\xff\xf0))+/

/** What a connection has said so far. */
export interface LineState {
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

/** What a line means after those before it, which it adds to. */
export const meaningOf = (raw: RawLine, verdict: Verdict, state: LineState, setting: Setting): LabelledMeaning => {
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

const commanded = (command: string, label: string | undefined, state: LineState, setting: Setting) => {
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
