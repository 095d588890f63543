/**
 * The meaning of a line from the server. Total: a line unknown to this protocol version is `Other`. A client that does
 * not know a code can still show its text (protocol, section 1).
 */
export type Received =
  | { readonly _tag: "Message"; readonly from: string; readonly text: string }
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

const message = /^from ([^:]+): ?(.*)$/su

const report = /^([!*]) ([^\s:@=]+)(?: ([^:]*))?: ?(.*)$/su

/** @param line one line, without its terminator */
export const parse = (line: string): Received => {
  const [, from, said] = message.exec(line) ?? []
  if (from !== undefined && said !== undefined) return { _tag: "Message", from, text: said }
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

const before = (param: string, mark: string) => param.slice(0, param.indexOf(mark))

const after = (param: string, mark: string) => param.slice(param.indexOf(mark) + 1)
