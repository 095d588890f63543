import type { CloseReason } from "./CloseReason.js"
import * as Fate from "./Fate.js"
import type { HelloWord } from "./HelloWord.js"
import * as Name from "./Name.js"

/**
 * All lines that the server sends are rendered here. They are in their wire form (`Wire`) and end in LF. Codes and
 * parameters are the contract; the text after the colon is for people.
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
 * A refusal, to be rendered with the label of the refused line, if there is one; or for `count` consecutive lines without
 * a label.
 */
export type Refusal = (label: string | undefined, count?: number) => string

/** A refusal after which the server closes the connection, with the reason of the close. */
export interface Fatal {
  readonly reason: CloseReason
  readonly line: Refusal
}

const refusal =
  (code: (typeof refusals)[number], params: string, text: string): Refusal =>
  (label, count = 1) =>
    `! ${code}${label === undefined ? "" : ` @${label}`}${params === "" ? "" : ` ${params}`}${count === 1 ? "" : ` count=${count}`}: ${text}\n`

/** Whether two refusals of unlabelled lines can be one, with `count`. Only `retry` may differ. */
export const isSameRefusal = (one: string, other: string): boolean =>
  one === other || (one.startsWith(slowDownStart) && other.startsWith(slowDownStart))

const slowDownStart = "! slow-down retry="

/** A `*` line. */
export const notice = (code: (typeof notices)[number], params: string, text: string, label?: string): string =>
  `* ${code}${label === undefined ? "" : ` @${label}`}${params === "" ? "" : ` ${params}`}: ${text}\n`

/** The code of a refusal or a notice. */
export const codeOf = (line: string): string => /^[!*] ([a-z-]+)/.exec(line)?.[1] ?? ""

/**
 * The start of every message of a sender: a line is this, the text and LF.
 *
 * @param params each after a space: ` #room`, ` auto=yes`
 */
export const messageHead = (name: string, params = ""): string => `from ${name}${params}: `

/** The parameter of a message that a program sent. */
export const auto = " auto=yes"

/** The parameter of a kept message that a guest sent: the next client of that name may be somebody else. */
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

/** The device has sent another text with this label (`once`). */
export const labelUsed: Refusal = refusal("label-used", "", "this label belongs to another line; use a new one")

// Refused logins, after which the server closes (protocol, section 2).

export const badLogin: Fatal = {
  reason: "bad-login",
  line: refusal(
    "bad-login",
    "fatal",
    "not a name; use 1 to 32 letters, digits, '_', '-' or '.', starting with a letter, a digit or '_'"
  )
}

/** The login contains commands of telnet that could not be skipped. */
export const telnetLogin: Fatal = {
  reason: "bad-login",
  line: refusal("bad-login", "fatal", "the line contains commands of telnet (byte 255); turn them off, or use nc")
}

/** The login is not the common name of the client's certificate. */
export const otherIdentity: Fatal = {
  reason: "bad-login",
  line: refusal("bad-login", "fatal", "the client certificate is for another name; log in with its common name")
}

/** Sent to a client that does not speak TLS on a port that requires it. */
export const tlsOnly: Fatal = {
  reason: "bad-login",
  line: refusal("bad-login", "fatal", "this port speaks TLS; connect with TLS")
}

export const badCertificate = (why: string): Fatal => ({
  reason: "bad-login",
  line: refusal("bad-login", "fatal", why)
})

export const loginInUse = (name: string): Fatal => ({
  reason: "login-in-use",
  line: refusal("login-in-use", `${Name.show(name)} fatal`, "that name, or one that looks the same, is in use")
})

/** A login that was not decided before the drain's grace time ran out. */
export const closingLogin = (retryMillis: number): Fatal => ({
  reason: "cut-off",
  line: refusal("closing", `retry=${retryMillis} fatal`, "the server is shutting down; connect again later")
})

export const loginTimeout: Fatal = {
  reason: "login-timeout",
  line: refusal("login-timeout", "fatal", "no login in time; the first line must be a name")
}

export const full = (retryMillis: number): Fatal => ({
  reason: "full",
  line: refusal(
    "full",
    `retry=${retryMillis} fatal`,
    "no room for more connections, here or from your address; try again later"
  )
})

// Accounts (protocol, section 9).

const unauthorized = (code: (typeof refusals)[number], params: string, text: string): Fatal => ({
  reason: "unauthorized",
  line: refusal(code, params, text)
})

