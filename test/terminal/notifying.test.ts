import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { eventually } from "../support/Eventually.js"
import { aliceAndBob, ctrl, display, enter } from "../support/MemoryTerminal.js"
import { foreign } from "../support/TerminalEmulator.js"

describe("TerminalClient", () => {
  it.scopedLive("marks mentions, with colours and without, and rings for nothing else if asked to", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* aliceAndBob({ bell: "mentions", display: { ...display, colours: "basic" } })
      yield* bob.send(["alice"], "malice is not meant")
      yield* bob.send(["alice"], "/me waves")
      yield* alice.sees("* bob waves")
      yield* alice.settled
      assert.strictEqual(alice.bells(), 0)
      yield* bob.send(["alice"], "Alice: look, alice")
      yield* alice.sees("bob » Alice: look, alice")
      assert.strictEqual(alice.bells(), 1)
      assert.include(alice.written(), "\x1b[7mAlice\x1b[0m: look, \x1b[7malice\x1b[0m\r\n")
      yield* bob.send(["alice"], "/me waves at alice")
      yield* alice.sees("* bob » waves at alice")
      assert.include(alice.lines().join("\n"), "bob › malice is not meant")
      yield* alice.types(`/bell off${enter}`)
      yield* alice.sees("· bell off")
      yield* alice.types(`alice: alice${enter}`)
      yield* alice.sees("alice › alice")
      assert.deepStrictEqual(foreign(alice.written()), [])
    })
  )

  it.scopedLive("notifies through the terminal of what /notify says, and of nothing while it has the focus", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* aliceAndBob({ notifications: { extent: "on", desktop: { command: "777" } } })
      const says = (text: string) => Effect.zipRight(bob.send(["alice"], text), alice.sees(`${text}\n`))
      const notified = (text: string) => eventually(() => alice.written().includes(`${text}\x07`), `no "${text}"`)
      yield* says("one")
      yield* notified("\x1b]777;notify;bob;one")
      yield* alice.types("\x1b[I")
      yield* says("while focused")
      yield* alice.types(`/notify mentions${enter}`)
      yield* alice.sees("· notify mentions")
      yield* alice.types("\x1b[O ")
      yield* alice.sees(/› {2}$|› $/u)
      yield* says("no mention")
      yield* says("hi alice")
      yield* notified("\x1b]777;notify;bob mentions you;hi alice")
      yield* alice.types(`${ctrl("u")}/ignore bob${enter}`)
      yield* alice.sees("· bob is ignored")
      yield* bob.deliver(["alice"], "unheard alice")
      assert.lengthOf(alice.written().split("\x1b]"), 1 + 2)
      assert.deepStrictEqual(foreign(alice.written()), [])
    })
  )

  it.scopedLive("says that there is no way to notify the user", () =>
    Effect.gen(function* () {
      const { alice } = yield* aliceAndBob()
      yield* alice.types(`/notify on${enter}`)
      yield* alice.sees("✗ this terminal shows no notifications; --notify runs a command")
      assert.isFalse(alice.modes().reportsFocus)
    })
  )
})
