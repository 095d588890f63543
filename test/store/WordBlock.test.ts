import { assert, describe, it } from "@effect/vitest"
import { seededRandom } from "../../scripts/random.mjs"
import * as WordBlock from "../../src/store/WordBlock.js"

const block = 5
const first = WordBlock.firstLineOf(block)

/** The rows of a finished block, by their ids. */
const rowsOf = (built: WordBlock.WordBlock) => new Map(built.rows().map(({ id, postings }) => [id, postings]))

describe("a block of the index", () => {
  it("leads to the lines of each word and of each conversation, and to no others", () => {
    const random = seededRandom(1)
    const words = Array.from({ length: 500 }, (_, index) => `WORD${index}`)
    const lines = Array.from({ length: 700 }, (_, index) => ({
      offset: index + (index > 300 ? 300 : 0),
      conversation: random.pick([1, 2, 3, 2 ** 31 + 1, 2 ** 40]),
      words: Array.from({ length: random.below(20) }, () => random.pick(words))
    }))
    const built = new WordBlock.WordBlock(block)
    for (const { conversation, offset, words } of lines) built.add(first + offset, conversation, words)
    const rows = rowsOf(built)
    for (const word of [...words, "ANOTHER"]) {
      const hash = WordBlock.hashOf(word)
      const found = WordBlock.linesWithWord(rows.get(WordBlock.wordRow(block, hash)), hash)
      const expected = lines.filter(({ words }) => words.some((one) => WordBlock.hashOf(one) === hash))
      assert.deepStrictEqual(
        found,
        expected.map(({ offset }) => offset)
      )
    }
    const row = rows.get(WordBlock.conversationRow(block))
    for (const wanted of [[1], [2, 2 ** 40], [7], [2 ** 31 + 1]]) {
      const found = WordBlock.linesWithin(row, (conversation) => wanted.includes(conversation))
      const expected = lines.filter(({ conversation }) => wanted.includes(conversation))
      assert.sameMembers(
        [...found],
        expected.map(({ offset }) => offset)
      )
    }
    assert.strictEqual(WordBlock.countIn(row), 700)
    assert.isTrue(WordBlock.leadTo(built, rows))
  })

  it("has a bounded size, whatever the lines: one with very many words counts as one that has every word", () => {
    const built = new WordBlock.WordBlock(block)
    const many = Array.from({ length: 10_000 }, (_, index) => `MANY${index}`)
    for (let offset = 0; offset < WordBlock.blockLines; offset++) built.add(first + offset, 1, many)
    const rows = rowsOf(built)
    let bytes = 0
    for (const row of rows.values()) bytes += row.length
    assert.isBelow(bytes, 100_000)
    const hash = WordBlock.hashOf("NEVER")
    const found = WordBlock.linesWithWord(rows.get(WordBlock.wordRow(block, hash)), hash)
    assert.strictEqual(found.length, WordBlock.blockLines)
  })

  it("of damaged bytes leads to lines of the block, and does not fail", () => {
    const random = seededRandom(2)
    for (let count = 0; count < 2000; count++) {
      const largest = random.pick([2, 128, 256])
      const row = Uint8Array.from({ length: random.below(400) }, () => 256 - largest + random.below(largest))
      for (const found of [WordBlock.linesWithWord(row, 77), WordBlock.linesWithin(row, () => true)]) {
        for (const offset of found) assert(offset >= 0 && offset < WordBlock.blockLines)
      }
    }
  })
})
