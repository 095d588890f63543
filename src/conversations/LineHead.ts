import * as LineForm from "../chat/LineForm.js"

/** The form of lines in an account's inlet: with every parameter that is stored besides the text. */
export const form: LineForm.LineForm = LineForm.all

/** The head of a routed line, without its sender. */
export interface LineHead {
  readonly isAuto: boolean
  /** The line's other recipients, joined by `+`; empty if there are none. */
  readonly to: string
  readonly text: string
}

const parameters = /^from [^ :]+((?: [a-z]+=[^ :]+)*): /

/**
 * Parses a line as `Routing` puts it: `from alice to=bob+carol auto=yes: text`.
 *
 * @param line without its LF
 */
export const parse = (line: string): LineHead => {
  const found = parameters.exec(line)
  if (found === null) throw new Error("not a routed line")
  const [head, all = ""] = found
  const text = line.slice(head.length)
  if (all === "") return { isAuto: false, to: "", text }
  const values = new Map(
    all
      .trim()
      .split(" ")
      .map((parameter) => parameter.split("=", 2) as [string, string])
  )
  return { isAuto: values.get("auto") === "yes", to: values.get("to") ?? "", text }
}
