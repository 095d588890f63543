/**
 * The meaning of a line from the server. Total: a line unknown to this protocol version is `Other`. A client that does
 * not know a code can still show its text (protocol, section 1).
 */
export type Received =
  | Message
  /** `!`: something that the client requested did not happen. */
  | (Report & {
      readonly _tag: "Refused"
      /** The server closes the connection after this line. */
      readonly fatal: boolean
      /** Milliseconds after which the same line may succeed; undefined if it never will. */
      readonly retryMillis: number | undefined
    })
  /** `*`: a reply to a command, or a notice. */
  | (Report & { readonly _tag: "Notice" })
  | { readonly _tag: "Other"; readonly line: string }

/** A message: `from NAME params: text`, without parameters of later protocol versions. */
export interface Message {
  readonly _tag: "Message"
  readonly from: string
  readonly text: string
  /** The room that the message was sent to, with its `#`; absent in a direct message. */
  readonly room?: string
  /** Present if the sender is a program, for a client that said `auto` itself (protocol, section 6). */
  readonly auto?: true
  /** Present if a guest sent a kept line, for a client that said `seq` (protocol, section 10). */
  readonly guest?: true
  /** The number of a kept line in its conversation, from 1, for a client that said `seq`. */
  readonly seq?: number
  /** When a kept line was stored, in milliseconds since 1970, for a client that said `seq`. */
  readonly at?: number
  /** The other recipients, at most 20; present if there are some, for a client that said `to` (protocol, section 6). */
  readonly to?: ReadonlyArray<string>
}

/** A line that reports something: `! CODE params: text` or `* CODE params: text`. */
export interface Report {
  readonly code: string
  /** The label of the line that this replies to, without its `@`. */
  readonly label: string | undefined
  /** Parameters without a value, in order: names, a count, `fatal`. */
  readonly words: ReadonlyArray<string>
  /** Parameters with a value: `reason=offline`, `retry=1000`. */
  readonly values: ReadonlyMap<string, string>
  /** For people; the wording may change. */
  readonly text: string
}

const messageStart = "from "

const report = /^([!*]) ([^\s:@=]+)(?: ([^:]*))?: ?(.*)$/su

/**
 * The kinds of server. A name on an original one may contain blanks, so what looks like parameters belongs to the name.
 */
export type ServerKind = "a-chat" | "original"

/** @param line one line, without its terminator */
export const parse = (line: string, server: ServerKind = "a-chat"): Received => {
  if (line.startsWith(messageStart)) {
    const colon = line.indexOf(":")
    if (colon > messageStart.length) return message(line, colon, server)
  }
  const [, mark, code, params = "", text] = report.exec(line) ?? []
  if (code === undefined || text === undefined) return { _tag: "Other", line }

  const all = params.split(/[ ,]+/u).filter((param) => param !== "")
  const label = all[0]?.startsWith("@") === true ? all.shift()?.slice(1) : undefined
  const words = all.filter((param) => !param.includes("="))
  const values = valuesOf(all.filter((param) => param.includes("=")))
  if (mark === "*") return { _tag: "Notice", code, label, words, values, text }
  const retry = values.get("retry") ?? ""
  const retryMillis = /^\d{1,12}$/.test(retry) ? Number(retry) : undefined
  // Only the last parameter counts: `fatal` may also be a name.
  return { _tag: "Refused", code, label, words, values, text, fatal: all.at(-1) === "fatal", retryMillis }
}

const message = (line: string, colon: number, server: ServerKind): Message => {
  const text = line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1)
  return { _tag: "Message", ...parseHead(line.slice(messageStart.length, colon), server), text }
}

/** @param head the text between `from ` and the `:` of a message */
export const parseHead = (head: string, server: ServerKind): Omit<Message, "_tag" | "text"> => {
  const blank = server === "a-chat" ? head.indexOf(" ") : -1
  // Nearly every message has no parameters.
  if (blank < 0) return { from: head }
  const params = head.slice(blank + 1).split(" ")
  const room = params.find((param) => param.startsWith("#"))
  const values = valuesOf(params.filter((param) => param.includes("=") && param !== room))
  return { from: head.slice(0, blank), ...(room === undefined ? {} : { room }), ...parametersOf(values) }
}