/** Also sent to a present guest, when the name becomes that of an account. */
export const passwordRequired = (name: string): Fatal =>
  unauthorized(
    "password-required",
    `${Name.show(name)} fatal`,
    "that name, or one that looks the same, belongs to an account; log in with 'name: password'"
  )

export const wrongPassword = unauthorized(
  "wrong-password",
  "fatal",
  "wrong name or password, or the token is not valid"
)

/** @param why the secret could not be checked now */
const notNow = (retryMillis: number, why: string): Fatal => unauthorized("slow-down", `retry=${retryMillis} fatal`, why)

export const tooManyWrong = (retryMillis: number): Fatal =>
  notNow(retryMillis, "too many wrong passwords for this account from your address")

export const tooManyChecks = (retryMillis: number): Fatal =>
  notNow(retryMillis, "too many logins with passwords at once")

export const accountRequired = unauthorized(
  "account-required",
  "fatal",
  "this server is for accounts only; log in with 'name: password'"
)

export const tlsRequired = unauthorized(
  "tls-required",
  "fatal",
  "others could read this connection; use TLS, and change this password if it is one of yours"
)

export const deviceWithoutAccount = unauthorized(
  "bad-login",
  "fatal",
  "only accounts have devices, and there is no account of that name"
)

/** All devices that an account may have are connected. */
export const tooManyDevices = unauthorized(
  "full",
  "retry=60000 fatal",
  "all devices that this account may have are connected; disconnect one of them"
)

/** The store did not answer. */
export const accountsUnavailable = (retryMillis: number): Fatal =>
  notNow(retryMillis, "the server cannot look up accounts at the moment")

/** What is stored for a device that is connected cannot be read, or this program has a defect. */
export const cannotGive = (retryMillis: number): Fatal => ({
  reason: "internal-error",
  line: refusal("slow-down", `retry=${retryMillis} fatal`, "the server cannot give you what it has stored for you")
})

/** Why a client is no longer logged in. It does not connect again by itself. */
const logoutTexts = {
  replaced: "this device has logged in again, on another connection",
  password: "the password was changed",
  forgotten: "this device was forgotten",
  removed: "the account was removed",
  kicked: "disconnected by the server's operator"
} as const

export type LogoutReason = keyof typeof logoutTexts

export const loggedOut = (reason: LogoutReason): Fatal => ({
  reason: "logged-out",
  line: refusal("logged-out", `reason=${reason} fatal`, logoutTexts[reason])
})

// What the operator does (protocol, section 5).

export const kicked: Fatal = {
  reason: "kicked",
  line: refusal("kicked", "fatal", "disconnected by the server's operator")
}

/** The same for a device of an account. */
export const kickedDevice: Fatal = { ...loggedOut("kicked"), reason: "kicked" }

/** @param retryMillis the time until the ban ends; undefined if it does not */
export const banned = (retryMillis: number | undefined): Fatal => ({
  reason: "banned",
  line: refusal(
    "banned",
    `${retryMillis === undefined ? "" : `retry=${retryMillis} `}fatal`,
    "the server's operator has banned this name or address"
  )
})

// Outcomes (protocol, sections 3 and 7).

/** Why a message did not reach a recipient. */
export type UndeliveredReason =
  | "offline"
  | "disconnected"
  | "busy"
  | "slow"
  | "unreachable"
  | "full"
  | "unavailable"
  | "expired"
  | "removed"
  | "no-room"
  | "not-member"
  | "silenced"
  | "slow-mode"

/** Why a line to a name that leads nowhere returns. */
export type AbsentReason = "offline" | "no-room"

/** Why a line returns at once while its recipient makes no progress. */
export type JamReason = "busy" | "unavailable"

/** Whether a line with this reason is worth sending again, after a while. */
export const isJam = (reason: UndeliveredReason): reason is JamReason => reason === "busy" || reason === "unavailable"

const undeliveredText: Record<UndeliveredReason, string> = {
  offline: "no recipient of that name is online",
  disconnected: "disconnected before the line was written, or before it was acknowledged",
  busy: "not reading at the moment",
  slow: "disconnected by the server because it was not reading",
  unreachable: "disconnected by the server because it did not answer; it may have read the line",
  full: "too many lines wait for this account; it must read some first",
  unavailable: "the server cannot store lines at the moment",
  expired: "was not read in time",
  removed: "the account was removed",
  "no-room": "there is no such room",
  "not-member": "you are not in this room; /join it first",
  silenced: "you may not write in this room for now",
  "slow-mode": "this room is in slow mode; wait before your next line"
}

