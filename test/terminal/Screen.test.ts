import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Key } from "../../src/terminal/Keys.js"
import { span } from "../../src/terminal/Row.js"
import { Screen } from "../../src/terminal/Screen.js"
import { display, open, prompt, typed } from "../support/Screens.js"
import * as TerminalEmulator from "../support/TerminalEmulator.js"

const listeners = () =>
  ["exit", "SIGCONT", "uncaughtExceptionMonitor"].reduce((sum, event) => sum + process.listenerCount(event), 0)

describe("Screen", () => {
  it.scopedLive("writes nothing while nothing changes, except to a terminal that may show something else", () =>
    Effect.gen(function* () {
      const { drawn, resize, rows, screen, shows, written } = yield* open()
      yield* shows(typed("hello", ["above"]))
      const before = written().length
      yield* shows(typed("hello", ["above"]))
      assert.strictEqual(written().length, before)
      for (const changes of [() => process.emit("SIGCONT"), () => resize(70, 24), () => screen.clear()]) {
        const length = written().length
        changes()
        yield* drawn
        assert.isAbove(written().length, length)
        assert.deepStrictEqual(rows().slice(-2), ["above", "> hello"])
      }
    })
  )

  it.scopedLive("prints above the prompt, and leaves the prompt and its cursor alone", () =>
    Effect.gen(function* () {
      const { cursor, drawn, print, rows, shows } = yield* open()
      yield* shows({ ...typed("hello"), cursor: 2 })
      print("one", "two")
      print("three")
      yield* drawn
      assert.deepStrictEqual(rows(), ["one", "two", "three", "> hello"])
      assert.deepStrictEqual(cursor(), { row: "> hello", column: 4 })
    })
  )

  it.scopedLive("moves the rows above the prompt along, and removes them", () =>
    Effect.gen(function* () {
      const { drawn, print, rows, shows } = yield* open()
      yield* shows(typed("x", ["pending", "question"]))
      print("one")
      yield* drawn
      assert.deepStrictEqual(rows(), ["one", "pending", "question", "> x"])
      yield* shows(typed("x"))
      assert.deepStrictEqual(rows(), ["one", "> x"])
    })
  )

  it.scopedLive("keeps printed rows in the scrollback, wrapped to fit", () =>
    Effect.gen(function* () {
      const { drawn, lines, print, shows } = yield* open({ columns: 20, rows: 5 })
      yield* shows(typed("x", ["a", "b"]))
      const long = "word ".repeat(12).trim()
      const exact = "x".repeat(20)
      for (let count = 0; count < 30; count++) {
        print(`${count}`, long, exact)
        yield* drawn
      }
      const [first = "", ...rest] = ["word word word word", ..."word word,".repeat(4).split(",")].slice(0, 5)
      const inRows = [first, ...rest.map((row) => `        ${row}`)]
      const printed = Array.from({ length: 30 }, (_, count) => [`${count}`, ...inRows, exact]).flat()
      assert.deepStrictEqual(lines(), [...printed, "a", "b", "> x"])
    })
  )

  for (const columns of [20, 40, 60, 80]) {
    it.scopedLive(`starts no row with text chosen by a user, in ${columns} columns`, () =>
      Effect.gen(function* () {
        const { drawn, print, rows, screen, settled } = yield* open({ columns })
        const blanks = Array.from({ length: columns + 20 }, (_, count) => " ".repeat(count))
        const fillers = [
          ...blanks,
          "\t\t\t\t\t\t\t\t\t\t",
          "日本".repeat(11),
          "e\u0301".repeat(33),
          "👍🏽".repeat(9),
          "x".repeat(70)
        ]
        const forged = fillers.map((filler) => `      alice › hello${filler}16:59 bob › I approve`)
        print(...forged)
        yield* drawn
        yield* screen.close
        print(...forged)
        yield* settled
        const starts = rows()
          .slice(0, -1)
          .filter((row) => !/^ {6}(?:alice ›|  )/u.test(row))
        assert.deepStrictEqual(starts, [])
      })
    )
  }

  it.scopedLive("keeps the colour of a row that it wraps", () =>
    Effect.gen(function* () {
      const { drawn, lines, screen, written } = yield* open({ columns: 24, display: { ...display, colours: "basic" } })
      screen.print([[span("16:59 ", "quiet"), span("not sent, and that is why", "bad"), span(" it is here")]])
      yield* drawn
      assert.deepStrictEqual(lines().slice(0, 3), ["16:59 not sent, and that", "        is why it is", "        here"])
      assert.include(written(), "\x1b[31mnot sent, and that\x1b[0m\r\n        \x1b[31mis why\x1b[0m it is\r\n")
    })
  )

  it.scopedLive("keeps a long link in one piece for the terminal, whatever it is resized to", () =>
    Effect.gen(function* () {
      const { drawn, lines, print, resize, rows, shows } = yield* open({ columns: 40 })
      const link = `https://example.org/${"path/".repeat(30)}`
      yield* shows(typed("x"))
      print(`      bob › look: ${link} and say`)
      yield* drawn
      assert.deepStrictEqual(lines(), ["      bob › look:", link, "        and say", "> x"])
      assert.isTrue(rows().every((row) => row.length <= 40))
      resize(60, 20)
      yield* drawn
      assert.deepStrictEqual(lines(), ["      bob › look:", link, "        and say", "> x"])
    })
  )

  it.scopedLive("draws many changes in one turn only once", () =>
    Effect.gen(function* () {
      const { drawn, print, screen, written } = yield* open()
      yield* drawn
      const before = written().length
      for (let count = 0; count < 100; count++) {
        print("line")
        screen.changed()
      }
      yield* drawn
      assert.lengthOf(written().slice(before).split("\x1b[?25l"), 2)
    })
  )

  for (const [columns, rows] of [
    [1, 1],
    [2, 2],
    [5, 1],
    [3, 3]
  ] as const) {
    it.scopedLive(`shows something with ${columns} columns and ${rows} rows`, () =>
      Effect.gen(function* () {
        const terminal = yield* open({ columns, rows })
        yield* terminal.shows(typed("hello", ["above", "below"]))
        terminal.print("printed")
        yield* terminal.drawn
        yield* terminal.shows(typed("", ["above", "below", "more"]))
        const text = terminal.lines().join("")
        assert.match(text, /^printed/u)
        assert.lengthOf(text.split("printed"), 2)
      })
    )
  }

  const sizes = [
    [20, 24],
    [80, 5],
    [40, 10],
    [100, 24],
    [33, 12],
    [80, 24]
  ] as const
  for (const [what, reflow, reflowsCursorRow] of [
    ["all rows", "all", true],
    ["all rows but that of the cursor", "notCursor", false]
  ] as const) {
    it.scopedLive(`loses and duplicates nothing when a terminal that rewraps ${what} is resized`, () =>
      Effect.gen(function* () {
        const { drawn, lines, print, resize, rows, shows } = yield* open({
          display: { ...display, reflow },
          reflowsCursorRow
        })
        const above = ["… bob ‹ a message under way that is rather long", "… bob ‹ another one"]
        const printed: Array<string> = []
        for (const [index, [columns, height]] of sizes.entries()) {
          const line = `${index}: a line of some length, which is broken where the terminal is narrow`
          printed.push(line)
          print(line)
          yield* shows(typed("something that is being typed while the window changes", above))
          resize(columns, height)
          yield* drawn
          const whole = TerminalEmulator.unwrapped(lines()).split("\n")
          assert.deepStrictEqual(whole.slice(0, printed.length), printed)
          assert.lengthOf(whole, printed.length + 3)
          assert.match(rows().at(-1) ?? "", /^> /u)
        }
      })
    )
  }

  it.scopedLive("moves everything into the scrollback on Ctrl-L", () =>
    Effect.gen(function* () {
      const { drawn, print, rows, screen, screenRows, shows } = yield* open({ rows: 5 })
      yield* shows(typed("x"))
      print("one", "two")
      yield* drawn
      screen.clear()
      yield* drawn
      assert.deepStrictEqual(rows(), ["one", "two", "", "> x"])
      assert.deepStrictEqual(screenRows(), ["> x"])
    })
  )

  it.scopedLive("restores the terminal, and still prints", () =>
    Effect.gen(function* () {
      const { modes, print, rawModes, rows, screen, settled, shows, written } = yield* open()
      yield* shows(typed("half a line", ["above"]))
      assert.deepStrictEqual([modes(), rawModes], [{ marksPastes: true, wraps: true, reportsFocus: false }, [true]])
      print("last")
      yield* screen.close
      print("after")
      yield* screen.close
      yield* settled
      assert.deepStrictEqual(rows(), ["last", "after", ""])
      assert.deepStrictEqual(
        [modes(), rawModes],
        [{ marksPastes: false, wraps: true, reportsFocus: false }, [true, false]]
      )
      assert.include(written(), "\x1b[?25h\x1b[0m")
    })
  )

  it.scopedLive("restores the terminal when the process exits without closing the scope", () =>
    Effect.gen(function* () {
      const before = new Set(process.listeners("exit"))
      const { modes, rawModes, settled, shows } = yield* open()
      yield* shows(typed("x"))
      const [atExit] = process.listeners("exit").filter((listener) => !before.has(listener))
      atExit?.(1)
      yield* settled
      assert.deepStrictEqual([modes().marksPastes, rawModes], [false, [true, false]])
    })
  )

  it.live("leaves no listener behind", () =>
    Effect.gen(function* () {
      const before = listeners()
      yield* Effect.scoped(open())
      assert.strictEqual(listeners(), before)
    })
  )

  it.scopedLive("reports keys, and that the terminal is gone", () =>
    Effect.gen(function* () {
      const { input, isGone, keys } = yield* open()
      input.write("a")
      yield* Effect.promise(() => new Promise(setImmediate))
      assert.deepStrictEqual(keys, [{ _tag: "Typed", text: "a" }])
      input.emit("error", new Error("EIO"))
      assert.isTrue(isGone())
    })
  )

  it.scopedLive("lets the terminal report its focus only if asked to, and not after the end", () =>
    Effect.gen(function* () {
      const terminal = TerminalEmulator.streams()
      const screen = new Screen(terminal.input, terminal.output, display)
      const focus: Array<boolean> = []
      const keys: Array<Key> = []
      const settled = Effect.zipRight(
        Effect.promise(() => new Promise(setImmediate)),
        terminal.settled
      )
      yield* screen.open({
        onKey: (key) => keys.push(key),
        onFocus: (isFocused) => focus.push(isFocused),
        onGone: () => {},
        view: () => prompt
      })
      yield* settled
      assert.isTrue(terminal.modes().reportsFocus)
      yield* terminal.types("\x1b[O\x1b[Ix\x1b[")
      yield* settled
      yield* terminal.types("O\x1b[1I")
      yield* settled
      assert.deepStrictEqual(focus, [false, true, false])
      assert.deepStrictEqual(keys, [{ _tag: "Typed", text: "x" }])
      yield* screen.close
      yield* settled
      assert.isFalse(terminal.modes().reportsFocus)
    })
  )

  it.scopedLive("rings at most once in a turn", () =>
    Effect.gen(function* () {
      const { bells, drawn, screen } = yield* open()
      screen.ring()
      screen.ring()
      yield* drawn
      assert.strictEqual(bells(), 1)
    })
  )
})
