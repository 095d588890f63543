import * as Cells from "./Cells.js"
import type * as Display from "./Display.js"
import * as Row from "./Row.js"

/**
 * Indentation of continued rows: deeper than the start of any row of the transcript, with or without a time, so that
 * the text of one user cannot imitate a row of another.
 */
const indent = "00:00 ".length + 2

/** Narrower windows get no indentation. */
const minColumns = 20

const tabStop = 8

/**
 * Wraps a row, at a space if there is one near the edge. The terminal itself would continue in the first column.
 *
 * @param indentation of continued rows; by default as much as rows with text from other users need
 */
export const rows = (
  row: Row.Row,
  columns: number,
  display: Display.Display,
  indentation = indent
): ReadonlyArray<Row.SafeRow> => {
  const shown = Row.safe(row, display)
  let most = 0
  for (const { text } of shown) most += mostColumns(text, display)
  if (most <= columns) return [shown] // nearly all rows fit, so this is the cost under a flood
  const isIndented = columns >= minColumns && indentation > 0
  const cells = row.map(({ text }) => Cells.of(text, display))
  const [first, ...rest] = slices(shown, pieces(cells, columns, isIndented ? indentation : 0))
  const margin = Row.safe([Row.span(" ".repeat(indentation))], display)
  return [first ?? [], ...(isIndented ? rest.map((piece) => [...margin, ...piece]) : rest)]
}

const printable = /^[\x20-\x7e]*$/u

/** Common letters and punctuation, one column each. */
const narrow = /^[\x20-\x7e\xa1-\xac\xae-\u02ff\u2010-\u2027\u2030-\u203a]*$/u

/** An upper bound of the columns, computed without examining each character. */
const mostColumns = (text: Display.SafeText, { wideAmbiguous = false }: Display.Display): number => {
  if (printable.test(text) || (!wideAmbiguous && narrow.test(text))) return text.length
  return text.includes("\t") ? Infinity : text.length * 2
}

/** A range in the concatenated safe text of all spans. */
interface Piece {
  readonly start: number
  readonly end: number
}

const pieces = (
  spans: ReadonlyArray<ReadonlyArray<Cells.Cell>>,
  columns: number,
  indent: number
): ReadonlyArray<Piece> => {
  const found: Array<Piece> = []
  const near = Math.ceil(columns / 2)
  let [start, at, column] = [0, 0, 0]
  // The last space near the edge, and the column after it.
  let [blank, afterBlank] = [-1, 0]
  for (const cells of spans) {
    for (const { columns: most, text } of cells) {
      const isTab = text === "\t"
      const isBlank = text === " " || isTab
      const width = isTab ? tabStop - (column % tabStop) : most
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
      at += text.length
      column += width
    }
  }
  if (start < at || found.length === 0) found.push({ start, end: at })
  return found
}

/** Cuts the spans of a row at the pieces, in one pass over both: a list of names has thousands of spans. */
const slices = (row: Row.SafeRow, all: ReadonlyArray<Piece>): ReadonlyArray<Row.SafeRow> => {
  let [index, from] = [0, 0]
  return all.map(({ end, start }) => {
    const slice: Array<Row.SafeSpan> = []
    for (let current = row[index]; current !== undefined && from < end; current = row[index]) {
      const { ink, text } = current
      const to = from + text.length
      if (to > start) {
        // A piece ends between two cells, so that a part of the text is as safe as the whole.
        slice.push({ ink, text: text.slice(Math.max(0, start - from), end - from) as Display.SafeText })
      }
      if (to > end) break // the rest belongs to the next piece
      index += 1
      from = to
    }
    return slice
  })
}
