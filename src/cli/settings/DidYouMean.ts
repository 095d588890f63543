/** How many slips of the pen a word may be away from the one that was meant. */
const maxSlips = 2

/** Longer ones are nobody's slip; and to compare takes time. */
const maxLength = 40

/** The word that somebody may have meant, if one is near; case and `_` for `-` do not count. */
export const nearest = (written: string, words: ReadonlyArray<string>): string | undefined => {
  if (written.length > maxLength) return undefined
  const plain = written.toLowerCase().replaceAll("_", "-")
  let found: { readonly word: string; readonly slips: number } | undefined = undefined
  for (const word of words) {
    if (Math.abs(word.length - plain.length) > maxSlips) continue
    const slips = distance(plain, word)
    if (slips <= Math.min(maxSlips, word.length / 3) && slips < (found?.slips ?? Infinity)) found = { word, slips }
  }
  return found?.word
}

/** How many characters are to be added, left out or changed (Levenshtein). */
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
