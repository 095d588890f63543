/** How many characters may differ between a typo and the intended word. */
const maxTypos = 2

/** Longer texts are not typos, and comparing them takes time. */
const maxLength = 40

/**
 * The word closest to a misspelt one, if one is close. Case does not count, nor does `_` instead of `-`, nor does a
 * plural: `retires` is close to `retry`, because it is close to `retries`.
 */
export const nearest = (written: string, words: ReadonlyArray<string>): string | undefined => {
  if (written.length > maxLength) return undefined
  const plain = written.toLowerCase().replaceAll("_", "-")
  let found: { readonly word: string; readonly typos: number } | undefined = undefined
  for (const word of words) {
    for (const form of plain.endsWith("s") ? [word, plural(word)] : [word]) {
      if (Math.abs(form.length - plain.length) > maxTypos) continue
      const typos = distance(plain, form)
      if (typos <= Math.min(maxTypos, word.length / 3) && typos < (found?.typos ?? Infinity)) found = { word, typos }
    }
  }
  return found?.word
}

/** Asks whether the closest word was meant; `otherwise` if none is close. */
export const question = (written: string, words: ReadonlyArray<string>, otherwise: string, prefix = ""): string => {
  const meant = nearest(written, words)
  return meant === undefined ? otherwise : `did you mean ${prefix}${meant}?`
}

/** The error for a request with an unknown verb. */
export const unknownRequest = (verb: string, verbs: ReadonlyArray<string>, otherwise: string): string =>
  `${JSON.stringify(verb)} is not a request; ${question(verb, verbs, otherwise)}`

const plural = (word: string): string => (word.endsWith("y") ? `${word.slice(0, -1)}ies` : `${word}s`)

/** The number of characters to insert, delete, replace, or swap with the next one (optimal string alignment). */
const distance = (one: string, other: string): number => {
  let before: ReadonlyArray<number> = []
  let row: ReadonlyArray<number> = Array.from({ length: other.length + 1 }, (_, at) => at)
  for (let i = 1; i <= one.length; i++) {
    const next = [i]
    for (let j = 1; j <= other.length; j++) {
      const change = (row[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1)
      const isSwapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]
      const swap = isSwapped ? (before[j - 2] ?? 0) + 1 : Infinity
      next.push(Math.min(change, swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    before = row
    row = next
  }
  return row[other.length] ?? 0
}