/** The fields of a message that come from its parameters. */
export const parametersOf = (
  values: ReadonlyMap<string, string>
): Pick<Message, "at" | "auto" | "guest" | "seq" | "to"> => {
  const [seq, at, to] = [numberIn(values.get("seq")), numberIn(values.get("at")), values.get("to")]
  return {
    ...(values.get("auto") === "yes" ? { auto: true } : {}),
    ...(values.get("guest") === "yes" ? { guest: true } : {}),
    ...(seq === undefined || at === undefined ? {} : { seq, at }),
    ...(to === undefined ? {} : { to: to.split("+") })
  }
}

const valuesOf = (params: ReadonlyArray<string>): ReadonlyMap<string, string> =>
  new Map(params.map((param) => [before(param, "="), after(param, "=")]))

/** A number of the protocol; undefined if it is not one, or too large for any server. */
export const numberIn = (value: string | undefined): number | undefined =>
  value !== undefined && /^\d{1,15}$/u.test(value) ? Number(value) : undefined

/** Lines that a device missed because they are no longer kept: `! gap` (protocol, section 10). */
export interface Gap {
  readonly conversation: string
  /** The first number that is missing, and the last. */
  readonly first: number
  readonly last: number
}

/** The gap that a line reports; undefined for any other line. */
export const gapIn = (received: Received): Gap | undefined => {
  if (received._tag !== "Refused" || received.code !== "gap") return undefined
  const [conversation] = received.words
  const first = numberIn(received.values.get("first"))
  const last = numberIn(received.values.get("last"))
  return conversation === undefined || first === undefined || last === undefined
    ? undefined
    : { conversation, first, last }
}

/** Stored lines of this client that no device of the recipient got in time. */
export interface ReturnedLines extends Gap {
  readonly reason: string
  readonly count: number
}

/** The returned lines that a line reports; undefined for any other line. */
export const returnIn = (received: Received): ReturnedLines | undefined => {
  if (received._tag !== "Refused" || received.code !== "undelivered" || received.label !== undefined) return undefined
  const [conversation] = received.words
  const [first, last, count] = ["first", "last", "count"].map((key) => numberIn(received.values.get(key)))
  if (conversation === undefined || first === undefined || last === undefined || count === undefined) return undefined
  return { conversation, first, last, count, reason: received.values.get("reason") ?? "" }
}

/**
 * Reports how far a device of an account has got this client's lines: `* delivered bob seq=N` (protocol, section 10).
 */
export interface Receipt {
  readonly name: string
  /** The number of the last line. */
  readonly seq: number
}

/** The receipt in a line; undefined for any other line. */
export const receiptIn = (received: Received): Receipt | undefined => {
  if (received._tag !== "Notice" || received.code !== "delivered") return undefined
  const [name] = received.words
  const seq = numberIn(received.values.get("seq"))
  return name === undefined || seq === undefined ? undefined : { name, seq }
}

/** The longest delay that a server asks for: the limit of its `--return-after`. */
const maxReturnMillis = 3_600_000

/** The delay until the best time to reconnect in `* closing` (protocol, section 6), in milliseconds. */
export const returnMillis = ({ values }: Report): number | undefined => {
  const millis = Number(values.get("return") ?? NaN)
  return millis >= 0 && millis <= maxReturnMillis ? millis : undefined
}

/**
 * Whether this is a notice that a server sends after `/hello` without being asked. The notice that the client itself
 * has left a room is not: it replies to `/leave`, or is something that the client should know.
 *
 * @param own the name of the client
 */
export const isUnrequested = ({ code, values, words: [, member] }: Report, own: string): boolean =>
  code === "joined" ||
  (code === "left" && (member === undefined || member !== own)) ||
  code === "closing" ||
  (code === "bye" && values.get("reason") === "shutdown")

const before = (param: string, mark: string) => param.slice(0, param.indexOf(mark))

const after = (param: string, mark: string) => param.slice(param.indexOf(mark) + 1)
