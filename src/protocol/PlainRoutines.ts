import type { Replaced } from "./Block.js"

/**
 * The routines of BlockRoutines.wat in JavaScript (`BlockRoutines`), for where WebAssembly cannot run. They leave the
 * work to V8's searches for one character, which are fast even without a compiler: one regular expression over the same
 * text takes 7 times as long, and 40 times under `node --jitless`.
 */

export const countLineFeeds = (text: Uint8Array): number => {
  let lines = 0
  for (let at = text.indexOf(LF); at >= 0; at = text.indexOf(LF, at + 1)) lines += 1
  return lines
}

export const hasControl = (block: Uint8Array): boolean => textHasControl(textOf(block))

export const replacePrefix = (block: Uint8Array, prefix: string, replacement: string): Replaced | undefined => {
  const text = textOf(block)
  if (textHasControl(text)) return undefined
  const lines = `\n${text.slice(0, -1)}`.split(`\n${prefix}`)
  // The part before the first prefix is empty. A line that starts differently is in the same part as the line before
  // it.
  if (lines.shift() !== "" || lines.some((line) => line.includes("\n") || needsTrim(line))) return undefined
  return { text: `${replacement}${lines.join(`\n${replacement}`)}\n`, lines: lines.length }
}

/** The decoder of frames does all of this, too. */
export const unframe = (): undefined => undefined

const LF = 0x0a

/** A block in its wire form (`Wire`). */
const textOf = (block: Uint8Array): string =>
  Buffer.from(block.buffer, block.byteOffset, block.byteLength).toString("latin1")

/** C0 except TAB, LF and CR, and DEL. */
const controls = Array.from({ length: 0x20 }, (_, code) => String.fromCharCode(code))
  .filter((character) => !"\t\n\r".includes(character))
  .concat("\x7f")

const textHasControl = (text: string): boolean =>
  controls.some((character) => text.includes(character)) ||
  (text.includes("\r") && /\r(?!\n)/.test(text)) ||
  // In UTF-8 a C2 is followed by 80 or more, and up to 9F that is a C1 character.
  (text.includes("\xc2") && /\xc2[\0-\x9f]/.test(text))

/**
 * Whether a line is empty, or may have white space at an end: ASCII, or a character that starts with C2, E1, E2 or E3.
 */
const needsTrim = (line: string): boolean => {
  const { length } = line
  const first = line.charCodeAt(0)
  return (
    !(first > 0x20 && line.charCodeAt(length - 1) > 0x20) ||
    first === 0xc2 ||
    line.charCodeAt(length - 2) === 0xc2 ||
    isWide(first) ||
    isWide(line.charCodeAt(length - 3))
  )
}

const isWide = (byte: number) => byte >= 0xe1 && byte <= 0xe3
