import { eastAsianWidth } from "get-east-asian-width"

/**
 * Characters as a user counts them (graphemes), and the columns that they occupy. Terminals disagree on some widths, so
 * there are two: `columns` is that of most terminals, and `most` the maximum over all.
 */

// `string-width` would do the same, but creates its segmenter at load time. That takes 8 ms, a tenth of the time budget
// until the prompt appears. ASCII, which is nearly all text, needs no segmenter.
let segmenter: Intl.Segmenter | undefined = undefined

const segments = (text: string) => (segmenter ??= new Intl.Segmenter()).segment(text)

const isAscii = (text: string) => /^[\x20-\x7e]*$/u.test(text)

/**
 * Code units that are segmented at once. ICU's time per grapheme grows with the length of the text: a line of 100,000
 * Thai characters would take seconds. A longer grapheme, which nobody can read, is cut.
 */
const windowLength = 2048

const isHighSurrogate = (unit: number) => unit >= 0xd800 && unit < 0xdc00

/** The graphemes of a text. The cursor moves over each in one step. */
export const graphemes = (text: string): ReadonlyArray<string> => {
  if (isAscii(text)) return [...text]
  if (text.length <= windowLength) return Array.from(segments(text), ({ segment }) => segment)
  const found: Array<string> = []
  for (let at = 0; at < text.length;) {
    const isLast = at + windowLength >= text.length
    // Half of a character would end the grapheme before it.
    const isHalf = !isLast && isHighSurrogate(text.charCodeAt(at + windowLength - 1))
    const window = text.slice(at, at + windowLength - (isHalf ? 1 : 0))
    let end = 0
    for (const { index, segment } of segments(window)) {
      end = index + segment.length
      // The last grapheme of a window may continue after it.
      if (end === window.length && !isLast && index > 0) end = index
      else found.push(segment)
    }
    at += end
  }
  return found
}

/** The start of the character before an index; 0 at the start. */
export const before = (text: string, index: number): number => {
  if (index <= 1) return 0
  if (isAscii(text.slice(index - 2, index))) return index - 1
  return segments(text).containing(index - 1)?.index ?? 0
}

/** The end of the character at an index. */
export const after = (text: string, index: number): number => {
  if (index >= text.length) return text.length
  if (isAscii(text.slice(index, index + 2))) return index + 1
  const found = segments(text).containing(index)
  return found === undefined ? text.length : found.index + found.segment.length
}

/** The columns of a text without control characters. */
export const columns = (text: string): number =>
  isAscii(text) ? text.length : graphemes(text).reduce((sum, grapheme) => sum + columnsOf(grapheme), 0)

/** Emoji that are two columns wide together: flags, keycaps and the like, with a skin tone, and joined ones. */
const emojiSequence =
  /^(?:\p{Regional_Indicator}{2}|\p{Emoji}\ufe0f|\p{Extended_Pictographic}(?:\p{Emoji_Modifier}|\u200d|[\u{e0020}-\u{e007f}]))/u

const columnsOf = (grapheme: string): number => {
  if (emojiSequence.test(grapheme)) return 2
  let sum = 0
  for (const point of grapheme) sum += isConjoining.test(point) ? 0 : columnsOfPoint(point, false)
  return sum
}

/** Vowels and final consonants, which a terminal combines with the consonant before them into one syllable. */
const isConjoining = /^[\u1160-\u11ff\ud7b0-\ud7fb]/u

/** Marks above and below, and invisible characters. Marks beside a character (Mc) have a column. */
const isWithoutColumns = /^(?:[\p{Mn}\p{Me}]|(?![\u1100-\u11ff])\p{Default_Ignorable_Code_Point})/u

const columnsOfPoint = (point: string, ambiguousAsWide: boolean): number => {
  if (point < "\u00a1") return 1
  return isWithoutColumns.test(point) ? 0 : eastAsianWidth(point.codePointAt(0) ?? 0, { ambiguousAsWide })
}

/**
 * The most columns that any terminal uses: a terminal that does not know a sequence shows its parts side by side.
 *
 * @param ambiguousAsWide whether characters that are wide in East Asian fonts may have two columns
 */
export const most = (grapheme: string, ambiguousAsWide: boolean): number => {
  if (grapheme.length === 1 && grapheme < "\u00a1") return 1
  let sum = 0
  for (const point of grapheme) {
    sum += /^\p{Regional_Indicator}/u.test(point) ? 2 : columnsOfPoint(point, ambiguousAsWide)
  }
  return Math.max(sum, columnsOf(grapheme))
}
