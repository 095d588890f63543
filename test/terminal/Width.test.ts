import { assert, describe, it } from "@effect/vitest"
import * as Width from "../../src/terminal/Width.js"

const table: ReadonlyArray<readonly [text: string, columns: number, graphemes: number]> = [
  ["", 0, 0],
  ["hello", 5, 5],
  ["grüße", 5, 5],
  ["日本", 4, 2],
  ["한국", 4, 2],
  ["e\u0301", 1, 1],
  ["\u0301", 0, 1],
  ["👍", 2, 1],
  ["👍🏽", 2, 1],
  ["❤\u{fe0f}", 2, 1],
  ["🇩🇪", 2, 1],
  ["नि", 1, 1],
  ["ａ", 2, 1]
]

describe("Width", () => {
  for (const [text, columns, graphemes] of table) {
    it(`of ${JSON.stringify(text)} is ${columns} columns, ${graphemes} characters`, () => {
      assert.strictEqual(Width.columns(text), columns)
      assert.strictEqual(Width.graphemes(text).length, graphemes)
    })
  }

  it("finds the characters around an index", () => {
    const text = "a👍e\u0301b"
    assert.deepStrictEqual(
      [0, 1, 3, 5, 6].map((index) => Width.before(text, index)),
      [0, 0, 1, 3, 5]
    )
    assert.deepStrictEqual(
      [0, 1, 3, 5, 6].map((index) => Width.after(text, index)),
      [1, 3, 5, 6, 6]
    )
  })

  it("cuts at a column, never through a character", () => {
    assert.strictEqual(Width.cut("日本語", 5), "日本")
    assert.strictEqual(Width.cut("abc", 3), "abc")
    assert.strictEqual(Width.cut("abc", 2), "ab")
    assert.strictEqual(Width.cut("e\u0301e\u0301", 1), "e\u0301")
    assert.strictEqual(Width.cut("👍", 1), "")
  })
})
