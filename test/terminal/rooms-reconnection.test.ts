import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { eventually } from "../support/Eventually.js"
import { enter } from "../support/MemoryTerminal.js"
import { alt, numbered, plain, start } from "../support/TerminalRooms.js"

type Started = Effect.Effect.Success<ReturnType<typeof start>>

describe("conversations at the terminal", () => {
  it.scopedLive("shows nothing twice and leaves nothing out after a reconnection to an account", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* start({
        kept: { "#ops": numbered(3), "#web": ["bob: hi"] },
        read: { "#ops": 3 }
      })
      yield* alice.sees("#web 1 —")
      yield* alice.types(alt("1"))
      yield* alice.sees(/line 3\n#web 1\n#ops › $/u)
      yield* server.posts("#ops", "bob", "line 4")
      yield* alice.sees("line 4")
      server.keeps("#web", "bob", "meanwhile")
      yield* server.breaks
      yield* alice.sees(/connected to memory again\n#web 2\n#ops › $/u)
      yield* server.takes(/^@room-members-[2-9] /u)
      // The server gives the device again what it has not acknowledged, and what came meanwhile.
      yield* server.says(`from bob #ops seq=4 at=${server.timeOf(4)}: line 4`)
      yield* server.says(`from bob #web seq=2 at=${server.timeOf(2)}: meanwhile`)
      yield* server.posts("#ops", "bob", "line 5")
      yield* alice.sees(/#ops bob › line 5\n#web 2\n#ops › $/u)
      for (const number of [1, 2, 3, 4, 5]) {
        assert.lengthOf(
          plain(alice).filter((row) => row.endsWith(`line ${number}`)),
          1,
          `line ${number}`
        )
      }
      yield* alice.types(alt("a"))
      yield* alice.sees(/—— #web ——\n.*topic.*\n.*#web bob › hi\n.*#web bob › meanwhile\n#web › $/u)
    })
  )

  it.scopedLive("keeps lines for rooms while the server is away, and shows the room to which the user has gone", () =>
    Effect.gen(function* () {
      let mayConnect = true
      const { alice, server } = yield* start({
        kept: { "#ops": numbered(2), "#web": ["bob: hi"] },
        terminal: { backoff: Schedule.spaced("100 millis") },
        answer: (line) => (/^@\S+ #/u.test(line) ? [`* stored ${line.split(" ")[0]} #web seq=2 at=9: x`] : undefined),
        accepts: () => mayConnect
      })
      yield* alice.sees("#ops 2 · #web 1 —")
      yield* alice.types(alt("1"))
      yield* alice.sees(/line 2\n#web 1\n#ops › $/u)
      mayConnect = false
      yield* server.breaks
      yield* alice.sees("trying again")
      yield* alice.types(`${alt("2")}/search x${enter}/join #all${enter}kept for later${enter}`)
      yield* alice.sees(/✗ not connected\n.*✗ not connected\n[^]*… #web ‹ kept for later — not sent yet\n[^]*#web › $/u)
      mayConnect = true
      yield* alice.sees(/—— #web ——\n.*topic.*\n.*#web bob › hi\n[^]*#web › $/u)
      yield* alice.sees("✓ #web ‹ kept for later")
    })
  )

  it.scopedLive("joins a guest's rooms again after a break, and shows what came meanwhile", () =>
    Effect.gen(function* () {
      let sent = 0
      const { alice, server }: Started = yield* start({
        isOfAccount: false,
        kept: { "#ops": numbered(2), "#web": [] },
        answer: (line): ReadonlyArray<string> | undefined => {
          const [, at, to = ""] = /^@(\S+) (#[^/:]*): /u.exec(line) ?? []
          return at === undefined
            ? undefined
            : [`* stored @${at} ${to} seq=${(sent = server.keeps(to, "alice", "mine"))} at=1: x`]
        }
      })
      yield* alice.types(`/join #web${enter}/join #ops${enter}`)
      yield* alice.sees(/line 2\n#ops › $/u)
      // It is still on its way when the connection breaks.
      server.keeps("#ops", "bob", "line 3")
      yield* alice.types(`mine${enter}`)
      yield* alice.sees("✓ #ops ‹ mine")
      assert.strictEqual(sent, 4)
      server.keeps("#ops", "bob", "line 4")
      server.keeps("#web", "bob", "there")
      yield* server.breaks
      yield* alice.sees(/connected to memory again[^]*#ops bob › line 4\n#web 1.*\n#ops › $/u)
      yield* server.posts("#ops", "bob", "line 5")
      yield* alice.sees("line 5")
      for (const text of ["line 1", "line 2", "line 3", "mine", "line 4", "line 5"]) {
        assert.lengthOf(
          plain(alice).filter((row) => row.endsWith(text)),
          1,
          text
        )
      }
      // A guest has no read mark on the server, and nothing else of it is kept.
      yield* alice.types(`/go bob${enter}`)
      yield* alice.sees(/\nbob › $/u)
      yield* server.says("from bob: psst")
      yield* alice.types(alt("1"))
      yield* alice.sees(/bob › psst\n[^]*#web bob › there\n#web › $/u)
      assert.isFalse(server.taken.some((line) => /\/read|\/history bob|\/conversations/u.test(line)))
    })
  )

  it.scopedLive("reads the direct conversations of a guest who registers", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* start({ isOfAccount: false })
      // An account has written it to a guest who had just registered.
      yield* server.says("from bob seq=1 at=1: before")
      yield* alice.sees("bob › before")
      yield* server.says("* registered alice: the name is yours")
      yield* server.takes(/\/conversations$/u)
      server.keeps("bob", "bob", "before")
      yield* server.posts("bob", "bob", "after")
      yield* alice.sees(/\nbob 1 — /u)
      yield* alice.types(alt("a"))
      yield* alice.sees(/—— bob ——\n.*bob › before\n.*bob › after\nbob › $/u)
    })
  )

  it.scopedLive("does not request missed lines again if none arrive, although there are more", () =>
    Effect.gen(function* () {
      const ends = ["first=2 last=101 damaged=2-101 more=yes", "more=yes"]
      const { alice, server } = yield* start({
        isOfAccount: false,
        kept: { "#ops": [] },
        answer: (line) => {
          const [, at] = /^(@\S+) \/history #ops after=/u.exec(line) ?? []
          return at === undefined ? undefined : [`* end ${at} history #ops ${ends.shift() ?? "more=yes"}: x`]
        }
      })
      yield* alice.types(`/join #ops${enter}`)
      yield* alice.sees(/#ops › $/u)
      yield* server.posts("#ops", "bob", "before")
      yield* alice.sees("bob › before")
      server.keeps("#ops", "bob", "meanwhile")
      yield* server.breaks
      yield* alice.sees("cannot read lines 2 to 101, because its disk is damaged")
      yield* server.takes(/\/history #ops after=101 limit=100$/u)
      // Requests are sent in order, and what would be asked again now comes before these.
      for (const text of ["one", "two"]) {
        yield* alice.types(`/search ${text}${enter}`)
        yield* server.takes(new RegExp(`/search ${text}$`, "u"))
      }
      const asked = server.taken
        .filter((line) => line.includes("/history #ops after="))
        .map((line) => line.split(" ")[3])
      assert.deepStrictEqual(asked, ["after=1", "after=101"])
    })
  )

  it.scopedLive("keeps the rooms of a guest who registers: joins them again, and reads what it missed", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* start({ isOfAccount: false, kept: { "#ops": [] } })
      yield* alice.types(`/join #ops${enter}`)
      yield* alice.sees(/#ops › $/u)
      yield* server.posts("#ops", "bob", "before")
      yield* alice.sees("bob › before")
      const joins = server.taken.filter((line) => line.endsWith("/join #ops")).length
      server.keeps("#ops", "bob", "meanwhile")
      yield* server.says("* left #ops alice: is no longer in the room")
      yield* server.says("* registered alice: the name is yours")
      yield* eventually(
        () => server.taken.filter((line) => line.endsWith("/join #ops")).length === joins + 1,
        "the terminal joins the room again"
      )
      yield* alice.sees(/bob › before\n[^]*bob › meanwhile\n[^]*#ops › $/u)
      yield* server.posts("#ops", "bob", "after")
      yield* alice.sees(/bob › meanwhile\n[^]*bob › after\n[^]*#ops › $/u)
      assert.notInclude(plain(alice).join("\n"), "you have left")
    })
  )

  it.scopedLive("drops a room that a guest may not join again", () =>
    Effect.gen(function* () {
      let isLocked = false
      const { alice, server } = yield* start({
        isOfAccount: false,
        kept: { "#ops": [] },
        answer: (line) =>
          isLocked && line.endsWith("/join #ops")
            ? [`! refused ${line.split(" ")[0]} join reason=policy: x`]
            : undefined
      })
      yield* alice.types(`/join #ops${enter}`)
      yield* alice.sees(/#ops › $/u)
      isLocked = true
      yield* server.breaks
      yield* alice.sees(/✗ you are not in #ops any more: policy\n› $/u)
    })
  )

  it.scopedLive("is in the rooms that the account has joined or left on another device", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* start({ kept: { "#ops": [], "#web": ["bob: hi"] } })
      yield* alice.sees("#web 1 —")
      yield* server.says("* joined #all alice: x")
      yield* server.says("from bob #all seq=8 at=8: hello all")
      yield* alice.sees("#web 1 · #all 1 —")
      yield* server.says("* left #all alice: x")
      yield* alice.sees("· you have left #all")
      yield* alice.types(alt("1"))
      yield* alice.sees(/#ops › $/u)
      server.forget("#ops")
      yield* server.breaks
      yield* alice.sees(/connected to memory again\n[^]*✗ you are not in #ops any more\n#web 1\n› $/u)
    })
  )

  it.scopedLive("starts anew when the server has another log", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* start({
        isOfAccount: false,
        kept: { "#ops": numbered(9) },
        log: (connection) => `log-${connection}`
      })
      yield* alice.types(`/join #ops${enter}`)
      yield* alice.sees(/line 9\n#ops › $/u)
      server.forget("#ops")
      server.keeps("#ops", "bob", "after the restart")
      yield* server.breaks
      yield* alice.sees(/connected to memory again[^]*#ops bob › after the restart\n#ops › $/u)
    })
  )

  it.scopedLive("follows the account's other devices: what they send, and what they read", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* start({ kept: { "#ops": [], "#web": ["bob: hi"], bob: ["bob: hello"] } })
      yield* alice.sees("bob 1 · #web 1 —")
      yield* alice.types(alt("1"))
      yield* alice.sees(/bob 1 · #web 1\n#ops › $/u)
      yield* server.says("* read #web seq=1: x")
      yield* alice.sees(/\nbob 1\n#ops › $/u)
      yield* server.says("* sent bob seq=2 at=2000: hello yourself")
      yield* server.says("* sent #ops seq=1 at=2000: from my phone")
      yield* alice.sees(/✓ #ops ‹ from my phone — from another device\n#ops › $/u)
      yield* alice.settled
      assert.notInclude(alice.rows().join("\n"), "yourself")
    })
  )
})
