import * as Display from "./Display.js"
import * as Width from "./Width.js"

/** An indivisible part of a displayed text: a character with its marks, or the escape of a hidden one. */
export interface Cell {
  readonly text: Display.SafeText
  /** Columns, at most; of a TAB, 1. */
  readonly columns: number
  /** Code units of the original text. */
  readonly length: number
}

/** The cells of a text. Neither the cursor nor the end of a row falls within one. */
export const of = (text: string, display: Display.Display): ReadonlyArray<Cell> => {
  const cells: Array<Cell> = []
  const hidden = Display.hidden(text, display)
  const isWide = display.wideAmbiguous === true
  const add = (shown: string, length: number) => {
    // `hidden` has just checked each of its characters.
    if (shown !== "") cells.push({ text: shown as Display.SafeText, columns: Width.most(shown, isWide), length })
  }
  let at = 0
  for (const grapheme of Width.graphemes(text)) {
    // Without a limit, a chain of joined emoji would fit into no row, and the terminal would break it.
    const isLong = grapheme.length > 1 && Width.most(grapheme, isWide) > maxColumns
    let shown = ""
    for (const character of grapheme) {
      const escape = hidden.get(at)
      if (escape !== undefined || isLong) {
        add(shown, shown.length)
        shown = ""
      }
      if (escape === undefined) shown += character
      else cells.push({ text: escape as Display.SafeText, columns: escape.length, length: character.length }) // ASCII
      at += character.length
    }
    add(shown, shown.length)
  }
  return cells
}

/** More than any emoji that fonts have: a kiss between two people with skin tones has 12. */
const maxColumns = 16

/** The columns of cells, at most. */
export const columns = (cells: ReadonlyArray<Cell>): number => cells.reduce((sum, cell) => sum + cell.columns, 0)

export const text = (cells: ReadonlyArray<Cell>): Display.SafeText =>
  cells.map((cell) => cell.text).join("") as Display.SafeText // joined from safe texts
