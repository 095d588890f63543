import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { LiveRegion } from "../../src/terminal/LiveRegion.js"
import { span } from "../../src/terminal/Row.js"
import { fastestOfThree } from "../support/FastestOfThree.js"
import { display, open, typed } from "../support/Screens.js"

describe("Screen", () => {
  /** In scripts whose marks have columns. */
  const words = "ทำ ກຳ नि தமிழ் മലയാളം မြန်မာ ខ្មែរ සිංහල বাংলা ᬩᬮᬶ 한 👩\u200d💻".split(" ")

  const texts = [
    "a long line ",
    "日本語 ",
    "e\u0301 👍 ",
    "\t\u202e\x1b",
    ...words,
    "می\u200cخواهم",
    "👍🏽",
    "🇩🇪",
    "1\ufe0f\u20e3",
    "Жё…"
  ]
  for (const text of texts) {
    it.scopedLive(`scrolls a line of ${JSON.stringify(text)} sideways, in one row, with the cursor in view`, () =>
      Effect.gen(function* () {
        const { cursor, rows, settled, shows } = yield* open({ columns: 20 })
        const whole = text.repeat(10)
        for (let at = 0; at <= whole.length; at++) {
          yield* shows({ ...typed(whole, ["above"]), cursor: at })
          yield* settled
          assert.deepStrictEqual([rows().length, rows()[0]], [2, "above"])
          assert.isBelow(cursor().column, 20)
          assert.isAtLeast(cursor().column, 2)
        }
      })
    )
  }

  for (const text of words) {
    it.scopedLive(`shows the end of thirty times ${text}, and the cursor after it`, () =>
      Effect.gen(function* () {
        const { cursor, settled, shows } = yield* open({ columns: 40 })
        yield* shows(typed(`${text.repeat(30)}END`))
        yield* settled
        assert.match(cursor().row, /^> ‹.*END$/u)
        assert.isBelow(cursor().column, 40)
        assert.isAbove(cursor().column, 10)
      })
    )
  }

  it.scopedLive("marks where a line continues", () =>
    Effect.gen(function* () {
      const { cursor, rows, shows } = yield* open({ columns: 12 })
      yield* shows({ ...typed("0123456789abcdef"), cursor: 0 })
      assert.deepStrictEqual(rows(), ["> 012345678›"])
      yield* shows(typed("0123456789abcdef"))
      assert.deepStrictEqual(rows(), ["> ‹bcdef"])
      assert.strictEqual(cursor().column, 8)
      yield* shows({ ...typed("0123456789abcdef"), cursor: 9 })
      assert.deepStrictEqual(rows(), ["> ‹6789abcd›"])
    })
  )

  it("shows the text around the cursor wherever it is in a very long line", () => {
    const region = new LiveRegion(display)
    const whole = Array.from({ length: 800 }, (_, index) => `${index}ทำ👍🏽`).join(" ")
    for (let at = 0; at >= 0; at = whole.indexOf(" ", at + 97)) {
      region.show({ ...typed(whole), cursor: at })
      const drawn = region.draw([], { columns: 20, rows: 24 })
      const [left = "", right = ""] = drawn.split("\x1b7")
      const before = left.slice(left.indexOf("> ")).replace(/^> ‹?/u, "")
      const after = right.slice(0, right.indexOf("\x1b8")).replace(/›$/u, "")
      assert.isTrue(whole.slice(0, at).endsWith(before) && whole.slice(at).startsWith(after), `${at}: ${drawn}`)
      assert.isAtLeast(before.length + after.length, 10)
      assert.isAtLeast(before.length, Math.min(at, 1))
    }
  })

  it("draws a line of a million characters as fast as a short one", () => {
    const region = new LiveRegion(display)
    for (const text of ["x".repeat(1_000_000), "ทำ".repeat(500_000)]) {
      for (const cursor of [0, 600_000, 1_000_000]) {
        region.show({ ...typed(text), cursor })
        assert.isBelow(
          fastestOfThree(() => region.draw([], { columns: 80, rows: 24 })),
          100
        )
      }
    }
  })

  it.scopedLive("gives a long prompt no more than half of the row", () =>
    Effect.gen(function* () {
      const { rows, shows } = yield* open({ columns: 20 })
      yield* shows({ ...typed("hello"), prompt: [span("alice, bob, carol, dave › ")] })
      assert.deepStrictEqual(rows(), ["alice, bo…hello"])
    })
  )
})
