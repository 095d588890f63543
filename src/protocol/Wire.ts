/**
 * The wire form of text: a string with one character per byte of its UTF-8 (latin1). Nothing is transcoded between one
 * socket and another, and V8 stores such a string in one byte per character.
 *
 * The trap: the second byte of `à` is A0, which JavaScript takes for a no-break space (U+00A0). Never use `trim`, `\s`
 * or
 * `toLowerCase` on the wire form; use the functions of this module.
 */

/** The wire form of ordinary text. */
export const encode = (text: string): string => (isAscii(text) ? text : Buffer.from(text, "utf8").toString("latin1"))

/** Ordinary text from its wire form. Bytes that are not UTF-8 become U+FFFD. */
export const decode = (wire: string): string => (isAscii(wire) ? wire : Buffer.from(wire, "latin1").toString("utf8"))

const nonAscii = /[^\0-\x7f]/

export const isAscii = (text: string): boolean => !nonAscii.test(text)

/** The lines of a block, without their LF or CRLF. The block ends in LF. */
export const lines = (block: string): ReadonlyArray<string> => {
  const all = block.split("\n")
  all.pop() // the empty part after the last LF
  return block.includes("\r") ? all.map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line)) : all
}

const scratch = Buffer.alloc(64)

/** V8 copies slices and concatenations that are shorter than this (`SlicedString::kMinLength`). */
const copiedByV8 = 13

/** A copy with its own memory. In V8, a slice keeps its whole source alive, such as a 64 KiB read. */
export const copy = (wire: string): string => {
  if (wire.length < copiedByV8) return wire
  return wire.length <= scratch.length
    ? scratch.toString("latin1", 0, scratch.write(wire, 0, "latin1"))
    : Buffer.from(wire, "latin1").toString("latin1")
}

/** Removes white space (the Unicode property White_Space) from both ends of `wire.slice(start, end)`. */
export const trim = (wire: string, start = 0, end = wire.length): string => {
  const from = skipSpace(wire, start, end)
  return wire.slice(from, skipSpaceBack(wire, from, end))
}

/** The position of the first character from `start` on that is not white space, or `end`. */
export const skipSpace = (wire: string, start: number, end: number): number => {
  let at = start
  while (at < end) {
    const byte = wire.charCodeAt(at)
    if (byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)) at += 1
    else if (byte < 0xc2) return at
    else {
      const width = spaceWidth(wire, at)
      if (width === 0) return at
      at += width
    }
  }
  // Only a malformed character can reach past `end`.
  return Math.min(at, end)
}

/** The position after the last character before `end` that is not white space, or `start`. */
export const skipSpaceBack = (wire: string, start: number, end: number): number => {
  let at = end
  while (at > start) {
    const byte = wire.charCodeAt(at - 1)
    if (byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)) at -= 1
    else if (byte < 0x80) return at
    else if (at - 2 >= start && spaceWidth(wire, at - 2) === 2) at -= 2
    else if (at - 3 >= start && spaceWidth(wire, at - 3) === 3) at -= 3
    else return at
  }
  return at
}

/** The length in bytes of the white space character above ASCII that starts at `at`; 0 if there is none. */
const spaceWidth = (wire: string, at: number): 0 | 2 | 3 => {
  const first = wire.charCodeAt(at)
  const second = wire.charCodeAt(at + 1)
  if (first === 0xc2) return second === 0x85 || second === 0xa0 ? 2 : 0 // U+0085, U+00A0
  const third = wire.charCodeAt(at + 2)
  if (first === 0xe1) return second === 0x9a && third === 0x80 ? 3 : 0 // U+1680
  if (first === 0xe3) return second === 0x80 && third === 0x80 ? 3 : 0 // U+3000
  if (first !== 0xe2) return 0
  if (second === 0x81) return third === 0x9f ? 3 : 0 // U+205F
  if (second !== 0x80) return 0
  // U+2000 to U+200A, U+2028, U+2029, U+202F
  return (third >= 0x80 && third <= 0x8a) || third === 0xa8 || third === 0xa9 || third === 0xaf ? 3 : 0
}

// C0 but TAB, DEL, and C1 as its two bytes.
// oxlint-disable-next-line no-control-regex
const control = /[\0-\x08\x0a-\x1f\x7f]|\xc2[\x80-\x9f]/

/** Whether text contains a control character other than TAB: C0, DEL or C1. */
export const hasControl = (wire: string): boolean => control.test(wire)
