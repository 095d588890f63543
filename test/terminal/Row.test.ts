import { assert, describe, it } from "@effect/vitest"
import * as Display from "../../src/terminal/Display.js"
import * as Row from "../../src/terminal/Row.js"
import { foreign } from "../support/TerminalEmulator.js"

const utf8 = { LANG: "de_DE.UTF-8" }
const colourful = Display.make(utf8, 8)
const plain = Display.make(utf8, 1)
const ascii = Display.make({ LANG: "C" }, 1)

describe("Display.make", () => {
  it("decides on UTF-8 by the first variable that is set", () => {
    const table: ReadonlyArray<readonly [Record<string, string>, boolean]> = [
      [{}, false],
      [{ LANG: "C" }, false],
      [{ LANG: "C.utf8" }, true],
      [{ LANG: "de_DE.UTF-8" }, true],
      [{ LANG: "de_DE@euro" }, false],
      [{ LANG: "de_DE.UTF-8", LC_CTYPE: "C" }, false],
      [{ LANG: "C", LC_CTYPE: "", LC_ALL: "en_US.UTF-8" }, true]
    ]
    for (const [environment, unicode] of table) {
      assert.strictEqual(Display.make(environment, 8).unicode, unicode, JSON.stringify(environment))
    }
  })

  it("takes the colours from Node, which honours NO_COLOR", () => {
    assert.deepStrictEqual(
      [1, 4, 8, 24].map((bits) => Display.make({}, bits).colours),
      ["none", "basic", "many", "many"]
    )
  })

  it("knows terminals that do not rewrap rows", () => {
    assert.strictEqual(Display.make({}, 8).reflow, "all")
    assert.strictEqual(Display.make({ XTERM_VERSION: "XTerm(379)" }, 8).reflow, "none")
    assert.strictEqual(Display.make({ XTERM_VERSION: "XTerm(379)", TMUX: "/tmp/tmux" }, 8).reflow, "all")
    assert.strictEqual(Display.make({ TERM_PROGRAM: "vscode" }, 8).reflow, "notCursor")
  })
})

const render = (row: Row.Row, display: Display.Display) => Row.render(Row.safe(row, display), display)

describe("Row.render", () => {
  it("gives each name a colour of its own, the same every time", () => {
    const colour = (name: string) => render([Row.name(name)], colourful).split("m")[0]
    assert.strictEqual(colour("alice"), colour("alice"))
    assert.strictEqual(render([Row.name("alice")], colourful), "\x1b[38;5;61malice\x1b[0m")
    assert.isAbove(new Set(Array.from({ length: 50 }, (_, index) => colour(`name${index}`))).size, 8)
    assert.strictEqual(render([Row.name("alice")], Display.make(utf8, 4)), "\x1b[36malice\x1b[0m")
  })

  it("writes no control sequence at all without colours", () => {
    assert.strictEqual(render([Row.name("alice"), Row.span(" hi", "bad")], plain), "alice hi")
  })

  it("escapes what could control the terminal, in names as well", () => {
    const hostile = "\x1b[2J\x1b]52;c;eA==\x07\x9b31m\r\b\n\u202e\u2066\u200b\u2028\x7f"
    const shown = String.raw`\x1b[2J\x1b]52;c;eA==\x07\x9b31m\x0d\x08\x0a\u{202e}\u{2066}\u{200b}\u{2028}\x7f`
    assert.strictEqual(render([Row.span(hostile)], plain), shown)
    assert.deepStrictEqual(foreign(render([Row.name(hostile), Row.span(hostile, "bad")], colourful)), [])
  })

  it("leaves a tab, umlauts, emoji and Hebrew as they are", () => {
    const text = "\tgrüße ❤\u{fe0f} שלום e\u0301"
    assert.strictEqual(render([Row.span(text)], plain), text)
  })

  it("escapes the marks beyond a limit on one character", () => {
    const shown = render([Row.span(`e${"\u0301".repeat(10)}x`)], plain)
    assert.strictEqual(shown, `e${"\u0301".repeat(8)}${String.raw`\u{301}\u{301}`}x`)
  })

  it("shows characters beyond ASCII by number if the locale is not UTF-8", () => {
    assert.strictEqual(render([Row.span("grüße 👍\x1b")], ascii), String.raw`gr\u{fc}\u{df}e \u{1f44d}\x1b`)
  })
})

const fit = (text: string, width: number, display = plain) =>
  Row.render(Row.fit([Row.span(text)], width, display), display)

describe("Row.fit", () => {
  it("cuts text that is too long, and marks the cut", () => {
    assert.strictEqual(fit("hello", 5), "hello")
    assert.strictEqual(fit("hello", 4), "hel…")
    assert.strictEqual(fit("hello", 1), "…")
    assert.strictEqual(fit("日本語", 5), "日本…")
    assert.strictEqual(fit("hello", 4, ascii), "h...")
    assert.strictEqual(fit("hello", 2, ascii), "..")
    assert.strictEqual(fit("a\tb", 3), "a b")
  })

  it("counts all spans, and looks only at the start of a long text", () => {
    const row = [Row.span("ab"), Row.span("cd"), Row.span("ef")]
    const shown = (width: number) => Row.render(Row.fit(row, width, plain), plain)
    assert.deepStrictEqual([6, 5, 4, 3, 2].map(shown), ["abcdef", "abcd…", "abc…", "ab…", "a…"])
    assert.strictEqual(fit("x".repeat(1_000_000), 3), "xx…")
  })
})
