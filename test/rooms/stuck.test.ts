import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { StoreError, type StoreFailure } from "../../src/ports/StoreError.js"
import { heads } from "../support/Accounts.js"
import { pass } from "../support/MemoryServer.js"
import { account, ask, gets, startRooms } from "../support/Rooms.js"
import { turnsUntil } from "../support/Turns.js"

describe("a room that the store cannot end", () => {
  for (const [what, retryMillis] of [
    ["damaged", 60_000],
    ["unavailable", 1_000],
    ["a defect", 1_000]
  ] as const) {
    it.scoped(`holds no other room: ${what}`, () =>
      Effect.gen(function* () {
        const state = { stuck: true, attempts: 0 }
        const logged: Array<string> = []
        const logger = Logger.make(({ message }) => logged.push(String(message)))
        yield* Effect.gen(function* () {
          const chat = yield* startRooms({
            store: (store) => ({
              ...store,
              rooms: {
                ...store.rooms,
                end: (room) =>
                  Effect.suspend(() => {
                    if (!state.stuck || room !== 1) return store.rooms.end(room)
                    state.attempts += 1
                    if (what === "a defect") return Effect.die(new Error("as the test wants it"))
                    return Effect.fail(new StoreError({ reason: what satisfies StoreFailure, description: "x" }))
                  })
              }
            })
          })
          const alice = yield* account(chat, "alice")
          assert.deepStrictEqual(
            heads(yield* ask(alice, "/hello", "/join #bad", "/leave #bad", "/join #ops")).slice(1),
            [
              "* room #bad members=1 last=0 owner=alice",
              "* left #bad alice",
              "* room #ops members=1 last=0 owner=alice"
            ]
          )
          // Nobody enters it meanwhile, and nobody takes its name or writes to it; others come and go.
          assert.deepStrictEqual(
            heads(yield* ask(alice, "/join #bad", "/join #BAD", "/leave #ops", "/join #ops", "/rooms")),
            [
              "! refused join reason=unavailable retry=1000",
              "! refused join reason=unavailable retry=1000",
              "* left #ops alice",
              "* room #ops members=1 last=0 owner=alice",
              "* room #ops members=1 last=0 in=yes owner=alice",
              "* end rooms count=1"
            ]
          )
          yield* ask(alice, "@1 #bad: x")
          yield* gets(alice, "! undelivered @1 #bad reason=no-room: there is no such room")
          const attempts = state.attempts
          assert.isAtLeast(attempts, 1)
          yield* pass(retryMillis)
          yield* turnsUntil(
            () => state.attempts > attempts,
            () => "another attempt"
          )
          assert.strictEqual(state.attempts, attempts + 1)
          state.stuck = false
          yield* pass(retryMillis)
          yield* ask(alice, "/join #bad")
          yield* gets(alice, "* room #bad members=1 last=0 owner=alice: ")
        }).pipe(Effect.scoped, Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
        assert.deepStrictEqual(
          logged.filter((text) => text.startsWith("the store cannot end")),
          ["the store cannot end an empty room, which no client can enter until it is ended"]
        )
      })
    )
  }
})
