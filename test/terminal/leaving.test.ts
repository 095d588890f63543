import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { chat, ctrl, enter, openTerminal } from "../support/MemoryTerminal.js"
import { scriptedChat, scriptedChatWithLine } from "../support/ScriptedChat.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

describe("TerminalClient, on leaving", () => {
  it.scopedLive("shows what was not sent, and what may have arrived", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* scriptedChatWithLine
      yield* server.answers(() => "! login-in-use alice fatal: still here")
      yield* server.breaks
      yield* alice.sees("trying again; your lines are kept")
      yield* alice.types(`two${enter}${ctrl("c")}`)
      assert.deepStrictEqual(yield* alice.ended, { _tag: "Left" })
      yield* alice.sees(/\? bob ‹ one — may or may not have arrived\n.*… bob ‹ two — was not sent$/u)
    })
  )

  it.scopedLive("logs every typed line once, with its outcome as far as it is known", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const { alice, server } = yield* scriptedChat({ logFolder: folder })
      yield* alice.types(`bob, carol: one${enter}bob, carol: two${enter}`)
      yield* server.takes(2)
      yield* server.says("* written @1 bob: written")
      yield* server.says("* received @1 carol: received")
      yield* alice.sees("✓ bob, carol ‹ one")
      yield* server.answers(() => "! login-in-use alice fatal: still here")
      yield* server.breaks
      yield* alice.sees("1 line that may or may not have arrived")
      yield* alice.types(`three${enter}`)
      yield* alice.sees("… bob, carol ‹ three — not sent yet")
      yield* alice.types(`${ctrl("x")}four${enter}${ctrl("c")}`)
      assert.deepStrictEqual(yield* alice.ended, { _tag: "Left" })
      assert.deepStrictEqual(readdirSync(folder), ["bob+carol.log"])
      const lines = readFileSync(join(folder, "bob+carol.log"), "utf8").split("\n")
      assert.deepStrictEqual(
        lines.map((line) => line.replace(/^\S+Z /u, "")),
        [
          "* alice at memory",
          "to bob written: one",
          "to carol received: one",
          "to bob+carol unknown: two",
          "to bob+carol unsent: three",
          "to bob+carol unsent: four",
          ""
        ]
      )
    })
  )

  it.scopedLive("does not show a line as unsent that waits to be sent again", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* scriptedChatWithLine
      yield* server.answers(() => "! login-in-use alice fatal: still here")
      yield* server.breaks
      yield* alice.sees("1 line that may or may not have arrived")
      yield* alice.types(`${ctrl("t")}two${enter}`)
      yield* alice.sees(/… bob ‹ one — not sent yet\n\s+… bob ‹ two — not sent yet/u)
      yield* alice.types(ctrl("c"))
      assert.deepStrictEqual(yield* alice.ended, { _tag: "Left" })
      yield* alice.sees(/\? bob ‹ one — may or may not have arrived\n.*… bob ‹ two — was not sent$/u)
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