export const undeliveredReasons = Object.keys(undeliveredText)

/** The reasons for which a line does not even wait for its recipient. */
const refusedAtOnce: ReadonlySet<UndeliveredReason> = new Set([
  "offline",
  "busy",
  "unavailable",
  "no-room",
  "not-member",
  "silenced",
  "slow-mode"
])

/** Names in the text of an `undelivered`: more would hardly be read. */
const maxSuggested = 3

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

export const undelivered = (options: {
  readonly names: ReadonlyArray<string>
  readonly reason: UndeliveredReason
  /** The number of returned lines. */
  readonly count: number
  readonly label?: string | undefined
  readonly retryMillis?: number | undefined
  /** The name of a recipient that looks the same as this absent one, if there is one. */
  readonly lookAlike?: ((name: string) => string | undefined) | undefined
}): ReadonlyArray<string> => {
  const { count, label, lookAlike = () => undefined, names, reason, retryMillis } = options
  const retry = retryMillis === undefined ? "" : ` retry=${retryMillis}`
  // A single line that was refused has no count. Lines that return from a queue always have one.
  const isImmediate = refusedAtOnce.has(reason)
  const counted = (count > 1 || !isImmediate) && label === undefined
  const found = names.map(lookAlike)
  // A recipient may have logged in since: other clients are handled between a line and its reply.
  const addressed = new Set(found.some((name) => name !== undefined) ? names : [])
  const likes = found.map((name) => (name === undefined || addressed.has(name) ? undefined : name))
  const render = (joined: string, start: number, end: number) => {
    const present = [...new Set(likes.slice(start, end).flatMap((name) => name ?? []))]
    const like = present.length === 0 ? "" : ` like=${present.join("+")}`
    const suggestion = present.length === 0 ? "" : `; did you mean ${present.slice(0, maxSuggested).join(", ")}?`
    const params = `${joined} reason=${reason}${retry}${like}${counted ? ` count=${count}` : ""}`
    return refusal("undelivered", params, `${undeliveredText[reason]}${suggestion}`)(label)
  }
  return listed(names, render, (position) => likes[position]?.length ?? 0)
}

/**
 * The outcome of a labelled line for recipients that have it: the fate is the code.
 *
 * @param params each after a space
 */
export const delivered = (
  fate: Fate.Delivered,
  label: string,
  names: ReadonlyArray<string>,
  params = ""
): ReadonlyArray<string> => listed(names, (joined) => notice(fate, joined + params, fate, label))

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

/** Why a command did nothing. */
const refusedTexts = {
  guest: "only for accounts; /register makes one of your name",
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

/** A command that was understood and not done. */
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
    `${command} reason=${reason}${like === undefined ? "" : ` like=${Name.show(like)}`}${retryMillis === undefined ? "" : ` retry=${retryMillis}`}`,
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

/** Those of the names that a client has asked about to which lines are kept. */
export const accounts = (names: ReadonlyArray<string>, label: string | undefined): ReadonlyArray<string> =>
  listed(names, (joined) => notice("accounts", `${names.length}`, joined, label))

export const forgot = (device: string, label: string | undefined): string =>
  notice("forgot", device, "the device is forgotten, and its token no longer works", label)

/** What `* hello` announces about the server. */
export interface Facts {
  /** The client's name, once it has one. */
  readonly name: string | undefined
  readonly maxLineBytes: number
  readonly maxRecipients: number
  /** The limits that are set, by parameter name. */
  readonly limits: Readonly<Record<string, number>>
  /** The words that are on for this client, in the order of their table. */
  readonly words: ReadonlyArray<HelloWord>
  /** What features add, by parameter name. */
  readonly more?: Readonly<Record<string, string>>
}

export const hello = (
  { limits, maxLineBytes, maxRecipients, more = {}, name, words }: Facts,
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

/** Stored lines that no device of their recipient was given. */
export const returned = ({
  count,
  first,
  last,
  reason,
  recipient
}: {
  readonly recipient: string
  readonly reason: "expired" | "removed"
  readonly first: number
  readonly last: number
  readonly count: number
}): string =>
  refusal(
    "undelivered",
    `${Name.show(recipient)} reason=${reason} first=${first} last=${last} count=${count}`,
    undeliveredText[reason]
  )(undefined)

/** A device of the recipient has been given everything up to this line. */
export const given = (recipient: string, seq: number): string =>
  notice("delivered", `${recipient} seq=${seq}`, "given to a device")

/** Lines that are gone, which the device was not given: those from `first` to `last`. */
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
