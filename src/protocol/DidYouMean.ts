/** How many characters may differ between a typo and the intended word. */
const maxTypos = 2

/** Longer texts are not typos, and comparing them takes time. */
const maxLength = 40

/** The word closest to a misspelt one, if one is close. Case does not count, nor does `_` instead of `-`. */
export const nearest = (written: string, words: ReadonlyArray<string>): string | undefined => {
  if (written.length > maxLength) return undefined
  const plain = written.toLowerCase().replaceAll("_", "-")
  let found: { readonly word: string; readonly typos: number } | undefined = undefined
  for (const word of words) {
    if (Math.abs(word.length - plain.length) > maxTypos) continue
    const typos = distance(plain, word)
    if (typos <= Math.min(maxTypos, word.length / 3) && typos < (found?.typos ?? Infinity)) found = { word, typos }
  }
  return found?.word
}

/** The Levenshtein distance: characters to insert, delete or replace. */
const distance = (one: string, other: string): number => {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at)
  for (let i = 1; i <= one.length; i++) {
    const next = [i]
    for (let j = 1; j <= other.length; j++) {
      const change = (row[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[other.length] ?? 0
}
