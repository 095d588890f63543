import { assert, describe, it } from "@effect/vitest"
import * as DesktopNotification from "../../src/terminal/DesktopNotification.js"
import type { Display } from "../../src/terminal/Display.js"
import type { Notification } from "../../src/terminal/Notifier.js"

const display: Display = { colours: "many", unicode: true, reflow: "all" }

const notification = (text: string, more: Partial<Notification> = {}, from = "bob"): Notification => ({
  message: { _tag: "Message", from, text },
  isMention: false,
  more: 0,
  ...more
})

const routes: ReadonlyArray<
  readonly [environment: Record<string, string>, route: DesktopNotification.TerminalRoute | undefined]
> = [
  [{ TERM: "xterm-256color" }, { command: "777", within: undefined }],
  [{ TERM: "foot" }, { command: "777", within: undefined }],
  [
    { TERM: "xterm-256color", TERM_PROGRAM: "WezTerm" },
    { command: "777", within: undefined }
  ],
  [
    { TERM: "xterm-256color", TERM_PROGRAM: "iTerm.app" },
    { command: "9", within: undefined }
  ],
  [
    { TERM: "xterm-256color", LC_TERMINAL: "iTerm2" },
    { command: "9", within: undefined }
  ],
  [{ TERM: "xterm-kitty" }, { command: "9", within: undefined }],
  [
    { TERM: "tmux-256color", TMUX: "/tmp/tmux-0/default,1,0" },
    { command: "777", within: "tmux" }
  ],
  [
    { TERM: "tmux-256color", TMUX: "x", KITTY_WINDOW_ID: "1" },
    { command: "9", within: "tmux" }
  ],
  [
    { TERM: "screen", STY: "1.x" },
    { command: "777", within: "screen" }
  ],
  [{ TERM: "linux" }, undefined],
  [{ TERM: "vt100" }, undefined],
  [{}, undefined]
]

describe("DesktopNotification.route", () => {
  for (const [environment, route] of routes) {
    it(`is ${JSON.stringify(route)} for ${JSON.stringify(environment)}`, () =>
      assert.deepStrictEqual(DesktopNotification.route("auto", environment), route))
  }

  it("is what the user says, whatever the terminal", () => {
    assert.deepStrictEqual(DesktopNotification.route("9", { TERM: "linux" }), { command: "9", within: undefined })
    assert.deepStrictEqual(DesktopNotification.route("777", { TERM: "xterm-kitty", STY: "1" }), {
      command: "777",
      within: "screen"
    })
  })
})

const render = (one: Notification, route: DesktopNotification.TerminalRoute = { command: "777" }, unicode = true) =>
  DesktopNotification.render(one, route, { ...display, unicode })

describe("DesktopNotification.render", () => {
  it("has the sender as the title, and says that the user is mentioned", () => {
    assert.strictEqual(render(notification("hi")), "\x1b]777;notify;bob;hi\x07")
    assert.strictEqual(render(notification("hi"), { command: "9" }), "\x1b]9;bob: hi\x07")
    const mention = notification("hi alice", { isMention: true, more: 2 })
    assert.strictEqual(render(mention), "\x1b]777;notify;bob mentions you;hi alice (and 2 more)\x07")
    assert.strictEqual(render(mention, { command: "9" }), "\x1b]9;bob mentions you: hi alice (and 2 more)\x07")
    assert.strictEqual(render(notification("/me waves")), "\x1b]777;notify;bob;* bob waves\x07")
    assert.strictEqual(render(notification("")), "\x1b]777;notify;bob;\x07")
  })

  it("is wrapped for tmux and for Screen", () => {
    assert.strictEqual(
      render(notification("hi"), { command: "777", within: "tmux" }),
      "\x1bPtmux;\x1b\x1b]777;notify;bob;hi\x07\x1b\\"
    )
    assert.strictEqual(render(notification("hi"), { command: "9", within: "screen" }), "\x1bP\x1b]9;bob: hi\x07\x1b\\")
  })

  it("cannot be ended, continued or divided by what others wrote", () => {
    const hostile = "\x1b\\\x07\x9c\n\r;4;1\u202e\tx"
    const shown = String.raw`\x1b\\x07\x9c\x0a\x0d,4,1\u{202e} x`
    assert.strictEqual(render(notification(hostile, {}, hostile)), `\x1b]777;notify;${shown};${shown}\x07`)
    // ConEmu takes `9;4;1` for progress.
    assert.strictEqual(render(notification("1;x", {}, "4;2"), { command: "9" }), "\x1b]9;4,2: 1,x\x07")
  })

  it("is ASCII where the locale is not UTF-8", () =>
    assert.strictEqual(
      render(notification("é".repeat(100)), { command: "9" }, false),
      `\x1b]9;bob: ${"\\u{e9}".repeat(66)}...\x07`
    ))

  for (const [text, expected] of [
    ["x".repeat(400), "x".repeat(400)],
    ["x".repeat(401), `${"x".repeat(400)}…`],
    ["é".repeat(200), "é".repeat(200)],
    ["é".repeat(201), `${"é".repeat(200)}…`],
    // Neither a character nor an escape is divided.
    [`x${"é".repeat(200)}`, `x${"é".repeat(199)}…`],
    [`${"x".repeat(397)}\x1b`, `${"x".repeat(397)}…`],
    [`${"x".repeat(396)}\x1b`, `${"x".repeat(396)}\\x1b`],
    ["x".repeat(100_000), `${"x".repeat(400)}…`]
  ] as const) {
    it(`has 400 bytes of a text at most, and so of ${text.length} characters ${expected.length}`, () =>
      assert.strictEqual(render(notification(text)), `\x1b]777;notify;bob;${expected}\x07`))
  }

  for (const [length, expected] of [
    [120, "x".repeat(120)],
    [121, `${"x".repeat(120)}…`]
  ] as const) {
    it(`has 120 bytes of a title at most, and of ${length} ${expected.length}`, () =>
      assert.strictEqual(render(notification("hi", {}, "x".repeat(length))), `\x1b]777;notify;${expected};hi\x07`))
  }
})
