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
 * Wraps a row, at a space if there is one near the edge. Only links that are too long for a row are left to the
 * terminal, which continues in the first column: it recognises a link, to click and copy, only if it has wrapped it
 * itself. A link cannot imitate a row of the transcript, since it contains no space.
 */
export const rows = (row: Row.Row, columns: number, display: Display.Display): ReadonlyArray<Row.SafeRow> =>
  wrapped(row, columns, display, true)

/** Wraps a row that is redrawn: without indentation, and never by the terminal, so that the number of rows is known. */
export const liveRows = (row: Row.Row, columns: number, display: Display.Display): ReadonlyArray<Row.SafeRow> =>
  wrapped(row, columns, display, false)

const wrapped = (
  row: Row.Row,
  columns: number,
  display: Display.Display,
  isKept: boolean
): ReadonlyArray<Row.SafeRow> => {
  const shown = Row.safe(row, display)
  let most = 0
  for (const { text } of shown) most += mostColumns(text, display)
  if (most <= columns) return [shown] // nearly all rows fit, so this is the cost under a flood
  const cells = row.map(({ text }) => Cells.of(text, display))
  const indentation = isKept && columns >= minColumns ? indent : 0
  const links = isKept ? linksOf(shown.map(({ text }) => text).join("")) : new Map<number, number>()
  const all = pieces(cells, columns, indentation, links)
  const margin = indentation === 0 ? [] : Row.safe([Row.span(" ".repeat(indentation))], display)
  return slices(shown, all).map((slice, at) => (at === 0 || all[at]?.isLink === true ? slice : [...margin, ...slice]))
}

/** The characters of a URI (RFC 3986), all of which have one column. */
const link = /\bhttps?:\/\/[\w.~:/?#[\]@!$&'()*+,;=%-]+/giu

/** The lengths of the links in a text, by index. */
const linksOf = (text: string): ReadonlyMap<number, number> =>
  new Map(Array.from(text.matchAll(link), (match) => [match.index, match[0].length]))

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
  /** A link that the terminal wraps. */
  readonly isLink?: boolean
}

const pieces = (
  spans: ReadonlyArray<ReadonlyArray<Cells.Cell>>,
  columns: number,
  indent: number,
  links: ReadonlyMap<number, number>
): ReadonlyArray<Piece> => {
  const found: Array<Piece> = []
  const near = Math.ceil(columns / 2)
  let [start, at, column] = [0, 0, 0]
  // The last space near the edge, and the column after it.
  let [blank, afterBlank] = [-1, 0]
  let wasBlank = false
  // The end of the last link that is wrapped by the terminal.
  let linkEnd = -1
  for (const cells of spans) {
    for (const { columns: most, text } of cells) {
      const isTab = text === "\t"
      const isBlank = text === " " || isTab
      const length = links.get(at)
      if (length !== undefined && column + length > columns) {
        if (at > start) found.push({ start, end: wasBlank ? at - 1 : at })
        ;[start, column, blank] = [at, indent, -1]
        if (column + length > columns) {
          linkEnd = at + length
          found.push({ start, end: linkEnd, isLink: true })
          start = linkEnd
        }
      }
      wasBlank = isBlank
      if (at < linkEnd || (at === linkEnd && isBlank)) {
        at += text.length
        start = Math.max(start, at)
        continue
      }
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
        // The word that moved into the next row, together with a wide cell, may be too long for that one as well.
        if (column + width > columns && at > start) {
          found.push({ start, end: at })
          start = at
          column = indent
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
