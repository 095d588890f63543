import type { CloseReason } from "./CloseReason.js"
import * as Fate from "./Fate.js"
import type { HelloWord } from "./HelloWord.js"
import * as Name from "./Name.js"

/**
 * The lines that the server sends, in their wire form (`Wire`) with an LF at the end; those about one subject are in
 * the files next to this one. Codes and parameters are the contract; the text after the colon is for people.
 */

/** The codes of `!` lines: something that the client requested did not happen. */
export const refusals = [
  "undelivered",
  "bad-line",
  "too-long",
  "too-many-recipients",
  "slow-down",
  "unknown-command",
  "label-used",
  "gap",
  "closing",
  "bad-login",
  "login-in-use",
  "login-timeout",
  "full",
  "kicked",
  "banned",
  "password-required",
  "wrong-password",
  "account-required",
  "tls-required",
  "logged-out",
  "refused"
] as const

/** The codes of `*` lines: replies, and notices that the client opted into. */
export const notices = [
  "who",
  "pong",
  "bye",
  "help",
  "hello",
  "joined",
  "left",
  "closing",
  "registered",
  "password-changed",
  "token",
  "device",
  "accounts",
  "forgot",
  "end",
  "sent",
  "delivered",
  "room",
  "members",
  "topic",
  "owner",
  "invited",
  "locked",
  "unlocked",
  "silenced",
  "unsilenced",
  "slow",
  "past",
  "conversation",
  "read",
  ...Fate.delivered
] as const

/**
 * Renders a refusal with the label of the refused line, if it has one, or for `count` consecutive lines without a
 * label.
 */
export type Refusal = (label: string | undefined, count?: number) => string

/** A `!` line. */
export const refusal =
  (code: (typeof refusals)[number], params: string, text: string): Refusal =>
  (label, count = 1) =>
    `! ${code}${label === undefined ? "" : ` @${label}`}${params === "" ? "" : ` ${params}`}` +
    `${count === 1 ? "" : ` count=${count}`}: ${text}\n`

/** Whether two refusals of unlabelled lines can be combined into one with `count`. Only `retry` may differ. */
export const isSameRefusal = (one: string, other: string): boolean =>
  one === other || (one.startsWith(slowDownStart) && other.startsWith(slowDownStart))

const slowDownStart = "! slow-down retry="

/** A `*` line. */
export const notice = (code: (typeof notices)[number], params: string, text: string, label?: string): string =>
  `* ${code}${label === undefined ? "" : ` @${label}`}${params === "" ? "" : ` ${params}`}: ${text}\n`

/** Longer lists of names are split into several lines. */
const maxNamesBytes = 4096

/**
 * Lists names in as many lines as it takes.
 *
 * @param render called with the names of each line, joined, and with the positions of the first of them and of the next
 *   line's first
 * @param extraOf the bytes that the name at a position adds to its line besides itself
 */
export const listed = (
  names: ReadonlyArray<string>,
  render: (joined: string, start: number, end: number) => string,
  extraOf: (position: number) => number = () => 0
): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let joined = ""
  let extra = 0
  let start = 0
  names.forEach((name, position) => {
    const shown = Name.show(name)
    const more = extraOf(position)
    if (joined !== "" && joined.length + shown.length + extra + more > maxNamesBytes) {
      lines.push(render(joined, start, position))
      joined = ""
      extra = 0
      start = position
    }
    joined = joined === "" ? shown : `${joined}, ${shown}`
    extra += more
  })
  if (joined !== "" || lines.length === 0) lines.push(render(joined, start, names.length))
  return lines
}

/** The code of a refusal or a notice. */
export const codeOf = (line: string): string => /^[!*] ([a-z-]+)/.exec(line)?.[1] ?? ""

/**
 * The start of every message from a sender. The text and an LF follow it.
 *
 * @param params each after a space: ` #room`, ` auto=yes`
 */
export const messageHead = (name: string, params = ""): string => `from ${name}${params}: `

/** The parameter of a message that a program sent. */
export const auto = " auto=yes"

/** The parameter of a kept message that a guest sent: the next client of that name may be another guest. */
export const guest = " guest=yes"

