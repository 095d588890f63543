import { describe, it } from "@effect/vitest"
import { assert } from "vitest"
import * as Escape from "../../src/client/Escape.js"
import * as Received from "../../src/client/Received.js"
import { RefusalSplitter } from "../../src/client/RefusalSplitter.js"
import { Framing } from "../../src/protocol/Framing.js"
import * as Line from "../../src/protocol/Line.js"
import * as Name from "../../src/protocol/Name.js"
import * as Wire from "../../src/protocol/Wire.js"
import { fastestOfThree } from "../support/FastestOfThree.js"

/** What is repeated: the bytes of text, or bytes that are not UTF-8. */
const repeated: Readonly<Record<string, string>> = {
  commas: ",",
  colons: ":",
  "colons and blanks": ": ",
  blanks: " ",
  "wide blanks": Wire.encode("\u3000"),
  "halves of wide blanks": "\xe3\x80",
  CR: "\r",
  TAB: "\t",
  NUL: "\0",
  "byte order marks": Wire.encode("\ufeff"),
  "combining marks": Wire.encode("\u0301\u0315\u0316"),
  "Hangul to compose": Wire.encode("\u1100\u1161\u11a8"),
  "right-to-left overrides": Wire.encode("\u202e"),
  "variation selectors": Wire.encode("\ufe0f"),
  "at signs": "@",
  slashes: "/",
  "equals signs": "=",
  "exclamation marks": "!",
  letters: "a",
  "letters and blanks": "a ",
  names: "a,b, ",
  "lone continuation bytes": "\x80",
  "lead bytes without the rest of the character": "\xf0",
  emoji: Wire.encode("😀"),
  "joined emoji": Wire.encode("😀\u200d"),
  joiners: Wire.encode("\u200d\u200c"),
  "letters with joiners": Wire.encode("می\u200c"),
  flags: Wire.encode("🏴\u{e0067}\u{e0062}"),
  "Hangul fillers": Wire.encode("\u115f\u1160")
}

const limits = { maxRecipients: 1_000 }

/** Pushes bytes in reads of this size. */
const push = (target: { push: (bytes: Buffer) => unknown }, wire: string, size: number) => {
  const bytes = Buffer.from(wire, "latin1")
  for (let at = 0; at < bytes.length; at += size) target.push(bytes.subarray(at, at + size))
}

const subjects: Readonly<Record<string, (wire: string) => unknown>> = {
  "Line.parse of an address": (wire) => Line.parse(`${wire}: hi`, limits),
  "Line.parse of a text": (wire) => Line.parse(`bob: ${wire}`, limits),
  "Line.parse of a text with a letter at its end": (wire) => Line.parse(`bob: ${wire}x`, limits),
  "Line.parse of a command": (wire) => Line.parse(`/${wire}`, limits),
  "Line.label": (wire) => Line.label(`@${wire}`),
  "Name.parse": (wire) => Name.parse(`a${wire}`),
  "Name.normalise": (wire) => Name.normalise(`a${wire}`),
  "Name.show": (wire) => Name.show(wire),
  "Framing of a line in small reads": (wire) => push(new Framing(1_000_000), wire, 100),
  "Framing of a line that is too long": (wire) => push(new Framing(64), wire, 100),
  "Framing of many lines": (wire) => push(new Framing(64), wire.replaceAll(/[^]{3}/g, "$&\n"), 10_000),
  "Received.parse of a message": (wire) => Received.parse(`from ${wire}: ${wire}`),
  "Received.parse of a code": (wire) => Received.parse(`! ${wire}`),
  "Received.parse of params": (wire) => Received.parse(`* who ${wire}: x`),
  "RefusalSplitter in small reads": (wire) => push(new RefusalSplitter(), wire, 100),
  "RefusalSplitter of many lines": (wire) => push(new RefusalSplitter(), wire.replaceAll(/[^]{3}/g, "$&\n!"), 10_000),
  "Escape.show": (wire) => Escape.show(Wire.decode(wire)),
  "Escape.Parts in small parts": (wire) => {
    const text = Wire.decode(wire)
    const parts = new Escape.Parts()
    for (let at = 0; at < text.length; at += 100) parts.push(text.slice(at, at + 100))
  }
}

const shortest = 16_384

/** The greatest ratio for four times the input: linear time takes 4 times as long, quadratic time 16 times. */
const maxRatio = 10

/** Shorter times, in milliseconds, are not meaningful. */
const noise = 0.3

describe("processing time grows linearly with the length of the input", () => {
  for (const [subject, run] of Object.entries(subjects)) {
    it(subject, () => {
      for (const [what, unit] of Object.entries(repeated)) {
        const one = unit.repeat(shortest / unit.length)
        const four = one.repeat(4)
        const ratio = () =>
          fastestOfThree(() => run(four)) /
          Math.max(
            noise,
            fastestOfThree(() => run(one))
          )
        // A busy machine may spoil several measurements.
        const ratios = [ratio()]
        while (Math.min(...ratios) > maxRatio && ratios.length < 5) ratios.push(ratio())
        assert.isAtMost(Math.min(...ratios), maxRatio, what)
      }
    })
  }
})
