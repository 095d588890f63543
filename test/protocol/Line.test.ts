import { describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { assert } from "vitest"
import * as Line from "../../src/protocol/Line.js"
import * as Wire from "../../src/protocol/Wire.js"
import { anyBytes, anyText } from "../support/Arbitraries.js"
import { fastestOfThree } from "../support/FastestOfThree.js"

const limits = { maxRecipients: 3 }

/** The meaning of a line, as ordinary text. */
const meaning = (line: string) => {
  const parsed = Line.parse(Wire.encode(line), limits)
  switch (parsed._tag) {
    case "Message":
      return { to: parsed.recipients.map(Wire.decode), text: Wire.decode(parsed.text) }
    case "Command":
      return { command: Wire.decode(parsed.name), argument: Wire.decode(parsed.argument) }
    case "Mistake":
      return { mistake: parsed.reply(undefined).split(/[:\n]/)[0] }
  }
}

describe("Line.parse", () => {
  const messages: ReadonlyArray<readonly [what: string, line: string, to: ReadonlyArray<string>, text: string]> = [
    ["a message", "bob: hi", ["bob"], "hi"],
    ["several recipients, in their order", "bob, alice,carol: hi", ["bob", "alice", "carol"], "hi"],
    ["one recipient twice", "bob, alice, bob: hi", ["bob", "alice"], "hi"],
    ["one recipient in two normal forms of Unicode", "e\u0301va, éva: hi", ["éva"], "hi"],
    ["names in two cases, which are two names", "bob, Bob: hi", ["bob", "Bob"], "hi"],
    ["empty names between others", ",bob,, ,alice,: hi", ["bob", "alice"], "hi"],
    ["no blank", "bob:hi", ["bob"], "hi"],
    ["white space everywhere", " \t bob \u3000,\u00a0alice : \u2003 hi \u0085 ", ["bob", "alice"], "hi"],
    ["blanks inside the text", "bob: a  b", ["bob"], "a  b"],
    ["an empty text", "bob:", ["bob"], ""],
    ["a text of white space", "bob: \t ", ["bob"], ""],
    ["a colon in the text", "bob: a: b:", ["bob"], "a: b:"],
    ["a comma in the text", "bob: a, b", ["bob"], "a, b"],
    ["TAB in the text", "bob: a\tb", ["bob"], "a\tb"],
    ["CR at the end, which is white space", "bob: hi\r", ["bob"], "hi"],
    ["a byte order mark, which is ordinary text", "bob: \ufeffhi\ufeff", ["bob"], "\ufeffhi\ufeff"],
    ["a text that looks like the server's", "bob: ! undelivered", ["bob"], "! undelivered"],
    ["a text that looks like a command", "bob: /quit", ["bob"], "/quit"],
    ["a blank before a slash", " /who: hi", ["/who"], "hi"],
    ["invalid names", "a b, 😀, !: hi", ["a b", "😀", "!"], "hi"],
    [
      "names that every object has",
      "__proto__, constructor, toString: hi",
      ["__proto__", "constructor", "toString"],
      "hi"
    ],
    ["as many recipients as allowed", "a, b, c: hi", ["a", "b", "c"], "hi"],
    ["more names than allowed, but not more recipients", "a, b, c, a, b, c: hi", ["a", "b", "c"], "hi"],
    ["emoji and accents", "bob: grüße 😀 語à", ["bob"], "grüße 😀 語à"]
  ]
  for (const [what, line, to, text] of messages) {
    it(`parses as a message: ${what}`, () => assert.deepStrictEqual(meaning(line), { to: [...to], text }))
  }

  const commands: ReadonlyArray<readonly [line: string, command: string, argument: string]> = [
    ["/who", "who", ""],
    ["/who ", "who", ""],
    ["/ping a b", "ping", "a b"],
    ["/ping  a\tb \r", "ping", "a\tb"],
    ["/ping: a", "ping", "a"],
    ["/ping\ta: b", "ping", "a: b"],
    ["/ping à", "ping", "à"],
    ["/WHO", "WHO", ""],
    ["/", "", ""],
    ["/ who", "who", ""],
    ["/nosuch thing", "nosuch", "thing"],
    ["/__proto__", "__proto__", ""],
    ["/語 à", "語", "à"],
    ["//", "/", ""]
  ]
  for (const [line, command, argument] of commands) {
    it(`parses as a command: ${line}`, () => assert.deepStrictEqual(meaning(line), { command, argument }))
  }

  const mistakes: ReadonlyArray<readonly [what: string, line: string, mistake: string]> = [
    ["nothing", "", "! bad-line"],
    ["blanks", "  ", "! bad-line"],
    ["no colon", "hello", "! bad-line"],
    ["no recipient", ": hi", "! bad-line"],
    ["no recipient but white space", " \u3000 : hi", "! bad-line"],
    ["no recipient but commas", ", ,,: hi", "! bad-line"],
    ["one recipient too many", "a, b, c, d: hi", "! too-many-recipients max=3"],
    ["NUL in the text", "bob: a\0b", "! bad-line"],
    ["ESC in the text", "bob: a\u001bb", "! bad-line"],
    ["CR inside the text", "bob: a\rb", "! bad-line"],
    ["DEL", "bob: a\u007f", "! bad-line"],
    ["C1", "bob: a\u009bb", "! bad-line"],
    ["U+0085 inside the text", "bob: a\u0085b", "! bad-line"],
    ["a control character in a name", "b\u0007b: hi", "! bad-line"],
    ["a control character in the last name of many", "a, b, c\u0007: hi", "! bad-line"],
    ["one recipient too many, whatever follows it", "a, b, c, d, \u0007: \u0007", "! too-many-recipients max=3"],
    ["a control character in a command", "/ping \u0007", "! bad-line"],
    ["a control character in a line without colon", "\u0007", "! bad-line"]
  ]
  for (const [what, line, mistake] of mistakes) {
    it(`refuses ${what}`, () => assert.deepStrictEqual(meaning(line), { mistake }))
  }

  for (const wire of [
    "bob: \xff",
    "bob: a\xc3",
    "b\xffb: hi",
    "/ping \xff",
    "\xff",
    "bob: \xed\xa0\x80",
    "bob: \xc0\xaf"
  ]) {
    it(`refuses bytes that are not UTF-8: ${JSON.stringify(wire)}`, () => {
      const parsed = Line.parse(wire, limits)
      assert.strictEqual(parsed._tag, "Mistake")
      assert.match(parsed._tag === "Mistake" ? parsed.reply(undefined) : "", /^! bad-line: .*UTF-8/)
    })
  }

  it("gives a refusal the line's label", () => {
    const parsed = Line.parse("hello", limits)
    assert.match(parsed._tag === "Mistake" ? parsed.reply("k1") : "", /^! bad-line @k1: /)
  })

  it("parses a rendered message as the same message", () => {
    const part = anyText(8).filter((text) => !/[,:\p{Cc}]/u.test(text))
    FastCheck.assert(
      FastCheck.property(FastCheck.array(part, { minLength: 1, maxLength: 4 }), part, (names, text) => {
        const first = Line.parse(Wire.encode(`${names.join(",")}:${text}`), { maxRecipients: 4 })
        FastCheck.pre(first._tag === "Message" && !first.recipients[0]?.startsWith("/"))
        const again = Line.parse(`${first.recipients.join(", ")}: ${first.text}`, { maxRecipients: 4 })
        assert.deepStrictEqual(again, first)
      }),
      { numRuns: 300 }
    )
  })

  it("has a meaning for any bytes, and never throws", () => {
    FastCheck.assert(
      FastCheck.property(anyBytes(80), FastCheck.constantFrom("", "/", "@", "bob:", ","), (bytes, start) => {
        const line = start + Buffer.from(bytes.filter((byte) => byte !== 0x0a)).toString("latin1")
        const parsed = Line.parse(line, limits)
        Line.label(line)
        if (parsed._tag === "Mistake") return assert.match(parsed.reply("k"), /^! [a-z-]+ @k.*: .*\n$/)
        for (const part of parsed._tag === "Message"
          ? [...parsed.recipients, parsed.text]
          : [parsed.name, parsed.argument]) {
          assert.isFalse(Wire.hasControl(part))
          assert.strictEqual(Wire.trim(part), part)
        }
      }),
      { numRuns: 500 }
    )
  })

  const long: Record<string, string> = {
    commas: ",".repeat(65_535),
    "names of one letter": "a,".repeat(32_767),
    "different names": Array.from({ length: 13_000 }, (_, index) => index.toString(36)).join(","),
    colons: ":".repeat(65_535),
    "at signs": "@".repeat(65_535),
    "a long label": `@${"k".repeat(65_534)}`,
    slashes: "/".repeat(65_535),
    "a long command": `/${"a".repeat(65_534)}`,
    blanks: " ".repeat(65_535),
    "blanks in a command": `/a${" ".repeat(65_000)}b`,
    "wide blanks": "\u3000".repeat(21_845),
    "characters of two bytes": "é".repeat(32_767),
    "composing letters": "e\u0301".repeat(21_845),
    "combining marks that NFC has to sort": `a${"\u0315".repeat(16_000)}${"\u0316".repeat(16_000)}`,
    "Hangul to compose": "\u1100\u1161\u11a8".repeat(7_281)
  }
  for (const [what, line] of Object.entries(long)) {
    it(`parses 64 KiB in linear time: ${what}`, () => {
      for (const text of [line, `${line}:`, `bob: ${line}`, `bob,${line}: hi`]) {
        const wire = Wire.encode(text)
        const millis = fastestOfThree(() => {
          Line.parse(wire, limits)
          Line.label(wire)
        })
        assert.isBelow(millis, 50, text.slice(0, 20))
      }
    })
  }
})

describe("Line.label", () => {
  for (const label of ["k", "k1", "A-b_c.9", "a".repeat(32)]) {
    it(`finds the label ${label}`, () => {
      assert.deepStrictEqual(Line.label(`@${label} bob: hi`), { label, length: label.length + 2 })
    })
  }

  for (const line of [
    "",
    "@",
    "@ bob: hi",
    "@k",
    "@k\tbob: hi",
    "@k, bob: hi",
    "@é bob: hi",
    `@${"a".repeat(33)} bob: hi`,
    "bob: @k hi",
    " @k bob: hi"
  ]) {
    it(`finds no label in ${JSON.stringify(line)}`, () => assert.isUndefined(Line.label(line)))
  }
})