/** The parameter of the outcome of a line that had been stored before, with the same label (`once`). */
export const again = " again=yes"

/** The parameter of a message that lists its other recipients. A name contains no `+`. */
export const recipients = (names: ReadonlyArray<string>): string => ` to=${names.join("+")}`

// Refused lines (protocol, section 3).

export const badLine = (why: string): Refusal => refusal("bad-line", "", why)

export const badAcknowledgement = badLine(
  "write '/ack N', where N counts the lines 'from …' that you have processed since your /hello ack"
)

export const unexpectedAcknowledgement = badLine("send '/hello ack' before you acknowledge lines")

export const tooLong = (maxLineBytes: number): Refusal =>
  refusal("too-long", `max=${maxLineBytes}`, "the line has too many bytes and was skipped")

export const tooManyRecipients = (max: number): Refusal =>
  refusal("too-many-recipients", `max=${max}`, "too many recipients in one line; split it")

export const slowDown = (retryMillis: number): Refusal =>
  refusal("slow-down", `retry=${retryMillis}`, "too many lines; this one was not accepted")

/** @param near a command that the client may have meant */
export const unknownCommand = (name: string, near?: string): Refusal =>
  refusal(
    "unknown-command",
    // A bare `fatal` would mark a line after which the server closes the connection.
    name === "fatal" ? "%66atal" : Name.show(name),
    `no such command; ${near === undefined ? "" : `did you mean /${near}? `}/help lists them`
  )

export const closing: Refusal = refusal("closing", "", "the server is shutting down; this line was not accepted")

/** The device has sent this recipient another text with this label (`once`). */
export const labelUsed = (recipient: string): Refusal =>
  refusal("label-used", Name.show(recipient), "this label belongs to another line; use a new one")

// Replies to commands (protocol, section 6).

export const who = (names: ReadonlyArray<string>, label?: string): ReadonlyArray<string> =>
  whoOf(names.length, whoParts(names), label)

/** The names of each line of a `* who`, for `whoOf`. */
export const whoParts = (names: ReadonlyArray<string>): ReadonlyArray<string> => listed(names, (joined) => joined)

/** @param parts the result of `whoParts` for this number of names */
export const whoOf = (count: number, parts: ReadonlyArray<string>, label?: string): ReadonlyArray<string> =>
  parts.map((part) => notice("who", `${count}`, part, label))

export const pong = (text: string, label?: string): string => notice("pong", "", text, label)

export const bye = (reason: CloseReason, label?: string): string => notice("bye", `reason=${reason}`, "goodbye", label)

/** One line for each entry: what a client may write, and what that does. */
export const help = (
  entries: ReadonlyArray<{ readonly usage: string; readonly about: string }>,
  label?: string
): ReadonlyArray<string> => {
  const width = Math.max(...entries.map(({ usage }) => usage.length))
  return entries.map(({ about, usage }) => notice("help", "", `${usage.padEnd(width)}  ${about}`, label))
}

/** The reasons for which a command was refused, with their texts. */
const refusedTexts = {
  guest: "only for accounts; where a server has them, /register makes one of your name",
  token: "only after a login with the password",
  policy: "not allowed here",
  limit: "too many",
  unavailable: "the store did not answer; try again later",
  "looks-like": "that name, or one that looks the same, belongs to an account",
  "login-first": "log in first",
  "no-room": "there is no such room",
  "not-member": "you are not in this room; /join it first",
  "not-owner": "only for the owner of the room",
  "no-words": "there is no word to search for; words have letters or digits"
} as const

export type RefusedReason = keyof typeof refusedTexts

/** The text of a refusal with this reason. */
export const refusedText = (reason: RefusedReason): string => refusedTexts[reason]

/** Refuses a command that was understood but not carried out. */
export const refused = (
  command: string,
  reason: RefusedReason,
  {
    like,
    retryMillis,
    text = refusedTexts[reason]
  }: {
    /** A name that looks the same. */
    readonly like?: string | undefined
    readonly retryMillis?: number | undefined
    readonly text?: string
  } = {}
): Refusal =>
  refusal(
    "refused",
    `${command} ` +
      `reason=${reason}${like === undefined ? "" : ` like=${Name.show(like)}`}` +
      `${retryMillis === undefined ? "" : ` retry=${retryMillis}`}`,
    text
  )

