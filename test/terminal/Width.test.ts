import { assert, describe, it } from "@effect/vitest"
import * as Width from "../../src/terminal/Width.js"
import { fastestOfThree } from "../support/FastestOfThree.js"

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
  ["नि", 2, 1],
  ["ทำ", 2, 1],
  ["ກຳ", 2, 1],
  ["မြန်မာ", 5, 4],
  ["មែរ", 3, 2],
  ["தமிழ்", 4, 3],
  ["മലയാളം", 6, 4],
  ["ɾ\u0300", 1, 1],
  ["\u1100\u1161\u11a8", 2, 1],
  ["ᄒ", 2, 1],
  ["👩\u200d💻", 2, 1],
  ["👨\u200d👩\u200d👧\u200d👦", 2, 1],
  ["🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}", 2, 1],
  ["1\ufe0f\u20e3", 2, 1],
  ["☎\ufe0e", 1, 1],
  ["می\u200cخواهم", 7, 7],
  ["\u0600١", 2, 1],
  ["葛\u{e0100}", 2, 1],
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

  const most: ReadonlyArray<readonly [grapheme: string, columns: number]> = [
    ["a", 1],
    ["é", 1],
    ["日", 2],
    ["ทำ", 2],
    ["👍🏽", 4],
    ["👩\u200d💻", 4],
    ["❤\ufe0f", 2],
    ["🇩🇪", 4],
    ["🇩", 2],
    ["\u1100\u1161\u11a8", 4],
    ["ɾ\u0300", 1]
  ]
  for (const [grapheme, columns] of most) {
    it(`of ${JSON.stringify(grapheme)} is ${columns} columns at most`, () => {
      assert.strictEqual(Width.most(grapheme, false), columns)
    })
  }

  it("may be twice as wide in an East Asian locale", () => {
    assert.deepStrictEqual(
      ["é", "ж", "…", "a", "ü", "日"].map((grapheme) => Width.most(grapheme, true)),
      [2, 2, 2, 1, 2, 2]
    )
  })
})

describe("the graphemes of a long text", () => {
  it("are those of the text as a whole, wherever it is cut into windows", () => {
    const parts = ["🇩🇪", "👩\u200d💻", "ทำ", "e\u0301", "한국", "\u1100\u1161\u11a8", "क्षि", "x", "\u200d", "👍🏽"]
    const text = Array.from({ length: 3_000 }, (_, index) => parts[(index * index + index) % parts.length]).join("")
    for (let start = 0; start < 12; start++) {
      const rest = text.slice(start)
      assert.deepStrictEqual(
        Width.graphemes(rest),
        Array.from(new Intl.Segmenter().segment(rest), ({ segment }) => segment)
      )
    }
  })

  it("are the whole text, also if one grapheme is longer than a window", () => {
    for (const text of [`a${"\u0301".repeat(10_000)}b`, "👩\u200d".repeat(5_000)]) {
      assert.strictEqual(Width.graphemes(text).join(""), text)
      assert.isTrue(Width.graphemes(text).every((grapheme) => Buffer.from(grapheme).toString() === grapheme))
    }
  })

  it("are found in a time that grows with the length, and not with its square", () => {
    const text = "ทำ".repeat(25_000)
    const whole = fastestOfThree(() => Width.graphemes(text))
    const half = fastestOfThree(() => Width.graphemes(text.slice(0, text.length / 2)))
    assert.isBelow(whole, 3 * half + 50)
  })
})
