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

/** A message: `from NAME params: text`. Parameters of later protocol versions are left out. */
export interface Message {
  readonly _tag: "Message"
  readonly from: string
  readonly text: string
  /** Present if the sender is a program, for a client that said `auto` itself (protocol, section 6). */
  readonly auto?: true
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

/** The kinds of server. A name on an original one may contain blanks, so what looks like parameters belongs to the name. */
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
  const values = new Map(
    all.filter((param) => param.includes("=")).map((param) => [before(param, "="), after(param, "=")])
  )
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

/** @param head what is between `from ` and the `:` of a message */
export const parseHead = (head: string, server: ServerKind): Omit<Message, "_tag" | "text"> => {
  const blank = server === "a-chat" ? head.indexOf(" ") : -1
  // Nearly every message has no parameters.
  if (blank < 0) return { from: head }
  const params = head.slice(blank + 1).split(" ")
  const to = params.find((param) => param.startsWith("to="))
  return {
    from: head.slice(0, blank),
    ...(params.includes("auto=yes") ? { auto: true } : {}),
    ...(to === undefined ? {} : { to: after(to, "=").split("+") })
  }
}

/** A server asks for no longer delay: it is the limit of its `--return-after`. */
const maxReturnMillis = 3_600_000

/** The delay until the best time to reconnect in `* closing` (protocol, section 6), in milliseconds. */
export const returnMillis = ({ values }: Report): number | undefined => {
  const millis = Number(values.get("return") ?? NaN)
  return millis >= 0 && millis <= maxReturnMillis ? millis : undefined
}

const before = (param: string, mark: string) => param.slice(0, param.indexOf(mark))

const after = (param: string, mark: string) => param.slice(param.indexOf(mark) + 1)
