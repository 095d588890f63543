import * as Display from "./Display.js"
import * as Width from "./Width.js"

/**
 * A row as data: spans of raw text and their styles. Only `render` turns it into output for a terminal, so no text
 * reaches the terminal unescaped.
 */
export type Row = ReadonlyArray<Span>

export interface Span {
  readonly text: string
  readonly ink?: Ink | undefined
}

export type Ink = "quiet" | "strong" | "good" | "bad" | { readonly nameOf: string }

export const span = (text: string, ink?: Ink): Span => ({ text, ink })

/** A name in its colour. */
export const name = (text: string): Span => ({ text, ink: { nameOf: text } })

const reset = "\x1b[0m"

const codes = { quiet: "2", strong: "1", good: "32", bad: "31" } as const

/** The colours among the 256 that are readable on both black and white. */
const manyColours = [26, 31, 35, 61, 64, 97, 125, 130, 133, 136, 161, 166, 168, 32, 37, 71]

const basicColours = [31, 32, 33, 34, 35, 36]

/** The text of a row with its control codes, for a terminal. */
export const render = (row: Row, display: Display.Display): string => {
  let rendered = ""
  for (const { ink, text } of row) {
    const shown = Display.show(text, display)
    const code = ink === undefined || shown.trim() === "" ? "" : codeOf(ink, display) // the colour of white space is invisible
    rendered += code === "" ? shown : `\x1b[${code}m${shown}${reset}`
  }
  return rendered
}

const codeOf = (ink: Ink, { colours }: Display.Display): string => {
  if (colours === "none") return ""
  if (typeof ink === "string") return codes[ink]
  const hash = hashOf(ink.nameOf)
  return colours === "many"
    ? `38;5;${manyColours[hash % manyColours.length] ?? 0}`
    : String(basicColours[hash % basicColours.length] ?? 0)
}

/** FNV-1a, so that a name has the same colour every time. */
const hashOf = (text: string): number => {
  let hash = 0x811c9dc5
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193)
  // The low bits of the product alone would give similar names similar colours.
  return (hash ^ (hash >>> 15)) >>> 0
}

/** Cuts a row to a width and marks the cut. TAB becomes a space, because its width varies. */
export const fit = (row: Row, width: number, display: Display.Display): Row => {
  const fitted: Array<Span> = []
  const { more } = Display.marks(display)
  let left = width
  for (const [index, { ink, text }] of row.entries()) {
    // Only the start of a long text matters: apart from stacked marks, a character takes at least one column.
    const shown = flat(text.slice(0, maxUnits(width)), display)
    const columns = Width.columns(shown)
    const isLast = index === row.length - 1 && text.length <= maxUnits(width)
    if (columns < left || (columns === left && isLast)) {
      fitted.push({ text: shown, ink })
      left -= columns
      continue
    }
    fitted.push({ text: Width.cut(shown, Math.max(0, left - more.length)), ink }, { text: more.slice(0, left) })
    break
  }
  return fitted
}

const maxUnits = (width: number) => width * 12 + 12

/** Text that is safe to display, without TAB. */
export const flat = (text: string, display: Display.Display): string =>
  Display.show(text, display).replaceAll("\t", " ")

/** The columns of a fitted row. */
export const columns = (row: Row): number => row.reduce((sum, { text }) => sum + Width.columns(text), 0)
