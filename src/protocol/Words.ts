/**
 * The words of texts, for searches (protocol, section 12). A word is a run of letters, marks and digits. A character of
 * a script that is written without blanks between words is a word of its own, and so is an emoji.
 */

/** The number of characters of a text that are searched. Bounded, because searches run one after the other. */
export const maxTextLength = 65_536

const ascii = /[0-9A-Z]+/g

/** Scripts without blanks between words, and Korean, whose particles follow a word without a blank. */
const unspaced = ["Han", "Hira", "Kana", "Bopo", "Hang", "Thai", "Laoo", "Khmr", "Mymr"]
  .map((script) => `\\p{scx=${script}}`)
  .join("")

/** Compiled on first use, since V8 takes a millisecond to parse it (benchmark: start-up). */
const makeAny = () =>
  new RegExp(
    `(?=[${unspaced}])[\\p{L}\\p{N}]\\p{M}*|(?:(?![${unspaced}])[\\p{L}\\p{N}\\p{M}])+|` +
      `\\p{Extended_Pictographic}|\\p{RI}`,
    "gu"
  )

let any: RegExp | undefined = undefined

const nonAscii = /[^\0-\x7f]/

/** Accents of Latin, Greek and Cyrillic letters, and the mark that makes a digit a keycap. */
const accents = /[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]/gu

const invisible = /\p{Default_Ignorable_Code_Point}/gu

/** Normalising takes quadratic time on a long run of marks, so longer runs are cut first. No script needs that many. */
const manyMarks = /(\p{M}{16})\p{M}+/gu

/** The words of a text in order. Words that count as the same have the same form. */
export const of = (text: string): ReadonlyArray<string> => {
  const searched = text.length > maxTextLength ? text.slice(0, maxTextLength) : text
  if (!nonAscii.test(searched)) return searched.toUpperCase().match(ascii) ?? []
  return (
    searched
      .replace(manyMarks, "$1")
      .replace(invisible, "")
      .normalize("NFKD")
      .slice(0, maxTextLength) // a character can become eighteen
      .replace(accents, "")
      // As in `Name.likeness`: JavaScript has no case folding.
      .toLowerCase()
      .toUpperCase()
      .normalize("NFC")
      .match((any ??= makeAny())) ?? []
  )
}

/** Consecutive words. */
export type Phrase = readonly [string, ...ReadonlyArray<string>]

/**
 * The phrases to search for: each part of a text between blanks is one, which may be several words, as in `10.0.0.1`,
 * `don't` or 東京. Empty if the text has no words. Everything is text; there are no operators.
 */
export const phrasesOf = (text: string): ReadonlyArray<Phrase> => {
  const phrases = new Map<string, Phrase>()
  for (const part of text.slice(0, maxTextLength).split(/\s+/u)) {
    const [first, ...rest] = of(part)
    if (first !== undefined) phrases.set([first, ...rest].join(" "), [first, ...rest])
  }
  return [...phrases.values()]
}

/** Returns a test whether a text, given by its words, contains all of these phrases. */
export const matching = (phrases: ReadonlyArray<Phrase>): ((words: ReadonlyArray<string>) => boolean) => {
  const single = phrases.flatMap(([word, ...rest]) => (rest.length === 0 ? [word] : []))
  const longer = phrases.filter(({ length }) => length > 1).map((phrase) => ({ phrase, borders: bordersOf(phrase) }))
  return (words) => {
    const present = new Set(words)
    return (
      single.every((word) => present.has(word)) &&
      longer.every(({ phrase }) => phrase.every((word) => present.has(word))) &&
      longer.every(({ borders, phrase }) => isWithin(words, phrase, borders))
    )
  }
}

/**
 * For each word of a phrase, the length of the longest proper prefix of the phrase that ends there (Knuth, Morris and
 * Pratt). Comparing at every position instead would take quadratic time if words repeat.
 */
const bordersOf = (phrase: Phrase): ReadonlyArray<number> => {
  const borders = [0]
  for (let at = 1, length = 0; at < phrase.length; at++) {
    while (length > 0 && phrase[at] !== phrase[length]) length = borders[length - 1] ?? 0
    if (phrase[at] === phrase[length]) length += 1
    borders.push(length)
  }
  return borders
}

const isWithin = (words: ReadonlyArray<string>, phrase: Phrase, borders: ReadonlyArray<number>): boolean => {
  let length = 0
  for (const word of words) {
    while (length > 0 && word !== phrase[length]) length = borders[length - 1] ?? 0
    if (word === phrase[length]) length += 1
    if (length === phrase.length) return true
  }
  return false
}