export const registered = (name: string, label: string | undefined): string =>
  notice("registered", name, "the name is yours; from now on it takes the password to log in", label)

export const passwordChanged = (tokens: number, label: string | undefined): string =>
  notice("password-changed", `tokens=${tokens}`, "your other devices are logged out; their tokens still work", label)

export const token = (device: string, secret: string, label: string | undefined): string =>
  notice("token", `${device} ${secret}`, "shown only once; log in with 'name/device: token'", label)

/** A device of an account, as `/devices` lists it. */
export interface DeviceFacts {
  readonly name: string
  readonly isHere: boolean
  readonly hasToken: boolean
  /** When the device was last logged in, in milliseconds since 1970. */
  readonly seen: number
}

export const devices = (all: ReadonlyArray<DeviceFacts>, label: string | undefined): ReadonlyArray<string> => [
  ...all.map(({ hasToken, isHere, name, seen }) =>
    notice(
      "device",
      `${name}${isHere ? " here=yes" : ""}${hasToken ? " token=yes" : ""} seen=${seen}`,
      "a device",
      label
    )
  ),
  notice("end", `devices count=${all.length}`, "all devices", label)
]

/** Of the names that a client has asked about, those whose lines are kept. */
export const accounts = (names: ReadonlyArray<string>, label: string | undefined): ReadonlyArray<string> =>
  listed(names, (joined) => notice("accounts", `${names.length}`, joined, label))

export const forgot = (device: string, label: string | undefined): string =>
  notice("forgot", device, "the device is forgotten, and its token no longer works", label)

/** The facts that `* hello` announces. */
export interface HelloFacts {
  /** The client's name, once it has one. */
  readonly name: string | undefined
  readonly maxLineBytes: number
  readonly maxRecipients: number
  /** The limits that are set, by parameter name. */
  readonly limits: Readonly<Record<string, number>>
  /** The words that are on for this client, in the order of their table. */
  readonly words: ReadonlyArray<HelloWord>
  /** Parameters that features add, by name. */
  readonly more?: Readonly<Record<string, string>>
}

export const hello = (
  { limits, maxLineBytes, maxRecipients, more = {}, name, words }: HelloFacts,
  label?: string
): string => {
  const params = [
    "achat=1",
    ...(name === undefined ? [] : [`name=${name}`]),
    `max-line=${maxLineBytes}`,
    `max-recipients=${maxRecipients}`,
    `max-name=${Name.maxLength}`,
    ...Object.entries(limits).map(([limit, value]) => `${limit}=${value}`),
    ...(words.length === 0 ? [] : [`on=${words.join("+")}`]),
    ...Object.entries(more).map(([fact, value]) => `${fact}=${value}`)
  ]
  return notice(
    "hello",
    params.join(" "),
    "a-chat; you can now label lines, and get a notice when a client joins or leaves",
    label
  )
}

// Lines that are kept (protocol, section 10).

/** A line that another device of the account sent. */
export const sent = (
  recipient: string,
  { at, seq, text }: { readonly seq: number; readonly at: number; readonly text: string }
): string => notice("sent", `${recipient} seq=${seq} at=${at}`, text)

/** Reports that the lines from `first` to `last` are gone, and the device has not got them. */
export const gap = (conversation: string, first: number, last: number): string =>
  refusal("gap", `${Name.show(conversation)} first=${first} last=${last}`, "these lines are no longer kept")(undefined)

// Notices to clients that sent /hello (protocol, section 6).

export const joined = (name: string): string => notice("joined", name, "has joined")

export const left = (name: string): string => notice("left", name, "has left")

export const serverClosing = (graceMillis: number, returnMillis: number): string =>
  notice(
    "closing",
    `grace=${graceMillis} return=${returnMillis}`,
    "the server is shutting down; reconnect after the return time"
  )
