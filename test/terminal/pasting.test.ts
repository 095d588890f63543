import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Client from "../../src/client/Client.js"
import { aliceAndBob, chat, enter, openTerminal, paste } from "../support/MemoryTerminal.js"

describe("TerminalClient", () => {
  it.scopedLive("asks once about a paste of many lines, then sends them in order", () =>
    Effect.gen(function* () {
      const { alice, hears } = yield* aliceAndBob()
      const lines = Array.from({ length: 1_000 }, (_, index) => `error: line ${index}`)
      yield* alice.types(`bob: ${paste(lines.join("\n"))}`)
      yield* alice.sees("y/n: send 1000 lines to bob?")
      yield* alice.types("xy")
      const heard = yield* hears(1_000)
      assert.deepStrictEqual(
        heard,
        lines.map((line) => `from alice: ${line}`)
      )
      yield* alice.sees(/✓ bob ‹ error: line 999\nbob › $/u)
      assert.match(alice.written(), /… \d+ more/u)
      const told = alice.lines().filter((line) => line.includes("✓ bob"))
      assert.deepStrictEqual(
        told.map((line) => line.slice(line.indexOf("‹ ") + 2)),
        lines
      )
    })
  )

  it.scopedLive("sends a paste at the rate of the server, in order, and shows what waits", () =>
    Effect.gen(function* () {
      const { person, serve, socket } = yield* chat
      yield* serve({ rate: 10 })
      const alice = yield* openTerminal(person)
      yield* alice.sees("connected to memory as alice")
      const bob = yield* Client.connect({ socket, login: "bob" })
      const lines = Array.from({ length: 40 }, (_, index) => `line ${index}`)
      yield* alice.types(`bob: ${paste(lines.join("\n"))}`)
      yield* alice.sees("y/n: send 40 lines to bob?")
      yield* alice.types("y")
      yield* alice.sees("— waiting")
      const heard = yield* Stream.runCollect(Stream.take(bob.lines, 40))
      assert.deepStrictEqual(
        [...heard],
        lines.map((line) => `from alice: ${line}`)
      )
      yield* alice.sees("✓ bob ‹ line 39")
      assert.notInclude(alice.lines().join("\n"), "slow-down")
    })
  )

  it.scopedLive("inserts a paste of one line, and does not send a paste that was declined", () =>
    Effect.gen(function* () {
      const { alice, hears } = yield* aliceAndBob()
      yield* alice.types(`bob: <>\x1b[D${paste("a\x1b[31m\tb\x07\n")}`)
      yield* alice.sees(String.raw`› bob: <a\x1b[31m b\x07>`)
      yield* alice.types(`${enter}${paste("one\ntwo")}`)
      yield* alice.sees("y/n: send 2 lines to bob?\nbob › ")
      yield* alice.types(`nlast${enter}`)
      assert.deepStrictEqual(yield* hears(2), [String.raw`from alice: <a\x1b[31m	b\x07>`, "from alice: last"])
    })
  )

  it.scopedLive("appends text that is pasted during the question", () =>
    Effect.gen(function* () {
      const { alice, hears } = yield* aliceAndBob()
      yield* alice.types(`bob: <>\x1b[D${paste("one\ntwo\n")}`)
      yield* alice.sees("y/n: send 2 lines to bob?")
      yield* alice.types(paste("three") + paste("four\nfive"))
      yield* alice.sees("y/n: send 5 lines to bob?")
      yield* alice.types("y")
      assert.deepStrictEqual(
        yield* hears(5),
        ["<one", "two", "three", "four", "five>"].map((line) => `from alice: ${line}`)
      )
    })
  )

  it.scopedLive("neither sends a paste without recipients nor executes it", () =>
    Effect.gen(function* () {
      const { alice } = yield* aliceAndBob()
      yield* alice.types(`${paste("/quit\ntwo")}y`)
      yield* alice.sees("none of the 2 lines were sent; write `name: ` and paste after it")
    })
  )
})
