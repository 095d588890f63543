import { describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { assert } from "vitest"
import * as Wire from "../../src/protocol/Wire.js"
import { anyBytes, anyText } from "../support/Arbitraries.js"
import { cpuMillis } from "../support/CpuTime.js"

/** The White_Space property of Unicode 15, which includes U+0085, but not U+FEFF and U+200B. */
const whiteSpace = "\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"
const atStart = new RegExp(`^[${whiteSpace}]+`)
const atEnd = new RegExp(`[${whiteSpace}]+$`)
const trimmed = (text: string) => text.replace(atStart, "").replace(atEnd, "")

const runs = { numRuns: 500 }

describe("Wire", () => {
  it("encodes to one character per byte, and decodes that", () => {
    FastCheck.assert(
      FastCheck.property(anyText(20), (text) => {
        const wire = Wire.encode(text)
        assert.strictEqual(wire, Buffer.from(text, "utf8").toString("latin1"))
        assert.strictEqual(Wire.decode(wire), text)
      }),
      runs
    )
  })

  it("decodes bytes that are not UTF-8 to U+FFFD", () => {
    assert.strictEqual(Wire.decode("a\xffb"), "a\ufffdb")
    assert.strictEqual(Wire.decode("\xe2\x82"), "\ufffd")
  })

  it("recognises ASCII", () => {
    assert.isTrue(Wire.isAscii(""))
    assert.isTrue(Wire.isAscii("\0 ~\x7f"))
    assert.isFalse(Wire.isAscii("\x80"))
    assert.isFalse(Wire.isAscii("a\xff"))
  })

  describe("trim", () => {
    it("removes every character of White_Space and no other", () => {
      for (let point = 0; point < 0x11000; point++) {
        if (point >= 0xd800 && point <= 0xdfff) continue
        const text = `${String.fromCodePoint(point)}a${String.fromCodePoint(point)}`
        if (Wire.decode(Wire.trim(Wire.encode(text))) !== trimmed(text)) assert.fail(`U+${point.toString(16)}`)
      }
    })

    it("keeps à, whose second byte is a no-break space to JavaScript", () => {
      assert.strictEqual(Wire.trim(Wire.encode(" à ")), Wire.encode("à"))
    })

    it("agrees with a regular expression on the decoded text", () => {
      FastCheck.assert(
        FastCheck.property(anyText(12), (text) => {
          assert.strictEqual(Wire.decode(Wire.trim(Wire.encode(text))), trimmed(text))
        }),
        runs
      )
    })

    it("trims a part of a line like a string of its own", () => {
      FastCheck.assert(
        FastCheck.property(anyText(5), anyText(5), anyText(5), (before, part, after) => {
          const [head, body] = [Wire.encode(before), Wire.encode(part)]
          const line = head + body + Wire.encode(after)
          assert.strictEqual(Wire.trim(line, head.length, head.length + body.length), Wire.trim(body))
        }),
        runs
      )
    })

    it("only shortens, and is idempotent, for any bytes", () => {
      FastCheck.assert(
        FastCheck.property(anyBytes(12), (bytes) => {
          const wire = Buffer.from(bytes).toString("latin1")
          const once = Wire.trim(wire)
          assert.include(wire, once)
          assert.strictEqual(Wire.trim(once), once)
        }),
        runs
      )
    })

    it("takes linear time", () => {
      const millis = cpuMillis(() => {
        for (const space of [" ", "\u00a0", "\u3000"]) {
          assert.strictEqual(Wire.trim(Wire.encode(space.repeat(1_000_000))), "")
          assert.strictEqual(Wire.trim(Wire.encode(`${space.repeat(500_000)}a${space.repeat(500_000)}`)), "a")
        }
      })
      assert.isBelow(millis, 2_000)
    })
  })

  describe("hasControl", () => {
    it("is true for C0 but TAB, DEL and C1, and for nothing else", () => {
      for (let point = 0; point < 0x3000; point++) {
        const expected = point !== 0x09 && (point < 0x20 || (point >= 0x7f && point < 0xa0))
        assert.strictEqual(
          Wire.hasControl(Wire.encode(`a${String.fromCodePoint(point)}b`)),
          expected,
          `U+${point.toString(16)}`
        )
      }
    })
  })
})
