import { isUtf8 } from "node:buffer"
import * as Name from "./Name.js"
import * as Reply from "./Reply.js"
import * as Wire from "./Wire.js"

/** The meaning of a client's line. All strings are in their wire form (`Wire`). */
export type Line =
  | {
      readonly _tag: "Message"
      /** The recipients, each once, in the given order. They need not be present, nor valid names. */
      readonly recipients: ReadonlyArray<string>
      readonly text: string
    }
  | { readonly _tag: "Command"; readonly name: string; readonly argument: string }
  /** The line is refused; the reply gives the reason. */
  | { readonly _tag: "Mistake"; readonly reply: Reply.Refusal }

const mistake = (reply: Reply.Refusal): Line => ({ _tag: "Mistake", reply })

/**
 * Parses a line without its label and its LF. Total: every input has a meaning.
 *
 * White space at the ends of a part is removed before the check for control characters, so control characters that are
 * white space (CR, U+0085) are allowed there, as in the original.
 */
export const parse = (line: string, limits: { readonly maxRecipients: number }): Line => {
  if (!Wire.isAscii(line) && !isUtf8(Buffer.from(line, "latin1"))) return mistake(Reply.badLine("not UTF-8"))
  if (line.charCodeAt(0) === 0x2f /* / */) return command(line)
  const colon = line.indexOf(":")
  if (colon < 0) return mistake(Reply.badLine("no ':' and no command; write 'name: text', or /help"))
  const text = Wire.trim(line, colon + 1)
  const recipients = names(line.slice(0, colon))
  if (Wire.hasControl(text) || recipients.some(Wire.hasControl)) return mistake(control)
  if (recipients.length === 0) return mistake(Reply.badLine("no recipient before the ':'"))
  if (recipients.length > limits.maxRecipients) return mistake(Reply.tooManyRecipients(limits.maxRecipients))
  return { _tag: "Message", recipients, text }
}

const control = Reply.badLine("a control character other than TAB")

/** The names in an address, each once. Empty names are ignored (protocol, section 3). */
const names = (head: string): ReadonlyArray<string> => {
  const found = new Set<string>()
  for (const part of head.split(",")) {
    const name = Wire.trim(part)
    if (name !== "") found.add(Name.normalise(name))
  }
  return [...found]
}

const command = (line: string): Line => {
  const whole = Wire.trim(line, 1)
  if (Wire.hasControl(whole)) return mistake(control)
  const end = whole.search(/[ \t:]/)
  return end < 0
    ? { _tag: "Command", name: whole, argument: "" }
    : { _tag: "Command", name: whole.slice(0, end), argument: Wire.trim(whole, end + 1) }
}

const labelled = /^@([A-Za-z0-9_.-]{1,32}) /

/**
 * The label at the start of a line, and the length of everything before the line proper; undefined if no label follows
 * the `@` (protocol, section 7).
 */
export const label = (line: string): { readonly label: string; readonly length: number } | undefined => {
  const found = labelled.exec(line)
  return found?.[1] === undefined ? undefined : { label: found[1], length: found[0].length }
}
