import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Escape from "../../src/client/Escape.js"

describe("Escape.show", () => {
  const table: ReadonlyArray<readonly [name: string, given: string, shown: string]> = [
    ["plain text", "hi, wörld 👋", "hi, wörld 👋"],
    ["TAB and LF", "a\tb\n", "a\tb\n"],
    ["an escape sequence", "\x1b[2J", "\\x1b[2J"],
    ["NUL, BEL, BS and CR", "\0\x07\b\r", "\\x00\\x07\\x08\\x0d"],
    ["DEL", "\x7f", "\\x7f"],
    ["a C1 sequence introducer", "\x9b31m", "\\x9b31m"],
    ["a bidirectional override", "\u202egnp.exe", "\\u{202e}gnp.exe"],
    ["isolates and marks", "\u2066\u2069\u200e\u200f\u061c", "\\u{2066}\\u{2069}\\u{200e}\\u{200f}\\u{61c}"],
    ["what has no width", "a\u200bl\ufeffice\u2060\u00ad", "a\\u{200b}l\\u{feff}ice\\u{2060}\\xad"],
    ["line separators", "\u2028\u2029\u0085", "\\u{2028}\\u{2029}\\x85"],
    ["invisible tags", "\u{e0041}", "\\u{e0041}"],
    ["but not variation selectors", "❤\ufe0f", "❤\ufe0f"]
  ]
  for (const [name, given, shown] of table) {
    it(`shows ${name}`, () => assert.strictEqual(Escape.show(given), shown))
  }

  it("leaves nothing that controls a terminal", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.string({ unit: "binary" }), (text) => {
        // oxlint-disable-next-line no-control-regex
        assert.notMatch(Escape.show(text), /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/u)
      })
    )
  })
})

describe("Escape.json", () => {
  it("keeps the meaning of JSON", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.string({ unit: "binary" }), (text) => {
        const json = Escape.json(JSON.stringify(text))
        assert.strictEqual(JSON.parse(json), text)
        assert.strictEqual(Escape.show(json), json)
      })
    )
  })
})

describe("Escape.controls", () => {
  it("escapes control characters except TAB, and nothing else", () => {
    assert.strictEqual(Escape.controls("a\tb\x1b\x7f\u0085👨\u200d👩\u202e"), "a\tb\\x1b\\x7f\\x85👨\u200d👩\u202e")
  })
})
