/**
 * Text as it travels: UTF-8 bytes carried in strings of one character per byte (latin1). Nothing is transcoded on the
 * way from one socket to another, and such a string takes half the memory.
 *
 * The trap of that form: to JavaScript the byte A0, which is the second half of `à`, is a blank (U+00A0). Never use
 * `trim`, `\s` or `toLowerCase` on it; use what is here.
 */

/** The wire form of ordinary text. */
export const encode = (text: string): string => (isAscii(text) ? text : Buffer.from(text, "utf8").toString("latin1"))

/** Ordinary text of its wire form; bytes that are not UTF-8 become U+FFFD. */
export const decode = (wire: string): string => (isAscii(wire) ? wire : Buffer.from(wire, "latin1").toString("utf8"))

const nonAscii = /[^\0-\x7f]/

export const isAscii = (text: string): boolean => !nonAscii.test(text)

/** The lines of a block, each of which has its end: without LF or CRLF. */
export const lines = (block: string): ReadonlyArray<string> => {
  const all = block.split("\n")
  all.pop() // behind the last LF
  return block.includes("\r") ? all.map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line)) : all
}

const scratch = Buffer.alloc(64)

/** The same text in a string of its own: a slice keeps the string alive that it was cut from, which may be a whole read. */
export const copy = (wire: string): string =>
  wire.length <= scratch.length
    ? scratch.toString("latin1", 0, scratch.write(wire, 0, "latin1"))
    : Buffer.from(wire, "latin1").toString("latin1")

/** Removes white space at both ends of `wire.slice(start, end)`: the White_Space property of Unicode, in bytes. */
export const trim = (wire: string, start = 0, end = wire.length): string => {
  const from = skipSpace(wire, start, end)
  return wire.slice(from, skipSpaceBack(wire, from, end))
}

/** The first position from `start` that is no white space, or `end`. */
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
  // The line's own white space ends in full characters, so `end` is never overshot by more than a malformed one.
  return Math.min(at, end)
}

/** The position behind the last character before `end` that is no white space, or `start`. */
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

/** The bytes of the white space character above ASCII that starts at `at`; 0 if there is none. */
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

// C0 without TAB, DEL, and C1 in its two bytes.
// oxlint-disable-next-line no-control-regex
const control = /[\0-\x08\x0a-\x1f\x7f]|\xc2[\x80-\x9f]/

/** Whether there is a control character other than TAB: C0, DEL or C1. */
export const hasControl = (wire: string): boolean => control.test(wire)
