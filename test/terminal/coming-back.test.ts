import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Client from "../../src/client/Client.js"
import { chat, ctrl, enter, openTerminal } from "../support/MemoryTerminal.js"
import { scriptedChat, withoutLabels } from "../support/ScriptedChat.js"

/** A server that is played by the test, and alice at her terminal. */
const met = (...present: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { alice, server } = yield* scriptedChat()
    const lists = (...names: ReadonlyArray<string>) => server.says(`* who @count ${names.length}: ${names.join(", ")}`)
    yield* lists("alice", ...present)
    return {
      alice,
      server,
      lists,
      joins: (name: string) => server.says(`* joined ${name}: has joined`),
      /** Breaks the connection while alice types. The test's clock decides when she is back. */
      restarts: (typed: string) =>
        Effect.gen(function* () {
          yield* server.says("from alice: the list has arrived")
          yield* alice.sees("the list has arrived")
          yield* server.breaks
          yield* alice.sees("trying again; your lines are kept")
          yield* alice.types(typed)
          yield* alice.sees("not sent yet")
          yield* TestClock.adjust("10 millis")
          yield* alice.sees("connected to memory again")
        }),
      /** The messages that have reached the server, once there are `count`. */
      sent: (count: number) => Effect.map(server.takes(count), withoutLabels)
    }
  })

describe("TerminalClient, while users come back after a restart", () => {
  it.scopedLive("delivers what was typed, although the recipient returns later", () =>
    Effect.gen(function* () {
      const { person, serve, socket } = yield* chat
      const first = yield* Scope.make()
      const { drain } = yield* Scope.extend(serve({ returnAfter: Duration.zero }), first)
      const stop = Logger.withMinimumLogLevel(Effect.zipRight(drain, Scope.close(first, Exit.void)), LogLevel.None)
      const alice = yield* openTerminal(person)
      yield* alice.sees("as alice")
      const before = yield* Client.connect({ socket, login: "bob" })
      yield* Effect.forkScoped(Effect.zipRight(before.closed, before.end))
      yield* alice.sees("bob joined")
      yield* stop
      yield* alice.sees("trying again; your lines are kept")
      yield* alice.types(`bob: one${enter}two${enter}`)
      yield* alice.sees("… bob ‹ two — not sent yet")

      yield* serve()
      yield* alice.sees("connected to memory again")
      yield* alice.sees(/… bob ‹ one — waiting for bob\n\s+… bob ‹ two — waiting for bob/u)
      yield* alice.types(`three${enter}`)
      yield* alice.sees("… bob ‹ three — waiting for bob")
      const bob = yield* Client.connect({ socket, login: "bob" })
      const heard = yield* Stream.runCollect(Stream.take(bob.lines, 3))
      assert.deepStrictEqual([...heard], ["from alice: one", "from alice: two", "from alice: three"])
      yield* alice.sees(/✓ bob ‹ one\n.*✓ bob ‹ two\n.*✓ bob ‹ three/u)
      yield* alice.types(ctrl("d"))
      assert.deepStrictEqual(yield* alice.ended, { _tag: "Left" })
    })
  )

  it.scoped("sends a line 15 s after the return, if the recipient is not back, and shows its outcome", () =>
    Effect.gen(function* () {
      const { alice, lists, restarts, sent, server } = yield* met("bob")
      yield* restarts(`bob: one${enter}zoe: two${enter}${enter}`)
      yield* lists("alice")
      yield* alice.sees("… bob ‹ one — waiting for bob")
      yield* TestClock.adjust("14.9 seconds")
      yield* alice.types(`bob: three${enter}zoe: four${enter}`)
      assert.deepStrictEqual(yield* sent(2), ["zoe: two", "zoe: four"])
      yield* TestClock.adjust("0.1 seconds")
      assert.deepStrictEqual(yield* sent(4), ["zoe: two", "zoe: four", "bob: one", "bob: three"])
      yield* server.says("! undelivered @3 bob reason=offline: no recipient of that name is online")
      yield* alice.sees("✗ bob ‹ one — offline")
    })
  )

  it.scoped("waits for no one who was absent before the break, nor for the user", () =>
    Effect.gen(function* () {
      const { restarts, sent, server } = yield* met("bob")
      yield* server.says("* left bob: has left")
      yield* restarts(`bob: one${enter}carol: two${enter}${enter}alice: three${enter}`)
      assert.deepStrictEqual(yield* sent(3), ["bob: one", "carol: two", "alice: three"])
    })
  )

  it.scoped("sends at once to everyone whom the server's list contains", () =>
    Effect.gen(function* () {
      const { alice, lists, restarts, sent } = yield* met("bob", "carol")
      yield* restarts(`bob: one${enter}carol: two${enter}`)
      yield* lists("alice", "bob")
      assert.deepStrictEqual(yield* sent(1), ["bob: one"])
      yield* alice.sees("… carol ‹ two — waiting for carol")
    })
  )

  it.scoped("waits for all recipients of a line, and lets no later line to any of them overtake it", () =>
    Effect.gen(function* () {
      const { alice, joins, lists, restarts, sent } = yield* met("bob", "carol", "dave")
      yield* restarts(`bob, carol, erin: one${enter}bob: two${enter}dave: three${enter}`)
      yield* lists("alice", "bob", "dave")
      yield* alice.sees("… bob, carol, erin ‹ one — waiting for carol")
      yield* alice.sees("… bob ‹ two — waiting\n")
      assert.deepStrictEqual(yield* sent(1), ["dave: three"])
      yield* alice.types(`erin: four${enter}dave: five${enter}`)
      assert.deepStrictEqual(yield* sent(2), ["dave: three", "dave: five"])
      yield* joins("carol")
      assert.deepStrictEqual((yield* sent(5)).slice(2), ["bob, carol, erin: one", "bob: two", "erin: four"])
    })
  )

  it.scoped("waits for users who left because the server announced its end", () =>
    Effect.gen(function* () {
      const { alice, joins, lists, restarts, sent, server } = yield* met("bob")
      yield* server.says("* closing grace=1000 return=10: the server is shutting down")
      yield* server.says("* left bob: has left")
      yield* restarts(`bob: one${enter}`)
      yield* lists("alice")
      yield* alice.sees("waiting for bob")
      assert.deepStrictEqual(yield* sent(0), [])
      yield* joins("bob")
      assert.deepStrictEqual(yield* sent(1), ["bob: one"])
    })
  )

  it.scoped("still waits after a second break, and then for another 15 s", () =>
    Effect.gen(function* () {
      const { alice, lists, restarts, sent, server } = yield* met("bob")
      yield* restarts(`bob: one${enter}`)
      yield* lists("alice")
      yield* alice.sees("waiting for bob")
      yield* TestClock.adjust("14 seconds")
      yield* server.breaks
      yield* alice.sees("bob ‹ one — not sent yet")
      yield* TestClock.adjust("10 millis")
      yield* lists("alice")
      yield* alice.sees("bob ‹ one — waiting for bob")
      yield* TestClock.adjust("14 seconds")
      assert.deepStrictEqual(yield* sent(0), [])
      yield* server.says("from bob: I am here")
      assert.deepStrictEqual(yield* sent(1), ["bob: one"])
    })
  )
})
