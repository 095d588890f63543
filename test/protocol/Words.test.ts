import { assert, describe, it } from "@effect/vitest"
import * as Words from "../../src/protocol/Words.js"

const isFound = (query: string, text: string) => Words.matching(Words.phrasesOf(query))(Words.of(text))

/** The shortest of three times, in milliseconds. */
const timeOf = (run: () => unknown) =>
  Math.min(
    ...Array.from({ length: 3 }, () => {
      const start = performance.now()
      run()
      return performance.now() - start
    })
  )

describe("the words of a text", () => {
  for (const [text, words] of [
    ["", ""],
    ["... -> !", ""],
    ["Hello, World 2", "HELLO WORLD 2"],
    ["snake_case don't a.b@c", "SNAKE CASE DON T A B C"],
    ["Straße STRASSE ẞ", "STRASSE STRASSE SS"],
    ["café cafe\u0301 ÀÉ", "CAFE CAFE AE"],
    ["Ὀδυσσεύς ΟΔΥΣΣΕΥΣ", "ΟΔΥΣΣΕΥΣ ΟΔΥΣΣΕΥΣ"],
    ["İstanbul Ілля ёж", "ISTANBUL ІЛЛЯ ЕЖ"],
    ["東京 スーパー ｶﾞ", "東 京 ス ー パ ー ガ"],
    ["한국어", "한 국 어"],
    ["ที่ดี", "ที่ ดี"],
    ["हिन्दी عَرَبِيّ", "हिन्दी عَرَبِيّ"],
    ["ﬁ ① Ⅷ ½", "FI 1 VIII 1 2"],
    ["🎉🎉 👍🏽 👩‍💻 🇩🇪 3️⃣", "🎉 🎉 👍 👩 💻 🇩 🇪 3"],
    ["so\u00adft ze\u200bro", "SOFT ZERO"]
  ] as const) {
    it(`are ${words === "" ? "none" : words} in ${JSON.stringify(text)}`, () => {
      assert.deepStrictEqual(Words.of(text), words === "" ? [] : words.split(" "))
    })
  }

  it("are the same whether or not a text has others than ASCII", () => {
    const ascii = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)).join("")
    assert.deepStrictEqual(Words.of(`${ascii} é`), [...Words.of(ascii), "E"])
  })

  it("end where a very long text is cut", () => {
    assert.deepStrictEqual(Words.of(`${"x ".repeat(Words.maxTextLength / 2)}end`).at(-1), "X")
  })

  it("are found in a time that does not explode, whatever the text", () => {
    const length = Words.maxTextLength / 2
    const usual = timeOf(() => Words.of("Größe schön ".repeat(length / 12)))
    for (const text of [
      "a\u0301\u0327".repeat(length / 3),
      `a${"\u0301\u0327".repeat(length / 2)}`,
      "ﷺ".repeat(length)
    ]) {
      assert.isBelow(
        timeOf(() => Words.of(text)),
        20 * usual + 20
      )
    }
  })
})

describe("a query", () => {
  it("has the words between blanks, each once, and phrases where there are several without a blank", () => {
    assert.deepStrictEqual(Words.phrasesOf("  the\u3000don't THE  -- 東京 a\tDon't"), [
      ["THE"],
      ["DON", "T"],
      ["東", "京"],
      ["A"]
    ])
    assert.deepStrictEqual(Words.phrasesOf(' * - "" : '), [])
  })

  it("finds all of its words in any order, and phrases as they are", () => {
    assert.isTrue(isFound("b a", "A x B"))
    assert.isFalse(isFound("b a c", "A x B"))
    assert.isTrue(isFound("a-b", "x a b"))
    assert.isFalse(isFound("a-b", "a x b"))
    assert.isFalse(isFound("a-b", "b a"))
    assert.isTrue(isFound("a-a-b", "a a a b"))
    assert.isTrue(isFound("a-b-a-b-c", "a b a b a b c"))
    assert.isFalse(isFound("a-b-a-c", "a b a b c"))
  })

  it("is compared in a time that grows with the text alone", () => {
    const text = Array.from({ length: 20_000 }, () => "A")
    const isMatch = Words.matching([["A", ...Array.from({ length: 9_998 }, () => "A"), "B"]])
    assert.isFalse(isMatch([...text, "B", "A"].slice(10_003)))
    assert.isBelow(
      timeOf(() => isMatch(["B", ...text])),
      200
    )
  })
})
