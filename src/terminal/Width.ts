import { eastAsianWidth } from "get-east-asian-width"

/**
 * Characters as a user counts them (graphemes), and the columns that they occupy. Terminals disagree on some widths, so
 * these widths only determine where a row is cut or wrapped.
 */

// `string-width` would do the same, but creates its segmenter at load time. That takes 8 ms, a tenth of the time budget
// until the prompt appears. ASCII, which is nearly all text, needs no segmenter.
let segmenter: Intl.Segmenter | undefined = undefined

const segments = (text: string) => (segmenter ??= new Intl.Segmenter()).segment(text)

const isAscii = (text: string) => /^[\x20-\x7e]*$/u.test(text)

/** The graphemes of a text. The cursor moves over each in one step. */
export const graphemes = (text: string): ReadonlyArray<string> =>
  isAscii(text) ? [...text] : Array.from(segments(text), ({ segment }) => segment)

/** Where the character before an index starts; 0 at the start. */
export const before = (text: string, index: number): number => {
  if (index <= 1) return 0
  if (isAscii(text.slice(index - 2, index))) return index - 1
  return segments(text).containing(index - 1)?.index ?? 0
}

/** Where the character at an index ends. */
export const after = (text: string, index: number): number => {
  if (index >= text.length) return text.length
  if (isAscii(text.slice(index, index + 2))) return index + 1
  const found = segments(text).containing(index)
  return found === undefined ? text.length : found.index + found.segment.length
}

/** The columns of a text without control characters. */
export const columns = (text: string): number =>
  isAscii(text) ? text.length : graphemes(text).reduce((sum, grapheme) => sum + columnsOf(grapheme), 0)

/** Selects emoji style, which is two columns wide. */
const emojiStyle = "\u{fe0f}"

const flag = /^\p{Regional_Indicator}{2}/u

export const columnsOf = (grapheme: string): number => {
  const point = grapheme.codePointAt(0) ?? 0
  if (point < 0x300) return grapheme.includes(emojiStyle) ? 2 : 1
  if (/^\p{M}/u.test(grapheme)) return 0
  return eastAsianWidth(point) === 2 || grapheme.includes(emojiStyle) || flag.test(grapheme) ? 2 : 1
}

/** The most columns that any terminal uses: one that does not know a sequence shows its parts side by side. */
export const most = (grapheme: string): number => {
  if (grapheme.length === 1 && grapheme < "\u0300") return 1
  let sum = 0
  for (const point of grapheme) sum += spacing.test(point) ? 1 : columnsOf(point)
  return Math.max(sum, columnsOf(grapheme))
}

/** Combining marks to which some terminals give a separate column. */
const spacing = /^\p{Mc}/u

/** The longest start of a text that fits. */
export const cut = (text: string, width: number): string => {
  if (text.length <= width && isAscii(text)) return text
  let [taken, sum] = ["", 0]
  for (const grapheme of graphemes(text.slice(0, width * maxUnits))) {
    sum += columnsOf(grapheme)
    if (sum > width) break
    taken += grapheme
  }
  return taken
}

/**
 * The greatest average number of code units per displayed character, so that `cut` need not scan all of a long text.
 */
const maxUnits = 24
