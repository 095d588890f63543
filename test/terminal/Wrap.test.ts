import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Display from "../../src/terminal/Display.js"
import * as Row from "../../src/terminal/Row.js"
import * as Wrap from "../../src/terminal/Wrap.js"

const display = Display.make({ LANG: "de_DE.UTF-8" }, 1)

const wrap = (row: Row.Row, columns: number, shownBy = display) =>
  Wrap.rows(row, columns, shownBy).map((piece) => Row.render(piece, shownBy))

const indented = (...rows: ReadonlyArray<string>) => rows.map((row, index) => (index === 0 ? row : `        ${row}`))

const url = (length: number) => "https://example.org/".padEnd(length, "x")

describe("Wrap.rows", () => {
  const table: ReadonlyArray<readonly [text: string, rows: ReadonlyArray<string>]> = [
    ["", [""]],
    ["12345678901234567890", ["12345678901234567890"]],
    ["12345678901234567890 ", ["12345678901234567890"]],
    ["12345678901234567890 1", indented("12345678901234567890", "1")],
    ["123456789012345678901", indented("12345678901234567890", "1")],
    ["a blank that is near the edge", indented("a blank that is near", "the edge")],
    ["a blankthatisnotnearanyedge", indented("a blankthatisnotnear", "anyedge")],
    ["12345678901234567890123456789012345", indented("12345678901234567890", "123456789012", "345")],
    ["日本語日本語日本語日本語", indented("日本語日本語日本語日", "本語")],
    ["a日本語日本語日本語日本語", indented("a日本語日本語日本語", "日本語")],
    ["👍🏽👍🏽👍🏽👍🏽👍🏽👍🏽", indented("👍🏽👍🏽👍🏽👍🏽👍🏽", "👍🏽")], // four columns each, where it is two characters
    ["e\u0301".repeat(21), indented("e\u0301".repeat(20), "e\u0301")],
    ["a\tb", ["a\tb"]],
    ["a\tb\tcdefghi", indented("a\tb\tcdef", "ghi")],
    ["\x1b[2J\x1b[2J\x1b[2J", indented("\\x1b[2J\\x1b[2J\\x1b[2", "J")],
    ["123456789012345678\x1b[2J", indented("123456789012345678", "\\x1b[2J")],
    ["a\u200dbc\u200ddef\u200dg", indented("a\\u{200d}bc\\u{200d}d", "ef\\u{200d}g")],
    ["ทำ".repeat(11), indented("ทำ".repeat(10), "ทำ")],
    ["क्षि".repeat(7), indented("क्षि".repeat(6), "क्षि")],
    ["👩\u200d💻".repeat(6), indented("👩\u200d💻".repeat(5), "👩\u200d💻")],
    ["xxxxxxxxxxxxxxxxxxxمی\u200cخو", indented("xxxxxxxxxxxxxxxxxxxم", "ی\u200cخو")],
    ["xxxxxxxxxxxxxxxxxxมี\u200bไทย", indented("xxxxxxxxxxxxxxxxxxมี\u200bไ", "ทย")],
    ["12345678901 \u202e\u202e", indented("12345678901", "\\u{202e}", "\\u{202e}")],
    ["😀\u200d".repeat(20) + "😀", indented("😀\u200d".repeat(10), "😀\u200d".repeat(6), "😀\u200d".repeat(4) + "😀")]
  ]
  for (const [text, rows] of table) {
    it(JSON.stringify(text), () => assert.deepStrictEqual(wrap([Row.span(text)], 20), rows))
  }

  it("counts the escapes that a terminal without UTF-8 shows instead", () => {
    const ascii = Display.make({ LANG: "C" }, 1)
    assert.deepStrictEqual(
      wrap([Row.span("éééé")], 20, ascii),
      indented(String.raw`\u{e9}\u{e9}\u{e9}`, String.raw`\u{e9}`)
    )
  })

  it("loses and duplicates nothing, wherever the spans end", () => {
    const text = "words and more words, averylongwordthatisbroken 日本語 "
    for (let columns = 1; columns < 60; columns++) {
      const row = [...text.repeat(3)].map((character) => Row.span(character))
      const rows = wrap(row, columns)
      assert.strictEqual(rows.join("").replaceAll(" ", ""), text.repeat(3).replaceAll(" ", ""))
      if (columns >= 20) for (const one of rows.slice(1)) assert.match(one, /^ {8}/u)
    }
  })

  it("makes no row wider than the terminal, wherever there are blanks and escapes", () => {
    const cells = ["a", "word", " ", "\u202e", "\u{e0041}", "日", "👩\u200d💻", "\x1b"]
    const text = FastCheck.array(FastCheck.constantFrom(...cells), { minLength: 8, maxLength: 30 })
    FastCheck.assert(
      FastCheck.property(text, FastCheck.integer({ min: 20, max: 40 }), (parts, columns) => {
        for (const row of Wrap.rows([Row.span(parts.join(""))], columns, display)) {
          assert.isAtMost(Row.mostColumns(row, display), columns)
        }
      }),
      { numRuns: 500 }
    )
  })

  it("does not indent if there is no room", () => {
    assert.deepStrictEqual(wrap([Row.span("hello")], 3), ["hel", "lo"])
    assert.deepStrictEqual(wrap([Row.span("日本")], 1), ["日", "本"])
  })

  it("is fast for a long list of names", () => {
    const names = Array.from({ length: 20_000 }, (_, index) => Row.name(`name${index} `))
    assert.isAbove(wrap(names, 80).length, 2_000)
  })

  const links: ReadonlyArray<readonly [what: string, text: string, rows: ReadonlyArray<string>]> = [
    ["that fits", `see ${url(30)} ok`, [`see ${url(30)} ok`]],
    [
      "that fits into the next row",
      `16:59 bob › see ${url(30)} ok`,
      ["16:59 bob › see", `        ${url(30)}`, "        ok"]
    ],
    ["that fits into no indented row", `16:59 bob › see ${url(39)} ok`, ["16:59 bob › see", url(39), "        ok"]],
    [
      "that fits into no row",
      `16:59 bob › see ${url(100)} and so on`,
      ["16:59 bob › see", url(100), "        and so on"]
    ],
    ["at the start", url(100), [url(100)]],
    ["with another one", `${url(50)} ${url(60)}`, [url(50), url(60)]],
    ["in brackets", `(${url(50)}>`, ["(", url(50), "        >"]],
    ["with an escape after it", `${url(50)}\x1b[2J`, [url(50), "        \\x1b[2J"]],
    ["that is none", `see file:${"x".repeat(40)}`, [`see file:${"x".repeat(31)}`, `        ${"x".repeat(9)}`]]
  ]
  for (const [what, text, rows] of links) {
    it(`keeps a link ${what}`, () => assert.deepStrictEqual(wrap([Row.span(text)], 40), rows))
  }

  it("breaks a link in rows that are redrawn, because the terminal must not", () => {
    const rows = Wrap.liveRows([Row.span(`see ${url(60)}`)], 40, display).map((row) => Row.render(row, display))
    assert.deepStrictEqual(rows, [`see ${url(60)}`.slice(0, 40), url(60).slice(36)])
  })

  it("returns a row that fits unchanged", () => {
    const row = [Row.name("alice"), Row.span(" › "), Row.span("grüße — 日本語")]
    assert.deepStrictEqual<unknown>(Wrap.rows(row, 80, display), [row])
  })
})
