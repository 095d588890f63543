import * as Cells from "./Cells.js"
import * as Display from "./Display.js"
import * as Row from "./Row.js"
import * as Wrap from "./Wrap.js"

/** The content drawn below the scrollback. */
export interface LiveView {
  /** Rows above the prompt, each cut at the edge. If not all fit, the lowest are shown. */
  readonly above: ReadonlyArray<Row.Row>
  /** Rows below those, wrapped to fit. */
  readonly status?: ReadonlyArray<Row.Row>
  readonly prompt: Row.Row
  /** The line being typed, and the cursor as an index into it. */
  readonly text: string
  readonly cursor: number
}

export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

const hideCursor = "\x1b[?25l"
const showCursor = "\x1b[?25h"
const clearBelow = "\x1b[J"
const saveCursor = "\x1b7"
const restoreCursor = "\x1b8"
const topLeft = "\x1b[H"

/**
 * Wrapping is off while the region is drawn. Terminals disagree on the width of some emoji, so a row may be too wide.
 * Without wrapping it is cut at the edge, and the number of rows stays known.
 */
const wrapOff = "\x1b[?7l"
const wrapOn = "\x1b[?7h"

/**
 * The rows that are redrawn at the end of the terminal. A single write moves the cursor up to the first row, clears,
 * prints new rows of the scrollback, and draws all rows again.
 */
export class LiveRegion {
  private view: LiveView = { above: [], prompt: [], text: "", cursor: 0 }
  /** Number of rows from the first row down to the cursor. */
  private cursorRow = 0
  /** The drawn content; undefined if the terminal may show something else. */
  private shown: string | undefined = undefined
  /** Widths of the rows as drawn, and the column of the cursor in the last one. */
  private drawn: { readonly widths: ReadonlyArray<number>; readonly cursor: number } = { widths: [], cursor: 0 }

  constructor(private readonly display: Display.Display) {}

  show(view: LiveView): void {
    this.view = view
  }

  /**
   * Returns the write that adds rows to the scrollback and draws the region below them; empty if that would change
   * nothing, as with lines that are only counted.
   */
  draw(added: ReadonlyArray<Row.Row>, size: TerminalSize): string {
    const { display, view } = this
    const cut = view.above.map((row) => Row.fit(row, size.columns, display))
    const status = (view.status ?? []).flatMap((row) => Wrap.liveRows(row, size.columns, display))
    const above = [...cut, ...status].slice(-Math.max(1, size.rows - 1))
    if (size.rows < 2) above.length = 0
    const prompt = promptRow(view, size.columns, display)
    const before = Row.columns(prompt.before)
    const region =
      above.map((row) => `${Row.render(row, display)}\r\n`).join("") +
      Row.render(prompt.before, display) +
      saveCursor + // no column number: terminals disagree on the width of the text before it
      Row.render(prompt.after, display) +
      restoreCursor
    if (added.length === 0 && region === this.shown) return ""
    const written = hideCursor + this.erase(added, size) + wrapOff + region + wrapOn + showCursor
    this.cursorRow = above.length
    this.drawn = { widths: above.map(Row.columns), cursor: before }
    this.shown = region
    return written
  }

  /** Returns the write that removes the region and adds rows to the scrollback. */
  erase(added: ReadonlyArray<Row.Row>, size: TerminalSize): string {
    const up = this.cursorRow === 0 ? "" : `\x1b[${this.cursorRow}A`
    this.cursorRow = 0
    this.shown = undefined
    this.drawn = { widths: [], cursor: 0 }
    return `${up}\r${clearBelow}${this.written(added, size, "\r\n")}`
  }

  /** Rows for the scrollback, wrapped to fit. */
  written(added: ReadonlyArray<Row.Row>, { columns }: TerminalSize, lineEnd: string): string {
    let written = ""
    for (const row of added) {
      for (const piece of Wrap.rows(row, columns, this.display)) written += Row.render(piece, this.display) + lineEnd
    }
    return written
  }

  /** Returns the write that moves everything into the scrollback. */
  clear(size: TerminalSize): string {
    return this.erase([], size) + "\n".repeat(size.rows) + topLeft
  }

  /** Call when the terminal may show something else: the region is drawn again even if it is the same. */
  invalidate(): void {
    this.shown = undefined
  }

  /** Call after a resize: the terminal has rewrapped the rows, and the cursor has moved with them. */
  resized({ columns }: TerminalSize): void {
    const { reflow } = this.display
    this.shown = undefined
    if (reflow === "none") return
    const { cursor, widths } = this.drawn
    const above = widths.reduce((rows, width) => rows + Math.max(1, Math.ceil(width / columns)), 0)
    this.cursorRow = above + (reflow === "all" ? Math.floor(cursor / columns) : 0)
  }
}

/** The prompt and as much of the line around the cursor as fits, split at the cursor. */
const promptRow = (view: LiveView, columns: number, display: Display.Display) => {
  const { says, sentTo } = Display.marks(display)
  const prompt = Row.fit(view.prompt, columns >> 1, display)
  const width = columns - Row.mostColumns(prompt, display)
  const near = aroundCursor(view, columns)
  const cells = placed(Row.cellsOf(near.text, display))
  const count = cells.findIndex(({ index }) => index >= near.cursor)
  const [before, after] = count < 0 ? [cells, []] : [cells.slice(0, count), cells.slice(count)]
  const cursor = before.at(-1)?.end ?? 0
  const total = cells.at(-1)?.end ?? 0

  // Scrolls by half the width, not with every key.
  const half = Math.max(1, width >> 1)
  const last = width - 1
  const start = total < width || cursor < last ? 0 : (Math.floor((cursor - last) / half) + 1) * half
  const isCut = near.isCutAfter || total > start + width
  const shown = (all: ReadonlyArray<PlacedCell>): Row.SafeSpan => ({
    text: Cells.text(
      all.filter((cell) => cell.start >= start + (start > 0 ? 1 : 0) && cell.end <= start + width - (isCut ? 1 : 0))
    )
  })
  return {
    before: [...prompt, ...mark(sentTo, near.isCutBefore || start > 0, display), shown(before)],
    after: [shown(after), ...mark(says, isCut, display)]
  }
}

/**
 * The part of a long line that is divided into cells: with the whole of a megabyte paste, each key would take seconds.
 * Its ends are out of view, and it moves only after many rows, so that the row scrolls as with the whole line.
 */
const aroundCursor = ({ cursor, text }: LiveView, columns: number) => {
  const length = Row.maxUnits(columns)
  const start = Math.max(0, Math.floor(cursor / length) - 1) * length
  const end = start + 3 * length
  return {
    text: text.slice(start, end),
    cursor: cursor - start,
    isCutBefore: start > 0,
    isCutAfter: end < text.length
  }
}

/** A mark that shows whether the line continues there. */
const mark = (text: string, isThere: boolean, display: Display.Display): Row.SafeRow =>
  isThere ? Row.safe([Row.span(text, "quiet")], display) : []

/** A cell, the index of its text in the line, and its columns. */
interface PlacedCell extends Cells.Cell {
  readonly index: number
  readonly start: number
  readonly end: number
}

const placed = (cells: ReadonlyArray<Cells.Cell>): ReadonlyArray<PlacedCell> => {
  let [index, end] = [0, 0]
  return cells.map((cell) => {
    const place = { ...cell, index, start: end, end: end + cell.columns }
    index += cell.length
    end = place.end
    return place
  })
}
