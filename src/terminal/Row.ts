import * as Cells from "./Cells.js"
import * as Display from "./Display.js"
import * as Width from "./Width.js"

/** A row as data: spans of raw text and their styles. */
export type Row = ReadonlyArray<Span>

/**
 * A row whose text is safe to display. Only `render` turns it into output, so no text reaches the terminal unescaped.
 */
export type SafeRow = ReadonlyArray<SafeSpan>

export interface SafeSpan extends Span {
  readonly text: Display.SafeText
}

export interface Span {
  readonly text: string
  readonly ink?: Ink | undefined
}

export type Ink = "quiet" | "strong" | "good" | "bad" | "mention" | { readonly nameOf: string }

export const span = (text: string, ink?: Ink): Span => ({ text, ink })

/** A name in its colour. */
export const name = (text: string): Span => ({ text, ink: { nameOf: text } })

const reset = "\x1b[0m"

const codes = { quiet: "2", strong: "1", good: "32", bad: "31", mention: "7" } as const

/** Those of the 256 colours that are readable on both black and white. */
const manyColours = [26, 31, 35, 61, 64, 97, 125, 130, 133, 136, 161, 166, 168, 32, 37, 71]

const basicColours = [31, 32, 33, 34, 35, 36]

export const safe = (row: Row, display: Display.Display): SafeRow =>
  row.map(({ ink, text }) => ({ ink, text: Display.show(text, display) }))

/** The text of a row with its control codes, for a terminal. */
export const render = (row: SafeRow, display: Display.Display): string => {
  let rendered = ""
  for (const { ink, text } of row) {
    // the colour of white space is invisible
    const code = ink === undefined || text.trim() === "" ? "" : codeOf(ink, display)
    rendered += code === "" ? text : `\x1b[${code}m${text}${reset}`
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
export const fit = (row: Row, width: number, display: Display.Display): SafeRow => {
  const fitted: Array<SafeSpan> = []
  const more = cellsOf(Display.marks(display).more, display)
  let left = width
  for (const [index, { ink, text }] of row.entries()) {
    // Only the start of a long text matters: apart from stacked marks, a character takes at least one column.
    const cells = cellsOf(text.slice(0, maxUnits(width)), display)
    const columns = Cells.columns(cells)
    const isLast = index === row.length - 1 && text.length <= maxUnits(width)
    if (columns < left || (columns === left && isLast)) {
      fitted.push({ text: Cells.text(cells), ink })
      left -= columns
      continue
    }
    const shown = cut(cells, Math.max(0, left - Cells.columns(more)))
    fitted.push({ text: Cells.text(shown), ink }, { text: Cells.text(cut(more, left)) })
    break
  }
  return fitted
}

/** The cells of a text, in which TAB is a space. */
export const cellsOf = (text: string, display: Display.Display): ReadonlyArray<Cells.Cell> =>
  Cells.of(text.replaceAll("\t", " "), display)

/** The longest start that fits. */
const cut = (cells: ReadonlyArray<Cells.Cell>, width: number): ReadonlyArray<Cells.Cell> => {
  let sum = 0
  const end = cells.findIndex(({ columns }) => (sum += columns) > width)
  return end < 0 ? cells : cells.slice(0, end)
}

/** More code units than characters need, apart from stacked marks, that fill a width. */
export const maxUnits = (width: number) => width * 12 + 12

/** The columns of a fitted row on most terminals. */
export const columns = (row: SafeRow): number => row.reduce((sum, { text }) => sum + Width.columns(text), 0)

/** The columns of a fitted row, at most. */
export const mostColumns = (row: SafeRow, { wideAmbiguous = false }: Display.Display): number => {
  let sum = 0
  for (const { text } of row) for (const grapheme of Width.graphemes(text)) sum += Width.most(grapheme, wideAmbiguous)
  return sum
}
