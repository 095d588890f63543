import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { chat, ctrl, enter, openTerminal } from "../support/MemoryTerminal.js"
import { scriptedChat, scriptedChatWithLine } from "../support/ScriptedChat.js"

describe("TerminalClient, on leaving", () => {
  it.scopedLive("shows what was not sent, and what may have arrived", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* scriptedChatWithLine
      yield* server.answers(() => "! login-in-use alice fatal: still here")
      yield* server.breaks
      yield* alice.sees("trying again; your lines are kept")
      yield* alice.types(`two${enter}${ctrl("c")}`)
      assert.deepStrictEqual(yield* alice.ended, { _tag: "Left" })
      yield* alice.sees(/\? bob ‹ one — may or may not have arrived\n\s+… bob ‹ two — was not sent$/u)
    })
  )

  it.scopedLive("waits for outcomes", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* scriptedChat()
      yield* alice.types(`bob: one${enter}${ctrl("d")}`)
      yield* alice.sees("waiting for outcomes: 1")
      yield* server.takes(1)
      yield* server.says("! undelivered @1 bob reason=offline: no recipient of that name is online")
      assert.deepStrictEqual(yield* alice.ended, { _tag: "Left" })
      yield* alice.sees(/✗ bob ‹ one — offline$/u)
    })
  )

  it.scopedLive("does not wait after a second Ctrl-C", () =>
    Effect.gen(function* () {
      const { alice } = yield* scriptedChatWithLine
      yield* alice.types(ctrl("c"))
      yield* alice.sees("waiting for outcomes: 1")
      yield* alice.types(ctrl("c"))
      assert.deepStrictEqual(yield* alice.ended, { _tag: "Left" })
      yield* alice.sees(/\? bob ‹ one — may or may not have arrived$/u)
    })
  )

  it.scopedLive("leaves at the login prompt without connecting", () =>
    Effect.gen(function* () {
      const alice = yield* openTerminal(Effect.die("connected"), { login: undefined })
      yield* alice.sees("login: ")
      yield* alice.types(`${"nobody"}${ctrl("u")}${ctrl("d")}`)
      assert.deepStrictEqual(yield* alice.ended, { _tag: "Left" })
    })
  )

  it.scopedLive("leaves when the terminal is gone", () =>
    Effect.gen(function* () {
      const { serve, socket } = yield* chat
      yield* serve()
      const alice = yield* openTerminal(socket)
      yield* alice.sees("as alice")
      alice.input.end()
      assert.deepStrictEqual(yield* alice.ended, { _tag: "Left" })
    })
  )
})
