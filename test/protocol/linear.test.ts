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

/** What is repeated; the bytes of text, or bytes that are no text. */
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
  "lone continuations": "\x80",
  "leads without a rest": "\xf0",
  emoji: Wire.encode("😀")
}

const limits = { maxRecipients: 1_000 }

/** Bytes in reads of this size, with LF between them, or not. */
const push = (target: { push: (bytes: Buffer) => unknown }, wire: string, size: number) => {
  const bytes = Buffer.from(wire, "latin1")
  for (let at = 0; at < bytes.length; at += size) target.push(bytes.subarray(at, at + size))
}

const takers: Readonly<Record<string, (wire: string) => unknown>> = {
  "Line.parse of a head": (wire) => Line.parse(`${wire}: hi`, limits),
  "Line.parse of a text": (wire) => Line.parse(`bob: ${wire}`, limits),
  "Line.parse of a text and what stands behind": (wire) => Line.parse(`bob: ${wire}x`, limits),
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
  "Escape.show": (wire) => Escape.show(Wire.decode(wire))
}

const least = 16_384

/** Quadratic time would take sixteen times as long for four times as much, linear time four times. */
const most = 10

/** Below this, in milliseconds, a time says nothing. */
const noise = 0.3

describe("four times as much takes no more than four times as long, roughly", () => {
  for (const [taker, take] of Object.entries(takers)) {
    it(taker, () => {
      for (const [what, unit] of Object.entries(repeated)) {
        const one = unit.repeat(least / unit.length)
        const four = one.repeat(4)
        const ratio = () =>
          fastestOfThree(() => take(four)) /
          Math.max(
            noise,
            fastestOfThree(() => take(one))
          )
        // A busy machine may spoil one measurement, and then another.
        const ratios = [ratio()]
        while (Math.min(...ratios) > most && ratios.length < 5) ratios.push(ratio())
        assert.isAtMost(Math.min(...ratios), most, what)
      }
    })
  }
})
