import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Cells from "../../src/terminal/Cells.js"
import * as Display from "../../src/terminal/Display.js"
import * as Row from "../../src/terminal/Row.js"
import * as Wrap from "../../src/terminal/Wrap.js"
import { anyString } from "../support/Arbitraries.js"

const display = Display.make({ LANG: "C.UTF-8" }, 1)
const ascii = Display.make({ LANG: "C" }, 1)

const samples = [
  "👩\u200d💻",
  "می\u200cخواهم",
  "ทำ",
  "a\u200db",
  "\x1b[2J",
  "\t",
  " ",
  "e\u0301",
  "日本",
  "क्षि",
  "🏴",
  "\u200d"
]

const anyText = FastCheck.array(FastCheck.oneof(FastCheck.constantFrom(...samples), anyString(4)), {
  maxLength: 20
}).map((parts) => parts.join(""))

describe("Cells.of", () => {
  const table: ReadonlyArray<readonly [text: string, cells: ReadonlyArray<string>, columns: number]> = [
    ["ab", ["a", "b"], 2],
    ["a\u200db", ["a", "\\u{200d}", "b"], 10],
    ["\x1b[2J", ["\\x1b", "[", "2", "J"], 7],
    ["👩\u200d💻!", ["👩\u200d💻", "!"], 5],
    ["می\u200cخ", ["م", "ی\u200c", "خ"], 3],
    ["ทำ", ["ทำ"], 2],
    ["a\nb\r\n", ["a", "\\x0a", "b", "\\x0d", "\\x0a"], 14],
    [`e${"\u0301".repeat(10)}`, [`e${"\u0301".repeat(8)}`, "\\u{301}", "\\u{301}"], 15]
  ]
  for (const [text, cells, columns] of table) {
    it(JSON.stringify(text), () => {
      const found = Cells.of(text, display)
      assert.deepStrictEqual<unknown>(
        found.map((cell) => cell.text),
        cells
      )
      assert.strictEqual(Cells.columns(found), columns)
    })
  }

  it("displays what `show` displays, in pieces that cover the text", () => {
    FastCheck.assert(
      FastCheck.property(anyText, FastCheck.constantFrom(display, ascii), (text, by) => {
        const cells = Cells.of(text, by)
        assert.strictEqual(Cells.text(cells), Display.show(text, by))
        assert.strictEqual(
          cells.reduce((sum, { length }) => sum + length, 0),
          text.length
        )
      }),
      { numRuns: 1_000 }
    )
  })
})

const without = (text: string) => text.replaceAll(/[ \t]/gu, "")

describe("Wrap.rows", () => {
  it("never breaks a cell, and loses nothing but blanks", () => {
    FastCheck.assert(
      FastCheck.property(anyText, FastCheck.integer({ min: 24, max: 60 }), (text, columns) => {
        const rows = Wrap.rows([Row.span(text)], columns, display).map((row) => Row.render(row, display))
        const cells = Cells.of(text, display).map((cell) => cell.text)
        assert.strictEqual(without(rows.join("")), without(cells.join("")))
        let at = 0
        const ends = new Set(cells.map((cell) => (at += without(cell).length)))
        let end = 0
        for (const row of rows) {
          end += without(row).length
          assert.isTrue(end === 0 || ends.has(end), JSON.stringify(rows))
        }
      }),
      { numRuns: 1_000 }
    )
  })
})
