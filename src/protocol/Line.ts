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
  if (!Wire.isAscii(line) && !isUtf8(Buffer.from(line, "latin1"))) return notUtf8
  if (line.charCodeAt(0) === 0x2f /* / */) return command(line)
  const colon = line.indexOf(":")
  if (colon < 0) return noColon
  const recipients = names(line, colon, limits.maxRecipients)
  if (recipients === undefined) return mistake(Reply.tooManyRecipients(limits.maxRecipients))
  const text = Wire.trim(line, colon + 1)
  if (Wire.hasControl(text) || (Wire.hasControl(line) && recipients.some(Wire.hasControl))) return control
  if (recipients.length === 0) return noRecipient
  return { _tag: "Message", recipients, text }
}

// Shared values, so that consecutive lines with the same mistake are recognised without rendering the reply.
const notUtf8 = mistake(Reply.badLine("not UTF-8"))
const noColon = mistake(Reply.badLine("no ':' and no command; write 'name: text', or /help"))
const control = mistake(Reply.badLine("a control character other than TAB"))
const noRecipient = mistake(Reply.badLine("no recipient before the ':'"))

/**
 * The names in an address, each once. Returns undefined as soon as there are more than `most` different ones. Empty
 * names are ignored (protocol, section 3).
 */
const names = (line: string, end: number, most: number): ReadonlyArray<string> | undefined => {
  const found = new Set<string>()
  const isPlain = Wire.isAscii(line)
  for (let start = 0; start <= end;) {
    // Skips thousands of commas in a row in almost no time (fairness: commas).
    if (start < end && line.charCodeAt(start) === 0x2c /* , */) {
      start += 1
      continue
    }
    const comma = line.indexOf(",", start)
    const stop = comma < 0 || comma > end ? end : comma
    const name = Wire.trim(line, start, stop)
    if (name !== "") found.add(isPlain ? name : Name.normalise(name))
    if (found.size > most) return undefined
    start = stop + 1
  }
  return [...found]
}

const command = (line: string): Line => {
  const whole = Wire.trim(line, 1)
  if (Wire.hasControl(whole)) return control
  const end = whole.search(/[ \t:]/)
  return end < 0
    ? { _tag: "Command", name: whole, argument: "" }
    : { _tag: "Command", name: whole.slice(0, end), argument: Wire.trim(whole, end + 1) }
}

/** The number in `/ack N`; undefined if it is not one. */
export const acknowledged = (argument: string): number | undefined =>
  /^\d{1,15}$/.test(argument) ? Number(argument) : undefined

const labelled = /^@([A-Za-z0-9_.-]{1,32}) /

/**
 * The label at the start of a line, and the length of everything before the line proper; undefined if no label follows
 * the `@` (protocol, section 7).
 */
export const label = (line: string): { readonly label: string; readonly length: number } | undefined => {
  const found = labelled.exec(line)
  return found?.[1] === undefined ? undefined : { label: found[1], length: found[0].length }
}
