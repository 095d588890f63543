import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Escape from "../../src/client/Escape.js"
import { anyString } from "../support/Arbitraries.js"

const tags = (letters: string) =>
  [...letters].map((letter) => String.fromCodePoint(0xe0000 + (letter.codePointAt(0) ?? 0))).join("") + "\u{e007f}"

const inParts = (texts: ReadonlyArray<string>) => {
  const parts = new Escape.Parts()
  return texts.map((text) => parts.push(text)).join("") + parts.end()
}

const escapedTags = (letters: string) =>
  [...tags(letters)].map((tag) => `\\u{${(tag.codePointAt(0) ?? 0).toString(16)}}`).join("")

describe("Escape.show", () => {
  const table: ReadonlyArray<readonly [name: string, given: string, shown: string]> = [
    ["an escape sequence", "\x1b[2J", "\\x1b[2J"],
    ["NUL, BEL, BS and CR", "\0\x07\b\r", "\\x00\\x07\\x08\\x0d"],
    ["DEL", "\x7f", "\\x7f"],
    ["a C1 sequence introducer", "\x9b31m", "\\x9b31m"],
    ["a bidirectional override", "\u202egnp.exe", "\\u{202e}gnp.exe"],
    ["isolates and marks", "\u2066\u2069\u200e\u200f\u061c", "\\u{2066}\\u{2069}\\u{200e}\\u{200f}\\u{61c}"],
    ["what has no width", "a\u200bl\ufeffice\u2060\u00ad", "a\\u{200b}l\\u{feff}ice\\u{2060}\\xad"],
    ["line separators", "\u2028\u2029\u0085", "\\u{2028}\\u{2029}\\x85"],
    ["invisible tags", "\u{e0041}", "\\u{e0041}"],
    ["a joiner between Latin letters", "a\u200db", "a\\u{200d}b"],
    ["a joiner after an accent that Syriac also uses", "a\u0308\u200cb", "a\u0308\\u{200c}b"],
    ["a joiner between digits", "1\u200d2", "1\\u{200d}2"],
    ["a joiner with an emoji on one side only", "👩\u200d a\u200d👩", "👩\\u{200d} a\\u{200d}👩"],
    ["joiners of which only one can have an effect", "م\u200c\u200c\u200cب", "م\u200c\\u{200c}\\u{200c}ب"],
    ["a variation selector after a letter", "a\ufe0f", "a\\u{fe0f}"],
    ["a second variation selector", "❤\ufe0f\ufe0f\u{e0100}", "❤\ufe0f\\u{fe0f}\\u{e0100}"],
    ["variation selectors of ideographs after an emoji", "😀\u{e0101}\u{e0102}", "😀\\u{e0101}\\u{e0102}"],
    ["a word joiner and a space of width zero in Latin", "a\u2060b\u200bc", "a\\u{2060}b\\u{200b}c"],
    ["tags without end", "🏴\u{e0067}\u{e0062}", "🏴\\u{e0067}\\u{e0062}"],
    ["too many tags", `🏴${tags("abcdefg")}`, `🏴${escapedTags("abcdefg")}`],
    ["tags after another emoji", `😀${tags("gbeng")}`, `😀${escapedTags("gbeng")}`],
    ["Hangul fillers", "a\u3164\u115f\uffa0b\u1160", "a\\u{3164}\\u{115f}\\u{ffa0}b\\u{1160}"],
    ["a grapheme joiner in Latin", "a\u034f\u0301", "a\\u{34f}\u0301"],
    ["an isolate in Persian", "می\u2068خ\u2069", "می\\u{2068}خ\\u{2069}"],
    ["the marks beyond eight on one character", `e${"\u0301".repeat(10)}x`, `e${"\u0301".repeat(8)}\\u{301}\\u{301}x`],
    ["a second joiner among the marks of one character", "ب\u064e\u200d\u064e\u200d", "ب\u064e\u200d\u064e\\u{200d}"]
  ]
  for (const [name, given, shown] of table) {
    it(`escapes ${name}`, () => assert.strictEqual(Escape.show(given), shown))
  }

  const visible: Readonly<Record<string, string>> = {
    "plain text": "hi, wörld 👋",
    "TAB and LF": "a\tb\n",
    "a woman with a computer": "👩\u200d💻",
    "a family": "👨\u200d👩\u200d👧\u200d👦",
    "joined emoji with skin tones": "👩🏽\u200d❤\ufe0f\u200d💋\u200d👨🏿",
    "joined emoji with text style":
      "🏳\ufe0f\u200d🌈 ❤\ufe0f\u200d🔥 👁\ufe0f\u200d🗨\ufe0f 🐻\u200d❄\ufe0f 🙂\u200d↔\ufe0f 👨🏽\u200d🦰",
    "a heart, and a telephone as text": "❤\ufe0f ☎\ufe0e",
    keycaps: "1\ufe0f\u20e3 #\ufe0f\u20e3",
    flags: `🇩🇪 🏴${tags("gbeng")} 🏴${tags("gbsct")} 🏴${tags("ustx")}`,
    Persian: "می\u200cخواهم خانه\u200cای ۲۰\u200cساله PDF\u200cها",
    "Arabic letters in their joined forms": "ه\u200d \u200dه\u200d \u200dه ـ\u200d",
    "Arabic without a ligature": "ل\u200d\u200c\u200dا",
    "Arabic after a vowel": "مُ\u200cب",
    Urdu: "پیش\u200cکش",
    Syriac: "ܐ\u200dܒ",
    Hindi: "क्\u200dष क्\u200cष र्\u200dय",
    Bengali: "র\u200d্য",
    Gujarati: "ક્\u200dષ",
    Tamil: "க்\u200cஷ",
    Telugu: "క్\u200cష",
    Kannada: "ರ\u200d್ಕ",
    Malayalam: "ന്\u200d അവന്\u200d",
    Sinhala: "ශ්\u200dරී ලංකා",
    Burmese: "မြန်\u200bမာ",
    Khmer: "ខ្មែរ\u200bភាសា\u200b",
    Thai: "ภาษา\u200bไทย ทำ",
    Lao: "ພາສາ\u200bລາວ",
    Tibetan: "ཧྐྵྨླྺྼྻྂ",
    Mongolian: "ᠮᠣᠩᠭᠣ\u180bᠯ ᠠ\u180eᠠ",
    Hebrew: "שׁ\u05b7\u034f\u05b4",
    "old Korean": "\u115f\u1161 \u1100\u1160 \u115f\u1160\u11a8",
    "a variant of an ideograph": "葛\u{e0100} 芦\ufe00",
    "a variant of a symbol": "≩\ufe00 0\ufe00"
  }
  for (const [name, text] of Object.entries(visible)) {
    it(`displays ${name} as it is`, () => assert.strictEqual(Escape.show(text), text))
  }

  const anyText = FastCheck.array(
    FastCheck.oneof(
      FastCheck.constantFrom(...Object.values(visible), ...table.map(([, given]) => given)),
      FastCheck.constantFrom(
        "\u200c",
        "\u200d",
        "\ufe0f",
        "\u200b",
        "\u0301",
        "🏴",
        "م",
        "क",
        "ก",
        "👩",
        "🏽",
        "a",
        "\n"
      ),
      anyString(3)
    ),
    { maxLength: 8 }
  ).map((parts) => parts.join(""))

  it("escapes once: what is displayed stays as it is", () => {
    FastCheck.assert(
      FastCheck.property(anyText, (text) => {
        const found: Array<string> = []
        Escape.eachHidden(Escape.show(text), (character) => found.push(character))
        // A mark may become the ninth on one character, or a joiner have lost what it joined.
        assert.notMatch(found.join(""), /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/u)
      }),
      { numRuns: 2_000 }
    )
  })

  it("decides the same wherever a text is split into parts", () => {
    FastCheck.assert(
      FastCheck.property(anyText, FastCheck.array(FastCheck.nat(60), { maxLength: 4 }), (text, places) => {
        const points = [...text]
        const ends = [...places.map((place) => place % (points.length + 1)).toSorted((a, b) => a - b), points.length]
        assert.strictEqual(
          inParts(ends.map((end, at) => points.slice(ends[at - 1] ?? 0, end).join(""))),
          Escape.show(text)
        )
        assert.strictEqual(inParts(points), Escape.show(text))
      }),
      { numRuns: 2_000 }
    )
  })

  it("returns a part at once unless the next may change its meaning", () => {
    const parts = new Escape.Parts()
    assert.deepStrictEqual(
      ["login: ", "می", "\u200c", "خ", "👩", "\u200d", "x"].map((part) => parts.push(part)),
      ["login: ", "می", "", "\u200cخ", "👩", "", "\\u{200d}x"]
    )
  })

  it("leaves nothing that controls a terminal", () => {
    FastCheck.assert(
      FastCheck.property(anyString(), (text) => {
        // oxlint-disable-next-line no-control-regex
        assert.notMatch(Escape.show(text), /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/u)
      })
    )
  })
})

describe("Escape.json", () => {
  it("keeps the meaning of JSON", () => {
    FastCheck.assert(
      FastCheck.property(anyString(), (text) => {
        const json = Escape.json(JSON.stringify(text))
        assert.strictEqual(JSON.parse(json), text)
        assert.notMatch(json, /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/u)
      })
    )
  })
})

describe("Escape.controls", () => {
  it("escapes control characters except TAB, and nothing else", () => {
    assert.strictEqual(Escape.controls("a\tb\x1b\x7f\u0085👨\u200d👩\u202e"), "a\tb\\x1b\\x7f\\x85👨\u200d👩\u202e")
  })
})
