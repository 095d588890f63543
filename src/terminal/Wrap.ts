import * as Display from "./Display.js"
import { span, type Row } from "./Row.js"
import * as Width from "./Width.js"

/**
 * Indentation of continued rows: deeper than the start of any row of the transcript, with or without a time, so that
 * the text of one user cannot imitate a row of another.
 */
const indent = "00:00 ".length + 2

/** Narrower windows get no indentation. */
const minColumns = 20

const margin = span(" ".repeat(indent))

const tabStop = 8

/** Wraps a row, at a space if there is one near the edge. The terminal itself would continue in the first column. */
export const rows = (row: Row, columns: number, display: Display.Display): ReadonlyArray<Row> => {
  let most = 0
  for (const { text } of row) most += mostColumns(text, display)
  if (most <= columns) return [row] // nearly all rows fit, so this is the cost under a flood
  const shown = row.map(({ ink, text }) => ({ ink, text: Display.show(text, display) }))
  const isIndented = columns >= minColumns
  const [first, ...rest] = slices(shown, pieces(shown, columns, isIndented ? indent : 0))
  return [first ?? [], ...(isIndented ? rest.map((piece) => [margin, ...piece]) : rest)]
}

const printable = /^[\x20-\x7e]*$/u

/** Common letters and punctuation, one column each. */
const narrow = /^[\x20-\x7e\xa1-\xac\xae-\u02ff\u2010-\u2027\u2030-\u203a]*$/u

/** An upper bound of the columns, computed without examining each character. */
const mostColumns = (text: string, display: Display.Display): number => {
  if (printable.test(text)) return text.length
  const shown = Display.show(text, display)
  if (narrow.test(shown)) return shown.length
  return shown.includes("\t") ? Infinity : shown.length * 2
}

/** A range in the concatenated text of all spans. */
interface Piece {
  readonly start: number
  readonly end: number
}

const pieces = (row: Row, columns: number, indent: number): ReadonlyArray<Piece> => {
  const found: Array<Piece> = []
  const near = Math.ceil(columns / 2)
  let [start, at, column] = [0, 0, 0]
  // The last space near the edge, and the column after it.
  let [blank, afterBlank] = [-1, 0]
  for (const { text } of row) {
    for (const grapheme of Width.graphemes(text)) {
      const isBlank = grapheme === " " || grapheme === "\t"
      const width = grapheme === "\t" ? tabStop - (column % tabStop) : Width.most(grapheme)
      if (column + width > columns && at > start) {
        if (isBlank) [blank, afterBlank] = [at, column]
        const isAtBlank = blank >= 0
        found.push({ start, end: isAtBlank ? blank : at })
        start = isAtBlank ? blank + 1 : at // drops the space at the end of the row
        column = indent + (isAtBlank ? column - afterBlank : 0)
        blank = -1
        if (isBlank) {
          at += 1
          continue
        }
      }
      if (isBlank && column >= near) [blank, afterBlank] = [at, column + width]
      at += grapheme.length
      column += width
    }
  }
  if (start < at || found.length === 0) found.push({ start, end: at })
  return found
}

/** Cuts the spans of a row at the pieces, in one pass over both: a list of names has thousands of spans. */
const slices = (row: Row, all: ReadonlyArray<Piece>): ReadonlyArray<Row> => {
  let [index, from] = [0, 0]
  return all.map(({ end, start }) => {
    const slice: Array<Row[number]> = []
    for (let current = row[index]; current !== undefined && from < end; current = row[index]) {
      const { ink, text } = current
      const to = from + text.length
      if (to > start) slice.push({ ink, text: text.slice(Math.max(0, start - from), end - from) })
      if (to > end) break // the rest belongs to the next piece
      index += 1
      from = to
    }
    return slice
  })
}
