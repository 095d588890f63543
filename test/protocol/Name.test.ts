import { describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { assert } from "vitest"
import * as Name from "../../src/protocol/Name.js"
import * as Wire from "../../src/protocol/Wire.js"
import { anyBytes, anyText } from "../support/Arbitraries.js"
import { fastestOfThree } from "../support/FastestOfThree.js"

const parse = (text: string) => {
  const name = Name.parse(Wire.encode(text))
  return name === undefined ? undefined : Wire.decode(name)
}

/** Names of plausible and implausible characters: all letters, marks and digits of one UTF-16 unit. */
const anyName = FastCheck.array(
  FastCheck.oneof(
    FastCheck.constantFrom(..."aZß09_.-éÅΣςΐǅŉİıſﬁ語가ーक्षิ\u0301\u0345\u0316"),
    FastCheck.integer({ min: 0x21, max: 0xfffd })
      .map((point) => String.fromCharCode(point))
      .filter((character) => /[\p{L}\p{M}\p{Nd}]/u.test(character))
  ),
  { minLength: 1, maxLength: 12 }
).map((characters) => characters.join(""))

const runs = { numRuns: 500 }

describe("Name.parse", () => {
  const allowed: ReadonlyArray<readonly [what: string, input: string, name: string]> = [
    ["one letter", "a", "a"],
    ["letters, digits and marks of ASCII", "Bob_7.x-y", "Bob_7.x-y"],
    ["a digit first", "7up", "7up"],
    ["an underscore first", "_bob", "_bob"],
    ["letters of any script", "Зоя", "Зоя"],
    ["a script that needs marks", "हिन्दी", "हिन्दी"],
    ["digits of any script", "क१", "क१"],
    ["letters beyond the first plane", "𝒜lice", "𝒜lice"],
    ["white space around it", " \t alice \r", "alice"],
    ["white space of Unicode around it", "\u3000\u0085alice\u00a0", "alice"],
    ["a decomposed letter, composed", "e\u0301va", "éva"],
    ["32 letters", "a".repeat(32), "a".repeat(32)],
    ["32 code points of four bytes", "𝒜".repeat(32), "𝒜".repeat(32)],
    ["33 code points that NFC makes 32", `${"a".repeat(31)}e\u0301`, `${"a".repeat(31)}é`],
    ["the name of a property that every object has", "__proto__", "__proto__"],
    ["another such name", "constructor", "constructor"]
  ]
  for (const [what, input, name] of allowed) it(`allows ${what}`, () => assert.strictEqual(parse(input), name))

  const refused: ReadonlyArray<readonly [what: string, input: string]> = [
    ["nothing", ""],
    ["white space alone", " \t\u3000"],
    ["33 letters", "a".repeat(33)],
    ["33 code points of four bytes", "𝒜".repeat(33)],
    ["a hyphen first", "-bob"],
    ["a dot first", ".bob"],
    ["a mark first", "\u0301bob"],
    ["a blank inside", "al ice"],
    ["a no-break space inside", "al\u00a0ice"],
    ["a comma", "a,b"],
    ["a colon", "a:b"],
    ["a slash", "/who"],
    ["a label", "@bob"],
    ["a room", "#room"],
    ["what looks like a refusal", "!"],
    ["an emoji", "😀"],
    ["a control character", "a\u0001b"],
    ["a zero-width space", "a\u200bb"],
    ["a right-to-left override", "a\u202eb"],
    ["a byte order mark in front", "\ufeffalice"],
    ["invisible letters", "\u115f\u1160"],
    ["a Hangul filler", "\u3164"],
    ["a number that is not a digit", "½"],
    ["a superscript digit", "a²"],
    ["a roman numeral", "Ⅷ"]
  ]
  for (const [what, input] of refused) it(`refuses ${what}`, () => assert.isUndefined(parse(input)))

  it("refuses bytes that are not UTF-8", () => {
    for (const wire of ["\xff", "a\xc3", "\xe2\x82", "\xed\xa0\x80", "\xc0\xaf"]) assert.isUndefined(Name.parse(wire))
  })

  it("returns a name that parses as itself", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.oneof(anyName, anyText(10)), (text) => {
        const name = Name.parse(Wire.encode(text))
        FastCheck.pre(name !== undefined)
        assert.strictEqual(Name.parse(name), name)
        assert.strictEqual(Name.normalise(name), name)
        assert.strictEqual(Name.show(name), name)
        assert.isAtMost([...Wire.decode(name)].length, Name.maxLength)
      }),
      runs
    )
  })

  it("accepts or refuses any bytes, and never throws", () => {
    FastCheck.assert(
      FastCheck.property(anyBytes(100), (bytes) => {
        const wire = Buffer.from(bytes).toString("latin1")
        const name = Name.parse(wire)
        assert.isTrue(name === undefined || name !== "")
        Name.normalise(wire)
        Name.show(wire)
      }),
      runs
    )
  })

  it("processes a long line of combining marks in linear time", () => {
    const line = Wire.encode(`a${"\u0315".repeat(16_000)}${"\u0316".repeat(16_000)}`) // NFC has to sort them
    assert.isUndefined(Name.parse(line))
    assert.isBelow(
      fastestOfThree(() => Name.parse(line)),
      50
    )
  })
})

