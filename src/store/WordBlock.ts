/**
 * The index of words covers the lines of a store in blocks of `blockLines` ids. It contains only hashes of words, so it
 * finds lines that may have a word. Their texts decide.
 *
 * Databases have full-text indexes of their own. This one works in both of them and in every version of Node's SQLite,
 * takes one flush for a thousand lines, and bounds the time of each step of a search.
 */

/** The ids in a block, including those of removed lines. */
export const blockLines = 1024

/** The words of a block are spread over rows of a kilobyte or two, so that a search reads little. */
const parts = 64

/** The rows of a block: `parts` of them for words, then one for conversations. */
const rows = parts + 1

/** The block that a line is in. */
export const blockOf = (line: number): number => Math.floor(line / blockLines)

/** The id of the first line of a block. */
export const firstLineOf = (block: number): number => block * blockLines

/** The block that a row of the index belongs to. */
export const blockOfRow = (row: number): number => Math.floor(row / rows)

/** The id of the first row of a block. */
export const firstRowOf = (block: number): number => block * rows

/** The id of the row that has the conversations of a block. Every block has one. */
export const conversationRow = (block: number): number => firstRowOf(block) + parts

/** The id of the row for a word of a block. The row may not exist. */
export const wordRow = (block: number, hash: number): number => firstRowOf(block) + (hash % parts)

/** The 32-bit hash of a word (FNV-1a), never 0. */
export const hashOf = (word: string): number => {
  let hash = 0x811c9dc5
  for (let at = 0; at < word.length; at++) hash = Math.imul(hash ^ word.charCodeAt(at), 0x01000193)
  // The low bits choose the row, but in FNV they depend on little more than the low bits of the characters.
  return (hash ^ (hash >>> 15)) >>> 0 || 1
}

/** A line with more distinct words counts as having every word, which bounds the size of a block. */
const maxWords = 256

/** The key of lines that have every word. */
const everyWord = 0

/** The lines of each key, as offsets in their block. */
type Postings = Map<number, Array<number>>

/** A block that is being indexed, line by line. */
export class WordBlock {
  private readonly words = Array.from({ length: parts }, (): Postings => new Map())
  private readonly conversations: Postings = new Map()

  constructor(readonly block: number) {}

  /** Adds a line. Lines come in the order of their ids. */
  add(line: number, conversation: number, words: ReadonlyArray<string>) {
    const offset = line - firstLineOf(this.block)
    post(this.conversations, conversation, offset)
    const hashes = new Set(words.map(hashOf))
    if (hashes.size > maxWords) for (const words of this.words) post(words, everyWord, offset)
    // there are `parts` of them
    else for (const hash of hashes) post(this.words[hash % parts] as Postings, hash, offset)
  }

  /** The rows of the finished block; none if it has no lines. */
  rows(): ReadonlyArray<{ readonly id: number; readonly postings: Uint8Array }> {
    const all = [...this.words, this.conversations].map((postings, index) => ({
      id: firstRowOf(this.block) + index,
      postings
    }))
    return all
      .filter(({ postings }) => postings.size > 0)
      .map(({ id, postings }) => ({ id, postings: packed(postings) }))
  }
}

const post = (postings: Postings, key: number, offset: number) => {
  const offsets = postings.get(key)
  if (offsets === undefined) postings.set(key, [offset])
  else offsets.push(offset)
}

/** The offsets of the lines in a word's row that have the word or count as having every word. */
export const linesWithWord = (row: Uint8Array | undefined, hash: number): ReadonlyArray<number> =>
  row === undefined ? [] : linesWith(row, (key) => key === hash || key === everyWord, hash)

/** The offsets of the lines of a block in some conversations, from its row of conversations. */
export const linesWithin = (
  row: Uint8Array | undefined,
  isWanted: (conversation: number) => boolean
): ReadonlyArray<number> => (row === undefined ? [] : linesWith(row, isWanted))

/** The lines of the wanted keys, none of which is above `last`. */
const linesWith = (row: Uint8Array, isWanted: (key: number) => boolean, last = Infinity): ReadonlyArray<number> => {
  const found: Array<number> = []
  const reader = new Reader(row)
  for (let key = 0; !reader.isAtEnd && key < last;) {
    key += reader.number()
    const length = reader.number()
    if (isWanted(key)) found.push(...reader.offsets(length))
    else reader.skip(length)
  }
  return found
}

/** Whether these rows cover all lines of a block. They may also contain removed lines. */
export const leadTo = (block: WordBlock, rows: ReadonlyMap<number, Uint8Array>): boolean =>
  block.rows().every(({ id, postings }) => {
    const found = unpacked(rows.get(id))
    return [...unpacked(postings)].every(([key, offsets]) => {
      const known = new Set(found.get(key))
      return offsets.every((offset) => known.has(offset))
    })
  })

const unpacked = (row: Uint8Array | undefined): ReadonlyMap<number, ReadonlyArray<number>> => {
  const postings = new Map<number, ReadonlyArray<number>>()
  if (row === undefined) return postings
  const reader = new Reader(row)
  for (let key = 0; !reader.isAtEnd;) {
    key += reader.number()
    postings.set(key, reader.offsets(reader.number()))
  }
  return postings
}

/** How many lines a block had when it was indexed, from its row of conversations. */
export const countIn = (row: Uint8Array | undefined): number => linesWithin(row, () => true).length

/**
 * Encodes postings: for each key the difference to the previous key, the length of its offsets in bytes, and their
 * differences.
 */
const packed = (postings: Postings): Uint8Array => {
  const bytes: Array<number> = []
  let before = 0
  for (const [key, offsets] of [...postings].toSorted(([one], [other]) => one - other)) {
    const differences: Array<number> = []
    offsets.forEach((offset, index) => write(differences, offset - (offsets[index - 1] ?? 0)))
    write(bytes, key - before)
    write(bytes, differences.length)
    bytes.push(...differences)
    before = key
  }
  return Uint8Array.from(bytes)
}

/** Writes seven bits per byte, lowest first. Without bit operations, because ids may have more than 32 bits. */
const write = (bytes: Array<number>, number: number) => {
  let rest = number
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push(128 + (rest % 128))
  bytes.push(rest)
}

/** Decodes the result of `packed`. With damaged bytes, it returns arbitrary numbers but terminates. */
class Reader {
  private at = 0

  constructor(private readonly bytes: Uint8Array) {}

  get isAtEnd(): boolean {
    return !(this.at < this.bytes.length) // also true for NaN
  }

  number(): number {
    let number = 0
    for (let unit = 1; ; unit *= 128) {
      const byte = this.bytes[this.at++] ?? 0
      if (byte < 128) return number + unit * byte
      number += unit * (byte - 128)
    }
  }

  skip(length: number) {
    this.at += length
  }

  offsets(length: number): ReadonlyArray<number> {
    const end = Math.min(this.at + length, this.bytes.length)
    const offsets: Array<number> = []
    for (let offset = 0; this.at < end;) {
      offset += this.number()
      if (offset < blockLines) offsets.push(offset)
    }
    return offsets
  }
}
