import * as Name from "../protocol/Name.js"
import * as Wire from "../protocol/Wire.js"

/** A part of a text, from its first code unit to the one after its last. */
export interface TextRange {
  readonly start: number
  readonly end: number
}

/** The most occurrences that are marked. */
const maxFound = 32

/**
 * Finds a name in a text, as a whole word. Names that look the same are the same (`Name.likeness`): `ALICE` and
 * fullwidth letters mention alice.
 */
export const find = (text: string, name: string): ReadonlyArray<TextRange> => {
  const { key: wanted } = folded(name)
  if (wanted === "") return []
  const { indexOf, key } = folded(text)
  const found: Array<TextRange> = []
  for (let at = key.indexOf(wanted); at >= 0 && found.length < maxFound; at = key.indexOf(wanted, at + 1)) {
    const [start, end] = [indexOf(at), indexOf(at + wanted.length)]
    if (start === undefined || end === undefined || start < (found.at(-1)?.end ?? 0)) continue
    if (isWholeWord(text, start, end)) found.push({ start, end })
  }
  return found
}

interface Folded {
  readonly key: string
  /** Maps an index in the key to one in the text; undefined within a character and its marks. */
  readonly indexOf: (at: number) => number | undefined
}

/**
 * A character with its marks, which no normal form joins with another. `Intl.Segmenter` of Node 20 takes many seconds
 * for a text of 100,000 such characters.
 */
const cluster = /(?:[\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7fb]+|.)[\p{M}\p{Default_Ignorable_Code_Point}]*/gsu

/**
 * The longest character, with its marks, that a name can contain. Normalising a longer one could take quadratic time.
 */
const maxCluster = Name.maxLength

/** The key of a text for look-alikes, made character by character, so that places in it map to places in the text. */
const folded = (text: string): Folded => {
  if (Wire.isAscii(text)) return { key: text.toUpperCase(), indexOf: (at) => at }
  const indices: Array<number | undefined> = []
  let [key, index] = ["", 0]
  for (const [shown] of text.matchAll(cluster)) {
    // U+FFFF is not a character, so no name contains it.
    const part = shown.length > maxCluster ? "\uffff" : Name.likeness(shown)
    if (part !== "") indices[key.length] = index
    key += part
    index += shown.length
  }
  indices[key.length] = text.length
  return { key, indexOf: (at) => indices[at] }
}

const isWholeWord = (text: string, start: number, end: number): boolean => {
  const before = Array.from(text.slice(Math.max(0, start - 4), start))
  const after = Array.from(text.slice(end, end + 4))
  const name = Array.from(text.slice(start, end))
  return !isContinued(name[0], before.at(-1), before.at(-2)) && !isContinued(name.at(-1), after[0], after[1])
}

/**
 * Whether a word continues next to a name. A hyphen or a full stop belongs to it only if another letter follows:
 * `alice.` may end a sentence, and `alice.b` is another name.
 */
const isContinued = (edge = "", next = "", afterNext = ""): boolean =>
  isJoined(edge, next) || (/^[.-]$/u.test(next) && isJoined(edge, afterNext))

/** As in the word boundaries of UAX 29: a change of script ends a word, and some scripts have no spaces. */
const isJoined = (edge: string, next: string): boolean => {
  if (/^[\p{M}\p{Nd}_]$/u.test(next)) return true
  return /^\p{L}$/u.test(next) && !unspaced.test(next) && kindOf(edge) === kindOf(next)
}

const unspaced = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]$/u

const kindOf = (character: string) => {
  if (/^\p{Script=Hangul}$/u.test(character)) return "Hangul"
  if (/^\p{Script=Katakana}$/u.test(character)) return "Katakana"
  return unspaced.test(character) ? "unspaced" : "other"
}