describe("Name.likeness", () => {
  const alike: ReadonlyArray<readonly [what: string, one: string, other: string]> = [
    ["case", "Alice", "aLICE"],
    ["full width", "ａｌｉｃｅ", "alice"],
    ["mathematical letters", "𝒜𝓁𝒾𝒸ℯ", "alice"],
    ["ligatures", "ﬁsh", "FISH"],
    ["sharp s", "straße", "STRASSE"],
    ["capital sharp s", "straẞe", "strasse"],
    ["final sigma", "σας", "ΣΑΣ"],
    ["long s", "ſam", "Sam"],
    ["the Kelvin sign", "\u212aim", "kim"],
    ["an invisible letter", "al\u115fice", "alice"],
    ["a variation selector", "alice\ufe0f", "alice"],
    ["decomposition", "e\u0301va", "ÉVA"]
  ]
  for (const [what, one, other] of alike) {
    it(`is the same for names that differ in ${what}`, () =>
      assert.strictEqual(Name.likeness(one), Name.likeness(other)))
  }

  for (const [one, other] of [
    ["alice", "alicе"], // the Cyrillic letter: this rule does not compare scripts
    ["alice", "alice1"],
    ["a.b", "a_b"],
    ["eva", "éva"]
  ] as const) {
    it(`differs for ${one} and ${other}`, () => assert.notStrictEqual(Name.likeness(one), Name.likeness(other)))
  }

  it("is the same for the case variants and the compatibility forms of any name", () => {
    FastCheck.assert(
      FastCheck.property(anyName, (text) => {
        const name = parse(text)
        FastCheck.pre(name !== undefined)
        const likeness = Name.likeness(name)
        for (const variant of [name.toUpperCase(), name.toLowerCase(), name.normalize("NFKC"), name.normalize("NFD")]) {
          assert.strictEqual(Name.likeness(variant), likeness, JSON.stringify([name, variant]))
        }
        assert.strictEqual(Name.likeness(likeness), likeness, JSON.stringify(name))
      }),
      runs
    )
  })
})

describe("Name.normalise", () => {
  it("converts a recipient to NFC", () => {
    assert.strictEqual(Name.normalise(Wire.encode("e\u0301va")), Wire.encode("éva"))
    assert.strictEqual(Name.normalise("Bob"), "Bob")
  })
})

const shown = (text: string) => Wire.decode(Name.show(Wire.encode(text)))

describe("Name.show", () => {
  it("does not change a name", () => {
    for (const name of ["bob", "Зоя", "हिन्दी", "_x.y-z"]) assert.strictEqual(shown(name), name)
  })

  it("escapes the bytes of characters that no name may contain", () => {
    assert.strictEqual(shown("a b"), "a%20b")
    assert.strictEqual(shown("a%b"), "a%25b")
    assert.strictEqual(shown("a=b"), "a%3Db")
    assert.strictEqual(shown("😀"), "%F0%9F%98%80")
    assert.strictEqual(shown("a\u00a0b"), "a%C2%A0b")
    assert.strictEqual(shown("@k1"), "%40k1")
  })

  it("cuts a text that is longer than a name", () => {
    assert.strictEqual(shown("a".repeat(32)), "a".repeat(32))
    assert.strictEqual(shown("a".repeat(33)), `${"a".repeat(32)}…`)
    assert.strictEqual(shown("語".repeat(1000)), `${"語".repeat(32)}…`)
    assert.strictEqual(shown(`${"a".repeat(31)} b`), `${"a".repeat(31)}%20…`)
  })

  it("shows the composed form of a text that is too long to be normalised as a whole", () => {
    for (const base of ["e\u0301", "\u1100\u1161", "\u03b1\u0313\u0300\u0345", "a\u{1d165}"]) {
      const text = base.repeat(500)
      const start = [...text.normalize("NFC")].slice(0, 32).join("")
      assert.strictEqual(shown(text), `${start}…`, base)
    }
    assert.strictEqual(shown(`a${"😀".repeat(1000)}`), `a${"%F0%9F%98%80".repeat(31)}…`)
  })

  it("yields one word without comma and colon for any input", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.oneof(
          anyText(40).map(Wire.encode),
          anyBytes(300).map((bytes) => Buffer.from(bytes).toString("latin1"))
        ),
        (wire) => {
          const text = Wire.decode(Name.show(wire))
          assert.match(text, /^[^\s,:=@\p{C}]*$/u)
          assert.isAtMost(text.length, 32 * 12 + 1)
          assert.strictEqual(Wire.encode(text), Name.show(wire), "it is UTF-8")
        }
      ),
      runs
    )
  })
})
